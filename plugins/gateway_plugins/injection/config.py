"""What a policy writes below `injection`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from gateway.plugin import OnUninspectable, PluginConfig

Action: TypeAlias = Literal["block", "flag", "annotate", "off"]
DataAction: TypeAlias = Literal["block", "flag", "annotate", "tag_untrusted", "off"]
Score = Annotated[float, Field(gt=0, lt=1)]


class Thresholds(PluginConfig):
    """The scores above which a text counts as an attack."""

    user: Score = Field(0.5, description="For what users, operators and the model write.")
    tool: Score = Field(0.5, description="For what tools and documents bring in.")


class Actions(PluginConfig):
    """What happens to a text above its threshold, by the part of the exchange it belongs to."""

    user: Action = Field("block", description="What the user writes.")
    tool_result: DataAction = Field("block", description="What a tool gave back.")
    document: DataAction = Field("block", description="Documents that are handed to the model.")
    system: Action = Field("flag", description="System prompts, judged more mildly.")
    tool_description: Action = Field(
        "flag", description="What tools say of themselves, judged more mildly."
    )
    assistant: Action = Field("flag", description="Earlier answers of the model in a request.")
    tool_call: Action = Field("flag", description="Earlier calls of tools in a request.")
    other: DataAction = Field(
        "flag", description="File names, texts that the dialect does not name, and raw bodies."
    )
    answer: Action = Field("flag", description="What the model answers.")
    answer_reasoning: Action = Field("off", description="What the model thinks aloud.")
    answer_tool_call: Action = Field("flag", description="The calls of tools that it answers with.")


def _folder(path: Path) -> Path:
    for name in ("model.onnx", "tokenizer.json"):
        if not (path / name).is_file():
            raise ValueError(
                f'"{path}" holds no {name}; give a folder with model.onnx and tokenizer.json'
            )
    return path


class SecondStage(PluginConfig):
    """A larger model of your own, asked about texts that the first one is unsure of."""

    model: Annotated[Path, AfterValidator(_folder)] = Field(
        description="A folder with `model.onnx` and `tokenizer.json`."
    )
    above: Score = Field(0.2, description="Texts with a lower score are not asked about.")
    below: Score = Field(0.95, description="Nor are texts with a higher one.")
    attack_index: int = Field(
        1, ge=0, description="Which of the outputs of the model stands for an attack."
    )
    threshold: Score = Field(0.5, description="The probability above which it says attack.")
    deadline_ms: int = Field(
        500, ge=1, le=60_000, description="For all texts of one message together."
    )
    on_failure: Literal["block", "first_stage"] = Field(
        "block",
        description="Late or broken: treat the text as an attack, or go by the first score.",
    )
    tokens_max: int = Field(512, ge=8, le=8192, description="Tokens that it reads at once.")
    windows_max: int = Field(8, ge=1, le=64, description="So many pieces of a text are read.")

    @model_validator(mode="after")
    def _is_a_band(self) -> Self:
        if self.above >= self.below:
            raise ValueError("`above` must be less than `below`: no text lies between them")
        return self


class InjectionConfig(PluginConfig):
    """Nothing need be given."""

    thresholds: Thresholds = Field(
        default_factory=Thresholds,
        description="[Scores](#thresholds) from 0 to 1; lower ones catch more.",
    )
    actions: Actions = Field(
        default_factory=Actions,
        description="What happens above the threshold, [by part](#actions).",
    )
    history: Literal["new", "known", "all"] = Field(
        "known",
        description="What becomes of earlier messages that a request [repeats](#history).",
    )
    second_stage: SecondStage | None = Field(
        None, description="A larger [model of your own](#second-stage)."
    )
    on_uninspectable: OnUninspectable = Field(
        default_factory=dict,
        description="What happens to [what cannot be read](../concepts/text.md#coverage).",
    )

    @model_validator(mode="after")
    def _judges_something(self) -> Self:
        if all(action == "off" for _, action in self.actions):
            raise ValueError("every action is off, so nothing would be judged; leave one on")
        return self
