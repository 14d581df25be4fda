"""Terms and templates, read from the text files beside this module (`terms/*.txt`, `templates/*.txt`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from ...planner.lines import LinesRejected, parse_lines

LANGUAGES = ("en", "es", "de", "fr", "pt", "zh", "ja")

_SLOT = re.compile(r"\{([^{}]*)\}")
_TERM_SLOTS = {
    **dict.fromkeys(("A", "B", "C"), "structures"),
    **dict.fromkeys(("F", "G"), "findings"),
    "L": "lesions",
    "T": "typed",
    **dict.fromkeys(("K", "K2"), "types"),
    **dict.fromkeys(("I", "J"), "images"),
    "X": "wishes",
    "Z": "chatter",
}
_VERB_SLOTS = ("seg", "segging", "segn", "chk", "chking", "chkn", "cls")
_GRAMMAR = ("a", "is", "it", "the")


class BankBroken(ValueError):
    """A line of a term or template file that cannot be used; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a term; `plural` and `mass` decide its indefinite article and pronoun."""

    text: str
    plural: bool = False
    mass: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """A term with its forms and, for a typed lesion, its types."""

    forms: tuple[Form, ...]
    types: tuple[tuple[Form, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A request with slots and its reading (lines, not yet filled)."""

    text: str
    reading: tuple[str, ...]
    slots: frozenset[str]


@dataclass(frozen=True)
class Bank:
    """One language's terms, by section, and templates, by file."""

    language: str
    terms: dict[str, tuple[Term, ...]]
    templates: dict[str, tuple[Template, ...]]


def _form(text: str) -> Form:
    text = text.strip()
    plural, mass = False, False
    while text and text[-1] in "*~":
        plural, mass = plural or text[-1] == "*", mass or text[-1] == "~"
        text = text[:-1].strip()
    return Form(text, plural, mass)


def _forms(text: str, separator: str) -> tuple[Form, ...]:
    return tuple(form for form in map(_form, text.split(separator)) if form.text)


def _terms(language: str, text: str) -> dict[str, tuple[Term, ...]]:
    sections: dict[str, list[Term]] = {}
    section = ""
    for line in text.splitlines():
        entry = line.strip() if section not in ("openers", "closers") else line.rstrip("\n")
        if not entry.strip() or entry.startswith("#"):
            continue
        if re.fullmatch(r"\[\w+\]", entry.strip()):
            section = entry.strip()[1:-1]
            sections[section] = []
        elif section in ("openers", "closers", *_VERB_SLOTS):
            sections[section] += [
                Term((Form(part if section in ("openers", "closers") else part.strip()),))
                for part in entry.split(" | ")
                if part.strip()
            ]
        else:
            head, _, tail = entry.partition(" :: ")
            types = tuple(t for t in (_forms(part, "/") for part in re.split(r", ?|、", tail)) if t) if tail else ()
            if section == "typed" and len(types) < 2:
                raise BankBroken(f"terms/{language}.txt: '{entry}' has fewer than two types.")
            sections[section].append(Term(_forms(head, " | "), types))
    return {name: tuple(terms) for name, terms in sections.items()}


def _template(where: str, line: str) -> Template:
    text, arrow, reading = line.rpartition(" => ")
    if not arrow:
        raise BankBroken(f"{where}: '{line}' has no ' => '.")
    slots = set()
    for name in _SLOT.findall(text + reading):
        word = name.split()
        base = word[-1] if word else ""
        if (base not in _TERM_SLOTS and base not in _VERB_SLOTS) or (len(word) > 1 and word[0] not in _GRAMMAR):
            raise BankBroken(f"{where}: '{{{name}}}' is no slot.")
        slots.add(base)
    lines = tuple(part.strip() for part in reading.split(" ; ") if part.strip() not in ("", "nothing", "none"))
    try:
        parsed = parse_lines("\n".join(_SLOT.sub(lambda m: f"slot{m[1]}", part) for part in lines))
    except LinesRejected as error:
        raise BankBroken(f"{where}: '{line}': {error}") from error
    del parsed
    plain = _SLOT.sub(lambda m: "{" + m[1].split()[-1] + "}" if m[1].split()[0] in ("a", "the") else m[0], text)
    for span in _spans(lines):
        if span not in plain and span.lower() not in plain.lower():
            raise BankBroken(f"{where}: '{span}' does not occur in '{text}'.")
    return Template(text.strip(), lines, frozenset(slots))


def _spans(lines: tuple[str, ...]) -> list[str]:
    spans: list[str] = []
    for line in parse_lines("\n".join(lines)):
        spans += [*line.spans, *([line.image] if line.image else []), *(c.span for c in line.conditions if c.span)]
    return spans


def check(strict: bool = True) -> list[str]:
    """All complaints about the files; empty when everything can be used."""
    complaints: list[str] = []
    for language in LANGUAGES:
        _load(language, complaints)
    return complaints


def _load(language: str, complaints: list[str] | None = None) -> Bank:
    root = files(__package__)
    terms = _terms(language, (root / "terms" / f"{language}.txt").read_text(encoding="utf-8"))
    templates: dict[str, tuple[Template, ...]] = {}
    folder = sorted(
        (p for p in (root / "templates").iterdir() if p.name.partition(".")[0].partition("_")[0] == language),
        key=lambda p: p.name,
    )
    for path in folder:
        kept = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                kept.append(_template(f"{path.name}:{number}", line.strip()))
            except BankBroken as error:
                if complaints is None:
                    raise
                complaints.append(str(error))
        templates[path.name.partition(".")[0]] = tuple(kept)
    return Bank(language, terms, templates)


@lru_cache(maxsize=len(LANGUAGES))
def bank(language: str) -> Bank:
    """A language's terms and templates.

    Raises:
        BankBroken: a line that cannot be used.
    """
    return _load(language)
