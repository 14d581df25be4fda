"""Cards that people write: `card.toml` or `card.json`, with what a computer can fill in left out."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .catalog import CARD_NAME, FILE_NAME, Code, WeightCard, WeightFile, card_from_text, sha256_of
from .errors import InvalidInput, WeightCorrupt

DRAFT_NAME = "card.toml"
FILL_IN = "FILL IN"
"""What stands in a draft where a person has to write something."""

ANATOMY = Code(scheme="SCT", value="123037004", meaning="Anatomical Structure")
ALTERED = Code(scheme="SCT", value="49755003", meaning="Morphologically Altered Structure")
COLOURS = (
    *((0.86, 0.45, 0.32), (0.25, 0.62, 0.80), (0.45, 0.72, 0.38), (0.90, 0.75, 0.30)),
    *((0.62, 0.44, 0.75), (0.40, 0.75, 0.70), (0.88, 0.55, 0.68), (0.65, 0.60, 0.45)),
)


def read_draft(folder: Path) -> WeightCard:
    """The card that a folder holds, completed.

    What may be left out: the file's SHA-256 and size, and of a structure its label (its place in the list), its colour,
    and its terminology if the project's ontology has a code for the name.

    Raises:
        InvalidInput: no card, both kinds of card, or fields that are still to be filled in; the message names them.
        WeightCorrupt: not TOML or JSON, or fields that do not fit; the message names them.
    """
    found = [folder / name for name in (DRAFT_NAME, CARD_NAME) if (folder / name).is_file()]
    if not found:
        raise InvalidInput(
            f"There is no {CARD_NAME} and no {DRAFT_NAME} in {folder}; expected a folder with one of them and the "
            "weight file (`medprompt weights template` writes a card to start from)."
        )
    if len(found) > 1:
        raise InvalidInput(f"There is a {CARD_NAME} and a {DRAFT_NAME} in {folder}; remove the one that is not meant.")
    path = found[0]
    values = _read_values(path)
    if not isinstance(values, dict):
        return card_from_text(json.dumps(values), path)
    unfilled = list(_placeholders(values))
    if unfilled:
        raise InvalidInput(f"The card {path} is not complete; fill in: {', '.join(unfilled)}.")
    _complete_file(values, folder)
    _complete_structures(values)
    return card_from_text(json.dumps(values, default=str), path)


def _read_values(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text) if path.name == DRAFT_NAME else json.loads(text)
    except json.JSONDecodeError:
        return card_from_text(text, path)  # says what is wrong with it
    except (OSError, ValueError, RecursionError) as error:
        raise WeightCorrupt(f"The card {path} cannot be read ({error}); correct it.") from error


def _placeholders(value: Any, where: str = "") -> Iterator[str]:
    """Names of the fields that still hold `FILL_IN`."""
    if isinstance(value, str) and value.startswith(FILL_IN):
        yield where
    elif isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _placeholders(inner, f"{where}.{key}" if where else str(key))


def _complete_file(values: dict[str, Any], folder: Path) -> None:
    file = values.setdefault("file", {})
    if not isinstance(file, dict) or {"sha256", "bytes"} <= file.keys():
        return
    name = file.setdefault("name", FILE_NAME)
    pattern = next(m.pattern for m in WeightFile.model_fields["name"].metadata if hasattr(m, "pattern"))
    if not isinstance(name, str) or not re.fullmatch(pattern, name):
        return  # the card's schema says what is wrong with it
    path = folder / name
    if not path.is_file():
        raise WeightCorrupt(f"The weight file {path} is missing; put it beside the card or correct file.name.")
    file.setdefault("sha256", sha256_of(path))
    file.setdefault("bytes", path.stat().st_size)
    file.setdefault("storage", "float32")


def _complete_structures(values: dict[str, Any]) -> None:
    structures = values.get("structures")
    if not isinstance(structures, list):
        return
    for index, structure in enumerate(structures):
        if not isinstance(structure, dict):
            continue
        structure.setdefault("label", index + 1)
        structure.setdefault("color", list(COLOURS[index % len(COLOURS)]))
        if "terminology" not in structure:
            terminology = known_terminology(str(structure.get("name", "")))
            if terminology is None:
                raise InvalidInput(
                    f"No SNOMED CT code is known for the structure '{structure.get('name')}'; give its terminology "
                    "(category and type, each with scheme, value and meaning), or use a name that is known."
                )
            structure["terminology"] = terminology


def known_terminology(name: str) -> dict[str, Any] | None:
    """Category, type and side of a structure as its card has them, or None if the ontology has no code for the name."""
    from .ontology import normalise

    concept = normalise(name)
    if concept is None or concept.code is None:
        return None
    terms = {"category": ALTERED if concept.kind == "finding" else ANATOMY, "type": concept.code}
    if concept.modifier is not None:
        terms["modifier"] = concept.modifier
    return {key: code.model_dump() for key, code in terms.items()}
