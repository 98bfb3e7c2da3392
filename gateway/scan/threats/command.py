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

_DOT: Final = r"(?:\.|%(?:25)?2e|%c0%[2a]e|%uff0e|%u002e|0x2e|%%32%65)"
_SLASH: Final = (
    r"(?:[/\\]|%(?:25)?(?:2f|5c)|%c[01]%[0-9a-z]{2}|%u221[56]|%u[ef][0-9a-f]{3}|0x(?:2f|5c)"
    r"|%%3[25]%[36][0-9])"
)
_STEP: Final = rf"(?:{_DOT}{{2,3}}{_SLASH}{{1,2}})"
_FILES: Final = (
    r"(?:etc[/\\](?:passwd|shadow|group|hosts|issue|sudoers|fstab|hostname|motd|crontab|security"
    r"|apache2?|httpd|nginx|mysql|php\d?|ssh|vsftpd|proftpd|pure-ftpd|logrotate|my\.cnf|init\.d)"
    r"|proc[/\\](?:self|version|cmdline|mounts|net|\d{1,7})[/\\]?"
    r"|boot\.ini|win\.ini|system\.ini|php\.ini|my\.(?:cnf|ini)|httpd\.conf|\.ht(?:access|passwd)"
    r"|web\.config|\.ssh[/\\]|id_rsa|\.bash_history|\.aws[/\\]credentials|\.git[/\\]config"
    r"|windows[/\\](?:system32|repair|php\.ini|win\.ini|panther|debug)|winnt[/\\]"
    r"|(?:access|error)[._]log|wp-config\.php|web-inf[/\\])"
)
_PATHS: Final = (
    ("encoded", rf"(?i)(?:{_STEP}){{2,8}}", 0.9),
    (
        "file",
        rf"(?i)(?:[/\\]|[a-z]:[/\\]|%2f|0x2f)(?:[a-z0-9._-]{{1,16}}[/\\]){{0,4}}{_FILES}",
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
    ("numbered", r"(?:\.\.[25][fc]){2,8}", 0.9),
    ("long_climb", r"(?:\.\.[/\\]){5,12}", 0.85),
)
_PLAIN: Final = re.compile(r"(?:\.\.[/\\]){1,4}")


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
