"""`sealgate-verify`, and `sealgate verify`: evidence verified offline with the public keys.

Exit codes: 0 valid, 1 tampered with, 2 incomplete, unknown or stale, 3 the command could not do its
work. It reads files and writes one report; it opens no socket.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

from gateway.receipts.aggregate import verify_aggregate
from gateway.receipts.canonical import canonical, parse
from gateway.receipts.files import LogFolder
from gateway.receipts.key_documents import read_key, read_keys
from gateway.receipts.keys import KeyRing, PublicKey
from gateway.receipts.proof import parse_hashes
from gateway.receipts.run_export import verify_export_file
from gateway.receipts.verdict import EXIT_USAGE, Report
from gateway.receipts.verify import check_freshness, verify_document
from gateway.receipts.verify_chain import verify_chain
from gateway.receipts.verify_log import verify_continues, verify_log
from gateway.receipts.verify_projection import verify_projection

_SPAN = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_HEAD = re.compile(r"([1-9][0-9]{0,15}):([0-9a-f]{64})")


class _Parser(argparse.ArgumentParser):
    """Ends with our code where the command line is wrong."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None, program: str = "sealgate-verify") -> int:
    """Runs the command line; gives the exit code."""
    options = parser(program).parse_args(arguments)
    try:
        report = options.run(options)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{program}: {error}\n")
        return EXIT_USAGE
    text = canonical(report.document()).decode() if options.json else str(report)
    sys.stdout.write(text + "\n")
    code: int = report.exit_code
    return code


def run() -> NoReturn:
    """The console script."""
    sys.exit(main())


def _pins() -> _Parser:
    """The flags that every verb has."""
    pins = _Parser(add_help=False)
    pins.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="a pinned public key: hex, did:key, Multikey, or the vkey of a log; repeatable",
    )
    pins.add_argument(
        "--keys",
        action="append",
        default=[],
        metavar="FILE",
        type=Path,
        help="pinned public keys: sonate-keys.json, a JWK set, a DID document, or one per line",
    )
    pins.add_argument(
        "--max-age", metavar="SPAN", help="older than this is stale, such as 24h or 30d"
    )
    pins.add_argument("--json", action="store_true", help="the report as one line of JSON")
    return pins


def parser(program: str = "sealgate-verify") -> argparse.ArgumentParser:
    """The command line's grammar."""
    pins = _pins()
    text = "Verifies receipts, exports and logs offline, with the public keys that you trust."
    top = _Parser(prog=program, description=text)
    verbs = top.add_subparsers(
        required=True, metavar="receipt|chain|export|log|consistency|aggregate"
    )

    def verb(name: str, run_it: Callable[[argparse.Namespace], Report], text: str) -> _Parser:
        command: _Parser = verbs.add_parser(name, parents=[pins], help=text, description=text)
        command.set_defaults(run=run_it)
        return command

    receipt = verb("receipt", _receipt, "Verify one receipt or control record, in any format.")
    receipt.add_argument("file", metavar="FILE", help="- is standard input")
    receipt.add_argument("--proof", type=Path, metavar="FILE", help="its tlog-proof@v1")
    chain = verb("chain", _chain, "Verify receipts from a tenant's first one on.")
    chain.add_argument("file", metavar="FILE", help="one receipt a line, or a JSON array")
    chain.add_argument("--tenant", metavar="NAME", help="the only tenant that there may be")
    chain.add_argument("--head", metavar="SEQ:HASH", help="the last one, as somebody noted it")
    export = verb("export", _export, "Verify an export: NDJSON, JSON or CSV.")
    export.add_argument("file", metavar="FILE", type=Path)
    export.add_argument("--manifest", type=Path, metavar="FILE", help="the manifest of a CSV")
    export.add_argument("--log", type=Path, metavar="DIR", help="the log's folder, to compare with")
    export.add_argument("--tenant", metavar="NAME", help="the only tenant that there may be")
    export.add_argument("--jobs", type=int, default=0, metavar="N", help="processes; one per core")
    log = verb("log", _log, "Verify a log's folder: its checkpoint, entries and tiles.")
    log.add_argument("folder", metavar="DIR", type=Path)
    log.add_argument("--known", type=Path, metavar="FILE", help="a checkpoint that was seen before")
    nodes = verb("aggregate", _aggregate, "Verify the aggregate of several nodes' logs.")
    nodes.add_argument("folder", metavar="DIR", type=Path)
    two = verb(
        "consistency", _consistency, "Verify that a newer checkpoint continues an older one."
    )
    two.add_argument("older", metavar="OLDER", type=Path)
    two.add_argument("newer", metavar="NEWER", type=Path)
    source = two.add_mutually_exclusive_group()
    source.add_argument("--log", type=Path, metavar="DIR", help="the log's folder")
    source.add_argument(
        "--proof", type=Path, metavar="FILE", help="the hashes, base64, a line each"
    )
    return top


def _receipt(options: argparse.Namespace) -> Report:
    data = _read(options.file)
    ring = _ring(options)
    report = verify_projection(data, ring)
    if report is not None:
        return report
    proof = options.proof.read_text(encoding="utf-8") if options.proof else None
    return verify_document(data, ring, proof=proof, now=_now(), age_max=_span(options.max_age))


def _chain(options: argparse.Namespace) -> Report:
    data = _read(options.file)
    documents: Iterable[bytes]
    if data.lstrip().startswith(b"["):
        documents = [canonical(document) for document in parse(data)]
    else:
        documents = [line for line in data.splitlines() if line.strip()]
    heads = None
    if options.head is not None:
        found = _HEAD.fullmatch(options.head)
        if found is None:
            raise ValueError("--head: write SEQ:HASH, the number and the chain hash in hex")
        heads = {options.tenant: (int(found[1]), found[2])}
    return verify_chain(documents, _ring(options), tenant=options.tenant, heads=heads)


def _export(options: argparse.Namespace) -> Report:
    leaves = None
    ring = _ring(options)
    report = None
    if options.log is not None:
        folder = LogFolder(options.log)
        report, leaves = verify_log(folder.checkpoint(), folder.fetch, ring)
    found = verify_export_file(
        options.file,
        ring,
        manifest=options.manifest.read_bytes() if options.manifest else None,
        leaves=leaves,
        tenant=options.tenant,
        jobs=options.jobs,
    )
    if report is not None:
        found.include(report, "log")
    return found


def _log(options: argparse.Namespace) -> Report:
    folder = LogFolder(options.folder)
    known = options.known.read_text(encoding="utf-8") if options.known else None
    report, _ = verify_log(folder.checkpoint(), folder.fetch, _ring(options), known=known)
    age_max = _span(options.max_age)
    if age_max is not None:
        written = (options.folder / "checkpoint").stat().st_mtime
        check_freshness(report, datetime.fromtimestamp(written, UTC).isoformat(), _now(), age_max)
    return report


def _aggregate(options: argparse.Namespace) -> Report:
    folder = LogFolder(options.folder)
    report, nodes, at = verify_aggregate(folder.checkpoint(), folder.fetch, _ring(options))
    report.counts |= {f"entries of {origin}": head.size for origin, head in nodes.heads.items()}
    age_max = _span(options.max_age)
    if age_max is not None:
        check_freshness(report, at, _now(), age_max)
    return report


def _consistency(options: argparse.Namespace) -> Report:
    proof = None
    if options.proof is not None:
        proof = parse_hashes(options.proof.read_text(encoding="utf-8").split())
    return verify_continues(
        options.older.read_text(encoding="utf-8"),
        options.newer.read_text(encoding="utf-8"),
        _ring(options),
        fetch=LogFolder(options.log).fetch if options.log else None,
        proof=proof,
    )


def _ring(options: argparse.Namespace) -> KeyRing:
    keys: list[PublicKey] = [read_key(text) for text in options.key]
    for path in options.keys:
        try:
            keys += read_keys(path.read_text(encoding="utf-8"))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path}: {error}") from None
    return KeyRing(keys)


def _read(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def _span(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("--max-age: write a number and s, m, h or d, such as 24h")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _now() -> datetime:
    return datetime.now(UTC)
