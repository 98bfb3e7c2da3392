"""Finds out who is calling: virtual keys, signed tokens, client certificates, trusted headers."""

from gateway_plugins.auth.plugin import Auth

__all__ = ["Auth"]
