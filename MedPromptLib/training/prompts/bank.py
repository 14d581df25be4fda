"""Terms and templates, read from the text files beside this module (`terms/*.txt`, `templates/*.txt`)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from ...planner.lines import Line, LinesRejected, parse_lines

LANGUAGES = ("en", "es", "de", "fr", "pt", "zh", "ja")

SLOT = re.compile(r"\{([^{}]*)\}")
TERM_SLOTS = {
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
    """A request with slots and its reading, whose spans have the slots still in them."""

    text: str
    reading: tuple[Line, ...]
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
    for name in SLOT.findall(text + reading):
        word = name.split()
        base = word[-1] if word else ""
        if (base not in TERM_SLOTS and base not in _VERB_SLOTS) or (len(word) > 1 and word[0] not in _GRAMMAR):
            raise BankBroken(f"{where}: '{{{name}}}' is no slot.")
        slots.add(base)
    try:
        lines = parse_lines("\n".join(part.strip() for part in reading.split(" ; ")))
    except LinesRejected as error:
        raise BankBroken(f"{where}: '{line}': {error}") from error
    plain = SLOT.sub(lambda m: "{" + m[1].split()[-1] + "}" if m[1].split()[0] not in ("is", "it") else "", text)
    for span in (span for one in lines for span in spans_of(one)):
        if span.lower() not in plain.lower():
            raise BankBroken(f"{where}: '{span}' does not occur in '{text}'.")
    return Template(text.strip(), lines, frozenset(slots))


def spans_of(line: Line) -> tuple[str, ...]:
    """Every piece of text a line copies."""
    return (*line.spans, *((line.image,) if line.image else ()), *(c.span for c in line.conditions if c.span))


@lru_cache(maxsize=len(LANGUAGES))
def bank(language: str) -> Bank:
    """A language's terms and templates.

    Raises:
        BankBroken: a line that cannot be used.
    """
    root = files(__package__)
    terms = _terms(language, (root / "terms" / f"{language}.txt").read_text(encoding="utf-8"))
    templates: dict[str, tuple[Template, ...]] = {}
    folder = sorted(
        (p for p in (root / "templates").iterdir() if p.name.partition(".")[0].partition("_")[0] == language),
        key=lambda p: p.name,
    )
    for path in folder:
        lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        templates[path.name.partition(".")[0]] = tuple(
            _template(f"{path.name}:{number}", line.strip())
            for number, line in lines
            if line.strip() and not line.lstrip().startswith("#")
        )
    return Bank(language, terms, templates)


def bank_digest() -> str:
    """SHA-256 over all term and template files, names included."""
    digest = hashlib.sha256()
    root = files(__package__)
    for folder in ("templates", "terms"):
        for path in sorted((root / folder).iterdir(), key=lambda p: p.name):
            digest.update(f"{folder}/{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()
