"""The growing tree and its files: roots, tiles and proofs are those of the log at every size."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.tree import PARTIAL_KEPT, LogFiles, LogTree, write_whole
from gateway.receipts.merkle import inclusion_proof, leaf_hash, root_of, verify_inclusion
from gateway.receipts.tiles import TileReader


def entries(count: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest() for number in range(count)]


def grown(count: int) -> LogTree:
    tree = LogTree()
    for entry in entries(count):
        tree.append(entry)
    return tree


def test_the_root_is_that_of_rfc_6962_at_every_size() -> None:
    tree = LogTree()
    leaves: list[bytes] = []
    assert tree.root() == root_of([])
    for entry in entries(600):
        tree.append(entry)
        leaves.append(leaf_hash(entry))
        if tree.size % 37 == 0 or tree.size % 256 in {0, 1, 255}:
            assert tree.root() == root_of(leaves)


def test_a_copy_grows_by_itself() -> None:
    tree = grown(300)
    copy = tree.copy()
    copy.append(bytes(32))

    assert tree.root() == grown(300).root()
    assert copy.size == 301


@given(st.lists(st.integers(1, 400), min_size=1, max_size=4), st.data())
def test_every_entry_is_proved_from_the_published_tiles(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], data: st.DataObject
) -> None:
    files = LogFiles(tmp_path_factory.mktemp("log"))
    tree = LogTree()
    all_entries = entries(sum(batches))
    for count in batches:
        published = tree.size
        for entry in all_entries[published : published + count]:
            tree.append(entry)
        files.publish(published, tree, b"checkpoint")
        tree.finished.clear()
    index = data.draw(st.integers(0, tree.size - 1))

    proof = inclusion_proof(index, tree.size, TileReader(files.read_tile, tree.size))

    verify_inclusion(index, tree.size, leaf_hash(all_entries[index]), proof, tree.root())


def test_old_partial_tiles_go_and_the_newest_stay(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    tree = LogTree()
    for entry in entries(255):
        tree.append(entry)
        files.publish(tree.size - 1, tree, b"checkpoint")
    partial = files.folder / "tile" / "0" / "000.p"
    widths = sorted(int(path.name) for path in partial.iterdir())
    assert widths == list(range(256 - PARTIAL_KEPT, 256))

    tree.append(bytes(32))
    files.publish(255, tree, b"checkpoint")
    assert not partial.exists()


def test_a_file_is_put_in_place_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "file"
    write_whole(path, b"first", durable=True)
    monkeypatch.setattr("os.write", lambda _descriptor, data: len(data) - 1)

    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"second")

    assert path.read_bytes() == b"first"
