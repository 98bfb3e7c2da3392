from gateway.plugin.headers import RawHeader

def joined(
    start: bytes,
    fields: dict[bytes, RawHeader],
    dropped: frozenset[bytes],
    changed: dict[bytes, bytes],
    added: bytes,
    /,
) -> bytes: ...
