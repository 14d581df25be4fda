"""Cards for descriptions: "the drain in the ventricle" for a catheter weight, by the similarity of sentence embeddings.

A description is never trusted: whatever it hits is proposed with a doubt, so that it is shown before it runs. A term
that the vocabulary knows is no description; "right atrium" is refused by name, however near "left atrium" may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import MissingPackage, WeightCorrupt
from ..plan import Intent
from .lexicon import Card, Lexicon, Modality

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LEAST_SIMILARITY = 0.5
"""Cosine of all-MiniLM-L6-v2 below which a description hits no card; chosen on validation prompts."""

LEAST_MARGIN = 0.08
"""Least distance to the next card of another target."""


class Hit(NamedTuple):
    """The concept of a card or of one of its structures, and how near the description is to its name (-1 to 1)."""

    concept: str
    name: str
    similarity: float


def described(words: str, intent: Intent | None, modality: Modality | None, lexicon: Lexicon) -> Hit | None:
    """What a description means among the cards of an intent and modality, or None if nothing is near enough.

    Args:
        words: a noun phrase, in the language of the cards.
        intent: None for any.
        modality: of the images, if the request says so.
    """
    names = _names(tuple(lexicon.cards))
    if not names.cards:
        return None
    try:
        vector = _encoder().encode([words])[0]
    except (MissingPackage, WeightCorrupt, ImportError):
        return None
    scores = names.vectors() @ vector
    order = scores.argsort()[::-1]
    best: tuple[Card, str, str, float] | None = None
    for index in order:
        card, concept, name = names.cards[index], names.concepts[index], names.names[index]
        score = float(scores[index])
        if best is not None and concept != best[1] and card is not best[0] and card.main != best[0].main:
            return None if best[3] - score < LEAST_MARGIN else Hit(best[1], best[2], best[3])
        if best is None:
            if score < LEAST_SIMILARITY:
                return None
            if intent in (None, card.ability.intent) and lexicon.fits(card, modality):
                best = (card, concept, name, score)
    return Hit(best[1], best[2], best[3]) if best is not None else None


class _Names:
    """All names of a catalogue's cards with their concepts; embedded once, when first asked for."""

    def __init__(self, cards: Sequence[Card]) -> None:
        self.cards: list[Card] = []
        self.concepts: list[str] = []
        self.names: list[str] = []
        self._vectors: npt.NDArray[np.float32] | None = None
        for card in cards:
            entries = [(name, card.main) for name in (card.ability.target, *card.ability.synonyms)]
            for structure, (_, keys) in zip(card.ability.structures, card.structures, strict=True):
                entries += [(name, sorted(keys)[0]) for name in (structure.name, *structure.synonyms)]
            for name, concept in dict.fromkeys(entries):
                self.cards.append(card)
                self.concepts.append(concept)
                self.names.append(name)

    def vectors(self) -> npt.NDArray[np.float32]:
        if self._vectors is None:
            self._vectors = _encoder().encode(self.names)
        return self._vectors


@lru_cache(maxsize=1)
def _encoder() -> Any:
    from ..knowledge.minilm import sentence_encoder

    return sentence_encoder()


_kept: dict[tuple[int, ...], tuple[Sequence[Card], _Names]] = {}


def _names(cards: tuple[Card, ...]) -> _Names:
    key = tuple(map(id, cards))
    if key not in _kept:
        if len(_kept) > 8:
            _kept.clear()
        _kept[key] = (cards, _Names(cards))  # holding the cards keeps their ids theirs
    return _kept[key][1]
