"""Lets a caller do what the roles of the verified credential allow."""

from gateway_plugins.rbac.plugin import Rbac

__all__ = ["Rbac"]
