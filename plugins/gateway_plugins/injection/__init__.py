"""Scores texts that try to command the model, and refuses, flags, annotates or marks them."""

from gateway_plugins.injection.plugin import Injection

__all__ = ["Injection"]
