"""OpenAI's files: uploaded, listed, read and deleted; kept in memory up to a bound."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gateway.demo.answer import CREATED_AT_S, Whole, json_answer


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One upload."""

    id: str
    name: str
    purpose: str
    content: bytes

    def described(self) -> dict[str, Any]:
        """The file object of the API."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": CREATED_AT_S,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


class FileStore:
    """The uploads of one running provider; the oldest go when there are too many.

    Args:
        files_max: how many are kept.
        bytes_max: how much content is kept in all; one larger upload is kept alone.

    """

    def __init__(self, files_max: int = 100, bytes_max: int = 67_108_864) -> None:
        self._files: OrderedDict[str, StoredFile] = OrderedDict()
        self._files_max = files_max
        self._bytes_max = bytes_max

    def add(self, name: str, purpose: str, content: bytes) -> StoredFile:
        """Keeps an upload; the same content and name give the same id."""
        seed = sha256(content + b"\0" + name.encode("utf-8", "surrogateescape"))
        stored = StoredFile(f"file-{seed.hexdigest()[:24]}", name, purpose, content)
        self._files.pop(stored.id, None)
        self._files[stored.id] = stored
        while len(self._files) > 1 and self._is_full():
            self._files.popitem(last=False)
        return stored

    def get(self, file_id: str) -> StoredFile | None:
        """The upload with this id, if it is still kept."""
        return self._files.get(file_id)

    def remove(self, file_id: str) -> bool:
        """Forgets an upload; false if there is none."""
        return self._files.pop(file_id, None) is not None

    def listed(self) -> Whole:
        """`GET /v1/files`."""
        data = [stored.described() for stored in self._files.values()]
        return json_answer({"object": "list", "data": data, "has_more": False})

    def _is_full(self) -> bool:
        size = sum(len(stored.content) for stored in self._files.values())
        return len(self._files) > self._files_max or size > self._bytes_max
