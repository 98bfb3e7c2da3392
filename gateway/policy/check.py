"""What `sealgate check` does: everything that a reload would check, without a running gateway.

Nothing is started and no secret is read, so that it runs in a build: a secret's reference is
checked for its form, and files that a plugin opens when it starts are not looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.chain.registry import Registry
from gateway.errors import ConfigError, Problem
from gateway.plugin.secret import check_secret
from gateway.policy.lifecycle import Compiler, profiles_of
from gateway.policy.loader import Bundle, digest_of, load_bundle, read_documents
from gateway.policy.models import Mode
from gateway.policy.order import in_order, match_path, unreachable
from gateway.policy.parser import WrittenPolicy
from gateway.settings import Settings
from gateway.yaml_source import Document


@dataclass
class Report:
    """What was found. `policies` and `digest` are of what was checked, if it can be used."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    policies: int = 0
    digest: str = ""

    @property
    def ok(self) -> bool:
        """Whether a gateway would take these policies."""
        return not self.problems

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems]
        lines += [str(warning) for warning in self.warnings]
        if self.ok:
            noun = "policy" if self.policies == 1 else "policies"
            lines.append(f"ok: {self.policies} {noun}, digest {self.digest}")
        else:
            noun = "problem" if len(self.problems) == 1 else "problems"
            lines.append(f"{len(self.problems)} {noun}")
        return "\n".join(lines)


def check(path: Path | None, settings: Settings, registry: Registry | None = None) -> Report:
    """Checks the policies at `path` for a gateway with `settings`.

    With a profile in the settings that profile is checked, else every profile and none.
    """
    report = Report()
    try:
        bundle = load_bundle(path)
        documents = read_documents(bundle)
    except ConfigError as error:
        report.problems = error.problems
        return report
    report.digest = digest_of(documents)
    checked: dict[str, WrittenPolicy] = {}
    for profile in _profiles(documents, settings):
        policies = _check_profile(report, bundle, _with_profile(settings, profile), registry)
        checked |= {policy.document.file: policy for policy in policies}
    report.policies = len(checked)
    return report


def _with_profile(settings: Settings, profile: str | None) -> Settings:
    return settings.model_copy(update={"profile": profile})


def _profiles(documents: Sequence[Document], settings: Settings) -> list[str | None]:
    if settings.profile is not None:
        return [settings.profile]
    named: list[str | None] = [*profiles_of(documents)]
    plain = any(not isinstance(d.data, dict) or not d.data.get("profile") for d in documents)
    return [None, *named] if plain else named


def _check_profile(
    report: Report, bundle: Bundle, settings: Settings, registry: Registry | None
) -> Sequence[WrittenPolicy]:
    """Adds what is found under one profile to `report`, each thing once."""
    try:
        compiler = Compiler(settings, registry=registry, resolver=check_secret)
        policies = compiler.compile(bundle, version=0).policies
    except ConfigError as error:
        report.problems += [p for p in error.problems if p not in report.problems]
        return ()
    for warning in _warnings(policies):
        if warning not in report.warnings:
            report.warnings.append(warning)
    return policies


def _warnings(policies: Sequence[WrittenPolicy]) -> list[Problem]:
    ordered = in_order(policy for policy in policies if policy.file.mode is not Mode.OFF)
    return [
        policy.document.problem(
            match_path(policy),
            f'warning: no request can reach "{policy.file.name}": '
            f'"{earlier.file.name}" takes them all ({earlier.document.file})',
            "narrow the match of the other, or give this one a name that sorts before it",
            key=True,
        )
        for policy, earlier in unreachable(ordered)
    ]
