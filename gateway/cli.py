"""The command line. One function per command; what a command needs is imported when it runs.

So `sealgate --help` answers at once, and a gateway's supervisor carries nothing of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway import __version__
from gateway.build import KIND
from gateway.errors import ConfigError, Problem, SealgateError

if TYPE_CHECKING:
    from gateway.settings import Settings

EXIT_FAULTY = 1
"""What was checked is at fault."""
EXIT_UNUSABLE = 2
"""The command could not do its work; the same code that a wrong flag gives."""

app = typer.Typer(
    name="sealgate",
    help="A transparent gateway in front of LLM providers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigFlag = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="gateway.yaml.", envvar="SEALGATE_CONFIG"),
]
PoliciesFlag = Annotated[
    Path | None, typer.Option("--policies", metavar="DIR", help="Folder or file of policies.")
]
ProfileFlag = Annotated[
    str | None, typer.Option("--profile", help="Use policies that name this profile as well.")
]
UpstreamFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--upstream",
        metavar="NAME=URL",
        help="Where a provider is; may be given several times.",
    ),
]


@app.command()
def serve(
    config: ConfigFlag = None,
    policies: PoliciesFlag = None,
    profile: ProfileFlag = None,
    host: Annotated[str | None, typer.Option(help="Address for clients.")] = None,
    port: Annotated[int | None, typer.Option(help="Port for clients; 0 takes a free one.")] = None,
    admin_host: Annotated[str | None, typer.Option(help="Address of the admin port.")] = None,
    admin_port: Annotated[int | None, typer.Option(help="Admin port; 0 takes a free one.")] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N|auto", help="Worker processes; auto: one per core.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for sockets and locks.")
    ] = None,
    upstream: UpstreamFlag = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Serve policies without authentication to a network."),
    ] = False,
) -> None:
    """Run the gateway."""
    flags = {
        ("listener", "host"): ("--host", host),
        ("listener", "port"): ("--port", port),
        ("admin", "host"): ("--admin-host", admin_host),
        ("admin", "port"): ("--admin-port", admin_port),
        ("workers",): ("--workers", workers),
        ("data_dir",): ("--data-dir", data_dir),
        ("policies",): ("--policies", policies),
        ("profile",): ("--profile", profile),
        ("insecure",): ("--insecure", insecure or None),
    }
    with _told_in_one_line():
        from gateway.assembly import serve as serve_gateway
        from gateway.configuration import load_configuration

        given = {path: flag for path, flag in flags.items() if flag[1] is not None}
        configuration = load_configuration(file=config, flags={**given, **_upstreams(upstream)})
        raise typer.Exit(serve_gateway(configuration, _say_what_next))


@app.command()
def check(
    policies: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder or file of policies.")
    ] = None,
    config: ConfigFlag = None,
    profile: ProfileFlag = None,
) -> None:
    """Check policies and settings without a running gateway.

    The exit code is 1 if they cannot be used.
    """
    with _told_in_one_line():
        from gateway.policy.check import check as check_policies
        from gateway.proxy.balancer import Upstreams

        settings = _settings_for(config, policies, profile)
        report = check_policies(settings.policies, settings)
        try:
            Upstreams(settings).close()
        except ConfigError as error:
            report.problems += error.problems
        print(report)
        raise typer.Exit(0 if report.ok else EXIT_FAULTY)


@app.command()
def explain(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="Such as POST.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Path and query.")],
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="'NAME: VALUE'", help="May be given several times."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model that the body names.")] = None,
    tenant: Annotated[str | None, typer.Option(help="The tenant of the caller.")] = None,
    config: ConfigFlag = None,
    policies: PoliciesFlag = None,
    profile: ProfileFlag = None,
) -> None:
    """Print which route, policy and chain would serve a request."""
    with _told_in_one_line():
        from gateway.policy.explain import explain as explain_request

        settings = _settings_for(config, policies, profile)
        headers = [_header(text) for text in header or ()]
        explanation = explain_request(
            settings, method, path, headers=headers, model=model, tenant=tenant
        )
        print(explanation)
        raise typer.Exit(0 if explanation.served else EXIT_FAULTY)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy file, with all plugins that are installed."""
    with _told_in_one_line():
        from gateway.policy.schema import render_schema

        print(render_schema(), end="")


@app.command()
def plugins() -> None:
    """List the plugins that are installed."""
    with _told_in_one_line():
        from rich import box
        from rich.console import Console
        from rich.table import Table

        from gateway.chain.registry import Registry
        from gateway.plugin.contract import HOOKS, Plugin

        registry = Registry.installed()
        table = Table("plugin", "hooks", "on_error", "what it does", box=box.SIMPLE)
        for name in registry.names():
            plugin = registry.get(name)
            hooks = [h for h in HOOKS if getattr(plugin, h) is not getattr(Plugin, h)]
            summary = (plugin.__doc__ or "").strip().partition("\n")[0]
            table.add_row(name, " ".join(hooks), plugin.on_error, summary)
        Console().print(table)


@app.command("eval")
def evaluate(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Labelled rows; .gz too.")],
    threshold: Annotated[float, typer.Option(help="The score above which a text counts.")] = 0.5,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", metavar="MEMBER", help="source, kind, role, lang or enc; repeatable."),
    ] = None,
    what: Annotated[
        str,
        typer.Option(
            help="injection; threat: each text as the value of an argument; pii: rows with spans; "
            "secrets."
        ),
    ] = "injection",
) -> None:
    """Measure detection on labelled texts: recall, false positives, time."""
    with _told_in_one_line():
        from time import perf_counter

        from gateway.scan.evaluation import GROUPS, read_rows, table
        from gateway.scan.evaluation import evaluate as evaluate_rows

        unknown = [name for name in by or () if name not in GROUPS]
        if unknown:
            hint = f"choose from {', '.join(GROUPS)}"
            raise ConfigError([Problem("--by", 0, 0, f'unknown member "{unknown[0]}"', hint)])
        rows = read_rows(file)
        if what == "threat":
            from gateway.scan.threats.evaluation import BY
            from gateway.scan.threats.evaluation import evaluate as evaluate_threats

            print(table(evaluate_threats(rows, perf_counter, by=by or BY)))
            return
        if what in {"pii", "secrets"}:
            from gateway.scan.library.evaluation import evaluate_pii, evaluate_secrets

            if what == "pii":
                print(table(evaluate_pii(file, perf_counter)))
            else:
                print(table(evaluate_secrets(rows, perf_counter, by=by or GROUPS[:2])))
            return
        if what != "injection":
            hint = "choose from injection, threat, pii, secrets"
            raise ConfigError([Problem("--what", 0, 0, f'unknown detection "{what}"', hint)])
        print(table(evaluate_rows(rows, perf_counter, threshold=threshold, by=by or GROUPS[:3])))


@app.command()
def scan(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A text; standard input without it.")
    ] = None,
    role: Annotated[
        str, typer.Option(help="Who says it: user, system, assistant, tool or document.")
    ] = "user",
    what: Annotated[
        str, typer.Option(help="injection; data: personal data and secrets; or threat.")
    ] = "injection",
    place: Annotated[
        str,
        typer.Option(help="For threat, where it stands: arguments, results, answers or prose."),
    ] = "arguments",
) -> None:
    """Print what would be found in a text, and why; exit code 1 if anything is."""
    with _told_in_one_line():
        from gateway.scan.report import describe, read_text

        if what in {"data", "threat"}:
            from gateway.scan.library.evaluation import describe_data
            from gateway.scan.threats.report import describe_threats

            text = read_text(file)
            lines = describe_data(text) if what == "data" else describe_threats(text, place)
            print("\n".join(lines) or "nothing found")
            raise typer.Exit(EXIT_FAULTY if lines else 0)
        if what != "injection":
            hint = "choose from injection, data, threat"
            raise ConfigError([Problem("--what", 0, 0, f'unknown detection "{what}"', hint)])
        report = describe(read_text(file), role)
        print(report.text)
        raise typer.Exit(EXIT_FAULTY if report.flagged else 0)


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def verify(context: typer.Context) -> None:
    """Verify receipts, chains, exports and logs offline; the same as `sealgate-verify`."""
    from gateway.receipts.command import main as verify_evidence

    raise typer.Exit(verify_evidence(context.args, "sealgate verify"))


@app.command()
def version() -> None:
    """Print the version, and whether this build is compiled or interpreted."""
    print(f"sealgate {__version__} ({KIND})")


def _add_groups() -> None:
    """Adds the commands that are in groups."""
    from gateway.cli_identity import add_to as add_identity_to
    from gateway.cli_keys import add_to as add_keys_to
    from gateway.cli_ledger import add_to as add_ledger_to

    add_identity_to(app)
    add_keys_to(app)
    add_ledger_to(app)


if sys.argv[1:2] != ["serve"]:  # a gateway that runs carries nothing of them
    _add_groups()


def main() -> None:
    """The console script."""
    app()


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """Errors that the operator can mend are printed as they are, without a traceback."""
    try:
        yield
    except SealgateError as error:
        for line in str(error).splitlines():
            print(f"sealgate: {line}", file=sys.stderr)
        raise typer.Exit(EXIT_UNUSABLE) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _settings_for(config: Path | None, policies: Path | None, profile: str | None) -> Settings:
    from gateway.configuration import load_configuration

    flags: dict[tuple[str, ...], tuple[str, Any]] = {}
    if policies is not None:
        flags["policies",] = ("--policies", policies)
    if profile is not None:
        flags["profile",] = ("--profile", profile)
    return load_configuration(file=config, flags=flags).settings


def _header(text: str) -> tuple[str, str]:
    """A header as curl takes it. Raises ConfigError."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        message, hint = "not a header", "write --header 'NAME: VALUE'"
        raise ConfigError([Problem("--header", 0, 0, message, hint)])
    return name.strip(), value.strip()


def _upstreams(given: list[str] | None) -> dict[tuple[str, ...], tuple[str, Any]]:
    """The flag's values, or the variable's where the flag is absent."""
    name = "--upstream"
    if not given:
        name = "SEALGATE_UPSTREAM"
        given = [part for part in os.environ.get(name, "").split(",") if part.strip()]
    flags: dict[tuple[str, ...], tuple[str, Any]] = {}
    for pair in given:
        upstream, equals, url = pair.strip().partition("=")
        if not (upstream and equals and url):
            hint = "write NAME=URL, such as openai=https://api.openai.com"
            raise ConfigError([Problem(name, 0, 0, "not a pair of name and URL", hint)])
        flags["upstreams", upstream, "url"] = (name, url)
    return flags


def _say_what_next(
    settings: Settings, port: int, admin_port: int, first_token: str | None = None
) -> None:
    """Lines to try, on standard error: standard output holds the log and nothing else."""
    scheme = "https" if settings.listener.tls else "http"
    base = f"{scheme}://{_reachable(settings.listener.host)}:{port}"
    admin = f"http://{_reachable(settings.admin.host)}:{admin_port}"
    insecure = " -k" if settings.listener.tls else ""
    streamed = ',"stream":true'
    chat = '{"model":"demo","messages":[{"role":"user","content":"Hello"}]%s}'
    post = f"curl{insecure} -sS {base}/demo/v1/chat/completions -H 'content-type: application/json'"
    lines = [
        f"Sealgate {__version__} serves {base} (admin {admin}). Try, without any key:",
        f"  {post} -d '{chat % ''}'",
        f"  {post} -N -d '{chat % streamed}'",
        f"  curl -sS {admin}/readyz",
        "Point a client at it:",
        f"  export OPENAI_BASE_URL={base}/v1 ANTHROPIC_BASE_URL={base}",
    ]
    if first_token is not None:
        lines += [
            "Keep the first admin token: it may do everything and is shown only now:",
            f"  {first_token}",
        ]
    print("\n".join(lines), file=sys.stderr, flush=True)


def _reachable(host: str) -> str:
    """An address that a client on this machine can use for what the listener was bound to."""
    wildcard = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound
    shown = wildcard.get(host, host)
    return f"[{shown}]" if ":" in shown else shown
