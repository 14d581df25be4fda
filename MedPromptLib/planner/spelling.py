"""Typing errors: which medical or asking word was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from .text import distance, edit_limit
from .words import NEIGHBOURS, ORDINARY, SMALL


class Spelling:
    """Corrects words towards those a lexicon knows.

    Args:
        targets: words a typing error may be corrected to.
        known: words that are never errors.
        asking: targets that ask for something.
        served: targets that belong to a card or an image; preferred among equals.
    """

    def __init__(self, targets: Iterable[str], asking: set[str], known: set[str], served: set[str]) -> None:
        self._all_words, self._asking, self._served = known, asking, served
        self._known: dict[str, list[str]] = {}
        for word in sorted(targets):
            if word.isascii() and word.isalpha() and len(word) >= 4 and word not in SMALL:
                self._known.setdefault(word[0], []).append(word)
        self._corrections: dict[str, tuple[str, int] | None] = {}
        self._slips: dict[str, bool] = {}

    def is_known(self, word: str) -> bool:
        """Whether the word belongs to a surface form, a cue or ordinary language."""
        return word in self._all_words or word in ORDINARY or word in SMALL or word in NEIGHBOURS

    def correct(self, word: str) -> tuple[str, int] | None:
        """The medical or asking word that was probably meant, and how many errors that assumes."""
        if word not in self._corrections:
            self._corrections[word] = self._search(word)
        return self._corrections[word]

    def is_slip(self, word: str) -> bool:
        """Whether the word is one typing error away from an ordinary word ("teh", "ther")."""
        if word not in self._slips:
            near = (o for o in ORDINARY | SMALL if len(o) > 2 and abs(len(o) - len(word)) <= 1 and o[0] == word[0])
            self._slips[word] = len(word) > 2 and any(distance(word, o, 1) <= 1 for o in near)
        return self._slips[word]

    def _search(self, word: str) -> tuple[str, int] | None:
        vowelless = len(word) == 3 and not set(word) & set("aeiou")
        limit = 1 if vowelless else edit_limit(word)
        if not word.isascii() or not word.isalpha():
            return None
        if not limit:
            return self._short(word) if len(word) == 3 else None
        found: list[tuple[int, int, int, str]] = []
        letters = set(word)
        candidates = list(self._known.get(word[0], ()))
        if len(word) >= 5:
            candidates += self._known.get(word[1], ()) if word[1] != word[0] else ()
        for other in candidates:
            if abs(len(other) - len(word)) > limit or len(letters ^ set(other)) > 2 * limit:
                continue
            allowed = min(limit, edit_limit(other)) if not vowelless else limit
            if other[0] != word[0] and not (other[0] == word[1] and other[1] == word[0]):
                continue
            steps = distance(word, other, allowed)
            rank = 0 if other in self._served else 1 if other in self._asking else 2
            if steps <= allowed and (rank < 2 or len(other) > 6 + 2 * (steps > 1)):
                swapped = len(word) == len(other) and sorted(word) == sorted(other)
                found.append((steps, 0 if swapped and rank < 2 else 1, rank, other))
        if not found:
            return None
        found.sort()
        return found[0][3], found[0][0]

    def _short(self, word: str) -> tuple[str, int] | None:
        """Three letters: a served word with one letter left out ("kne"), or an acronym with two swapped ("mir")."""
        fitting = [
            o
            for o in self._served
            if o.isascii()
            and (len(o) == 3 or o in self._known.get(o[0], ()))
            and (
                (len(o) == 3 and o != word and o[0] == word[0] and sorted(o) == sorted(word))
                or self._shortened(word, o)
            )
        ]
        return (fitting[0], 2) if len(fitting) == 1 else None

    @staticmethod
    def _shortened(word: str, other: str) -> bool:
        return len(other) == 4 and any(other[:n] + other[n + 1 :] == word for n in range(1, 4))
