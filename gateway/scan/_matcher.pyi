from collections.abc import Callable, Sequence

class Matcher:
    def __init__(
        self,
        steps: bytes,
        classes: Sequence[tuple[bytes, bytes]],
        tables: Sequence[bytes],
        before: tuple[int, int],
        required: tuple[bytes, int, int] | None,
        judge: Callable[[str], bool | None] | Callable[[bytes, int, int], bool] | None = None,
        within: bool = False,
        /,
    ) -> None: ...
    def search(self, data: bytes, start: int, stop: int, /) -> tuple[int, int, int, int] | None: ...

def use_wide(on: bool, /) -> bool: ...
