"""A gateway that tokenises e-mail addresses, for the tests of what comes back.

The use of the vault is the whole of the plugin: what `dlp` finds is another matter.
"""

from __future__ import annotations

import os
from pathlib import Path

CODE = '''
import inspect
import re

from gateway.plugin import Plugin, PluginConfig, Reject
from gateway_plugins.dlp.vault import Item, Vault
from gateway_plugins.dlp.vault_config import TokenizeConfig

FOUND = re.compile(r"[a-z.]+@acme\\.test")


class Config(PluginConfig):
    """What the policy says."""

    tokenize: TokenizeConfig = TokenizeConfig()
    restore: bool = True


class Tokeniser(Plugin):
    """Addresses at acme.test leave as placeholders."""

    name = "tokeniser"
    Config = Config
    reads_text = True

    def __init__(self, config, runtime):
        super().__init__(config, runtime)
        self._vault = Vault(config.tokenize, runtime)
        if not config.restore:
            self.skips_hooks = frozenset({"on_response", "on_text"})

    async def start(self):
        await self._vault.start()

    async def stop(self):
        await self._vault.stop()

    async def on_request(self, x):
        spans = x.request.spans()
        session = self._vault.begin(x, spans)
        items = [Item("email", found) for span in spans for found in FOUND.findall(span.text)]
        step = session.place(items, [span.text for span in spans])
        placed = await step if inspect.isawaitable(step) else step
        if isinstance(placed, Reject):
            return placed
        def of(match):
            return placed[Item("email", match[0])]
        x.request.edit_all(
            [(s, FOUND.sub(of, s.text)) for s in spans if FOUND.search(s.text)]
        )
        said = "values_unavailable" if session.unavailable else "tokenised"
        x.flag(said, conversation=session.conversation)

    def on_response(self, x):
        session = self._vault.session(x)
        whole = session.restorer.whole
        spans = [(s, whole(s.kind, s.text)) for s in x.response.spans()]
        x.response.edit_all([(s, text) for s, text in spans if text != s.text])

    def on_text(self, x, text):
        self._vault.session(x).restorer.pass_piece(text)
'''


def installed(folder: Path) -> dict[str, str]:
    """The environment of a gateway in which the plugin is installed."""
    metadata = folder / "tokeniser-1.0.dist-info"
    metadata.mkdir()
    (folder / "tokeniser.py").write_text(CODE, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tokeniser\nVersion: 1.0\n")
    points = "[sealgate.plugins]\ntokeniser = tokeniser:Tokeniser\n"
    (metadata / "entry_points.txt").write_text(points)
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def policy(tokenize: str = "{}", *, restore: bool = True, auth: str = "") -> str:
    use = f"tokeniser: {{tokenize: {tokenize}, restore: {str(restore).lower()}}}"
    first = f"\n  - auth: {auth}" if auth else ""
    return f"version: 1\nname: tokenising\nchain:{first}\n  - {use}\n"
