"""A structure named together with what it belongs to: "the prostate's peripheral zone" asks for the zone alone."""

from __future__ import annotations

import itertools
import re

from .actions import Ask
from .lexicon import Lexicon
from .resolve import Found, Outcome
from .words import word_set

_OF = word_set("of in from within inside de del du des der von vom im dans do da dos das no na d en 的 の 中 内")
_ARTICLES = frozenset(["the", "this", "these", "la", "le", "les", "l", "el", "los", "las", "dem", "den", "a", "o", "s"])
_NARROWING = frozenset(
    [":", "only", "just", "nur", "solo", "seulement", "apenas", "(", "-", "—", "的", "の", "s", "："]
)
_ONLY = frozenset(["only", "just", "nur", "solo", "seulement", "apenas"])
_SPACED = re.compile(r"\w+|[^\w\s]")


def drop_wholes(asks: list[Ask], outcomes: dict[int, tuple[Ask, Outcome]], lexicon: Lexicon, prompt: str) -> None:
    """Cancel every ask that only says what the structure next to it belongs to."""
    ordered = sorted((a for a in asks if a.concepts), key=lambda a: a.start)
    for first, second in itertools.pairwise(ordered):
        between = set(_SPACED.findall(prompt[first.end : second.start].lower()))
        owned = prompt[first.start : second.start].rstrip().lower().endswith(("'s", "’s", "s'", "s’"))
        between -= {"'", "’"}
        if between & _OF and between <= _OF | _ARTICLES and _belongs(first, second, outcomes, lexicon):
            second.cancelled = True
        elif between <= {",", *_NARROWING, *_ARTICLES}:
            owner = ("," not in between or bool(between & _ONLY)) and _belongs(second, first, outcomes, lexicon)
            if owner or owned or _is_side(second, first):
                first.cancelled = True


def _is_side(part: Ask, whole: Ask) -> bool:
    """ "The kidneys, left side", "hippocampus (anterior part)"."""
    return any(p.partition("@")[0] == w and p != w for p in part.concepts for w in whole.concepts)


def _belongs(part: Ask, whole: Ask, outcomes: dict[int, tuple[Ask, Outcome]], lexicon: Lexicon) -> bool:
    """Whether `part` names structures of the card that `whole` names, or lies in it by anatomy."""
    one, other = outcomes[id(part)][1], outcomes[id(whole)][1]
    if isinstance(one, Found) and isinstance(other, Found) and one.card is other.card:
        everything = tuple(name for name, _ in one.card.structures)
        return bool(one.structures) and set(one.structures) < set(other.structures or everything)
    alone = isinstance(one, Found) and not isinstance(other, Found) and whole.concepts[0] != part.concepts[0]
    if alone and isinstance(one, Found) and one.card.modality.region in whole.concepts:
        return True
    return any(w in lexicon.vocabulary.ancestors(p) for p in part.concepts for w in whole.concepts)
