"""What tests of `rbac` share."""

from __future__ import annotations

from gateway.providers.prices import built_in

# Policies are compiled on a thread, where reading the table may block; here it is read before.
built_in()
