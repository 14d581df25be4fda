"""A catalogue card with what its words mean, and the words that say what a card tells."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..catalog import Ability
from .cues import Cue
from .vocabulary import Words, words_of
from .words import word_set

ASPECT_WORDS = {
    **dict.fromkeys(("type", "subtype", "kind"), "type"),
    **dict.fromkeys(("grade", "grading", "severity"), "grade"),
    "stage": "stage",
    "malignancy": "malignancy",
    "histology": "histology",
    **dict.fromkeys(("position", "location"), "position"),
    **dict.fromkeys(
        (
            *("status", "presence", "detection", "classification", "segmentation", "mask", "region", "area"),
            *("classifier", "diagnosis", "screening", "binary", "multiclass", "multi", "class"),
            *("the", "and", "of", "or", "in", "on"),
        ),
        "",
    ),
}
"""Words of a card's target that are not its subject, and the aspect they name."""

NORMAL = word_set(
    "normal healthy negative none no not non absent other background unremarkable intact clear unaffected"
)
BENIGN = frozenset(["benign"])
MALIGNANT = word_set("malignant cancer cancerous carcinoma malignancy")
GRADES = word_set(
    """
    mild moderate severe proliferative minimal early advanced low high grade stage 0 1 2 3 4 5 i ii iii iv
    """
)
"""Words of classes that are degrees of one finding."""

SAME = {
    word: same
    for same, words in {
        "partial": "partially partly parcial parcialmente partiel partielle partiellement teilweise",
        "complete": (
            "completely entirely wholly fully totally total full completa completo completamente complet "
            "completement vollstandig vollstandige komplett komplette"
        ),
        "mild": "slight leve leicht leger legere",
        "severe": "grave schwer schwere severo severa",
        "moderate": "moderado moderada",
        "proliferative": "proliferativa proliferierend",
        "bacterial": "bakteriell",
        "epidural": "extradural",
        "intraparenchymal": "intracerebral",
        "previa": "praevia",
    }.items()
    for word in words.split()
}
"""Words of degree with the same meaning."""


@dataclass(frozen=True, slots=True)
class Modality:
    """An imaging modality and the body region it shows; either may be empty (unknown)."""

    name: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a run of words stands for: one or more concepts, a modality, or a cue.

    Attributes:
        own: true for words a card brought along.
        part: true for a single word out of a card's longer name.
    """

    concepts: tuple[str, ...] = ()
    modality: Modality | None = None
    cue: Cue | None = None
    weak: bool = False
    own: bool = False
    part: bool = False


@dataclass(slots=True)
class Card:
    """An ability with what its words mean.

    Attributes:
        keys: concepts the target and synonyms stand for.
        structures: name and concept of each structure.
        classes: name and concept (empty if none) of each class.
        aspects: what a classifier tells: `presence`, `type`, `malignancy`, `grade`, `stage`, `position`, `histology`.
    """

    ability: Ability
    modality: Modality
    keys: set[str] = field(default_factory=set)
    structures: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    classes: list[tuple[str, str]] = field(default_factory=list)
    aspects: set[str] = field(default_factory=set)
    main: str = ""
    """The concept the card is named after."""
    others: tuple[str, ...] = ()
    """Names of further modalities, for a weight that was made for several."""

    @property
    def images(self) -> tuple[str, ...]:
        """Names of all modalities it was made for."""
        return (self.modality.name, *self.others)


def term_words(text: str) -> Words:
    """The words of a card's term, underscores read as spaces."""
    return words_of(text.replace("_", " "))


def core_words(words: Words) -> Words:
    """The words that name the subject; all of them if none is left."""
    return tuple(w for w in words if w not in ASPECT_WORDS) or words


def marks(card: Card) -> dict[str, str]:
    """Words that one class alone has, and that class's concept: "partial" for "partial tear", "3" for "grade 3"."""
    named = [(set(term_words(name)), key) for name, key in card.classes if key]
    target = set(term_words(card.ability.target))
    found: dict[str, str] = {}
    for words, key in named:
        others: set[str] = set().union(*(w for w, k in named if k != key))
        found.update(dict.fromkeys(words - others - target - set(ASPECT_WORDS), key))
    return found
