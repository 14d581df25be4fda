"""Slips of typing, case and punctuation that keep track of where every character came from."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

UNSPACED = ("zh", "ja")
"""Languages written without spaces."""

_KEYS = (
    "qwa wqes ewrd retf tryg ytuh uyij iuok oipl pol aqsz sawdx dsefc fdrgv gfthb hgyjn jhukm kjil lkop zasx xzsdc "
    "cxdfv vcfgb bvghn nbhjm mnjk"
)
_NEIGHBOURS = {keys[0]: keys[1:] for keys in _KEYS.split()}
"""A key and those beside it on a keyboard."""

_KEPT = re.compile(
    r"^(not|no|non|without|except|unless|if|only|skip|skin|don'?t|never|instead|but|or|and|nor|neither|either|else|ja|nein|"
    r"si|sin|sauf|sans|nicht|ohne|nur|não|sem|pas|ne|left|right)$",
    re.IGNORECASE,
)
"""Words a slip would turn into another meaning."""


@dataclass(slots=True)
class Text:
    """Characters, and for each the index of the character it came from."""

    chars: str
    owners: list[int]

    @classmethod
    def of(cls, chars: str) -> Text:
        """Text in which every character is its own origin."""
        return cls(chars, list(range(len(chars))))

    def rstrip(self, characters: str) -> Text:
        """Without these characters at the end."""
        kept = self.chars.rstrip(characters)
        return Text(kept, self.owners[: len(kept)])

    def between(self, start: int, end: int) -> str:
        """What became of the original characters `start` to `end`.

        Raises:
            ValueError: nothing is left of them.
        """
        inside = [i for i, owner in enumerate(self.owners) if start <= owner < end]
        if not inside:
            raise ValueError("the span was lost")
        return self.chars[inside[0] : inside[-1] + 1]


def noised(text: Text, draw: random.Random, language: str) -> Text:
    """A copy with one or more kinds of slips."""
    spaced = language not in UNSPACED
    chance = draw.random()
    if chance < 0.4 and spaced:
        text = _slips(text, draw, draw.choice((1, 1, 2, 3)))
    chance = draw.random()
    if chance < 0.35:
        text = Text(_same_length(text.chars, str.lower), text.owners)
    elif chance < 0.39:
        text = Text(_same_length(text.chars, str.upper), text.owners)
    if draw.random() < 0.5:
        text = _without(text, draw.choice((".。", ".,?!';。，？")), draw)
    if spaced and language != "en" and draw.random() < 0.25:
        text = Text(_unaccented(text.chars), text.owners)
    return text


def _same_length(chars: str, change: Callable[[str], str]) -> str:
    return "".join(c if len(change(c)) != 1 else change(c) for c in chars)


def _unaccented(chars: str) -> str:
    return chars.translate(str.maketrans("áàâãäéèêëíìîïóòôõöúùûüñçÁÉÍÓÚÑÇÜÖÄ", "aaaaaeeeeiiiiooooouuuuncAEIOUNCUOA"))


def _without(text: Text, marks: str, draw: random.Random) -> Text:
    keep = [
        i
        for i, c in enumerate(text.chars)
        if not (c in marks and not (c in ".," and text.chars[i + 1 : i + 2].isdigit()))
        or (c in ".;。；" and i < len(text.chars) - 1 and draw.random() < 0.7)
    ]
    return Text("".join(text.chars[i] for i in keep), [text.owners[i] for i in keep])


def _slips(text: Text, draw: random.Random, count: int) -> Text:
    for _ in range(count):
        words = [m for m in re.finditer(r"[^\W\d_]{4,}", text.chars) if not _KEPT.match(m[0]) and m[0].isascii()]
        if not words:
            return text
        word = draw.choice(words)
        at = draw.randrange(word.start() + 1, word.end())
        kind = draw.random()
        chars, owners = text.chars, text.owners
        if kind < 0.3:
            text = Text(chars[:at] + chars[at + 1 :], owners[:at] + owners[at + 1 :])
        elif kind < 0.6 and at + 1 < word.end():
            text = Text(chars[:at] + chars[at + 1] + chars[at] + chars[at + 2 :], owners)
        elif kind < 0.8:
            text = Text(chars[:at] + chars[at] + chars[at:], [*owners[:at], owners[at], *owners[at:]])
        else:
            near = draw.choice(_NEIGHBOURS.get(chars[at].lower(), chars[at]))
            text = Text(chars[:at] + near + chars[at + 1 :], owners)
    return text
