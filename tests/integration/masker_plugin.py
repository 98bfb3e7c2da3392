"""A plugin that masks one text wherever it stands; installed for a gateway that a test starts."""

from __future__ import annotations

import os
from pathlib import Path

CODE = '''
from gateway.plugin import Exchange, OnUninspectable, Plugin, PluginConfig, TextStream
from gateway.plugin import Uninspectable


class Config(PluginConfig):
    """What the policy says."""

    secret: str
    mask: str = "[masked]"
    requests: bool = True
    on_uninspectable: OnUninspectable | None = None


class Masker(Plugin):
    """Holds back what may become the secret."""

    name = "masker"
    Config = Config
    reads_text = True

    def __init__(self, config, runtime):
        super().__init__(config, runtime)
        self.on_uninspectable = Uninspectable(config.on_uninspectable)

    def _mask(self, view):
        secret, mask = self.config.secret, self.config.mask
        view.edit_all(
            [(s, s.text.replace(secret, mask)) for s in view.spans() if secret in s.text]
        )

    def on_request(self, x: Exchange) -> None:
        if self.config.requests:
            self._mask(x.request)

    def on_response(self, x: Exchange) -> None:
        self._mask(x.response)

    def on_text(self, x: Exchange, text: TextStream) -> None:
        secret = self.config.secret
        text.replace(text.text.replace(secret, self.config.mask))
        for n in range(len(secret) - 1, 0, -1):
            if text.text.endswith(secret[:n]):
                text.hold(n)
                break
'''


def installed(folder: Path) -> dict[str, str]:
    """The environment of a gateway in which the plugin is installed."""
    metadata = folder / "masker-1.0.dist-info"
    metadata.mkdir()
    (folder / "masker.py").write_text(CODE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: masker\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[sealgate.plugins]\nmasker = masker:Masker\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def policy(secret: str, on_uninspectable: str = "{}", *, requests: bool = True) -> str:
    config = f"secret: {secret!r}, requests: {requests}, on_uninspectable: {on_uninspectable}"
    return f"version: 1\nname: masking\nchain:\n  - masker: {{{config}}}\n"
