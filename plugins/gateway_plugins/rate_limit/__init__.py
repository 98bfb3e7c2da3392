"""Bounds how much a caller may use in a window of time: requests, tokens, bytes, streams."""

from gateway_plugins.rate_limit.plugin import RateLimit

__all__ = ["RateLimit"]
