"""Golden files: policies, a line of dashes, and what becomes of them.

The part above the line is one policy file, or several that each begin with `# file: NAME`. A first
line `# profile: NAME` chooses the profile. Below the line stands the compiled chain, or the exact
error. `python -m tests.golden.golden` writes the lower parts again: read every change by eye.
"""

from __future__ import annotations

from pathlib import Path

from gateway.chain.registry import Registry
from gateway.errors import ConfigError
from gateway.policy.condition import text_of
from gateway.policy.describe import describe_chain
from gateway.policy.lifecycle import Compiled, Compiler
from gateway.policy.loader import Bundle, Source
from gateway.policy.models import Mode
from gateway.policy.order import in_order
from gateway.policy.snapshot import Binding
from gateway.settings import Settings
from tests.policy_plugins import Critic, Keeper, Painter, Passport, Probe

FOLDER = Path(__file__).parent
SEPARATOR = "----------\n"
BUILT_IN = ("ip_allowlist", "rbac", "request_limits", "security_headers")


def golden_files() -> list[Path]:
    return sorted([*FOLDER.glob("good/*.txt"), *FOLDER.glob("broken/*.txt")])


def split(path: Path) -> tuple[str, str]:
    """The input and the expected output of one golden file."""
    text, _, expected = path.read_text(encoding="utf-8").partition(SEPARATOR)
    return text, expected


def adapt(text: str) -> str:
    """What becomes of the policies in `text`."""
    profile = None
    if text.startswith("# profile: "):
        line, _, text = text.partition("\n")
        profile = line.removeprefix("# profile: ")
    try:
        compiler = Compiler(Settings(profile=profile), registry=_registry())
        compiled = compiler.compile(_bundle(text), version=1)
    except ConfigError as error:
        return f"{error}\n"
    return _described(compiled)


def _registry() -> Registry:
    installed = Registry.installed()
    own = {plugin.name: plugin for plugin in (Probe, Painter, Critic, Keeper, Passport)}
    return Registry({**own, **{name: installed.get(name) for name in BUILT_IN}})


def _bundle(text: str) -> Bundle:
    if not text.startswith("# file: "):
        return Bundle("policies", (Source("policy.yaml", text),))
    files = []
    for part in text.split("# file: ")[1:]:
        name, _, content = part.partition("\n")
        files.append(Source(name, content))
    return Bundle("policies", tuple(files))


def _described(compiled: Compiled) -> str:
    lines = []
    bindings: dict[str, Binding] = {}
    head: Binding | None = None
    for entry in compiled.snapshot.entries():
        head = head or entry.head
        for candidate in entry.candidates:
            bindings.setdefault(candidate.binding.policy_name, candidate.binding)
    if head is not None:
        lines.append("before the policy is chosen by tenant")
        lines += [f"  {line}" for line in describe_chain(head.chain)]
    for policy in in_order(compiled.policies):
        asks = text_of(policy.file.match) or "every request"
        lines.append(f"policy {policy.file.name}, {policy.file.mode.value}, for {asks}")
        binding = bindings.get(policy.file.name)
        if binding is not None:
            lines += [f"  {line}" for line in describe_chain(binding.chain)]
        elif policy.file.mode is not Mode.OFF:
            lines.append("  no request reaches it")
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    for path in golden_files():
        text, _ = split(path)
        path.write_text(text + SEPARATOR + adapt(text), encoding="utf-8")


if __name__ == "__main__":
    main()
