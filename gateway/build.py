"""Which build of the gateway runs: the interpreted source, or the one that mypyc compiled."""

from __future__ import annotations

from typing import Final

# This module is compiled with the others; an extension module is no .py file.
KIND: Final = "interpreted" if __file__.endswith(".py") else "compiled"
"""`interpreted` or `compiled`."""
