"""`python -m tests.conformance --base-url URL`: the kit by hand, against any gateway."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.conformance.dialects import DIALECTS
from tests.conformance.runner import SIZES, WHOLE, Gateway, cases, table
from tests.conformance.upstream import running_upstream
from tests.conformance.vectors import VECTORS


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report; 1 if anything leaked."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--base-url", required=True, help="of the gateway under test")
    parser.add_argument("--listen", default="127.0.0.1:9797", help="where its upstream is found")
    parser.add_argument("--dialect", action="append", choices=[d.name for d in DIALECTS])
    parser.add_argument("--secret", action="append", choices=[v.name for v in VECTORS])
    parser.add_argument("--sizes", default="0,1-100", help="characters per delta; 0 is whole")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE")
    given = parser.parse_args(arguments)
    host, _, port = given.listen.rpartition(":")
    dialects = [d for d in DIALECTS if given.dialect is None or d.name in given.dialect]
    vectors = [v for v in VECTORS if given.secret is None or v.name in given.secret]
    headers = dict(header.split(":", 1) for header in given.header)
    with running_upstream(host, int(port)) as upstream:
        gateway = Gateway(given.base_url, upstream, headers)
        results = [gateway.run(case) for case in cases(_sizes(given.sizes), dialects, vectors)]
    refused = {result.status for result in results} - {200}
    sys.stdout.write(table(results) + "\n")
    if refused:
        sys.stdout.write(f"\nAnswers with another status than 200: {sorted(refused)}\n")
    return int(any(result.leaked for result in results))


def _sizes(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, mark, last = part.partition("-")
        found += range(int(first), int(last if mark else first) + 1)
    return [size for size in found if size in (WHOLE, *SIZES) or size > 0]


if __name__ == "__main__":
    sys.exit(main())
