"""Words of a prompt: folding, tokens with their places, and a bounded edit distance for typing errors."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_SPECIAL = str.maketrans({"ß": "ss", "œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "’": "'", "‘": "'", "`": "'", "´": "'"})
_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u3005"
_TOKEN = re.compile(
    rf"(?P<cjk>(?:[{_CJK}]|[xXbB](?=[光线線射超]))+)|(?P<word>(?:(?![{_CJK}])[^\W\d_])+(?:['’‘`´](?:(?![{_CJK}])[^\W\d_])+)*|\d+(?:[.,]\d+)?)|(?P<arrow>-+>|=+>|→|⇒|➜)"
    r"|(?P<ellipsis>\.{2,}|…)|(?P<newline>\n+)|(?P<mark>[.,;:!?()\[\]{}/&+<>=%*\"²³–—。，、；：！？（）「」【】¿¡-])"
)
_CJK_RUN = re.compile(f"[{_CJK}]")
MARKS = " \t\n,.;:!?-—"
"""What is cut off both ends of words quoted from a prompt."""

_MARKS = {"。": ".", "，": ",", "、": ",", "；": ";", "：": ":", "！": "!", "？": "?", "（": "(", "）": ")", "–": "—"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word or mark.

    Attributes:
        text: folded form (lower case, no accents, no possessive).
        raw: as typed.
        start, end: place in the prompt, in characters.
        kind: `word`, `cjk` (a run still to be divided), `mark`, `arrow`, `ellipsis` or `newline`.
    """

    text: str
    raw: str
    start: int
    end: int
    kind: str


def fold(text: str) -> str:
    """Lower case, compatibility forms unified, accents removed; East Asian text keeps its marks."""
    text = unicodedata.normalize("NFKC", text).lower().translate(_SPECIAL)
    out = []
    for char in text:
        if char < "\x80" or _CJK_RUN.match(char):
            out.append(char)
            continue
        out.append("".join(c for c in unicodedata.normalize("NFD", char) if not unicodedata.combining(c)))
    return "".join(out)


def unfolded(table: str) -> Iterator[str]:
    """The lines of a data table; an indented line continues the one before, `#` opens a comment."""
    line = ""
    for part in table.splitlines():
        if part.startswith(" ") and line:
            line += part.strip() if line.endswith("-") else " " + part.strip()
            continue
        if line:
            yield line
        line = "" if part.startswith("#") else part.strip()
    if line:
        yield line


def singular(word: str) -> str:
    """A rough stem that joins an English plural and its singular; applied to both sides of each comparison."""
    if len(word) <= 3 or not word.isascii() or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1]


def tokenize(prompt: str) -> list[Token]:
    """The tokens of a prompt, in order.

    Contractions are opened ("don't" becomes "do", "not"), possessives and elided articles are cut off.
    """
    tokens: list[Token] = []
    for match in _TOKEN.finditer(prompt):
        kind = match.lastgroup or "mark"
        raw, start, end = match.group(), match.start(), match.end()
        if kind == "word":
            tokens.extend(_words(raw, start))
        elif kind == "mark":
            tokens.append(Token(_MARKS.get(raw, raw), raw, start, end, "mark"))
        else:
            tokens.append(Token(fold(raw), raw, start, end, kind))
    return tokens


def _words(raw: str, start: int) -> Iterable[Token]:
    text = fold(raw)
    if "'" not in text or len(text) != len(raw):
        yield Token(text.replace("'", ""), raw, start, start + len(raw), "word")
        return
    if text.endswith("n't"):
        stem = {"wo": "will", "ca": "can", "sha": "shall"}.get(text[:-3], text[:-3])
        yield Token(stem, raw[:-3], start, start + len(raw) - 3, "word")
        yield Token("not", raw[-3:], start + len(raw) - 3, start + len(raw), "word")
        return
    place = start
    for index, part in enumerate(text.split("'")):
        ending = index > 0 and part in {"s", "d", "m", "re", "ll", "ve"}
        if part and not ending:
            yield Token(part, raw[place - start : place - start + len(part)], place, place + len(part), "word")
        place += len(part) + 1


def is_cjk(text: str) -> bool:
    """Whether the text holds Chinese or Japanese characters."""
    return _CJK_RUN.search(text) is not None


def distance(first: str, second: str, limit: int) -> int:
    """Damerau-Levenshtein distance (optimal string alignment), or `limit + 1` when it is larger than `limit`."""
    if abs(len(first) - len(second)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(second, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def edit_limit(word: str) -> int:
    """How many typing errors a word of this length may hold."""
    size = len(word)
    if size < 4:
        return 0
    if size < 7:
        return 1
    return 2 if size < 13 else 3
