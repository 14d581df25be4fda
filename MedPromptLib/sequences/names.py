"""The sequences of a magnetic resonance examination by name: in cards, in file and series names, and in requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TITLES = {
    "t1": "T1",
    "t1ce": "contrast-enhanced T1",
    "t2": "T2",
    "flair": "FLAIR",
    "t2star": "T2*",
    "pd": "proton density",
    "dwi": "diffusion",
    "adc": "ADC",
    "swi": "SWI",
}
"""What people read for a card's name of a sequence; other names are shown as they are."""

_AGENT = r"(?:gad(?:o\w*)?|gd|ce|contrast|contraste|kontrastmittel|km|c\+|\+ ?c|enhanced)"
_T1 = r"t ?1(?: ?w)?(?: weighted)?(?: (?:mri|mr|image|images|series|sequence))?"
_MPRAGE = r"(?:mprage|mp rage|spgr|bravo|fspgr|tfe|flash)"
_ANY = rf"(?:{_T1}|{_MPRAGE})"
_POST = r"(?:post|nach|after|with|mit|avec|con|plus)"
_PRE = r"(?:pre|non|w o|without|no|native|nativ|unenhanced|plain|ohne|sans|sin|before)"
PATTERNS: tuple[tuple[str, str], ...] = (
    # Without an agent before with one, since "without contrast" holds "contrast".
    ("t1", rf"{_PRE} ?{_AGENT} {_ANY}|{_ANY} {_PRE}(?: ?{_AGENT})?|{_PRE} {_T1}"),
    ("t1", r"t1n|t1 ?nat"),
    ("t1ce", rf"t ?1 ?(?:ce|c|gd|km|post)|{_ANY}(?: \w+)? {_POST}(?: ?{_AGENT})?|{_POST} ?{_AGENT} {_ANY}"),
    ("t1ce", rf"{_ANY}(?: \w+)? {_AGENT}|{_AGENT}(?: enhanced)? {_ANY}|{_POST} {_ANY}"),
    ("flair", r"(?:t ?2(?: ?w)? )?(?:dark fluid )?flair|dark fluid|tirm|t2f"),
    ("t2star", r"t ?2 ?(?:star|\*)|gre|hemo"),
    ("adc", r"adc|apparent diffusion(?: coefficient)?"),
    ("dwi", r"dwi|diffusion(?: weighted)?|trace ?w?"),
    ("swi", r"swi|susceptibility"),
    ("pd", r"pd(?: ?w)?|proton density"),
    ("t2", r"t ?2(?: ?w)?(?: weighted)?"),
    ("t1", _T1),
    ("t1", _MPRAGE),
)  # fmt: skip
_FIND = tuple((name, re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])")) for name, pattern in PATTERNS)
_ALONE = tuple(
    (name, re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])"))
    for name, pattern in (
        ("t1", rf"{_PRE} ?{_AGENT}|{_PRE}"),
        ("t1ce", rf"{_POST} ?{_AGENT}|{_POST}|{_AGENT}"),
    )
)
"""Words that mean a T1 only where nothing else than sequences is named: "pre.nii.gz", "the contrast series"."""
_SERIES = r"(?:mri|mr|image|images|series|sequence|scan|scans|volume|one)"
_DENIED = re.compile(r"\b(?:not|no|without|except|ignore|instead of|rather than|never)(?: the| use| using)* $")


@dataclass(frozen=True)
class Mention:
    """A sequence named in a text.

    Attributes:
        start, end: where in the text.
        denied: "not the T2".
    """

    name: str
    start: int
    end: int
    denied: bool = False


def title(name: str) -> str:
    """A sequence for people: "contrast-enhanced T1" for `t1ce`."""
    return TITLES.get(name, name)


def listed(names: Iterable[str]) -> str:
    """Sequences for people: "T1, FLAIR and contrast-enhanced T1"."""
    words = [title(name) for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def known(word: str, among: Sequence[str] = ()) -> str | None:
    """The sequence that a single word stands for (`flair=FILE`), or None."""
    plain = _plain(word).strip()
    if plain in among or plain in TITLES:
        return plain
    found = named_in_file(word, among)
    return found if found and (plain == found or _plain(title(found)) == plain or len(plain) <= 12) else None


def named_in_file(text: str, among: Sequence[str] = ()) -> str | None:
    """The one sequence that a file's, node's or series' name tells, or None if it tells none or several.

    Args:
        among: a card's names, which are known as they are written even if they are none of `TITLES`.
    """
    plain = _plain(text)
    found = {m.name for m in _mentions(plain, _FIND)}
    own = [name for name in among if name not in TITLES]
    found |= {name for name in own if re.search(rf"(?<![a-z0-9]){name.replace('_', ' ')}(?![a-z0-9])", plain)}
    alone = {m.name for m in _mentions(plain, _ALONE)}
    if found == {"t1"} and alone == {"t1ce"}:
        return "t1ce"  # "3D T1 MPRAGE +C": the agent stands anywhere
    if not found:
        found = alone
    return found.pop() if len(found) == 1 else None


def mentions(prompt: str) -> tuple[Mention, ...]:
    """The sequences that a request names, in its order.

    "The contrast series" alone may as well be one of a CT; it counts where another sequence is named beside it.
    """
    plain = _plain(prompt)
    sure = _mentions(plain, _FIND)
    if sure:
        blank = list(plain)
        for m in sure:
            blank[m.start : m.end] = "#" * (m.end - m.start)
        words = rf"(?:{_PRE} ?{_AGENT}|{_POST} ?{_AGENT}|{_PRE}|{_POST}|{_AGENT})"
        for match in re.finditer(rf"(?<![a-z0-9]){words}(?:[ -]enhanced)? {_SERIES}(?![a-z0-9])", "".join(blank)):
            name = "t1" if re.match(_PRE, match[0]) else "t1ce"
            sure.append(Mention(name, match.start(), match.end()))
    sure.sort(key=lambda m: m.start)
    return tuple(Mention(m.name, m.start, m.end, _DENIED.search(plain[: m.start]) is not None) for m in sure)


def plainly(prompt: str) -> str:
    """A request with "the contrast series" and the like said as a sequence that planners know."""
    words = list(prompt)
    for m in sorted(mentions(prompt), key=lambda m: -m.start):
        if not any(pattern.fullmatch(_plain(prompt)[m.start : m.end]) for _, pattern in _FIND):
            words[m.start : m.end] = {"t1": "T1", "t1ce": "T1ce"}.get(m.name, m.name)
    return "".join(words)


def _mentions(plain: str, patterns: Iterable[tuple[str, re.Pattern[str]]]) -> list[Mention]:
    """Matches that do not overlap; an earlier pattern wins."""
    taken, found = [False] * len(plain), []
    for name, pattern in patterns:
        for match in pattern.finditer(plain):
            if not any(taken[match.start() : match.end()]):
                taken[match.start() : match.end()] = [True] * (match.end() - match.start())
                found.append(Mention(name, match.start(), match.end()))
    return found


def _plain(text: str) -> str:
    """Lower case with spaces for what separates words; as long as the text."""
    return re.sub(r"[^a-z0-9+*]", " ", text.lower() if len(text.lower()) == len(text) else text)
