"""Keys, tokens, tenants, roles and revocations: who may call, and what proves it."""
