"""Who shares a count: `per: key`, `per: [tenant, model]`, `per: header:x-team`, `per: global`.

| word            | requests are counted together that have the same                            |
|-----------------|-----------------------------------------------------------------------------|
| `ip`            | client address (IPv4), or its /64 network (IPv6: one host holds all of it)  |
| `key`           | virtual key; of a caller identified otherwise, the same user                |
| `user`          | user of the same tenant                                                     |
| `tenant`        | tenant                                                                      |
| `model`         | model, in any case; those that name none count together                     |
| `route`         | route                                                                       |
| `upstream`      | upstream                                                                    |
| `header:NAME`   | value of that request header; those without it count together               |
| `global`        | all of them                                                                 |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from ipaddress import IPv6Address
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from gateway.networks import parse_address
from gateway.plugin.exchange import Exchange
from gateway.plugin.facts import Fact
from gateway.plugin.identity import PRINCIPAL

ValueOf = Callable[[Exchange], str]

VALUE_CHARACTERS_MAX: Final = 96
"""Longer values stand for themselves by a digest, so that no client decides how long a key gets."""
NETWORKS_MAX: Final = 10_000
"""IPv6 addresses whose network is remembered; then the memory starts anew."""

GLOBAL: Final = "global"
IDENTITY: Final = frozenset({"key", "user", "tenant"})
"""What only a verified caller has."""
_HEADER: Final = "header:"
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_HALF_BITS: Final = 64


def check_word(word: str) -> str:
    """`word`, if it is one of the table above; raises ValueError with what to write instead."""
    if word in _VALUES or word == GLOBAL:
        return word
    name = word.removeprefix(_HEADER)
    if name != word and _HEADER_NAME.fullmatch(name):
        return word
    known = ", ".join([*_VALUES, f"{_HEADER}NAME (in small letters)", GLOBAL])
    raise ValueError(f'"{word}" is nothing to count by; the words are {known}')


def _listed(written: Any) -> Any:
    """One word is a list of one."""
    if isinstance(written, str):
        return (written,)
    return tuple(written) if isinstance(written, list) else written


def _combined(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words:
        raise ValueError(f"name at least one word, or write {GLOBAL}")
    for word in words:
        check_word(word)
    if len(set(words)) != len(words):
        raise ValueError("a word stands twice")
    if GLOBAL in words and len(words) > 1:
        raise ValueError(f"{GLOBAL} stands alone")
    return words


_WORD_SCHEMA: Final = {"type": "string", "pattern": "^([a-z]+|header:.+)$"}

Per = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    AfterValidator(_combined),
    WithJsonSchema({"anyOf": [_WORD_SCHEMA, {"type": "array", "items": _WORD_SCHEMA}]}),
]
"""A field of a configuration: one word or a list of words by which is counted."""


def facts_of(words: Sequence[str]) -> frozenset[Fact[Any]]:
    """What an earlier plugin must provide for these words."""
    return frozenset({PRINCIPAL}) if IDENTITY.intersection(words) else frozenset()


def value_of(words: Sequence[str]) -> ValueOf:
    """What tells one group from another, as a function of the exchange; decided when compiled.

    Different groups have different texts, whatever the single values hold: each value but the last
    is written with its length. Values of headers are digested, because they may be credentials.
    """
    *heads, last = [_part(word) for word in words]
    if not heads:
        return last
    if len(heads) == 1:
        first = heads[0]
        return lambda x: f"{len(value := first(x))}:{value}{last(x)}"
    return lambda x: f"{''.join([f'{len(v := head(x))}:{v}' for head in heads])}{last(x)}"


def tag_of(groups: Sequence[Sequence[str]], policy_wide: str | None = None) -> ValueOf:
    """Where in a cluster the counters of one call live, as a function of the exchange.

    `groups` are the words of each limit that is asked in the call: all of their counters must live
    together. Where every limit is the caller's own, each caller has its own place; else there is
    one for the policy, or for what `policy_wide` names.
    """
    if policy_wide is not None:
        return lambda _: f"name/{policy_wide}"
    if not groups or not all(IDENTITY.intersection(words) for words in groups):
        return lambda x: f"policy/{x.policy}"
    shared = IDENTITY.intersection(*groups)
    word = next((word for word in ("key", "user") if word in shared), "tenant")
    value = value_of([word])
    return lambda x: f"{word}/{value(x)}"


def _part(word: str) -> ValueOf:
    if word == GLOBAL:
        return _nothing
    if not word.startswith(_HEADER):
        return _VALUES[word]
    name = word.removeprefix(_HEADER).encode()

    def header(x: Exchange) -> str:
        value = x.request.headers.first(name)
        return "" if value is None else blake2b(value, digest_size=16).hexdigest()

    return header


def _nothing(x: Exchange) -> str:  # noqa: ARG001  # one signature for all
    return ""


def _bounded(value: str) -> str:
    """`value`, or its digest where it is long; a digest cannot be written by hand."""
    if len(value) <= VALUE_CHARACTERS_MAX and not value.startswith("#"):
        return value
    return f"#{blake2b(value.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


_networks: Final[dict[str, str]] = {}


def _ip(x: Exchange) -> str:
    text = x.client_ip
    return text if ":" not in text else _networks.get(text) or _network(text)


def _network(text: str) -> str:
    address = parse_address(text)
    network = text
    if isinstance(address, IPv6Address):
        bits = (int(address) >> _HALF_BITS) << _HALF_BITS
        network = f"{IPv6Address(bits)}/{_HALF_BITS}"
    if len(_networks) >= NETWORKS_MAX:
        _networks.clear()
    _networks[text] = network
    return network


def _key(x: Exchange) -> str:
    principal = x.facts.get(PRINCIPAL)
    if principal is not None and principal.key_id:
        return _bounded(principal.key_id)
    # No virtual key has a blank in its name.
    return f" {_user(x)}"


def _user(x: Exchange) -> str:
    principal = x.facts.get(PRINCIPAL)
    if principal is None:
        return ""
    tenant = _bounded(principal.tenant)
    return f"{len(tenant)}:{tenant}{_bounded(principal.subject)}"


def _tenant(x: Exchange) -> str:
    principal = x.facts.get(PRINCIPAL)
    return "" if principal is None else _bounded(principal.tenant)


def _model(x: Exchange) -> str:
    # Some providers ignore case: a limit must not be passed by in capitals.
    return _bounded((x.model or "").casefold())


def _route(x: Exchange) -> str:
    return x.route


def _upstream(x: Exchange) -> str:
    return x.upstream


_VALUES: Final[dict[str, ValueOf]] = {
    "ip": _ip,
    "key": _key,
    "user": _user,
    "tenant": _tenant,
    "model": _model,
    "route": _route,
    "upstream": _upstream,
}
