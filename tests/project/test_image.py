"""The container files, checked without a container engine: form, paths, and the build steps run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
import yaml

from gateway.configuration import load_configuration
from tests.project.tree import ROOT


class Step(NamedTuple):
    """One instruction of a Dockerfile: its word and all of its text, continuation lines joined."""

    word: str
    text: str


def stages() -> list[list[Step]]:
    """The instructions of each stage, the FROM line first; what stands above is dropped."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    found: list[list[Step]] = []
    for line in filter(None, joined.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append(Step(word, rest.strip()))
    return found


def texts(stage: list[Step], word: str) -> list[str]:
    return [step.text for step in stage if step.word == word]


def copied(stage: list[Step]) -> list[tuple[list[str], str]]:
    """Sources and destination of each COPY from the build context."""
    rows = [text.split() for text in texts(stage, "COPY") if not text.startswith("--from")]
    return [(row[:-1], row[-1]) for row in rows]


def images() -> list[str]:
    argument = re.search(
        r"^ARG PYTHON_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert argument
    services = compose()["services"].values()
    return [argument[1], *(service["image"] for service in services if "build" not in service)]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_image_is_what_was_built_and_nothing_else() -> None:
    """The second stage takes the installed environment only: no pip, no sources, no compiler."""
    build, final = stages()

    assert texts(final, "COPY") == ["--from=build /opt/sealgate /opt/sealgate"]
    assert all("pip" not in text for text in texts(final, "RUN"))
    pip = [text for text in texts(build, "RUN") if "pip" in text]
    assert all("--require-hashes" in text or "--no-index" in text for text in pip)


def test_it_runs_as_nobody_and_says_when_it_is_healthy() -> None:
    final = stages()[1]
    words = [step.word for step in final]

    assert texts(final, "USER") == ["10001:10001"]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "/healthz" in texts(final, "HEALTHCHECK")[0]
    assert texts(final, "ENTRYPOINT") == ['["sealgate"]']


def test_no_image_floats() -> None:
    """`latest` is a different image every day."""
    tags = [image.rpartition(":")[2] for image in images()]

    assert [tag for tag in tags if "latest" in tag or not re.search(r"\d+\.\d+", tag)] == []


def test_every_copied_path_exists_and_reaches_the_engine() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [source for names, _ in copied(stages()[0]) for source in names]

    assert [name for name in sources if not (ROOT / name).exists()] == []
    assert {f"!{name}" for name in sources} == {line for line in ignore if line.startswith("!")}


def test_no_secret_is_baked_in() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8") + (ROOT / "compose.yaml").read_text()

    assert re.findall(r"(?i)(api_?key|secret|token|password)\s*[=:]", text) == []


def test_the_health_check_is_a_program_that_compiles() -> None:
    command = orjson.loads(texts(stages()[1], "HEALTHCHECK")[0].partition("CMD ")[2])

    assert command[:2] == ["python", "-c"]
    assert compile(command[2], "HEALTHCHECK", "exec")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """The build folder as the COPY steps leave it."""
    source = tmp_path / "src"
    source.mkdir()
    for names, destination in copied(stages()[0]):
        for name in names:
            target = source / name if destination == "./" else source / destination
            if destination.endswith("/"):
                target = source / destination / Path(name).name
                target.parent.mkdir(exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target)
            else:
                shutil.copy(ROOT / name, target)
    return source


def test_the_last_build_step_runs_on_what_was_copied(context: Path, tmp_path: Path) -> None:
    """The very text of the step, with this environment's tools in place of /opt/build.

    Only the compiling is left out: it takes a minute, and .ci/test runs it for the other tests.
    """
    target = tmp_path / "sealgate"
    venv.create(target, with_pip=False, symlinks=True)
    step = texts(stages()[0], "RUN")[-1]
    for image_path, here in {
        "HATCH_BUILD_HOOK_ENABLE_CUSTOM=true ": "",
        "/opt/build/bin/": f"{Path(sys.executable).parent}/",
        "/opt/sealgate": str(target),
        "/wheel": str(tmp_path / "wheel"),
    }.items():
        step = step.replace(image_path, here)
    subprocess.run(["bash", "-ec", step], cwd=context, check=True, capture_output=True)

    assert (target / "bin" / "sealgate").exists()


def manifests() -> list[dict[str, Any]]:
    """The Kubernetes objects of the sidecar guide."""
    guide = (ROOT / "docs" / "how-to" / "sidecar.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", guide, flags=re.DOTALL)
    return list(yaml.safe_load_all(block))


def environments() -> list[dict[str, str]]:
    """What the image, the compose file and the sidecar set for the gateway."""
    image = dict(re.findall(r"(SEALGATE_\w+)=(\S+)", " ".join(texts(stages()[1], "ENV"))))
    sidecar = manifests()[1]["spec"]["initContainers"][0]["env"]
    return [
        image,
        compose()["services"]["gateway"]["environment"],
        {entry["name"]: entry["value"] for entry in sidecar},
    ]


@pytest.mark.parametrize("environment", environments(), ids=["image", "compose", "sidecar"])
def test_the_settings_that_are_set_are_understood(environment: dict[str, str]) -> None:
    assert load_configuration(environment=environment).without_effect == {}


def test_the_sidecars_policy_is_accepted(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(manifests()[0]["data"]["policy.yaml"])
    checked = subprocess.run(
        [Path(sys.executable).parent / "sealgate", "check", policy],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_compose_mounts_what_exists_and_hides_the_gateway_behind_the_edge() -> None:
    gateway, edge = compose()["services"]["gateway"], compose()["services"]["edge"]
    mounted = [v.split(":")[0] for s in (gateway, edge) for v in s["volumes"]]
    made_by_the_reader = {"./envoy-example/edge/tls"}

    assert [p for p in set(mounted) - made_by_the_reader if not (ROOT / p).exists()] == []
    assert gateway["read_only"]
    assert edge["read_only"]
    assert gateway["ports"] == ["8443:8443"]
    assert edge["network_mode"] == "service:gateway"
