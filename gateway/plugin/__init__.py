"""All that a plugin author imports."""

from gateway.errors import ConfigError, Problem
from gateway.networks import NetworkSet, NetworkText
from gateway.plugin.contract import Plugin, PluginConfig, Step
from gateway.plugin.coverage import Coverage, Gap, OnUninspectable, Uninspectable
from gateway.plugin.durations import DurationText, duration_us
from gateway.plugin.evidence import Attempt, BodyTrace, Evidence
from gateway.plugin.exchange import Exchange, RequestView, ResponseView
from gateway.plugin.facts import (
    ASN,
    CLIENT_ADDRESS,
    COST_MICROS,
    COUNTRY,
    INJECTION,
    REDACTIONS,
    TRUST,
    TRUST_BAND,
    TRUST_STANDING,
    Fact,
)
from gateway.plugin.finding import Finding
from gateway.plugin.headers import Headers, spellings
from gateway.plugin.identity import PRINCIPAL, IdentityUnavailableError, Principal
from gateway.plugin.journal import Durability, Journal, OnLedgerFailure
from gateway.plugin.limits import (
    Algorithm,
    CounterStore,
    Demand,
    Grant,
    Standing,
    StoreUnavailableError,
)
from gateway.plugin.pattern import (
    JSON_REST,
    THE_REST,
    VALUES_MAX,
    Budget,
    ChannelScanner,
    Direction,
    OverBudgetError,
    Pattern,
    Scanner,
)
from gateway.plugin.peer import ClientCertificate, Peer
from gateway.plugin.runtime import Runtime
from gateway.plugin.secret import Secret
from gateway.plugin.text import Span, TextStream
from gateway.plugin.usage import StreamGuard, Usage
from gateway.plugin.verdict import Outcome, Reject, Reply, Verdict
from gateway.reasons import Reason

__all__ = [
    "ASN",
    "CLIENT_ADDRESS",
    "COST_MICROS",
    "COUNTRY",
    "INJECTION",
    "JSON_REST",
    "PRINCIPAL",
    "REDACTIONS",
    "THE_REST",
    "TRUST",
    "TRUST_BAND",
    "TRUST_STANDING",
    "VALUES_MAX",
    "Algorithm",
    "Attempt",
    "BodyTrace",
    "Budget",
    "ChannelScanner",
    "ClientCertificate",
    "ConfigError",
    "CounterStore",
    "Coverage",
    "Demand",
    "Direction",
    "Durability",
    "DurationText",
    "Evidence",
    "Exchange",
    "Fact",
    "Finding",
    "Gap",
    "Grant",
    "Headers",
    "IdentityUnavailableError",
    "Journal",
    "NetworkSet",
    "NetworkText",
    "OnLedgerFailure",
    "OnUninspectable",
    "Outcome",
    "OverBudgetError",
    "Pattern",
    "Peer",
    "Plugin",
    "PluginConfig",
    "Principal",
    "Problem",
    "Reason",
    "Reject",
    "Reply",
    "RequestView",
    "ResponseView",
    "Runtime",
    "Scanner",
    "Secret",
    "Span",
    "Standing",
    "Step",
    "StoreUnavailableError",
    "StreamGuard",
    "TextStream",
    "Uninspectable",
    "Usage",
    "Verdict",
    "duration_us",
    "spellings",
]
