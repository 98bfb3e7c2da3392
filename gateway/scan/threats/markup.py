"""Markup that runs as soon as it is shown, and expressions that a template engine evaluates."""

from __future__ import annotations

import re
from typing import Final

from gateway.scan.threats.rule import Rule, Threat

_TAG: Final = r"<[a-z!?/][^<>]{0,120}?"
_QUIET: Final = re.compile(
    r"(?i)\bon(?:e|ce|ly|to|ion|line|going|board|set|wards?|us|yx|cology)\s*="
)
_JS: Final = r"j\s?a\s?v\s?a\s?s\s?c\s?r\s?i\s?p\s?t"


def _is_handler(value: str, before: str) -> bool:
    """An attribute whose name begins with `on` and is no other word."""
    del before
    return _QUIET.search(value) is None


_MARKUP: Final = (
    ("script", r"(?i)<\s{0,3}/?\s{0,3}script\b[^<>]{0,120}>?", 0.9, None),
    (
        "handler",
        rf"""(?i){_TAG}[\s/"'`]on[a-z]{{3,30}}\s{{0,3}}=\s{{0,3}}[^\s>]""",
        0.95,
        _is_handler,
    ),
    (
        "handler_fragment",
        (
            r"""(?i)["'`>\s]on(?:error|load|click|focus|blur|toggle|begin|start|end"""
            r"""|mouse[a-z]{2,8}|key[a-z]{2,6}|pointer[a-z]{2,8}|animation[a-z]{3,9}|hashchange|pageshow)"""
            r"""\s{0,3}=\s{0,3}["'`]?\s{0,3}[a-z_$.]{1,40}[(`]"""
        ),
        0.9,
        None,
    ),
    ("link", rf"""(?i)(?:{_JS}|vbscript|livescript):[^\s"'<>)`]""", 0.9, None),
    (
        "link_apart",
        rf"""(?i)[=(:"'`]\s{{0,3}}(?:{_JS}|vbscript|livescript)\s?:\s{{0,8}}[^\s"'<>)]""",
        0.9,
        None,
    ),
    (
        "data_link",
        (
            r"(?i)\bdata\s?:\s?(?:text/html|image/svg\+xml|application/xhtml\+xml"
            r"|text/javascript)\b"
        ),
        0.85,
        None,
    ),
    (
        "frame",
        (
            r"(?i)<\s{0,3}(?:iframe|frame|frameset|object|embed|applet|base|isindex|portal)\b"
            r"[^<>]{0,120}(?:src|data|href|srcdoc|code|action|prompt|classid)\s{0,3}="
        ),
        0.9,
        None,
    ),
    (
        "refresh",
        (
            r"""(?i)<\s{0,3}meta\b[^<>]{0,80}http-equiv\s{0,3}=\s{0,3}["'`]?\s{0,3}"""
            r"""(?:refresh|set-cookie|link)"""
        ),
        0.9,
        None,
    ),
    (
        "style",
        (
            r"(?i)(?:[:]\s?expression\s?\(\s?[a-z(\"']|-moz-binding\s?:\s?url"
            r"|behaviou?r\s?:\s?url|@import\s{0,3}[\"'(]{1,2}\s?(?:javascript|data:|//|https?:))"
        ),
        0.9,
        None,
    ),
    (
        "import",
        (
            r"(?i)<\s{0,3}(?:link|style|xml|\?xml-stylesheet|!entity|!doctype\s[a-z]{1,20}\s"
            r"?\[)[^<>]{0,80}(?:javascript|@import|href\s{0,3}=\s{0,3}[\"']?(?:https?:)?//|system\b"
            r"|\bdata:|rel\s{0,3}=\s{0,3}[\"']?import)"
        ),
        0.8,
        None,
    ),
    ("server_include", r"(?i)<!--#\s?(?:exec|include|echo)\b", 0.9, None),
    ("breakout", r"""(?i)["'`]\s{0,3}/?>\s{0,8}<\s{0,3}[a-z/!?]""", 0.6, None),
    (
        "steals",
        (
            r"(?i)\b(?:document\s?\.\s?(?:cookie|location|write|domain)|window\s?\.\s?(?:location"
            r"|name|open)|string\s?\.\s?fromcharcode|localstorage\s?\.)"
        ),
        0.5,
        None,
    ),
    (
        "calls",
        r"(?i)\b(?:alert|prompt|confirm|eval|settimeout|setinterval)\s?[(`]\s?[\"'`/\d(dx]",
        0.55,
        None,
    ),
)
_TEMPLATES: Final = (
    (
        "arithmetic",
        r"(?:\{\{|\$\{|#\{|<%=|\{%|\*\{|@\()\s?['\"]?\d{1,6}['\"]?\s?[*+-]\s?['\"]?\d{1,6}",
        0.9,
    ),
    (
        "objects",
        (
            r"(?:__class__\s?(?:\.|\[)\s?['\"]?_{0,2}(?:mro|base|init)|__subclasses__\s?\("
            r"|__(?:globals|builtins)__\s?(?:\[|\.\s?(?:__|os|eval))|__import__\s?\(\s?['\"](?:os|sub)"
            r"|\{\{\s?(?:config|self|request|lipsum|cycler|joiner|url_for|get_flashed_messages)\b"
            r"|\$\{\s?(?:jndi|env|sys|java|T\(|applicationScope|class)\b|#\{\s?T\(|freemarker\.template)"
        ),
        0.85,
    ),
)
_DIRECTORY: Final = (
    ("ldap", r"\*\)?\s?\)\s?\(?\s?[|&(]|\*\)\(\s?[a-z]{1,30}\s?=|\*\(\)\|[&%]", 0.9),
    ("xpath", r"(?i)['\"]\s{1,4}or\s{1,4}(?:name|count|string-length|local-name)\s?\(", 0.9),
    (
        "document",
        (
            r"""["'\[][$&](?:gte?|lte?|ne|nin|regex|exists)["'\]]\s{0,3}[:=]\s{0,3}"""
            r"""(?:["']["']|null\b|-1\b|0\b|1\b|true\b|false\b|["']\.\*|["']\^)|\$where["']?\s?:"""
        ),
        0.8,
    ),
    ("return", r"""["']\s?;\s?return\s?[(\s]\s?['"\dt(]""", 0.8),
)

_SHOWN: Final = frozenset(
    {"script", "handler", "link", "data_link", "frame", "refresh", "style", "import"}
)
"""What runs where a client shows it. A handler without its tag does not."""

RULES: Final = (
    *(
        Rule(
            f"markup_{name}",
            Threat.MARKUP,
            expression,
            weight,
            confirm,
            bites_shown=name in _SHOWN,
        )
        for name, expression, weight, confirm in _MARKUP
    ),
    *(
        Rule(f"template_{name}", Threat.TEMPLATE, expression, weight)
        for name, expression, weight in _TEMPLATES
    ),
    *(
        Rule(f"directory_{name}", Threat.DIRECTORY, expression, weight)
        for name, expression, weight in _DIRECTORY
    ),
)
