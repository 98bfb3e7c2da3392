"""Scores how far an exchange can be trusted, from what was observed."""

from gateway_plugins.trust_score.plugin import TrustScore

__all__ = ["TrustScore"]
