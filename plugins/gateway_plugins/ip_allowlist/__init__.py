"""Admits clients by address, network, country and autonomous system."""

from gateway_plugins.ip_allowlist.plugin import IpAllowlist

__all__ = ["IpAllowlist"]
