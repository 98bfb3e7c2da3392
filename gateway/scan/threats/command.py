"""Commands joined to a value, and ways out of a folder."""

from __future__ import annotations

import re
from typing import Final

from gateway.scan.threats.rule import Rule, Threat

_SURE: Final = (
    "cat|ls|whoami|uname|wget|curl|ncat|netcat|nc|bash|zsh|ping|nslookup|netstat|ifconfig|ipconfig"
    "|systeminfo|sysinfo|tasklist|powershell|chmod|chown|phpinfo|passwd|useradd|netsh|route|telnet"
    "|ssh|scp|tftp|rm|mkfifo|sleep|pwd|printenv|hostname|reboot|shutdown|killall|crontab|sudo|dir"
)
_UNSURE: Final = (
    "id|type|echo|net|set|env|find|ps|python3?|perl|ruby|php|node|sh|cmd|del|copy|exec|system|eval"
    "|w|more|tail|head|touch|gcc|vol|ver|reg"
)
_SEPARATOR: Final = r"(?:[;|&]|\$\(|%0[ad])"
_TABLE: Final = re.compile(r"\|[^|\n]{0,40}\|")


def _is_command(value: str, before: str) -> bool:
    """A separator and a command, and not a cell of a table or words after a semicolon."""
    del before
    return _TABLE.search(value) is None


_END: Final = r"^;|&\s\"'`)"
"""Stands for the end of a value, or of what a shell takes for one."""

_COMMANDS: Final = (
    (
        "joined",
        (
            rf"(?i){_SEPARATOR}[\s({{]{{0,3}}(?:/(?:usr/)?s?bin/)?(?:{_SURE})"
            r"(?:\s{1,3}(?:[-/\\~.%$<>&\"'0-9*|]|[a-z0-9_-]{1,24}[./:\\][^\s])|\s?[;|&`)]|\s?\()"
        ),
        0.8,
        _is_command,
    ),
    (
        "joined_unsure",
        (
            rf"(?i){_SEPARATOR}[\s({{]{{0,3}}(?:/(?:usr/)?s?bin/)?(?:{_UNSURE})"
            r"(?:\s{1,3}(?:-[a-z]{1,8}\b|[/\\~%$\"'<>]|[a-z]:\\|user\b|localgroup\b|view\b|/[a-z]\b)"
            r"|\s?\(\s?[\"'$])"
        ),
        0.8,
        _is_command,
    ),
    (
        "substitution",
        (
            r"(?:\$\(|`)\s{0,3}(?:whoami|id|uname|cat|ls|curl|wget|nc|ping|sleep|env|pwd|sh"
            r"|bash|echo|printf|hostname)\b[^`)\n]{0,24}[`)]"
        ),
        0.7,
        None,
    ),
    (
        "substitution_from",
        r"\$\([\s`]{0,3}(?:curl|wget|nc|bash|sh|nslookup|ping)\s[^)\n]{1,160}\)",
        0.7,
        None,
    ),
    (
        "by_path",
        r"(?i)(?:[;|&]|%0[ad]|\\[nr])[\s\"']{0,2}/?(?:usr/)?s?bin/[a-z]{2,12}\b",
        0.8,
        _is_command,
    ),
    (
        "configured",
        (
            r"(?i)[;|&]\s{0,3}(?:reg\s{1,3}(?:add|delete)\s|netsh\s{1,3}(?:adv)?firewall\s"
            r"|sc\s{1,3}(?:stop|config|delete)\s|wmic\s)"
        ),
        0.85,
        None,
    ),
    ("php_variable", r"(?:\{\$\{\s?@?|\$\{@|\{@)[a-z_]{2,24}\(", 0.85, None),
    ("one_liner", r"(?i)\b(?:perl|ruby|php)\s{1,2}-[er]\s{0,2}['\"]", 0.72, None),
    ("shellshock", r"\(\s?\)\s{0,3}\{\s{0,3}[^}\n]{0,20};\s{0,3}\}\s?;", 0.95, None),
    (
        "reverse_shell",
        (
            r"(?i)(?:/dev/(?:tcp|udp)/|\bnc(?:at)?\b[^\n]{0,20}\s-[a-z]{0,3}e\b|\bbash\s{1,3}-i\b"
            r"|\bmkfifo\s|socket\(\s?(?:PF|AF)_INET"
            r"|\bpowershell(?:\.exe)?\s{1,3}-(?:e|enc|encodedcommand|nop)\b)"
        ),
        0.9,
        None,
    ),
    (
        "call",
        (
            r"(?i)(?:\b(?:system|exec|shell_exec|passthru|popen|proc_open|assert|eval|pcntl_exec)"
            r"\s?\(\s?[\"'`$]|\b(?:os\.(?:system|popen)|subprocess\.[a-z_]{3,20}|runtime\.getruntime)"
            r"\s?\()"
        ),
        0.75,
        None,
    ),
    (
        "php_tag",
        (
            r"(?i)<\?(?:php|=)?\s{0,3}(?:system|exec|eval|passthru|shell_exec|include|require"
            r"|phpinfo|echo\s{0,3}shell_exec|@?assert)\b"
        ),
        0.9,
        None,
    ),
    (
        "download_run",
        (
            r"(?i)\b(?:curl|wget|fetch|iwr|invoke-webrequest)\b[^\n|;]{0,100}"
            r"(?:\||;|&&)\s{0,3}(?:sudo\s{1,3})?(?:ba|z)?(?:sh|python3?|perl|iex)\b"
        ),
        0.9,
        None,
    ),
    ("admin", r"(?i)\bnet\s{1,3}(?:user|localgroup)\s{1,3}[a-z]{1,40}[^\n]{0,40}/add\b", 0.9, None),
    (
        "windows_repair",
        r"(?i)%SYSTEMROOT%\\|\\(?:repair|system32)\\(?:sam|system|config|cmd\.exe)",
        0.8,
        None,
    ),
)

_ENDING: Final = (
    (
        "at_the_end",
        (
            r"(?i)(?:[;|&`]|\$\(|%0[ad]|\\[nr])\s{0,2}(?:whoami|ifconfig|ipconfig|systeminfo|sysinfo"
            r"|netstat|uname|printenv|tasklist|phpinfo\(\)|phpversion\(\)|pwd|nslookup)"
        ),
    ),
    ("listed", r"(?i)(?:;|&&|\|\|)\s{0,2}dir"),
)
"""Commands that need no argument, at the end of a value: names that are no English words."""

_OVERLONG: Final = r"%(?:25)?(?:e0|f0|f8|fc)(?:%(?:25)?80){1,4}%(?:25)?"
"""A character of ASCII in more bytes than it needs, which UTF-8 forbids (RFC 3629 section 10)."""
_DOT: Final = (
    r"(?:\.|%(?:25){0,3}2e|%(?:25)?c0(?:%(?:25)?[0-9a-z]{2}|\.)|%uff0e|%u002e|0x2e|%%32%65"
    rf"|{_OVERLONG}ae)"
)
_SLASH: Final = (
    r"(?:[/\\]|%(?:25){0,3}(?:2f|5c)|%(?:25)?c[01]%(?:25)?[0-9a-z]{2}|%u221[56]|%u[ef][0-9a-f]{3}"
    rf"|0x(?:2f|5c)|%%3[25]%[36][0-9a-f]|%bg%qf|{_OVERLONG}af)"
)
_STEP: Final = rf"(?:{_DOT}{{2,3}}{_SLASH}{{1,2}})"
_FILES: Final = (
    r"(?:etc[/\\](?:passwd|shadow|group|hosts|issue|sudoers|fstab|hostname|motd|crontab|security"
    r"|apache2?|httpd|nginx|mysql|php\d?|ssh|vsftpd|proftpd|pure-ftpd|logrotate|my\.cnf|init\.d)"
    r"|proc[/\\](?:self|version|cmdline|mounts|net|\d{1,7})[/\\]?"
    r"|boot\.ini|win\.ini|system\.ini|php\.ini|my\.(?:cnf|ini)|httpd\.conf|\.ht(?:access|passwd)"
    r"|web\.config|\.ssh[/\\]|id_rsa|\.bash_history|\.aws[/\\]credentials|\.git[/\\]config"
    r"|windows[/\\](?:system32|repair|php\.ini|win\.ini|panther|debug)|winnt[/\\]"
    r"|(?:access|error)[._]log|wp-config\.php|web-inf[/\\]|var[/\\]log[/\\]|inetpub[/\\]"
    r"|documents and settings[/\\]|users[/\\]administrator|usr[/\\]local[/\\](?:apache|etc[/\\]"
    r"|pureftpd|cpanel|psa|www)|(?:conf|apache2?)[/\\](?:httpd|nginx)|(?:php|apache2?)\.conf)"
)
_PATHS: Final = (
    ("encoded", rf"(?i)(?:{_STEP}){{2,8}}", 0.9),
    (
        "file",
        rf"(?i)(?:[/\\]|[a-z]:[/\\]|%2f|0x2f)(?:[a-z0-9._ ()-]{{1,24}}[/\\]){{0,4}}{_FILES}",
        0.6,
    ),
    (
        "secret_file",
        (
            r"(?i)(?:[/\\]etc[/\\](?:passwd|shadow|sudoers)|[/\\]\.ssh[/\\]|[/\\]id_rsa"
            r"|\.aws[/\\]credentials|[/\\]proc[/\\]self[/\\]environ|\bboot\.ini|\bwin\.ini)"
        ),
        0.75,
    ),
    ("null_byte", r"(?i)[a-z0-9_/\\.-]{3,80}%00", 0.85),
    (
        "wrapper",
        (
            r"(?i)\b(?:php://(?:filter|input|fd|memory)|expect://|zip://|phar://|glob://"
            r"|data://text/plain|file://(?:localhost)?/(?:etc|proc|var|c:|home|root))"
        ),
        0.9,
    ),
    (
        "ill_formed",
        rf"(?i)(?:[.?%]{{1,2}}(?:2e)?(?:%c[01]%[0-9a-z]{{2}}|%bg%qf|%u[ef][0-9a-f]{{3}}|{_OVERLONG}af)){{2,8}}",
        0.9,
    ),
    ("hidden_step", r"(?i)(?:\.\.|%2e%2e)%(?:25){1,3}(?:2f|5c)", 0.8),
    ("doubled", r"(?:\.{4}[/\\]{1,3}|\.\.[/\\]{2,3}|\.{3}[/\\]){2,8}", 0.8),
    ("detour", r"(?:(?:\.[/\\]{1,3}){1,2}\.\.[/\\]{1,3}){2,6}|(?:[/\\]\.){5,12}", 0.75),
    ("base64", r"(?:Li4v){2,8}|(?:Li5c){2,8}", 0.85),
    (
        "filter",
        r"(?i)convert\.(?:iconv\.[a-z0-9_-]{2,20}|base64-(?:de|en)code|quoted-printable)",
        0.75,
    ),
    ("numbered", r"(?:\.\.[25][fc]){2,8}", 0.9),
    ("long_climb", r"(?:\.\.[/\\]){5,12}", 0.85),
)
_PLAIN: Final = re.compile(r"(?:\.\.[/\\]){1,4}")


_WHOLE: Final = re.compile(r"(?i)(?:[a-z]:|\.{1,2})?[/\\][\w.() /\\-]{2,200}")


def is_path(text: str) -> bool:
    """Whether a value is nothing but a path from the root, or out of the folder."""
    return len(text) <= 200 and _WHOLE.fullmatch(text) is not None  # noqa: PLR2004  # see above


def _is_hidden(value: str, before: str) -> bool:
    """Steps that are written so that a filter does not see them; `../../` is how paths look."""
    del before
    return _PLAIN.fullmatch(value) is None


RULES: Final = (
    *(
        Rule(f"command_{name}", Threat.COMMAND, expression, weight, confirm)
        for name, expression, weight, confirm in _COMMANDS
    ),
    *(
        Rule(f"command_{name}", Threat.COMMAND, expression, 0.8, _is_command, right=_END)
        for name, expression in _ENDING
    ),
    *(
        Rule(
            f"path_{name}",
            Threat.PATH,
            expression,
            weight,
            _is_hidden if name == "encoded" else None,
        )
        for name, expression, weight in _PATHS
    ),
)
