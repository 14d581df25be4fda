"""Writes `card.toml`: a card to fill in, every field with its explanation from the schema."""

from __future__ import annotations

import datetime
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from .card_drafts import FILL_IN
from .catalog import Network, Preprocessing, Provenance, Structure, WeightCard, WeightFile
from .plan import Intent

WRITTEN_BY_COMMANDS = ("schema_version", "calibration", "input_profile", "evaluation")
"""Fields of a card that `medprompt` measures or writes; a person leaves them out."""

TABLES: Mapping[str, type[BaseModel]] = {
    "network": Network,
    "preprocessing": Preprocessing,
    "provenance": Provenance,
    "file": WeightFile,
}
OPTIONAL_IN_DRAFTS = {"sha256", "bytes", "label", "color", "terminology"}
"""Required on a card, filled in by `weights add`."""

HEAD = f"""\
A weight card for MedPrompt. Write something wherever it says "{FILL_IN}"; lines that begin with # are explanations, or
fields with the value they have if they are left out. Then: medprompt weights add FOLDER --sample IMAGE
"""


def template(
    intent: Intent, dimension: Literal[2, 3] = 2, values: Mapping[str, Any] | None = None, notes: Sequence[str] = ()
) -> str:
    """The text of a `card.toml`.

    Args:
        values: what is known already, in the form of the card.
        notes: what the reader should know about the draft, one sentence each.
    """
    known = {"intent": intent.value, "dimension": dimension, **(values or {})}
    known.setdefault("provenance", {}).setdefault("date", datetime.datetime.now(datetime.UTC).date().isoformat())
    left_out = {*WRITTEN_BY_COMMANDS, *TABLES, "structures"}
    if intent is Intent.SEGMENTATION:
        left_out |= {"classes", "positive"}
    else:
        known.setdefault("classes", [FILL_IN, FILL_IN])
        known.setdefault("positive", [FILL_IN])
    lines = [*_comment(HEAD), *(line for note in notes for line in _comment(f"Note: {note}")), ""]
    lines += _fields(WeightCard, known, left_out, dimension)
    if intent is Intent.SEGMENTATION:
        for structure in known.get("structures", [{"name": FILL_IN}]):
            lines += ["", "[[structures]]", *_fields(Structure, structure, set(), dimension)]
    for name, model in TABLES.items():
        lines += ["", *_comment(_summary(model)), f"[{name}]", *_fields(model, known.get(name, {}), set(), dimension)]
    return "\n".join(lines) + "\n"


def fields_to_fill(text: str) -> tuple[str, ...]:
    """Names of the fields of a draft that a person must fill in."""
    names, table = [], ""
    for line in text.splitlines():
        if line.startswith("["):
            table = line.strip("[]") + "."
        elif FILL_IN in line and not line.startswith("#"):
            names.append(table + line.partition(" =")[0])
    return tuple(dict.fromkeys(names))


def _fields(model: type[BaseModel], known: Mapping[str, Any], left_out: set[str], dimension: int) -> Iterator[str]:
    """Lines for each field of a model: explanation, allowed values, and the value or what it is by default.

    A field whose explanation begins with the other dimension (`3D: …`) is left out unless it has a value.
    """
    other = f"{5 - dimension}D:"
    explained = explanations(model)
    for name, field in model.model_fields.items():
        if name in left_out or (name not in known and explained.get(name, "").startswith(other)):
            continue
        yield from _comment(" ".join(filter(None, (explained.get(name, ""), _allowed(field.annotation)))))
        if name in known:
            yield f"{name} = {toml(known[name])}"
        elif field.is_required() and name not in OPTIONAL_IN_DRAFTS:
            yield f"{name} = {toml(FILL_IN)}"
        else:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            yield f"# {name} = {toml(default) if default is not None else '… (filled in or not used if left out)'}"
    for name in known.keys() - model.model_fields.keys():
        yield f"{name} = {toml(known[name])}"  # `weights add` names it as unknown; nothing is dropped in silence


def explanations(model: type[BaseModel]) -> dict[str, str]:
    """Field → its text in the `Attributes` section of the model's docstring."""
    _, _, section = (inspect.getdoc(model) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        entry = re.match(r" {4}(\w[\w, ]*): (.*)", line)
        if entry:
            names = [name.strip() for name in entry[1].split(",")]
            found |= dict.fromkeys(names, entry[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def _summary(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").partition("\n\n")[0]


def _allowed(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        options = get_args(annotation)
    elif inspect.isclass(annotation) and issubclass(annotation, Enum):
        options = tuple(member.value for member in annotation)
    else:
        return ""
    return f"One of: {', '.join(map(str, options))}."


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), 116)]


def toml(value: Any) -> str:
    """A plain value as TOML; entries of a table that are None are left out."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {toml(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inner} }}" if inner else "{}"
    return f"[{', '.join(toml(item) for item in value)}]"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml(key)
