from collections.abc import Sequence

class Matcher:
    def __init__(
        self,
        steps: bytes,
        classes: Sequence[tuple[bytes, bytes]],
        tables: Sequence[bytes],
        before: tuple[int, int],
    ) -> None: ...
    def search(self, data: bytes, start: int, stop: int, /) -> tuple[int, int, int, int] | None: ...
