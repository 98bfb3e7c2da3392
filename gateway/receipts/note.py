"""C2SP signed notes, and the checkpoints of a log, which are such notes.

    example.com/log            origin: the log's name, and its key's
    20852163                   size: leaves of the tree
    CsUYapGGPo4dkMgIAUqom/Xa   root, base64
                               a blank line ends the text
    - example.com/log Az3grl   em dash, the key's name, base64(key id || signature)

Of the signatures of a note, those by unknown keys are ignored; one by a known key that is wrong
makes the whole note worthless; at least one by a known key must be right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from gateway.receipts.ed25519 import (
    PUBLIC_KEY_BYTES,
    Signer,
    VerifyingKey,
)
from gateway.receipts.merkle import HASH_BYTES

NOTE_BYTES_MAX: Final = 1_000_000
SIGNATURES_MAX: Final = 100
_ALGORITHM_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_DASH: Final = "\u2014 "
_CHECKPOINT_LINES: Final = 3
_SIZE_DIGITS_MAX: Final = 19  # 2^63 has as many


class NoteError(ValueError):
    """A note, a checkpoint or a verifier key that is malformed, or that nobody known signed."""


class UnknownSignerError(NoteError):
    """Nobody known signed: the note may be right, but that cannot be said."""


class NoteKey:
    """A verifier key of notes: a name and an Ed25519 public key.

    Raises NoteError for a name with spaces, `+` or line ends; InvalidKeyError for a bad key.
    """

    __slots__ = ("key_id", "name", "public_key", "verifying")

    def __init__(self, name: str, public_key: bytes) -> None:
        _check_name(name)
        self.name = name
        self.public_key = public_key
        self.verifying = VerifyingKey(public_key)
        self.key_id = note_key_id(name, public_key)

    @property
    def vkey(self) -> str:
        """The key as text: name+id+base64, as Go's tools take it."""
        encoded = base64.b64encode(_ALGORITHM_ED25519 + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, vkey: str) -> NoteKey:
        """The key of such a text. Raises NoteError, InvalidKeyError."""
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        data = _base64(encoded, "the key")
        if data[:1] != _ALGORITHM_ED25519 or len(data) != 1 + PUBLIC_KEY_BYTES:
            raise NoteError("the verifier key is not an Ed25519 key")
        key = cls(name, data[1:])
        if key.key_id.hex() != key_id:
            raise NoteError("the verifier key's id is not that of its name and key")
        return key


class Note(NamedTuple):
    """A note as parsed: the text that is signed, and each (name, key id, signature)."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]


class Checkpoint(NamedTuple):
    """The head of a log: `origin`, `size` in leaves, `root`, further lines that are signed."""

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), root, *self.extension))


def note_key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes that stand before a signature: SHA-256(name, LF, 0x01, key)[:4]."""
    data = name.encode() + b"\n" + _ALGORITHM_ED25519 + public_key
    return hashlib.sha256(data).digest()[:_KEY_ID_BYTES]


def sign_note(text: str, name: str, *signers: Signer) -> str:
    """A note that each of `signers` signed under one name. Raises NoteError."""
    _check_text(text)
    _check_name(name)
    message = text.encode()
    lines = [
        _signature_line(name, note_key_id(name, signer.public_key) + signer.sign(message))
        for signer in signers
    ]
    return f"{text}\n{''.join(lines)}"


def parse_note(note: str | bytes) -> Note:
    """The text and the signatures of a note. Raises NoteError."""
    text = _decoded(note)
    split = text.rfind("\n\n")
    if split < 0:
        raise NoteError("no blank line stands before the signatures")
    body, block = text[: split + 1], text[split + 2 :]
    _check_text(body)
    if not block.endswith("\n"):
        raise NoteError("the note has no signature, or its last line does not end")
    lines = block[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"more than {SIGNATURES_MAX} signatures")
    return Note(body, tuple(_parse_signature(line) for line in lines))


def open_note(note: str | bytes, keys: Iterable[NoteKey]) -> tuple[str, list[NoteKey]]:
    """The text of a note, and who of `keys` signed it. Raises NoteError where nobody did."""
    parsed = parse_note(note)
    known = {(key.name, key.key_id): key for key in keys}
    message = parsed.text.encode()
    signed: list[NoteKey] = []
    for name, key_id, signature in parsed.signatures:
        key = known.get((name, key_id))
        if key is None or key in signed:
            continue
        if not key.verifying.verify(message, signature):
            raise NoteError(f"the signature of {name} is wrong")
        signed.append(key)
    if not signed:
        raise UnknownSignerError("no known key signed the note")
    return parsed.text, signed


def sign_checkpoint(checkpoint: Checkpoint, *signers: Signer) -> str:
    """The checkpoint as a note that the log's own key signs, under the origin as its name."""
    return sign_note(checkpoint.text, checkpoint.origin, *signers)


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text. Raises NoteError."""
    lines = text.split("\n")
    if len(lines) <= _CHECKPOINT_LINES or lines.pop():
        raise NoteError("a checkpoint has three lines or more")
    origin, size, encoded, *extension = lines
    if not origin:
        raise NoteError("the checkpoint has no origin")
    is_decimal = size.isascii() and size.isdigit() and (size == "0" or size[0] != "0")
    if not is_decimal or len(size) > _SIZE_DIGITS_MAX:
        raise NoteError("the checkpoint's size is no decimal number")
    root = _base64(encoded, "the root")
    if len(root) != HASH_BYTES:
        raise NoteError("the checkpoint's root is no SHA-256 hash")
    if "" in extension:
        raise NoteError("an extension line of the checkpoint is empty")
    return Checkpoint(origin, int(size), root, tuple(extension))


def open_checkpoint(note: str | bytes, keys: Sequence[NoteKey]) -> Checkpoint:
    """The checkpoint of a note that the log signed, under its origin. Raises NoteError."""
    text, signed = open_note(note, keys)
    checkpoint = parse_checkpoint(text)
    if all(key.name != checkpoint.origin for key in signed):
        raise NoteError("the log itself did not sign its checkpoint")
    return checkpoint


def _signature_line(name: str, signature: bytes) -> str:
    return f"{_DASH}{name} {base64.b64encode(signature).decode()}\n"


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not name:
        raise NoteError("a line after the text is no signature")
    _check_name(name)
    data = _base64(encoded, "a signature")
    if len(data) <= _KEY_ID_BYTES:
        raise NoteError("a signature is too short")
    return name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:]


def _decoded(note: str | bytes) -> str:
    if len(note) > NOTE_BYTES_MAX:
        raise NoteError(f"a note has at most {NOTE_BYTES_MAX} bytes")
    try:
        text = note if isinstance(note, str) else note.decode()
        text.encode()
    except UnicodeError:
        raise NoteError("the note is not UTF-8") from None
    if any(character < " " and character != "\n" for character in text):
        raise NoteError("the note holds control characters")
    return text


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise NoteError("the text of a note ends with a line end")
    _decoded(text)


def _check_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NoteError("a key's name has no spaces and no `+`, and is not empty")


def _base64(text: str, what: str) -> bytes:
    """Standard base64, in its one form: other texts would be other signatures of one meaning."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise NoteError(f"{what} is not base64") from None
    if not data or base64.b64encode(data).decode() != text:
        raise NoteError(f"{what} is not base64")
    return data
