"""AWS Signature Version 4, as far as a request to Bedrock needs it: sign, verify what came."""

from __future__ import annotations

import hashlib
import hmac

from tests.hostile.wire import Fields

SECRET = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SCOPE = b"20260101/us-east-1/bedrock/aws4_request"
SIGNED = (b"content-type", b"host", b"x-amz-date")


def signature(method: bytes, target: bytes, fields: Fields, body: bytes) -> bytes:
    """The signature over these very bytes: a changed path, query, host or body changes it.

    AWS encodes the path of the target once more before it signs (every service but S3).
    """
    path, _, query = target.partition(b"?")
    values = {name.lower(): value for name, value in fields}
    lines = b"".join(b"%s:%s\n" % (name, values[name]) for name in SIGNED)
    canonical = b"\n".join(
        [
            method,
            path.replace(b"%", b"%25"),
            query,
            lines,
            b";".join(SIGNED),
            hashlib.sha256(body).hexdigest().encode(),
        ]
    )
    digest = hashlib.sha256(canonical).hexdigest().encode()
    to_sign = b"\n".join([b"AWS4-HMAC-SHA256", values[b"x-amz-date"], SCOPE, digest])
    key = b"AWS4" + SECRET
    for part in SCOPE.split(b"/"):
        key = hmac.digest(key, part, "sha256")
    return hmac.digest(key, to_sign, "sha256").hex().encode()


def authorization(method: bytes, target: bytes, fields: Fields, body: bytes) -> bytes:
    """The value of the Authorization field."""
    return b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/%s, SignedHeaders=%s, Signature=%s" % (
        SCOPE,
        b";".join(SIGNED),
        signature(method, target, fields, body),
    )
