"""Leaves one receipt per exchange."""

from gateway_plugins.receipt.plugin import Receipt

__all__ = ["Receipt"]
