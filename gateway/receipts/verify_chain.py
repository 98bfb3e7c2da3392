"""Chains verified: that each tenant's receipts follow one another, and none is missing.

What the next receipt of a tenant may be, after one with `seq` n:

| `seq` of the next | `previous_hash` | Verdict |
|---|---|---|
| n + 1 | the last chain hash | valid |
| n + 1 | another | integrity tampered: the chain was forked |
| above n + 1 | - | completeness incomplete: those between are missing |
| n, the same receipt | - | integrity tampered: replayed |
| n, another receipt | - | integrity tampered: the chain was forked |
| below n | - | integrity tampered: out of order |

An erased receipt keeps its `seq` and chain hash, so that the one after it still has what it
follows; the link before it is in the erased bytes and cannot be checked any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.receipts.keys import KeyRing
from gateway.receipts.receipt import GENESIS
from gateway.receipts.verdict import Aspect, Report, State
from gateway.receipts.verify import Checked, check_document, report_on

Heads: TypeAlias = Mapping[str | None, tuple[int, str]]
"""`seq` and chain hash of the last receipt, by tenant; None for the only tenant there is."""


@dataclass(frozen=True, slots=True)
class Link:
    """One receipt's place in its tenant's chain; `previous` of an erased one is None."""

    origin: str
    tenant: str
    index: int
    seq: int
    previous: str | None
    chain_hash: str

    def __reduce__(self) -> tuple[type[Link], tuple[Any, ...]]:
        """Travels between processes by its values: several times as fast as by its state."""
        place = (self.origin, self.tenant, self.index, self.seq)
        return Link, (*place, self.previous, self.chain_hash)

    @classmethod
    def of(cls, checked: Checked) -> Link | None:
        """The link of a checked receipt of ours; None of a record, or where its form is wrong."""
        origin, tenant, index, seq = checked.origin, checked.tenant, checked.index, checked.seq
        if checked.is_record or origin is None or tenant is None or index is None or seq is None:
            return None
        return cls(origin, tenant, index, seq, checked.previous_hash, checked.chain_hash)


class Chains:
    """Follows the chains of any number of tenants and logs, receipt by receipt.

    Args:
        report: takes the findings.
        tenant: the only tenant that there may be; None for any.
        from_genesis: that each chain begins with its tenant's first receipt; else it may begin
            anywhere, as an export of one month does.
        is_contiguous: that no number is left out; an export with a filter leaves some out.

    """

    __slots__ = ("_from_genesis", "_is_contiguous", "_last", "_report", "_tenant")

    def __init__(
        self,
        report: Report,
        *,
        tenant: str | None = None,
        from_genesis: bool = False,
        is_contiguous: bool = True,
    ) -> None:
        self._report = report
        self._tenant = tenant
        self._is_contiguous = is_contiguous
        self._from_genesis = from_genesis
        self._last: dict[tuple[str, str], Link] = {}

    def add(self, link: Link, where: str) -> None:
        """The next receipt, in the order of the log."""
        if self._tenant is not None and link.tenant != self._tenant:
            self._tampered("tenant", "the receipt is of another tenant", where)
            return
        name = (link.origin, link.tenant)
        last = self._last.get(name)
        if last is None:
            self._first(link, where)
        elif not self._follows(last, link, where):
            return
        self._last[name] = link

    def end(self, heads: Heads | None = None) -> None:
        """No more comes.

        Args:
            heads: `seq` and chain hash of the last receipt of tenants, where somebody trustworthy
                said so. Without them nobody can tell whether the end is missing.

        """
        for tenant, (seq, chain_hash) in (heads or {}).items():
            found = [link for (_, name), link in self._last.items() if tenant in {name, None}]
            last = max(found, key=lambda link: link.seq, default=None)
            if last is None or last.seq < seq:
                missing = seq - (last.seq if last else 0)
                self._missing(missing, f"the end of {tenant or 'the chain'}")
            elif last.seq > seq or last.chain_hash != chain_hash:
                self._tampered("head", "the chain does not end with its head", tenant or "")
        if heads is not None:
            self._report.passed(Aspect.COMPLETENESS)

    def last(self) -> dict[tuple[str, str], Link]:
        """The last link of each chain, by (log, tenant)."""
        return dict(self._last)

    def _first(self, link: Link, where: str) -> None:
        if link.seq > 1 and self._from_genesis:
            self._missing(link.seq - 1, where)
        elif link.seq == 1 and link.previous not in {GENESIS, None}:
            self._tampered("genesis", "the first receipt follows something", where)

    def _follows(self, last: Link, link: Link, where: str) -> bool:
        if link.seq == last.seq + 1:
            if link.previous is not None and link.previous != last.chain_hash:
                self._tampered("fork", "the receipt follows another than the one before", where)
            if link.index <= last.index:
                self._tampered("log_index", "the receipt stands before its predecessor", where)
            return True
        if link.seq > last.seq:
            self._missing(link.seq - last.seq - 1, where)
            return True
        if link.seq < last.seq:
            self._tampered("order", f"number {link.seq} comes after number {last.seq}", where)
        elif link.chain_hash == last.chain_hash:
            self._tampered("replay", "the receipt is there twice", where)
        else:
            self._tampered("fork", f"there are two receipts with number {link.seq}", where)
        return False

    def _missing(self, count: int, where: str) -> None:
        if not self._is_contiguous:
            return
        self._report.count("missing", count)
        plural = "receipts are" if count > 1 else "receipt is"
        message = f"{count} {plural} missing before it" if where else f"{count} {plural} missing"
        self._report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "missing", message, where)

    def _tampered(self, code: str, message: str, where: str) -> None:
        self._report.add(Aspect.INTEGRITY, State.TAMPERED, code, message, where)


def verify_chain(
    documents: Iterable[bytes],
    ring: KeyRing,
    *,
    tenant: str | None = None,
    heads: Heads | None = None,
) -> Report:
    """The verdicts over receipts that should be whole chains, from each tenant's first one on.

    Args:
        documents: the JSON of each receipt (and control record), in the order of the log.
        ring: the pinned keys.
        tenant: the only tenant that there may be.
        heads: as `Chains.end` takes them; without them the last ones may be missing unseen.

    """
    report = Report("chain")
    chains = Chains(report, tenant=tenant, from_genesis=True)
    for number, data in enumerate(documents, 1):
        checked = check_document(data, ring)
        where = f"document {number}"
        report_on(report, checked, where)
        report.count("records" if checked.is_record else "receipts")
        link = Link.of(checked)
        if link is not None:
            chains.add(link, where)
    if report.counts:
        report.passed(Aspect.COMPLETENESS)
    chains.end(heads)
    return report


def note_record(report: Report, record: Mapping[str, Any], where: str) -> None:
    """What a control record says about the completeness of its log.

    `gap` and `drop` say that exchanges left no receipt; `heartbeat` lets anybody count:
    opened = closed + interrupted + dropped + running.
    """
    kind, detail = record["kind"], record["detail"]
    if kind in {"gap", "drop"}:
        count = detail.get("count")
        lost = f"{count} exchanges" if isinstance(count, int) else "exchanges"
        message = f"the log says that {lost} left no receipt: {detail.get('reason', 'no reason')}"
        report.add(Aspect.COMPLETENESS, State.INCOMPLETE, kind, message, where)
    elif kind == "heartbeat":
        names = ("closed", "interrupted", "dropped", "running")
        counts = [detail.get(name, 0) for name in names]
        opened = detail.get("opened", 0)
        if all(type(count) is int for count in (opened, *counts)) and opened != sum(counts):
            message = f"{opened} exchanges were opened, and {sum(counts)} are accounted for"
            report.add(Aspect.COMPLETENESS, State.INCOMPLETE, "heartbeat", message, where)
