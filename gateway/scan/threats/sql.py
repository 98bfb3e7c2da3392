"""SQL that breaks out of a value.

Whole statements are no attack: tools that run SQL get them all day. What counts is what a statement
becomes when a fragment is put into a value of it: a comparison that is always true, a second
SELECT, a second statement, a comment that swallows the rest.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.scan.threats.rule import Rule, Threat

_S: Final = r"(?:[\s(]|/\*[^*]{0,12}\*/)"
_JOIN: Final = (
    r"(?:\b(?:or|and|xor|having|where)\b|\|\||&&)(?:[\s(]|/\*[^*]{0,4}\*/){0,3}(?:not\b[\s(]{0,2})?"
)
_LITERAL: Final = (
    r"""(?:[nx]?'[^'\n]{0,24}'?|"[^"\n]{0,24}"?|-?\d{1,12}(?:\.\d{1,6})?"""
    r"""|0x[0-9a-f]{1,20}|@@?[a-z_]{2,30}|true\b|false\b|null\b|[a-z]{1,12}\([^()\n]{0,16}\))"""
)
_COMPARE: Final = r"(?:[<>!]?=|<=>|<>|[<>]|\b(?:not\s)?(?:r?like|regexp|in|is|between|div)\b)"
_FUNCTIONS: Final = (
    "ascii|substr|substring|mid|ord|char_length|strcmp|extractvalue|updatexml|benchmark|sleep"
    "|pg_sleep|load_file|count|exists|length|user|version|database|concat|name|bitand|row|char"
)
_PYTHON_LIKE: Final = re.compile(r"(?i)[<>!=]=\s*[\"']{2}")


def _is_always_true(value: str, before: str) -> bool:
    """Two literals compared: nobody asks that of a database in earnest."""
    del before
    return _PYTHON_LIKE.search(value) is None


def _is_joined(value: str, before: str) -> bool:
    """Something of a value stands before, not the statement that it would belong to."""
    del value
    return re.search(r"(?i)\bselect\b[^;'\"]*\bfrom\b", before) is None


_RULES: Final = (
    (
        "always_true",
        rf"(?i){_JOIN}{_LITERAL}[\s)]{{0,4}}{_COMPARE}[\s(]{{0,4}}{_LITERAL}",
        0.9,
        _is_always_true,
    ),
    (
        "quote_join",
        (
            r"""(?i)['"`][\s)]{0,2}(?:\bor\b|\band\b|\|\||&&|\bxor\b)[\s(]{0,3}"""
            r"""(?:'[^'\n]{0,12}'?|\d{1,6}|true|null)[\s)]{0,2}(?:--|#|/\*|;)"""
        ),
        0.9,
        None,
    ),
    (
        "union_select",
        rf"(?i)\bunion\b{_S}{{0,3}}(?:(?:all|distinct){_S}{{1,3}})?select(?:\b|char\()",
        0.9,
        _is_joined,
    ),
    (
        "blind",
        (
            rf"(?i){_JOIN}(?:\(\s{{0,4}}select\b|\bcase\s+when\b"
            rf"|\b(?:{_FUNCTIONS})\s?\()"
        ),
        0.85,
        None,
    ),
    (
        "delay",
        (
            r"(?i)(?:\bwaitfor\s{1,3}(?:delay|time)\s{0,3}[n]?['\"]|\bbenchmark\s?\(\s?\d{4,12}"
            r"|\bpg_sleep\s?\(|dbms_(?:pipe\.receive_message|lock\.sleep)\s?\("
            r"|\b(?:select|if|iif|union|and|or|,|\|\|)[\s(]{0,4}sleep\s?\(\s?\d)"
        ),
        0.9,
        None,
    ),
    (
        "reads_server",
        (
            r"(?i)(?:\bload_file\s?\(|\binto\s{1,4}(?:out|dump)file\b|\bxp_(?:cmdshell"
            r"|dirtree|regread|fileexist)\b|\bsp_(?:password|oacreate|executesql|addextendedproc)\b"
            r"|\butl_(?:http|inaddr|file)\.|\bopenrowset\s?\(|\bextractvalue\s?\(|\bupdatexml\s?\()"
        ),
        0.8,
        None,
    ),
    (
        "stacked",
        (
            r"""(?i)['")\d]\s{0,3};\s{0,3}(?:drop|delete|insert|update|exec|execute|shutdown"""
            r"""|alter|truncate|declare|waitfor|create|grant)\b\s{0,4}[a-z@(-]"""
        ),
        0.85,
        None,
    ),
    (
        "order_by",
        (
            r"(?i)\b(?:order|group)\s{1,3}by\s{1,3}\d{1,4}(?:\s?,\s?\d{1,4}){0,40}"
            r"\s{0,4}(?:--|#|/\*)"
        ),
        0.85,
        None,
    ),
    (
        "schema",
        (
            r"(?i)(?:\bunion\b|\bselect\b)[^;]{1,48}(?:information_schema|mysql\.user|sysobjects"
            r"|syscolumns|@@(?:version|hostname|datadir|servername|basedir)|pg_(?:catalog|shadow|user)\b"
            r"|\b(?:version|database|user|current_user|system_user)\s?\(\s?\)|all_tables\b)"
        ),
        0.8,
        None,
    ),
    (
        "group_concat",
        r"(?i)\b(?:group_concat|concat_ws)\s?\([^)]{0,60}0x[0-9a-f]{2,20}",
        0.85,
        None,
    ),
    ("cut_off", r"""(?i)['"][\s);]{0,6}(?:--[\s+-]|#|/\*|--)""", 0.5, None),
    (
        "hex_encoded",
        (
            r"(?i)\b(?:cast|convert|char|chr)\s?\(\s?(?:0x[0-9a-f]{8,200}"
            r"|\d{2,3}\s?(?:,\s?\d{2,3}\s?){2,80}\))"
        ),
        0.7,
        None,
    ),
    (
        "bare_select",
        (
            r"(?i)\bselect\b\s{0,4}(?:@@[a-z]{3,30}|(?:version|user|database|sleep|pg_sleep)"
            r"\s?\()"
        ),
        0.8,
        None,
    ),
    (
        "having",
        r"""(?i)['"\d)]\s{0,3}\b(?:having|order\s+by|group\s+by)\b\s{1,3}['"\d]""",
        0.75,
        None,
    ),
)

_HINTS: Final = {
    "union_select": r"(?i)\bunion\b",
    "schema": (
        r"(?i)information_schema|mysql\.user|sysobjects|syscolumns|@@(?:version|hostname|datadir"
        r"|servername|basedir)|pg_(?:catalog|shadow|user)\b|(?:version|database|user)\s?\(\s?\)"
        r"|all_tables\b"
    ),
}
"""What is searched for instead of a beginning that is long and tells little."""

RULES: Final = tuple(
    Rule(f"sql_{name}", Threat.SQL, expression, weight, confirm, hint=_HINTS.get(name, ""))
    for name, expression, weight, confirm in _RULES
)

_STATEMENT: Final = re.compile(
    r"(?i)\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*\(?\s*(?:select\b(?!\s*[@(])|with\s+\w+\s+as\b"
    r"|insert\s+into\b|update\s+\S+\s+set\b|delete\s+from\b|create\s+(?:table|view|index)"
    r"|explain\b|show\s+\w+|describe\s+\w+|pragma\s+\w+|alter\s+table\b)",
    re.DOTALL,
)


def is_statement(text: str) -> bool:
    """Whether a text is a statement of its own, and not what would be put into one."""
    return _STATEMENT.match(text) is not None
