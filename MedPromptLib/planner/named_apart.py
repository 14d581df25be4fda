"""A card's name whose words stand apart in the prompt: "knee MRI: segment the cartilage" names the knee cartilage."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from .actions import Ask
from .cards import Card, core_words, term_words
from .items import Item
from .lexicon import Lexicon
from .resolve import Found, Wish
from .vocabulary import Words, words_of

_PHRASE = ("PREP", "T", "M", "W", "SIDE")


def named_apart(ask: Ask, wish: Wish, items: Sequence[Item], lexicon: Lexicon) -> Found | None:
    """The one card, or part of a card, whose name's words all stand in the ask and in what is said around it.

    A word counts as said if it, or a word of any language with its meaning, stands in the ask, in an image description,
    or in a term that hangs on the ask by a preposition ("of the knee"). At least one must stand in the ask itself, and
    the ask's own terms must all belong to the name. Names of one word have nothing that could stand apart.

    Returns:
        None if no card, or more than one, is named so.
    """
    within = [i for i in items if ask.start <= i.start and i.end <= ask.end]
    inside = _said(within)
    around = inside | _said([*_hanging(ask, items), *(i for i in items if i.kind == "M")])
    terms = [_said([i]) for i in within if i.kind == "T"]
    if not inside:
        return None
    found: list[tuple[int, Card, tuple[str, ...]]] = []
    for card in _eligible(wish, lexicon):
        for name, parts in _names(card):
            words = core_words(term_words(name))
            senses = [_senses(word, lexicon) for word in words]
            every = set().union(*senses)
            belongs = all(any(s.startswith("=") and s in every for s in t) or t <= every for t in terms)
            if len(words) > 1 and belongs and all(s & around for s in senses) and any(s & inside for s in senses):
                found.append((len(words), card, parts))
    if not found:
        return _by_end(ask, wish, within, lexicon)
    most = max(size for size, _, _ in found)
    best = [(card, parts) for size, card, parts in found if size == most]
    card = best[0][0]
    if any(other is not card for other, _ in best):
        return None
    named = {name for _, parts in best for name in parts}
    kept = tuple(name for name, _ in card.structures if name in named)
    return Found(card, () if any(not parts for _, parts in best) or len(kept) == len(card.structures) else kept)


def _by_end(ask: Ask, wish: Wish, within: Sequence[Item], lexicon: Lexicon) -> Found | None:
    """The one card whose name ends with the ask's words: "hip dysplasia" for "canine hip dysplasia", with a doubt."""
    terms = [i for i in within if i.kind == "T"]
    if len(terms) != 1 or len(words_of(terms[0].text)) < 2:
        return None
    words = words_of(terms[0].text)
    found: dict[str, Found] = {}
    for card in _eligible(wish, lexicon):
        for name, parts in _names(card):
            full = core_words(term_words(name))
            sided = any(lexicon.is_side(word) for word in full[: -len(words)])
            if len(full) > len(words) and full[-len(words) :] == words and not sided:
                doubt = f"'{terms[0].text}' was taken to mean {name}"
                found[card.ability.id] = Found(card, parts, doubt)
    return next(iter(found.values())) if len(found) == 1 else None


def _eligible(wish: Wish, lexicon: Lexicon) -> list[Card]:
    """The cards of the wish's intent, images and aspect."""
    return [
        card
        for card in lexicon.cards
        if wish.intent in (None, card.ability.intent)
        and lexicon.fits(card, wish.modality)
        and (not wish.aspect or wish.aspect in card.aspects)
    ]


def _names(card: Card) -> list[tuple[str, tuple[str, ...]]]:
    """A card's names, each with the structure it names, if it names one."""
    ability = card.ability
    parts = [(name, (s.name,)) for s in ability.structures for name in (s.name, *s.synonyms)]
    return [*((name, ()) for name in (ability.target, *ability.synonyms)), *parts]


def _hanging(ask: Ask, items: Sequence[Item]) -> list[Item]:
    """What follows the ask up to the next mark or verb, if a preposition leads to it."""
    after = [i for i in items if i.start >= ask.end and not i.is_small]
    return list(itertools.takewhile(lambda i: i.kind in _PHRASE, after)) if after and after[0].kind == "PREP" else []


def _said(items: Sequence[Item]) -> set[str]:
    """Words and concepts of items; concepts are marked so that no word is taken for one."""
    said: set[str] = set()
    for item in items:
        if item.kind not in ("T", "M", "W", "SIDE"):
            continue
        said.update(words_of(item.text))
        said.update(f"={k}" for k in item.concepts)
        if item.modality is not None and item.modality.region:
            said.add(f"={item.modality.region}")
    return said


def _senses(word: str, lexicon: Lexicon) -> set[str]:
    words: Words = (word,)
    meaning = lexicon.meanings.get(words)
    known = meaning.concepts if meaning is not None and not meaning.own else ()
    return {word, *(f"={k}" for k in known)}
