"""Bounds what a request may be: method, size, content type, JSON depth, model."""

from gateway_plugins.request_limits.plugin import RequestLimits

__all__ = ["RequestLimits"]
