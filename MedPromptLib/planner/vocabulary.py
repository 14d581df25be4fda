"""The medical vocabulary as concepts: what a word means, wherever it comes from, and how concepts hang together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from .text import fold, is_cjk, singular, tokenize, unfolded
from .vocabulary_anatomy import ANATOMY
from .vocabulary_diseases import DISEASES
from .vocabulary_findings import FINDINGS
from .vocabulary_modalities import MODALITIES
from .vocabulary_parts import PARTS

Words = tuple[str, ...]
"""Folded, singular words of a surface form, in order."""

SIDES = {
    "left": (
        "left",
        "lefthand",
        "izquierdo",
        "izquierda",
        "izquierdos",
        "linke",
        "linken",
        "linker",
        "linkes",
        "gauche",
        "gauches",
        "esquerdo",
        "esquerda",
        "左侧",
        "左側",
        "左",
    ),
    "right": (
        "right",
        "righthand",
        "derecho",
        "derecha",
        "rechte",
        "rechten",
        "rechter",
        "rechtes",
        "droit",
        "droite",
        "direito",
        "direita",
        "右侧",
        "右側",
        "右",
    ),
    "anterior": ("anterior", "front", "vordere", "vorderen", "vorderer", "anterieur", "anterieure", "前部"),
    "posterior": ("posterior", "rear", "hintere", "hinteren", "hinterer", "posterieur", "posterieure", "后部", "後部"),
    "superior": ("superior", "upper", "obere", "oberen", "superieur", "superieure"),
    "inferior": ("inferior", "lower", "untere", "unteren", "inferieur", "inferieure"),
    "medial": (
        "medial",
        "inner",
        "internal",
        "interno",
        "interna",
        "innere",
        "inneren",
        "innerer",
        "mediale",
        "medialen",
        "interne",
        "内側",
        "内侧",
    ),
    "lateral": (
        "lateral",
        "outer",
        "external",
        "externo",
        "externa",
        "aussere",
        "ausseren",
        "ausserer",
        "laterale",
        "lateralen",
        "externe",
        "外側",
        "外侧",
    ),
    "proximal": ("proximal", "proximale", "proximalen"),
    "distal": ("distal", "distale", "distalen"),
}
"""Words that pick one of several parts; "both" and plurals pick none."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One anatomical structure or finding.

    Attributes:
        id: `liver`, `atrium@left`, `liver:lesion`, `*:lesion` (no organ).
        kind: `region`, `anatomy` or `finding`.
        parent: the larger structure (anatomy) or the organ (finding); empty if none.
        is_a: the more general finding.
        malignant: malignant by definition.
        canonical: the term used in messages.
    """

    id: str
    kind: str
    parent: str
    is_a: str
    malignant: bool
    canonical: str


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a concept or modality."""

    words: Words
    meaning: str
    """Concept id, or `modality/region` for a modality."""
    modality: bool = False
    cased: str = ""
    weak: bool = False
    language: str = ""
    english: bool = True


def words_of(text: str) -> Words:
    """Folded singular words of a term; an East Asian term stays one word, with Latin letters beside it folded in."""
    if is_cjk(text):
        return (fold(text).replace(" ", ""),)
    return tuple(singular(t.text) for t in tokenize(text) if t.kind == "word")


def _forms(text: str, meaning: str, modality: bool) -> Iterator[Form]:
    for part, group in enumerate(text.split(";")):
        for entry in group.split(","):
            raw = entry.strip()
            if not raw:
                continue
            weak, raw = raw.startswith("~"), raw.lstrip("~")
            raw, _, language = raw.partition("@")
            cased = raw if raw.isascii() and raw.isupper() and len(raw) <= 4 else ""
            yield Form(words_of(raw), meaning, modality, cased, weak, language, part == 0)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in unfolded(text):
        head, _, forms = line.partition(" : ")
        yield head.strip(), forms


class Vocabulary:
    """All concepts and their surface forms."""

    def __init__(self) -> None:
        self.concepts: dict[str, Concept] = {}
        self.forms: list[Form] = []
        self.broader: dict[str, str] = {}
        """Special modalities and the general one each is a kind of."""
        for source, is_finding in ((ANATOMY, False), (PARTS, False), (FINDINGS, True), (DISEASES, True)):
            for head, forms in _lines(source):
                self._add(head, forms, is_finding)
        for head, forms in _lines(MODALITIES):
            name, _, region = head.partition("@")
            name, _, general = name.partition("^")
            if general.strip():
                self.broader[name.strip()] = general.strip()
            self.forms.extend(_forms(forms, f"{name.strip()}/{region.strip()}", True))
        self.by_words: dict[Words, list[Form]] = {}
        for form in self.forms:
            self.by_words.setdefault(form.words, []).append(form)

    def _add(self, head: str, forms: str, is_finding: bool) -> None:
        head, _, is_a = head.partition("^")
        name, _, parent = head.partition("<")
        name, parent = name.strip(), parent.strip()
        malignant, name = name.endswith("!"), name.rstrip("!")
        family = name.startswith("*:") and name != "*:vessel"
        kind = "finding" if is_finding or family else "anatomy" if parent else "region"
        canonical = re.split("[,;|]", forms, maxsplit=1)[0].strip()
        if "@" in name:
            base, side = name.split("@")
            canonical = f"{side} {base}"
        english, _, foreign = forms.partition(";")
        others = foreign.split("|")
        for place, group in enumerate(english.split("|")):
            first = group.split(",", maxsplit=1)[0].strip()
            key = name if not place else first
            label = canonical if not place else first
            self.concepts[key] = Concept(key, kind, parent, is_a.strip(), malignant, label)
            self.forms.extend(_forms(f"{group};{others[place] if place < len(others) else ''}", key, False))

    def concept(self, key: str) -> Concept:
        """The concept of a key; composed keys such as `spleen:cyst` or `kidney@left` are made up on the spot."""
        known = self.concepts.get(key)
        if known is not None:
            return known
        if key.startswith("own:"):
            return Concept(key, "anatomy", "", "", False, key.removeprefix("own:"))
        base, at, side = key.partition("@")
        if at:
            whole = self.concept(base)
            made = Concept(key, whole.kind, whole.parent, whole.is_a, whole.malignant, f"{side} {whole.canonical}")
        elif ":" in key:
            organ, family = key.split(":", 1)
            general = self.concepts.get(f"*:{family}")
            kind = general.kind if general else "finding"
            word = general.canonical if general else family
            made = Concept(key, kind, organ, f"*:{family}", bool(general and general.malignant), f"{organ} {word}")
        else:
            made = Concept(key, "anatomy", "", "", False, key)
        return made

    def ancestors(self, key: str) -> Iterator[str]:
        """The structures that contain this one or, for a finding, its organ; nearest first."""
        seen = {key}
        base = key.partition("@")[0]
        if base != key:
            yield base
        parent = self.concept(base).parent
        while parent and parent not in seen:
            seen.add(parent)
            yield parent
            parent = self.concept(parent).parent

    def generals(self, key: str) -> Iterator[str]:
        """The more general findings this one is a case of, nearest first; families without an organ are left out."""
        seen = {key}
        current = self.concept(key).is_a
        while current and current not in seen and not current.startswith("*:"):
            seen.add(current)
            yield current
            current = self.concept(current).is_a

    def together(self, one: str, other: str) -> bool:
        """Whether one place contains the other or they are the same; an unknown place is compatible with all."""
        if not one or not other or one == other or "body" in (one, other):
            return True
        return one in self.ancestors(other) or other in self.ancestors(one)


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The one vocabulary, read once."""
    return Vocabulary()
