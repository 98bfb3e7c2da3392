"""The pages on plugins and proxies: tables are current, and every example holds."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gateway.plugin import Headers
from gateway.policy.check import check
from gateway.proxy.client_address import ClientAddresses
from gateway.settings import Settings
from tests.integration.gateway_process import running_gateway
from tests.integration.plugin_client import ask
from tests.project.tree import ROOT, name_of, python_files

PAGES = sorted((ROOT / "docs" / "plugins").glob("*.md"))
PROXIES = ROOT / "docs" / "how-to" / "trusted-proxies.md"
TRUSTED = ["10.0.0.0/24", "2001:db8:0:1::/64"]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The generator, which imports its neighbours as a script does."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples(page: Path) -> list[str]:
    """The policies that a page shows."""
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if block.startswith("version:")]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "plugins" / "README.md"], ids=name_of)
def test_generated_tables_are_current(page: Path, tables: ModuleType) -> None:
    text = page.read_text(encoding="utf-8")

    assert "<!-- table: " in text
    assert tables.with_tables(text) == text, "run `python docs/tables.py`"


@pytest.mark.timeout(240)  # each example of `dlp` and `threat` compiles a database of patterns
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_example_policy_loads(page: Path, tmp_path: Path) -> None:
    written = examples(page)
    assert written
    for number, text in enumerate(written):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "policy.yaml").write_text(text, encoding="utf-8")

        report = check(folder, Settings())

        assert report.ok, str(report)


@pytest.mark.parametrize(
    ("plugin", "status"),
    [
        ("auth", 401),
        ("budget", 200),
        ("concurrency", 200),
        ("dlp", 200),
        ("injection", 200),
        ("ip_allowlist", 403),
        ("rate_limit", 200),
        ("receipt", 200),
        ("request_limits", 200),
        ("security_headers", 200),
        ("trust_score", 200),
    ],
)
def test_the_first_example_of_each_page_serves(plugin: str, status: int) -> None:
    policy = examples(ROOT / "docs" / "plugins" / f"{plugin}.md")[0]
    with running_gateway(policies=policy) as gateway:
        answered, _, _ = ask(gateway, headers={"x-request-id": "example"})
        line = gateway.wait_for_log(lambda line: line.get("request_id") == "example")

    assert answered == status
    assert plugin in {verdict["plugin"] for verdict in line["verdicts"]}


def chains() -> Iterator[tuple[str, str, str]]:
    """Peer, headers and client of each row in the how-to's table."""
    for row in PROXIES.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        if len(cells) == 3 and re.match(r"[0-9]", cells[0]):
            yield cells[0], cells[1], re.split(r":? ", cells[2])[0].rstrip(":")


@pytest.mark.parametrize(("peer", "sent", "client"), list(chains()))
def test_every_row_on_proxies_is_what_the_gateway_finds(peer: str, sent: str, client: str) -> None:
    fields = [field.partition(": ") for field in re.findall(r"`([^`]+)`", sent)]
    headers = Headers([(name.encode(), value.encode()) for name, _, value in fields])

    found = ClientAddresses(TRUSTED).resolve(peer, headers)

    assert ("not" if found.address is None else found.text) == client


def test_the_how_to_shows_rows() -> None:
    assert len(list(chains())) == 9


def test_a_plugin_page_names_every_reason_that_its_plugin_gives() -> None:
    missing = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        folder = f"plugins/gateway_plugins/{page.stem}"
        sources = "".join(path.read_text(encoding="utf-8") for path in python_files(folder))
        given = {name.lower() for name in re.findall(r"Reason\.([A-Z_]+)", sources)}
        missing[page.stem] = {reason for reason in given if f"| `{reason}` |" not in text}

    assert {name: reasons for name, reasons in missing.items() if reasons} == {}
