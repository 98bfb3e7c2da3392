"""The built-in simulated provider: every dialect, deterministic, for tests and for a first look."""

from gateway.demo.app import make_app

__all__ = ["make_app"]
