"""A larger model that the operator brings, asked where the first one is unsure.

Its answers come from a thread of its own and have a deadline. What it did not answer in time is an
attack or not as the policy says, and recorded as such in any case: it is never just allowed.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import numpy as np

from gateway.plugin import Runtime
from gateway.scan.injection import judge
from gateway_plugins.injection.config import SecondStage
from gateway_plugins.injection.gathering import Text
from gateway_plugins.injection.memory import Found

ASKED, FAILED = "asked", "failed"
_CHARS_PER_TOKEN = 4
_INSTALL = 'install the second stage\'s libraries: pip install "sealgate[onnx]"'


class SecondModel:
    """An ONNX classifier and its tokenizer."""

    def __init__(self, config: SecondStage, runtime: Runtime) -> None:
        self._config = config
        self._runtime = runtime
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="second stage")
        try:
            self._tokenizer, self._session = _opened(config)
            self._inputs = [given.name for given in self._session.get_inputs()]
            self._probability("x", Event())  # a model that cannot be asked is no model
        except ImportError as error:
            raise ValueError(f"{error.name} is not installed; {_INSTALL}") from None
        except Exception as error:  # noqa: BLE001  # whatever a foreign file makes a library raise
            raise ValueError(
                f'"{config.model}" cannot be used ({type(error).__name__}: {error}); give a '
                "sequence classifier in ONNX, its tokenizer, and an attack_index that it has"
            ) from None

    def close(self) -> None:
        """Ends the thread; what it is at is thrown away."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def wants(self, text: Text) -> bool:
        """Whether the first stage is unsure of this text."""
        found = text.found
        return (
            found is not None
            and not found.second
            and self._config.above <= found.score <= self._config.below
        )

    async def judge(self, texts: list[Text]) -> None:
        """Asks about those of `texts` that are wanted; all of them have one deadline together."""
        unsure = [text for text in texts if self.wants(text)]
        if not unsure:
            return
        late = Event()
        answer = asyncio.get_running_loop().run_in_executor(
            self._threads, self._probabilities, unsure, late
        )
        try:
            found = await asyncio.wait_for(answer, self._config.deadline_ms / 1000)
        except Exception:  # noqa: BLE001  # late, or whatever a foreign model raises
            self._runtime.count("injection", "second_stage_failed")
            for text in unsure:
                text.found = self._unanswered(text)
        else:
            for text, probability in zip(unsure, found, strict=True):
                is_attack = probability > self._config.threshold
                told = text.found.told if text.found is not None else {}
                text.found = Found(probability, is_attack, ASKED, told)
        finally:
            late.set()

    def _unanswered(self, text: Text) -> Found:
        first = text.found
        if first is None:
            return Found(1.0, is_attack=True, second=FAILED)
        is_attack = first.is_attack or self._config.on_failure == "block"
        return Found(first.score, is_attack, FAILED, first.told)

    def _probabilities(self, texts: list[Text], late: Event) -> list[float]:
        return [self._probability(self._shortened(text), late) for text in texts]

    def _shortened(self, text: Text) -> str:
        """So much of a long text as is read, around what the first stage found strongest."""
        said = text.span.text
        room = self._config.tokens_max * self._config.windows_max * _CHARS_PER_TOKEN
        if len(said) <= room:
            return said
        judgement = judge(said, text.part.role, 1)
        heaviest = judgement.start + sum(part.start for part in judgement.parts)
        start = max(0, min(heaviest - room // 2, len(said) - room))
        return said[start : start + room]

    def _probability(self, text: str, late: Event) -> float:
        """The highest probability of all pieces of a text."""
        encoded = self._tokenizer.encode(text)
        highest = 0.0
        for piece in [encoded, *encoded.overflowing][: self._config.windows_max]:
            if late.is_set():
                break
            outputs = self._session.run(None, self._feeds(piece))
            highest = max(highest, self._share(np.asarray(outputs[0], dtype=np.float64)))
        return highest

    def _feeds(self, piece: Any) -> dict[str, Any]:
        known = {
            "input_ids": piece.ids,
            "attention_mask": piece.attention_mask,
            "token_type_ids": piece.type_ids,
        }
        return {name: np.array([known[name]], dtype=np.int64) for name in self._inputs}

    def _share(self, logits: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        flat = logits.reshape(-1)
        powers = np.exp(flat - flat.max())
        return float(powers[self._config.attack_index] / powers.sum())


def _opened(config: SecondStage) -> tuple[Any, Any]:
    import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415  # 60 MB, where used
    import tokenizers  # noqa: PLC0415  # of the extra, only where a policy brings a model

    tokenizer = tokenizers.Tokenizer.from_file(str(config.model / "tokenizer.json"))
    tokenizer.enable_truncation(config.tokens_max, stride=config.tokens_max // 8)
    tokenizer.no_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(config.model / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return tokenizer, session
