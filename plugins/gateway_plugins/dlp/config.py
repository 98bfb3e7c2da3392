"""What a policy writes below `dlp`."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from gateway.plugin import VALUES_MAX, Direction, OnUninspectable, PluginConfig, Secret
from gateway.scan.library.classes import CLASSES, GROUPS
from gateway_plugins.dlp.vault_config import TokenizeConfig

Action: TypeAlias = Literal["mask", "redact", "hash", "tokenize", "block", "flag", "allow"]

WORDS_MAX: Final = 2_000
WORD_CHARACTERS_MAX: Final = 200
DICTIONARY_CHARACTERS_MAX: Final = 40_000
CANARY_CHARACTERS_MIN: Final = 8
CANARY: Final = "canary"
Role: TypeAlias = Literal["user", "assistant", "system", "tool", "unknown"]
Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


def _not_built_in(name: str) -> str:
    if name in CLASSES or name in GROUPS or name == CANARY:
        raise ValueError(f'"{name}" is a class of its own already; choose another name')
    return name


NewName: TypeAlias = Annotated[Name, AfterValidator(_not_built_in)]


def is_reference(text: str) -> bool:
    """Whether it names a secret: a check of policies does not read it."""
    return text.startswith(("${", "file:"))


class RuleConfig(PluginConfig):
    """An exception: what is done with some findings."""

    classes: tuple[str, ...] = Field((), description="Classes and groups; empty: all.")
    directions: tuple[Direction, ...] = Field((), description="Empty: both.")
    roles: tuple[Role, ...] = Field((), description="Who says it; empty: everybody.")
    kinds: tuple[str, ...] = Field(
        (), description="What it is, such as `tool_call_arguments`; empty: everything."
    )
    action: Action = Field(description="What is done; `allow` is nothing at all.")


class CustomConfig(PluginConfig):
    """A pattern of the policy's own."""

    name: NewName = Field(description="The name of the new class.")
    pattern: str = Field(
        min_length=1,
        max_length=2_000,
        description="RE2's syntax; no anchors, look-around or back-references.",
    )
    near: str = Field(
        "", max_length=500, description="What must match in the 48 characters before."
    )
    whole_words: bool = Field(True, description="No letter, digit or `_` before and after.")


class DictionaryConfig(PluginConfig):
    """Words of the policy's own: names of projects, customers, products."""

    name: NewName = Field(description="The name of the new class.")
    words: tuple[Annotated[str, Field(min_length=2, max_length=WORD_CHARACTERS_MAX)], ...] = Field(
        min_length=1, max_length=WORDS_MAX, description="At most 40000 characters together."
    )
    ignore_case: bool = Field(True, description="Whether capitals make no difference.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if sum(map(len, self.words)) > DICTIONARY_CHARACTERS_MAX:
            raise ValueError(f"the words have more than {DICTIONARY_CHARACTERS_MAX} characters")
        return self


class DlpConfig(PluginConfig):
    """What is looked for, and what is done with it."""

    classes: tuple[str, ...] = Field(
        ("pii", "financial", "secrets"), description="Classes and groups that are looked for."
    )
    action: Action = Field("mask", description="What is done where no rule says otherwise.")
    rules: tuple[RuleConfig, ...] = Field(
        (), description="Exceptions; the first that fits a finding decides."
    )
    directions: tuple[Direction, ...] = Field(
        ("request", "response"), min_length=1, description="Where to look."
    )
    custom: tuple[CustomConfig, ...] = Field((), description="Patterns of your own.")
    dictionaries: tuple[DictionaryConfig, ...] = Field((), description="Words of your own.")
    canaries: tuple[Secret, ...] = Field(
        (),
        description="Texts that must never come back, planted in prompts or data; "
        "class `canary`, looked for in answers.",
    )
    ignore: tuple[str, ...] = Field(
        (), description="Values that are nobody's, such as an address of your support."
    )
    values_max: int = Field(
        VALUES_MAX,
        ge=1,
        le=1_000_000,
        description="Values of one text that are treated one by one; what stands behind the last "
        "of them is redacted as a whole.",
    )
    hash_key: Secret | None = Field(
        None, description="For `hash`: 16 characters or more; equal values give equal hashes."
    )
    tokenize: TokenizeConfig = Field(
        default_factory=TokenizeConfig, description="For `tokenize`; the table below."
    )
    restore: bool = Field(
        True, description="Whether answers have the values again that were tokenised."
    )
    on_uninspectable: OnUninspectable = Field(
        default_factory=dict,
        description="What happens to what cannot be read: one action, or one for each gap.",
    )

    @model_validator(mode="after")
    def _known_classes(self) -> Self:
        own = {CANARY, *(each.name for each in self.custom)}
        own |= {each.name for each in self.dictionaries}
        known = {*CLASSES, *GROUPS, *own}
        named = [*self.classes, *(name for rule in self.rules for name in rule.classes)]
        unknown = [name for name in named if name not in known]
        if unknown:
            raise ValueError(
                f'there is no class "{unknown[0]}"; choose from {", ".join(sorted(known))}'
            )
        if len(own) <= len(self.custom) + len(self.dictionaries):
            raise ValueError("two classes of your own have one name")
        return self

    @model_validator(mode="after")
    def _tokenizes_requests(self) -> Self:
        for number, rule in enumerate(self.rules):
            if rule.action == "tokenize" and rule.directions == ("response",):
                raise ValueError(
                    f"rules[{number}]: `tokenize` is for requests: in an answer nobody could put "
                    "the value back; write `mask` or `redact`"
                )
        return self

    @property
    def tokenizes(self) -> bool:
        """Whether anything could be tokenised."""
        return "tokenize" in {self.action, *(rule.action for rule in self.rules)}

    @model_validator(mode="after")
    def _hash_has_a_key(self) -> Self:
        hashed = "hash" in {self.action, *(rule.action for rule in self.rules)}
        key = self.hash_key.get_secret_value() if self.hash_key is not None else ""
        if hashed and len(key) < 16 and not is_reference(key):  # noqa: PLR2004  # said below
            raise ValueError("`hash` needs a `hash_key` of 16 characters or more")
        return self
