"""Budgets of tokens and money per caller, model or route, in calendar or rolling periods."""

from gateway_plugins.budget.plugin import Budget

__all__ = ["Budget"]
