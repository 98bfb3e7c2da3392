"""Finds personal data and secrets in texts, and masks, replaces or refuses them."""

from gateway_plugins.dlp.plugin import Dlp
from gateway_plugins.dlp.vault import Vault

__all__ = ["Dlp", "Vault"]
