"""What a prompt asks for before any weight is looked up, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from .actions import Ask
from .items import Item
from .lexicon import Modality


@dataclass(slots=True)
class Leftover:
    """Words that did not become an ask, and the kind of reason: `action`, `address`, `unknown`."""

    start: int
    end: int
    kind: str


@dataclass(slots=True)
class Interpretation:
    """Everything a prompt asks for, before any weight is looked up.

    Attributes:
        asks: in order; excluded ones have `negated` set.
        leftovers: what no weight does.
        vague: asked for something without saying what.
        refused: the prompt only says what not to do.
        foreign_topic: words that have nothing to do with images.
        modality: the only image description in the prompt, if there is just one.
        items: the prompt's units, as it was read.
        contexts: image descriptions in sentences that ask for nothing ("Here is a chest CT.").
    """

    asks: list[Ask] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    vague: bool = False
    refused: bool = False
    foreign_topic: bool = False
    modalities: list[Modality] = field(default_factory=list)
    contexts: list[Modality] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
