"""A node with an empty ledger; both databases where the test is about what they share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger_drafts import Node


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)
