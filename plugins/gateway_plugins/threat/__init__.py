"""Looks for attacks on what stands behind a model: SQL, markup, commands, paths, inner targets."""

from gateway_plugins.threat.plugin import Threats

__all__ = ["Threats"]
