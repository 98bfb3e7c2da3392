"""A model of the operator's own: asked in the band, in time or not at all, and always recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import tokenizers
from onnx import TensorProto, helper, numpy_helper

from gateway.plugin import Outcome, Reject, Runtime
from gateway.plugin.testing import Played, make_exchange, play
from gateway_plugins.injection import Injection, second_stage
from tests.injection_texts import ATTACK, HARMLESS, QUESTION, chat, user

VOCABULARY = {"[UNK]": 0, "intact": 1, "ignore": 2}
BAD_WORD = VOCABULARY["intact"]


def write_model(folder: Path) -> None:
    """A model that says attack where the word `intact` stands: it counts that token."""
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, None])
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, [1, None])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])
    constants = {
        "word": np.array([BAD_WORD], dtype=np.int64),
        "axes": np.array([1], dtype=np.int64),
        "weights": np.array([[0.0, 8.0]], dtype=np.float32),
        "bias": np.array([0.0, -4.0], dtype=np.float32),
    }
    nodes = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["seen"]),
        helper.make_node("Equal", ["seen", "word"], ["is_bad"]),
        helper.make_node("Cast", ["is_bad"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["numbers", "axes"], ["count"], keepdims=1),
        helper.make_node("MatMul", ["count", "weights"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [ids, mask],
        [logits],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(folder / "model.onnx"))
    words = tokenizers.models.WordLevel(VOCABULARY, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(words)
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    write_model(made)
    onnxruntime.InferenceSession(str(made / "model.onnx"))
    return made


def config(folder: Path, **more: Any) -> dict[str, Any]:
    stage = {"model": str(folder), "above": 0.0001, "below": 0.9999, "deadline_ms": 20_000, **more}
    return {"second_stage": stage}


async def judged(made: dict[str, Any], *texts: str, runtime: Runtime | None = None) -> list[Played]:
    """As a gateway does it: the model is opened outside of the event loop."""
    use = await asyncio.to_thread(
        lambda: Injection(Injection.Config.model_validate(made), runtime or Runtime())
    )
    try:
        return [await play(use, make_exchange(body=chat(user(text)))) for text in texts]
    finally:
        await use.stop()


def labels(played: Played) -> dict[str, str]:
    return next((v.labels for v in played.verdicts if v.labels), {})


async def test_what_the_first_stage_is_unsure_of_is_asked(folder: Path) -> None:
    """The tiny model finds the word `intact` harmful, which the first one does not."""
    harmless, question = await judged(config(folder), HARMLESS, QUESTION)

    assert isinstance(harmless.answer, Reject)
    assert labels(harmless)["second_stage"] == "asked"
    assert question.answer is None


@pytest.mark.parametrize(("band", "refused"), [((0.9, 0.95), False), ((0.0001, 0.9), True)])
async def test_outside_of_the_band_nobody_is_asked(
    folder: Path, band: tuple[float, float], *, refused: bool
) -> None:
    above, below = band
    (played,) = await judged(config(folder, above=above, below=below), HARMLESS)

    assert isinstance(played.answer, Reject) == refused


async def test_it_may_acquit(folder: Path) -> None:
    text = f"{QUESTION} {ATTACK}"
    alone, both = await judged({}, text), await judged(config(folder, below=0.999999), text)

    assert isinstance(alone[0].answer, Reject)
    assert both[0].answer is None


@pytest.mark.parametrize(("on_failure", "refused"), [("block", True), ("first_stage", False)])
@pytest.mark.parametrize("fault", ["late", "broken"])
async def test_no_answer_is_never_just_allowed(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    on_failure: str,
    refused: bool,
    fault: str,
) -> None:
    counted: list[tuple[str, str]] = []
    going_on = Event()

    def probabilities(*_: Any) -> list[float]:
        if fault == "broken":
            raise RuntimeError("no such operator")
        going_on.wait(20)
        return [0.0]

    made = config(folder, on_failure=on_failure, deadline_ms=1 if fault == "late" else 20_000)
    monkeypatch.setattr(second_stage.SecondModel, "_probabilities", probabilities)
    runtime = Runtime(count=lambda plugin, event: counted.append((plugin, event)))
    try:
        (played,) = await judged(made, HARMLESS, runtime=runtime)
    finally:
        going_on.set()

    assert isinstance(played.answer, Reject) == refused
    assert counted == [("injection", "second_stage_failed")]
    verdict = next(v for v in played.verdicts if v.hook == "on_request")
    if refused:
        assert verdict.labels["second_stage"] == "failed"
    else:
        assert (verdict.outcome, verdict.reason) == (Outcome.FLAG, "second_stage_failed")


async def test_what_was_not_answered_is_asked_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def broken(*_: Any) -> list[float]:
        asked.append(1)
        raise RuntimeError("broken")

    made = config(folder, on_failure="first_stage")
    monkeypatch.setattr(second_stage.SecondModel, "_probabilities", broken)
    await judged(made, HARMLESS, HARMLESS)

    assert len(asked) == 2


async def test_an_answer_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    probabilities = second_stage.SecondModel._probabilities

    def counted(*given: Any) -> list[float]:
        asked.append(1)
        return probabilities(*given)

    monkeypatch.setattr(second_stage.SecondModel, "_probabilities", counted)
    await judged(config(folder), HARMLESS, HARMLESS)

    assert len(asked) == 1


async def test_long_texts_are_read_around_their_strongest_passage(folder: Path) -> None:
    """What is beyond the windows is not read: so it is the right part that must be."""
    filler = "The museum opens at ten. " * 400
    text = f"{filler}{ATTACK} intact {filler}"
    made = config(folder, tokens_max=64, windows_max=2, below=0.999999)
    (played,) = await judged({**made, "thresholds": {"user": 0.9999}}, text)

    assert labels(played)["second_stage"] == "asked"


def test_a_model_that_cannot_be_opened_refuses_the_policy(tmp_path: Path) -> None:
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")
    made = Injection.Config.model_validate({"second_stage": {"model": str(tmp_path)}})

    with pytest.raises(ValueError, match="cannot be used"):
        Injection(made, Runtime())


def test_an_output_that_the_model_does_not_have_refuses_the_policy(folder: Path) -> None:
    made = Injection.Config.model_validate(config(folder, attack_index=2))

    with pytest.raises(ValueError, match="attack_index"):
        Injection(made, Runtime())


def test_missing_libraries_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    made = Injection.Config.model_validate({"second_stage": {"model": str(folder)}})

    with pytest.raises(ValueError, match=r"sealgate\[onnx\]"):
        Injection(made, Runtime())
