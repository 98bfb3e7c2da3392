"""Bounds how many requests run at once, and sheds load when a worker cannot keep up."""

from gateway_plugins.concurrency.plugin import Concurrency

__all__ = ["Concurrency"]
