"""The scorer as this plugin uses it. Loaded with the first policy that has the plugin, not before.

The model and its tables take some 20 MB and an eighth of a second, which a gateway without this
plugin need not pay.
"""

from __future__ import annotations

from gateway.scan.classifier import load
from gateway.scan.incremental import StreamScore
from gateway.scan.injection import judge, score
from gateway.scan.signatures import signatures
from gateway_plugins.injection.memory import NOTHING, Found
from gateway_plugins.injection.parts import Part

_WEIGHTS_SHOWN = 5

__all__ = ["StreamScore", "first_score", "reasons", "warm"]


def warm() -> None:
    """Reads the model and builds its tables, so that no request waits for it."""
    load()
    StreamScore("user").add("x " * 512)
    score("\u00e4", "user")
    signatures()


def first_score(text: str, part: Part) -> Found:
    """What the model in this gateway finds in a text."""
    found = score(text, part.role)
    is_attack = found > part.threshold
    return Found(found, is_attack, "", reasons(text, part) if is_attack else NOTHING)


def reasons(text: str, part: Part) -> dict[str, str]:
    """Why a text counts as an attack: `place` is in characters of the text, `weights` from there.

    A weight is written `12+9:2.1`: nine characters, twelve behind the beginning of the place, in a
    text that was normalised and, where `encoding` says so, decoded.
    """
    judgement = judge(text, part.role, _WEIGHTS_SHOWN)
    told = {"place": f"{judgement.start}-{judgement.stop}"}
    if judgement.encoding:
        told["encoding"] = judgement.encoding
    if judgement.phrases:
        told["phrases"] = ",".join(judgement.phrases)
    weights = [
        f"{one.start}+{len(one.text)}:{one.weight:.1f}" for one in judgement.parts if one.weight > 0
    ]
    if weights:
        told["weights"] = ",".join(weights)
    return told
