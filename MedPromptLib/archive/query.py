"""A search line such as `left pleural nodule > 10 mm, accepted`: words, comparisons with units, decisions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import InvalidInput
from .documents import UNITS

DECISIONS = {
    "accepted": "accepted", "accept": "accepted", "confirmed": "accepted", "rejected": "rejected", "reject": "rejected",
    "edited": "edited", "corrected": "edited", "undecided": "", "unreviewed": "",
}  # fmt: skip
"""Words about what a reviewer decided → the decision as it is kept."""
MEASURES = (
    "diameter",
    "length",
    "area",
    "volume",
    "size",
    "probability",
    "confidence",
    "intensity",
    "threshold",
    "pixels",
)
_FILLERS = {"and", "with", "the", "a", "an", "of", "in", "is", "are", "findings", "finding", "all", "any", "where"}
_OPERATORS = {
    ">": ">", ">=": ">=", "≥": ">=", "<": "<", "<=": "<=", "≤": "<=", "=": "=",
    "over": ">", "above": ">", "more than": ">", "larger than": ">", "greater than": ">", "at least": ">=",
    "under": "<", "below": "<", "less than": "<", "smaller than": "<", "at most": "<=",
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_SIGN = "|".join(re.escape(sign).replace(r"\ ", r"\s+") for sign in sorted(_OPERATORS, key=len, reverse=True))
_COMPARISON = re.compile(
    rf"(?P<sign>[<>]=?|[=≥≤]|(?<!\w)(?:{_SIGN}))\s*(?P<number>-?\d+(?:[.,]\d+)?)(?:\s*(?P<unit>{_UNIT})(?!\w))?",
    re.IGNORECASE,
)
_WORD = re.compile(
    r'(?P<minus>(?<!\S)-|\b(?:not|no|without)\s+)?(?:(?P<column>what|result):)?(?:"(?P<quoted>[^"]+)"|(?P<word>[^\s",;]+))',
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Comparison:
    """A measure against a number.

    Attributes:
        name: a word of the measure's name, or empty for any measure of the dimension.
        dimension: see `documents.UNITS`; `number` also where no unit was given, which then fits any dimension.
        sign: `>`, `>=`, `<`, `<=` or `=`.
        value: in the dimension's own unit.
    """

    name: str
    dimension: str
    sign: str
    value: float


@dataclass(frozen=True)
class Query:
    """What is looked for; everything must hold.

    Attributes:
        words: an FTS5 expression, or empty.
        decisions: as they are kept; any of them.
        not_decisions: none of them.
    """

    words: str = ""
    comparisons: tuple[Comparison, ...] = ()
    decisions: frozenset[str] = field(default_factory=frozenset)
    not_decisions: frozenset[str] = field(default_factory=frozenset)


def parsed(text: str) -> Query:
    """A search line as a query.

    Words are all required and found in any inflection that a stemmer joins; `"two words"` must follow each other;
    `-word`, `not word` and `without word` must be absent; `result:word` is looked for in results only and `what:word`
    in targets and structures; `pneum*` finds what begins so.

    Raises:
        InvalidInput: only words that must be absent.
    """
    comparisons = []

    def taken(match: re.Match[str]) -> str:
        before = text[: match.start()].lower().split()
        name = before[-1].strip(",;") if before and before[-1].strip(",;") in MEASURES else ""
        comparisons.append(_comparison(match, "" if name == "size" else name))
        return " "

    rest = _COMPARISON.sub(taken, text)
    if comparisons:
        rest = re.sub(rf"\b(?:{'|'.join(MEASURES)})\b", " ", rest, flags=re.IGNORECASE)
    wanted: list[str] = []
    absent: list[str] = []
    decided: set[str] = set()
    not_decided: set[str] = set()
    for negated, column, word in _words(rest):
        lower = word.lower()
        if not column and lower in DECISIONS:
            (not_decided if negated else decided).add(DECISIONS[lower])
        elif lower in _FILLERS and not column and not negated:
            continue
        elif any(c.isalnum() for c in word):
            star = "*" if word.endswith("*") else ""
            quoted = f'"{word.rstrip("*").replace(chr(34), "")}"{star}'
            (absent if negated else wanted).append(f"{column} : {quoted}" if column else quoted)
    if absent and not wanted:
        raise InvalidInput("The search has only words that must be absent; add one that must be there.")
    expression = " AND ".join(wanted) + "".join(f" NOT {word}" for word in absent)
    return Query(expression, tuple(comparisons), frozenset(decided), frozenset(not_decided))


def _words(text: str) -> list[tuple[bool, str, str]]:
    """(must be absent, column or empty, word or words) in order."""
    return [
        (match["minus"] is not None, (match["column"] or "").lower(), match["quoted"] or match["word"])
        for match in _WORD.finditer(text)
    ]


def _comparison(match: re.Match[str], name: str) -> Comparison:
    sign = _OPERATORS[" ".join(match["sign"].lower().split())]
    number = float(match["number"].replace(",", "."))
    unit = (match["unit"] or "").lower()
    if not unit:
        return Comparison(name, "number", sign, number)
    dimension, factor = UNITS[unit]
    return Comparison(name, dimension, sign, number * factor)
