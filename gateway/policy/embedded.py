"""The policy that applies where none is configured; the same text as policies/default.yaml."""

from __future__ import annotations

DEFAULT_NAME = "built-in default.yaml"

DEFAULT_POLICY = """\
# yaml-language-server: $schema=schema.json
version: 1
name: default
description: For every request that no other policy covers.
chain:
  - request_limits: {query_bytes_max: 16384, body_bytes_max: 33554432}
  - security_headers: {}
"""
