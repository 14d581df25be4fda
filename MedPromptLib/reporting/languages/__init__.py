"""The languages of reports: one TOML file each, with every sentence a report can say and every word the check knows."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ..facts import Change, Location, Measure, Quantity, Subject, Unit

CODES = ("en", "zh", "de", "es")

THIN = "\u202f"
"""Narrow no-break space, which sets thousands apart."""

FIRST_GROUPED = 10_000


@dataclass(frozen=True)
class Forms:
    """A structure's words: `bare` as a finding, `s` with article, `of` as a possessor, `inside` as a place, `acc` as an
    object.
    """

    bare: str
    s: str
    of: str
    inside: str
    acc: str

    @property
    def surfaces(self) -> frozenset[str]:
        """All of them, for reading back."""
        return frozenset((self.bare, self.s, self.of, self.inside, self.acc))


@dataclass(frozen=True)
class Language:
    """A language file; see `en.toml` for what its tables mean."""

    code: str
    data: Mapping[str, Any]

    def table(self, name: str) -> Mapping[str, Any]:
        """One of the file's tables."""
        found: Mapping[str, Any] = self.data[name]
        return found

    @property
    def spaced(self) -> bool:
        """Whether words and sentences are set apart by spaces."""
        return self.code != "zh"

    def frame(self, key: str, **slots: str) -> str:
        """A line of the report's frame."""
        text: str = self.table("frame")[key]
        return text.format(**slots) if slots else text

    def forms(self, subject: Subject) -> Forms:
        """The words for a subject; one the file does not know keeps the card's English name, set in quotation marks."""
        terms = self.table("terms")
        key = f"{subject.name}.{subject.side.value}" if subject.side else subject.name
        entry = terms.get(key)
        if entry is None:
            # A card is made by somebody else: nothing in a name may end a sentence or pass for a mark.
            plain = " ".join(re.sub(r"[^\w-]|_", " ", subject.words).split()) or "structure"
            entry = self.data.get("unknown", "{name}").format(name=plain)
        if isinstance(entry, list) and len(entry) >= 4:
            bare, s, of, inside, *rest = entry
            return Forms(bare, s, of, inside, rest[0] if rest else s)
        bare, patterns = (entry, "patterns") if isinstance(entry, str) else (entry[0], f"patterns_{entry[1]}")
        made = {name: pattern.format(bare=bare) for name, pattern in self.table(patterns).items()}
        return Forms(bare, made["s"], made["of"], made["in"], made.get("acc", made["s"]))

    def number(self, value: float, decimals: int) -> str:
        """A number as this language writes it, thousands set apart by a narrow space."""
        text = f"{abs(value):.{decimals}f}"
        whole, _, fraction = text.partition(".")
        if len(whole) > 4:
            whole = f"{int(whole):,}".replace(",", THIN)
        sign = "−" if value < 0 and float(text) else ""
        return sign + whole + (self.data["decimal"] + fraction if fraction else "")

    def unit(self, unit: Unit) -> str:
        """A unit's word or sign."""
        return str(self.table("units").get(unit.value, unit.value))

    def amount(self, quantity: Quantity, value: float | None = None) -> str:
        """A quantity's value, or another one like it, with its unit, which a narrow space keeps on the line."""
        text = self.number(quantity.shown(value), quantity.decimals)
        return f"{text}{THIN}{self.unit(quantity.unit)}" if quantity.unit is not Unit.NONE else text

    def interval(self, quantity: Quantity) -> str:
        """A quantity's interval in brackets, or nothing."""
        if quantity.low is None:
            return ""
        low, high = (self.amount(quantity, v) for v in (quantity.low, quantity.high))
        return str(self.table("phrases")["range"]).format(low=low, high=high)

    def percent_change(self, change: Change) -> str:
        """The change of a comparison in percent."""
        return f"{self.number(round(change.percent, 1), 1)}{THIN}%"

    def measure(self, measure: Measure) -> str:
        """What was measured, in words."""
        return str(self.table("measures")[measure.value][0])

    def place(self, location: Location) -> str:
        """Where something lies, in words."""
        vertical = self.table("vertical").get(location.vertical or "", "")
        sides = self.table("picture_side" if location.frame == "image" else "patient_side")
        horizontal = sides.get(location.horizontal or "", "")
        key = location.frame if location.frame != "organ" else ("organ_both" if horizontal else "organ")
        inside = self.forms(location.within).inside if location.within else ""
        pattern = str(self.table("phrases")[key])
        return pattern.format(**{"in": inside, "vertical": vertical, "horizontal": horizontal})


@functools.cache
def language(code: str) -> Language:
    """A language by its code.

    Raises:
        InvalidInput: there is none.
    """
    from ...errors import InvalidInput

    if code not in CODES:
        raise InvalidInput(f"There are no reports in '{code}'; expected one of {', '.join(CODES)}.")
    text = (resources.files(__package__) / f"{code}.toml").read_text(encoding="utf-8")
    return Language(code, tomllib.loads(text))
