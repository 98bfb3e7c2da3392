"""What must hold of canonical forms, proofs and notes whatever goes in."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest
import rfc8785
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gateway.receipts import canonical as module
from gateway.receipts.canonical import CanonicalError, canonical, jcs, number, parse
from gateway.receipts.merkle import (
    CompactRange,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from gateway.receipts.multibase import base58_decode, base58_encode
from gateway.receipts.note import NoteError, NoteKey, open_note, parse_note, sign_note
from gateway.receipts.proof import Proof, parse_proof
from gateway.receipts.tiles import (
    Tile,
    TileReader,
    decode_entries,
    encode_entries,
    new_tiles,
    parse_path,
    tiles_for,
)
from tests.receipt_samples import LOG_KEY, OTHER_KEY

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(max_codepoint=127), max_size=8)
integers = st.integers(-(2**53) + 1, 2**53 - 1)
ours = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)
anything = st.recursive(
    st.none() | st.booleans() | integers | texts | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
sizes = st.integers(1, 600)
digests = st.binary(min_size=32, max_size=32)


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % index) for index in range(size)]


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(plain_root(leaves[:split]), plain_root(leaves[split:]))


def reader(leaves: list[bytes]) -> Any:
    return lambda level, index: plain_root(leaves[index << level : (index + 1) << level])


@given(ours)
@example({"a": '\x1f\\" é null 1.5e3', "b": [None, True, False], "e": 1})
def test_our_writers_and_anothers_agree_on_our_subset(value: Any) -> None:
    data = canonical(value)

    assert data == jcs(value) == rfc8785.dumps(value)
    assert parse(data) == value
    assert canonical(parse(data)) == data


@given(ours)
def test_the_verifier_without_orjson_writes_the_same(value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "HAS_ORJSON", False)
        without = canonical(value)

    assert without == canonical(value)


@given(anything)
def test_any_json_is_written_as_the_standard_says(value: Any) -> None:
    assert jcs(value) == rfc8785.dumps(value)
    assert jcs(parse(jcs(value))) == jcs(value)


@given(anything)
def test_what_our_subset_lacks_is_refused_and_never_written_otherwise(value: Any) -> None:
    try:
        assert canonical(value) == rfc8785.dumps(value)
    except CanonicalError:
        assert not in_subset(value)


def in_subset(value: Any) -> bool:
    if isinstance(value, dict):
        return all(name.isascii() and in_subset(item) for name, item in value.items())
    return all(map(in_subset, value)) if isinstance(value, list) else not isinstance(value, float)


@given(ours, st.sampled_from([1.5, -0.0, 1e21, float("nan"), 2**53, {"é": 1}, b"", {1: 2}]))
def test_one_stray_value_anywhere_is_refused(value: Any, stray: Any) -> None:
    for holder in ([value, stray], {"a": value, "b": {"c": stray}}):
        with pytest.raises(CanonicalError):
            canonical(holder)


@given(st.binary(min_size=8, max_size=8))
def test_every_double_is_printed_as_ecmascript_does(data: bytes) -> None:
    (value,) = struct.unpack("d", data)
    assume(value == value and abs(value) != float("inf"))  # noqa: PLR0124  # NaN differs from itself

    assert number(value).encode() == rfc8785.dumps(value)


@given(sizes)
def test_the_tree_that_grows_is_the_tree_of_the_standard(size: int) -> None:
    leaves = leaves_of(size)
    read = reader(leaves)

    assert root_of(leaves) == plain_root(leaves) == root_at(size, read)
    assert CompactRange.read(size, read).hashes == grown(leaves).hashes


def grown(leaves: list[bytes]) -> CompactRange:
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree


@given(sizes, st.data())
def test_every_proof_of_inclusion_verifies_and_every_flipped_bit_fails(
    size: int, data: st.DataObject
) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    root = plain_root(leaves)
    proof = inclusion_proof(index, size, reader(leaves))
    verify_inclusion(index, size, leaves[index], proof, root)

    at = data.draw(st.integers(0, len(proof) + 1))
    flip = data.draw(st.integers(0, 255))
    parts = [*proof, leaves[index], root]
    parts[at] = flipped(parts[at], flip)
    with pytest.raises(ProofError):
        verify_inclusion(index, size, parts[-2], parts[:-2], parts[-1])
    other = data.draw(st.integers(0, size + 3))
    assume(other != index)
    with pytest.raises(ProofError):
        verify_inclusion(other, size, leaves[index], proof, root)


@given(sizes, st.data())
def test_every_proof_of_consistency_verifies_and_every_flipped_bit_fails(
    size: int, data: st.DataObject
) -> None:
    leaves = leaves_of(size)
    old = data.draw(st.integers(1, size))
    roots = [plain_root(leaves[:old]), plain_root(leaves)]
    proof = consistency_proof(old, size, reader(leaves))
    verify_consistency(old, size, *roots, proof)

    parts = [*proof, *roots]
    at = data.draw(st.integers(0, len(parts) - 1))
    parts[at] = flipped(parts[at], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofError):
        verify_consistency(old, size, parts[-2], parts[-1], parts[:-2])
    for wrong in ([*proof, bytes(32)], proof[1:] if proof else [bytes(32)]):
        with pytest.raises(ProofError):
            verify_consistency(old, size, *roots, wrong)


def flipped(data: bytes, bit: int) -> bytes:
    at = bit // 8
    return data[:at] + bytes([data[at] ^ (1 << bit % 8)]) + data[at + 1 :]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 70_000), st.data())
def test_proofs_come_from_tiles_as_from_the_whole_tree(size: int, data: st.DataObject) -> None:
    levels: dict[int, list[bytes]] = {}
    tree = CompactRange()
    for index in range(size):
        for level, _, digest in tree.append(hashlib.sha256(b"%d" % index).digest()):
            levels.setdefault(level, []).append(digest)
    stored = {
        tile: b"".join(levels[8 * tile.level][256 * tile.index : 256 * tile.index + tile.width])
        for tile in [*new_tiles(0, size), *tiles_for(size)]
    }
    read = TileReader(stored.__getitem__, size)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))

    proof = inclusion_proof(index, size, read)
    verify_inclusion(index, size, levels[0][index], proof, tree.root())
    older = root_of(levels[0][:old])
    verify_consistency(old, size, older, tree.root(), consistency_proof(old, size, read))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_log_publishes_each_full_tile_once(first: int, more: int) -> None:
    """What is new from 0 to a, and then to b, are together the full tiles from 0 to b."""
    full = [
        {tile for tile in new_tiles(*span) if tile.width == 256}
        for span in ((0, first), (first, first + more), (0, first + more))
    ]

    assert full[0] | full[1] == full[2]
    assert not full[0] & full[1]


@given(st.integers(-1, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_a_tile_has_one_path(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)

    assert parse_path(tile.path) == tile


@given(st.text(max_size=40))
@example("tile/0/0")
@example("tile/0/x000/001")
@example("tile/0/001.p/256")
@example("tile/00/001")
@example("tile/64/001")
@example("../tile/0/001")
def test_a_path_that_no_tile_has_is_refused(text: str) -> None:
    try:
        tile = parse_path(text)
    except ValueError:
        return
    assert tile.path == text


@given(st.lists(st.binary(max_size=70), max_size=256))
def test_a_bundle_holds_its_entries(entries: list[bytes]) -> None:
    bundle = encode_entries(entries)

    assert decode_entries(bundle) == entries
    if bundle:
        with pytest.raises(ValueError, match="ends within"):
            decode_entries(bundle[:-1] if entries[-1] else bundle + b"\x00")


@given(st.binary(max_size=80))
def test_base_58_comes_back(data: bytes) -> None:
    assert base58_decode(base58_encode(data)) == data


lines = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=20)


@given(st.lists(lines, min_size=1, max_size=5))
def test_a_note_opens_for_who_knows_its_signer(rows: list[str]) -> None:
    text = "\n".join(rows) + "\n"
    note = sign_note(text, "example.com/log", LOG_KEY, OTHER_KEY)
    key = NoteKey("example.com/log", LOG_KEY.public_key)

    assert open_note(note, [key]) == (text, [key])
    assert NoteKey.parse(key.vkey).public_key == key.public_key
    assert parse_note(note).text == text


@given(st.integers(0, 400), st.integers(1, 0x10FFFF))
def test_a_note_that_was_changed_does_not_open(at: int, shift: int) -> None:
    note = sign_note("one\ntwo\n", "example.com/log", LOG_KEY)
    at %= len(note)
    character = chr((ord(note[at]) + shift) % 0x110000)
    key = NoteKey("example.com/log", LOG_KEY.public_key)
    assume(character != note[at])

    with pytest.raises(NoteError):
        open_note(note[:at] + character + note[at + 1 :], [key])


@given(st.integers(0, 2**62), st.lists(digests, max_size=63), st.binary(max_size=40), lines)
def test_a_proof_is_one_file(index: int, hashes: list[bytes], salt: bytes, note: str) -> None:
    proof = Proof(index, tuple(hashes), note + "\n", salt)

    assert parse_proof(proof.text) == proof
