"""The closed list of refusal reasons: the code a client, a log, a metric and a receipt all show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why an exchange was refused or failed; the value is the code on the wire."""

    # the client's HTTP
    MALFORMED_REQUEST = "malformed_request"
    AMBIGUOUS_REQUEST = "ambiguous_request"
    METHOD_UNKNOWN = "method_unknown"
    VERSION_UNSUPPORTED = "version_unsupported"
    HEADERS_TOO_LARGE = "headers_too_large"
    BODY_TOO_LARGE = "body_too_large"
    QUERY_TOO_LARGE = "query_too_large"
    EXPECTATION_UNSUPPORTED = "expectation_unsupported"
    REQUEST_TIMEOUT = "request_timeout"
    # where it goes
    NO_ROUTE = "no_route"
    NO_POLICY = "no_policy"
    UPGRADE_UNSUPPORTED = "upgrade_unsupported"
    OVERLOADED = "overloaded"
    DRAINING = "draining"
    # the upstream
    UPSTREAM_CONNECT_FAILED = "upstream_connect_failed"
    UPSTREAM_CONNECT_TIMEOUT = "upstream_connect_timeout"
    UPSTREAM_TLS_FAILED = "upstream_tls_failed"
    UPSTREAM_QUEUE_TIMEOUT = "upstream_queue_timeout"
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    UPSTREAM_FIRST_BYTE_TIMEOUT = "upstream_first_byte_timeout"
    UPSTREAM_IDLE_TIMEOUT = "upstream_idle_timeout"
    UPSTREAM_TOTAL_TIMEOUT = "upstream_total_timeout"
    UPSTREAM_RESET = "upstream_reset"
    UPSTREAM_TRUNCATED = "upstream_truncated"
    UPSTREAM_BAD_RESPONSE = "upstream_bad_response"
    CLIENT_DISCONNECTED = "client_disconnected"
    # plugins
    PLUGIN_FAILED = "plugin_failed"
    PLUGIN_TIMEOUT = "plugin_timeout"
    PLUGIN_DENIED = "plugin_denied"
    UNINSPECTABLE = "uninspectable"
    SENSITIVE_DATA = "sensitive_data"
    IP_DENIED = "ip_denied"
    GEO_DENIED = "geo_denied"
    GEO_UNAVAILABLE = "geo_unavailable"
    THREAT_DETECTED = "threat_detected"
    METHOD_DENIED = "method_denied"
    CONTENT_TYPE_DENIED = "content_type_denied"
    MODEL_DENIED = "model_denied"
    TOO_DEEP = "too_deep"
    TOO_COMPLEX = "too_complex"
    ORIGIN_DENIED = "origin_denied"
    PROMPT_INJECTION = "prompt_injection"
    # identity
    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_INVALID = "credential_invalid"
    CREDENTIAL_EXPIRED = "credential_expired"
    CREDENTIAL_REVOKED = "credential_revoked"
    MFA_REQUIRED = "mfa_required"
    TENANT_DENIED = "tenant_denied"
    IDENTITY_UNAVAILABLE = "identity_unavailable"
    PERMISSION_DENIED = "permission_denied"
    # limits
    RATE_LIMITED = "rate_limited"
    BUDGET_EXHAUSTED = "budget_exhausted"
    PRICE_UNKNOWN = "price_unknown"
    CONCURRENCY_LIMITED = "concurrency_limited"
    LOAD_SHED = "load_shed"
    STORE_UNAVAILABLE = "store_unavailable"
    # data
    VALUES_UNAVAILABLE = "values_unavailable"
    # evidence
    RECEIPT_UNAVAILABLE = "receipt_unavailable"
    TRUST_TOO_LOW = "trust_too_low"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    OVERRIDDEN = "overridden"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class ReasonInfo:
    """What a reason means to a client: HTTP `status`, text, `retry` (the same may work later)."""

    status: int
    text: str
    retry: bool = False


# Content refusals are 400 and never 403: every other status makes some client retry for seconds to
# minutes or print a misleading line (docs/concepts/refusals.md has the measured table).
REASONS: dict[Reason, ReasonInfo] = {
    Reason.MALFORMED_REQUEST: ReasonInfo(400, "The request is not well-formed HTTP/1.1"),
    Reason.AMBIGUOUS_REQUEST: ReasonInfo(400, "The request can be read in two ways and is refused"),
    Reason.METHOD_UNKNOWN: ReasonInfo(501, "The request method is not known here"),
    Reason.VERSION_UNSUPPORTED: ReasonInfo(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here"),
    Reason.HEADERS_TOO_LARGE: ReasonInfo(431, "The request head is over the limit"),
    Reason.BODY_TOO_LARGE: ReasonInfo(413, "The request body is over the limit"),
    Reason.QUERY_TOO_LARGE: ReasonInfo(414, "The query string is over the limit"),
    Reason.EXPECTATION_UNSUPPORTED: ReasonInfo(417, "Only the expectation 100-continue is known"),
    Reason.REQUEST_TIMEOUT: ReasonInfo(408, "The request did not arrive in time"),
    Reason.NO_ROUTE: ReasonInfo(404, "No route matches this request"),
    Reason.NO_POLICY: ReasonInfo(403, "No policy covers this request"),
    Reason.UPGRADE_UNSUPPORTED: ReasonInfo(
        426, "A WebSocket cannot be inspected as the policy asks; use plain HTTP"
    ),
    Reason.OVERLOADED: ReasonInfo(503, "The gateway is at its connection limit", retry=True),
    Reason.DRAINING: ReasonInfo(503, "The gateway is shutting down", retry=True),
    Reason.UPSTREAM_CONNECT_FAILED: ReasonInfo(
        502, "The provider could not be reached", retry=True
    ),
    Reason.UPSTREAM_CONNECT_TIMEOUT: ReasonInfo(
        504, "The provider did not accept a connection in time", retry=True
    ),
    Reason.UPSTREAM_TLS_FAILED: ReasonInfo(502, "The provider's TLS certificate was not accepted"),
    Reason.UPSTREAM_QUEUE_TIMEOUT: ReasonInfo(
        503, "All connections to the provider are busy", retry=True
    ),
    Reason.UPSTREAM_UNAVAILABLE: ReasonInfo(
        503, "Every target of this upstream is out of rotation", retry=True
    ),
    Reason.UPSTREAM_FIRST_BYTE_TIMEOUT: ReasonInfo(
        504, "The provider did not begin to answer in time"
    ),
    Reason.UPSTREAM_IDLE_TIMEOUT: ReasonInfo(504, "The provider fell silent"),
    Reason.UPSTREAM_TOTAL_TIMEOUT: ReasonInfo(504, "The answer took longer than this route allows"),
    Reason.UPSTREAM_RESET: ReasonInfo(502, "The provider closed the connection before it answered"),
    Reason.UPSTREAM_TRUNCATED: ReasonInfo(502, "The provider broke its answer off"),
    Reason.UPSTREAM_BAD_RESPONSE: ReasonInfo(502, "The provider did not answer in HTTP/1.1"),
    Reason.CLIENT_DISCONNECTED: ReasonInfo(499, "The client went away"),
    Reason.PLUGIN_FAILED: ReasonInfo(503, "A policy check failed, so the request is refused"),
    Reason.PLUGIN_TIMEOUT: ReasonInfo(
        503, "A policy check took too long, so the request is refused"
    ),
    Reason.PLUGIN_DENIED: ReasonInfo(400, "A policy refuses this request"),
    Reason.UNINSPECTABLE: ReasonInfo(400, "The policy cannot inspect this request"),
    Reason.SENSITIVE_DATA: ReasonInfo(400, "The policy does not let these data pass"),
    Reason.IP_DENIED: ReasonInfo(403, "This client address is not allowed"),
    Reason.GEO_DENIED: ReasonInfo(403, "This client location is not allowed"),
    Reason.GEO_UNAVAILABLE: ReasonInfo(503, "The location of the client cannot be looked up"),
    Reason.THREAT_DETECTED: ReasonInfo(400, "The policy finds an attack in this text"),
    Reason.METHOD_DENIED: ReasonInfo(405, "The policy does not allow this method"),
    Reason.CONTENT_TYPE_DENIED: ReasonInfo(415, "The policy does not allow this content type"),
    Reason.MODEL_DENIED: ReasonInfo(400, "The policy does not allow this model"),
    Reason.TOO_DEEP: ReasonInfo(400, "The JSON body is nested deeper than the policy allows"),
    Reason.TOO_COMPLEX: ReasonInfo(
        400, "The JSON body holds more objects and arrays than the policy allows"
    ),
    Reason.ORIGIN_DENIED: ReasonInfo(403, "The policy does not allow this web origin"),
    Reason.PROMPT_INJECTION: ReasonInfo(
        400, "The policy refuses text that tries to override the instructions of the model"
    ),
    Reason.CREDENTIAL_MISSING: ReasonInfo(401, "A credential is needed"),
    Reason.CREDENTIAL_INVALID: ReasonInfo(401, "The credential is not valid"),
    Reason.CREDENTIAL_EXPIRED: ReasonInfo(401, "The credential has expired"),
    Reason.CREDENTIAL_REVOKED: ReasonInfo(401, "The credential was revoked"),
    Reason.TENANT_DENIED: ReasonInfo(403, "The credential does not speak for this tenant"),
    Reason.MFA_REQUIRED: ReasonInfo(403, "A stronger sign-in is needed"),
    Reason.IDENTITY_UNAVAILABLE: ReasonInfo(
        503, "The credential cannot be checked now", retry=True
    ),
    Reason.PERMISSION_DENIED: ReasonInfo(403, "The caller may not do this"),
    Reason.RATE_LIMITED: ReasonInfo(429, "The rate limit is reached", retry=True),
    Reason.BUDGET_EXHAUSTED: ReasonInfo(429, "The budget is spent"),
    Reason.PRICE_UNKNOWN: ReasonInfo(400, "The price of this model is not known"),
    Reason.CONCURRENCY_LIMITED: ReasonInfo(
        429, "Too many requests of this caller run at once", retry=True
    ),
    Reason.LOAD_SHED: ReasonInfo(503, "The gateway is overloaded", retry=True),
    Reason.STORE_UNAVAILABLE: ReasonInfo(503, "The limits cannot be checked now", retry=True),
    Reason.VALUES_UNAVAILABLE: ReasonInfo(
        503, "What placeholders stand for cannot be kept now", retry=True
    ),
    Reason.RECEIPT_UNAVAILABLE: ReasonInfo(503, "No receipt can be kept now", retry=True),
    Reason.TRUST_TOO_LOW: ReasonInfo(403, "The trust in this caller is too low"),
    Reason.CONSENT_WITHDRAWN: ReasonInfo(403, "Consent to this use was withdrawn"),
    Reason.OVERRIDDEN: ReasonInfo(503, "The use of models is stopped here"),
    Reason.INTERNAL_ERROR: ReasonInfo(500, "The gateway failed on this request"),
}
