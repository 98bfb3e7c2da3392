"""Protective headers on the gateway's own answers, and CORS for browsers."""

from gateway_plugins.security_headers.plugin import SecurityHeaders

__all__ = ["SecurityHeaders"]
