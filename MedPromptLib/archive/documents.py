"""A finding's JSON document as what a search looks at: words, measures with units, a phrase for likeness.

It knows no class of findings: strings are words, and numbers are measures by their name (`area_mm2`, `volume_ml`,
`probability`) or as objects with `value`, `unit` and `name` or `measure`. What a finding is about is its `structure`
and `target`, or the `side` and `name` of its `subject`; what it says is its `result`, or whether it is `present`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("µm", "μm", "um"), ("length", 1e-3)),
    "mm": ("length", 1.0),
    "cm": ("length", 10.0),
    "m": ("length", 1e3),
    **dict.fromkeys(("mm²", "mm2"), ("area", 1.0)),
    **dict.fromkeys(("cm²", "cm2"), ("area", 100.0)),
    **dict.fromkeys(("mm³", "mm3"), ("volume", 1.0)),
    **dict.fromkeys(("cm³", "cm3", "ml", "cc"), ("volume", 1e3)),
    "l": ("volume", 1e6),
    **dict.fromkeys(("%", "percent"), ("share", 0.01)),
    **dict.fromkeys(("hu", "[hnsf'u]"), ("hu", 1.0)),
    **dict.fromkeys(("pixels", "pixel", "px", "voxels"), ("pixels", 1.0)),
}
"""Unit → its dimension, and its size in the dimension's own unit (mm, mm², mm³, 1, HU, pixels). UCUM's spelling too."""
SHARES = ("probability", "confidence", "finding_probability", "threshold", "sensitivity", "specificity")
_ENDING = re.compile(r"_(um|mm|cm|m|mm2|cm2|mm3|cm3|ml|hu|percent|pixels|voxels)$")
_NO_WORDS = re.compile(r"^(?:[0-9a-f]{32,}|[\d.]+)$")
_NOT_A_MEASURE = ("task_id", "number", "label", "version", "id")


@dataclass(frozen=True)
class Described:
    """What of a finding is searched.

    Attributes:
        target, structure, outcome, weight: as the document says; empty where it does not.
        what: target and structure.
        result: the outcome, and `positive` or `negative` where the document says from when on.
        rest: all other words.
        measures: (name, dimension) → value in the dimension's own unit.
        phrase: the finding in words, without numbers.
        log_size: natural logarithm of its volume (mm³), area (mm²) or length (mm), or None.
    """

    target: str
    structure: str
    outcome: str
    weight: str
    what: str
    result: str
    rest: str
    measures: dict[tuple[str, str], float]
    phrase: str
    log_size: float | None


def described(document: Mapping[str, Any], modality: str = "") -> Described:
    """What a search needs to know of a finding.

    A finding with an area or a volume but no length gets the diameter of the circle or ball of the same size, so that
    `> 10 mm` has an answer; its name is `equivalent diameter`.
    """
    target, structure, result = (_text(document, name) for name in ("target", "structure", "result"))
    subject = document.get("subject")
    if not (target or structure) and isinstance(subject, Mapping):
        structure = " ".join(part for part in (_text(subject, "side"), _text(subject, "name")) if part)
    if not result and isinstance(document.get("present"), bool):
        result = "present" if document["present"] else "absent"
    what = " ".join(dict.fromkeys(part for part in (structure, target) if part))
    named = {target, structure, result}
    rest = " ".join(dict.fromkeys(word for word in _strings(document) if word not in named))
    measures = dict(_measures(document))
    area = next((v for (_, d), v in measures.items() if d == "area"), None)
    volume = next((v for (_, d), v in measures.items() if d == "volume"), None)
    length = next((v for (_, d), v in measures.items() if d == "length"), None)
    if length is None and (area or volume):
        length = 2 * (3 * volume / (4 * math.pi)) ** (1 / 3) if volume else 2 * math.sqrt((area or 0.0) / math.pi)
        measures["equivalent diameter", "length"] = length
    size = volume or area or length
    source = document.get("source")
    return Described(
        target=target,
        structure=structure,
        outcome=result,
        weight=_text(document, "weight_id") or (_text(source, "weight_id") if isinstance(source, Mapping) else ""),
        what=what,
        result=f"{result} {_sign(measures)}".strip(),
        rest=f"{rest} {modality}".strip(),
        measures=measures,
        phrase=", ".join(part for part in (what, result, modality) if part),
        log_size=math.log(size) if size else None,
    )


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _sign(measures: Mapping[tuple[str, str], float]) -> str:
    found, threshold = measures.get(("finding probability", "share")), measures.get(("threshold", "share"))
    if found is None or threshold is None:
        return ""
    return "positive" if found >= threshold else "negative"


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if value and not _NO_WORDS.match(value):
            yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name not in ("decision", "weight_id"):  # they have columns of their own
                yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _measures(value: object) -> Iterator[tuple[tuple[str, str], float]]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _measures(item)
    if not isinstance(value, Mapping):
        return
    number, unit = value.get("value"), value.get("unit")
    if number is not None and _is_number(number) and isinstance(unit, str):
        dimension, factor = UNITS.get(unit.strip().lower(), ("number", 1.0))
        yield (
            (str(value.get("name") or value.get("measure") or dimension).lower().replace("_", " "), dimension),
            float(number) * factor,
        )
        return
    for name, item in value.items():
        if _is_number(item) and name not in _NOT_A_MEASURE:
            ending = _ENDING.search(name)
            if ending:
                dimension, factor = UNITS[ending[1]]
            else:
                dimension, factor = {"pixels": "pixels"}.get(name, "share" if name in SHARES else "number"), 1.0
            plain = name[: ending.start()] if ending else name
            yield (plain.lower().replace("_", " "), dimension), float(item) * factor
        else:
            yield from _measures(item)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
