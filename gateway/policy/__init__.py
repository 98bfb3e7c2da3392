"""Policies: YAML in, a compiled snapshot out, swapped while exchanges run."""
