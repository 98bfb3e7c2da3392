"""Configured plugins become one chain: found, compiled, run."""
