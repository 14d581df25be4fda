"""Single words out of the cards' longer names, such as "lamina", where no other card or concept has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .cards import ASPECT_WORDS, Card, Meaning, core_words, term_words
from .cues import Cue
from .vocabulary import SIDES, Vocabulary, Words
from .words import NEIGHBOURS, ORDINARY, SMALL

_SIDE_WORDS = frozenset(word for group in SIDES.values() for word in group)
_MOST = 3
"""A word that more cards than this share says nothing."""


def part_words(
    cards: Sequence[Card], meanings: Mapping[Words, Meaning], cues: Mapping[Words, Cue], vocabulary: Vocabulary
) -> list[tuple[Words, Meaning]]:
    """The telling words of the cards' names and what each stands for.

    A word of one structure stands for it; of several structures or of the target, for the card. A word that several
    cards share stands for all of them, and the images decide. Words that the vocabulary knows are left to it, unless it
    knows them as a finding that no card serves.
    """
    keys: dict[str, dict[str, None]] = {}
    for card in cards:
        for word, key in _words_of_card(card).items():
            keys.setdefault(word, {})[key] = None
    served = {k for c in cards for k in (*c.keys, *(k for _, group in c.structures for k in group))}
    found: list[tuple[Words, Meaning]] = []
    for word, concepts in keys.items():
        if len(concepts) > _MOST or not _tells(word, cues):
            continue
        known = meanings.get((word,))
        if known is None:
            found.append(((word,), Meaning(concepts=tuple(concepts), own=True, part=True)))
        elif known.concepts and not known.own and not served & set(known.concepts):
            named = all(vocabulary.concept(k).kind == "finding" and not k.startswith("*:") for k in known.concepts)
            if named:
                found.append(((word,), Meaning(concepts=(*known.concepts, *concepts), own=True, part=True)))
    return found


def _tells(word: str, cues: Mapping[Words, Cue]) -> bool:
    common = word in ORDINARY or word in SMALL or word in NEIGHBOURS or word in ASPECT_WORDS
    return len(word) > 3 and word.isalpha() and not common and word not in _SIDE_WORDS and (word,) not in cues


def _words_of_card(card: Card) -> dict[str, str]:
    """Each word of the card's names and the concept it stands for."""
    found: dict[str, str] = {}
    for structure, (_, group) in zip(card.ability.structures, card.structures, strict=True):
        for name in (structure.name, *structure.synonyms):
            for word in core_words(term_words(name)):
                key = sorted(group)[0]
                found[word] = key if found.get(word, key) == key else card.main
    for name in (card.ability.target, *card.ability.synonyms):
        found.update(dict.fromkeys(core_words(term_words(name)), card.main))
    return found
