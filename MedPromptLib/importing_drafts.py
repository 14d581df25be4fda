"""Drafts: a folder with a weight file and a `card.toml` that holds what an import found out, for a person to finish."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .card_drafts import DRAFT_NAME
from .card_template import fields_to_fill, template
from .catalog import DRAFT_SUFFIX, WeightCard
from .errors import InvalidInput, OutputFailed
from .plan import Intent


@dataclass
class Found:
    """What an import found out about a model.

    Attributes:
        values: parts of the card.
        notes: what the reader of the draft should know, one sentence each; also the card's limitations.
    """

    intent: Intent
    dimension: Literal[2, 3]
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Draft:
    """A written draft: its folder, and the fields that a person must fill in."""

    folder: Path
    to_fill: tuple[str, ...]
    notes: tuple[str, ...]


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        InvalidInput: no such file, not JSON, or no object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"The {what} {path} cannot be read ({reason}); expected a JSON file.") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"The {what} {path} holds a {type(values).__name__} where an object was expected.")
    return values


def read_given(path: Path | None) -> dict[str, Any]:
    """Parts of a card that a person wrote, from a JSON or TOML file; they win over what an import finds out.

    Raises:
        InvalidInput: unreadable.
    """
    if path is None or path.suffix != ".toml":
        return {} if path is None else read_json(path, "card")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The card {path} cannot be read ({error}); expected JSON or TOML.") from error


def merged(found: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values with others on top; tables are merged, everything else is replaced."""
    result = dict(found)
    for key, value in given.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def an_id(text: str) -> str:
    """A weight id from any text."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "weight"


def write_draft(found: Found, given: Mapping[str, Any], into: Path, write_file: Callable[[Path], None]) -> Draft:
    """Write `into/<id>/card.toml` and the weight file, both or nothing.

    Args:
        given: what a person says about the weight; wins.
        write_file: writes the weight file into the folder it is given.

    Raises:
        InvalidInput: an id that is no id, or a folder that exists.
        OutputFailed: it cannot be written.
    """
    values = merged({"limitations": found.notes} | found.values, given)
    pattern = next(m.pattern for m in WeightCard.model_fields["id"].metadata if hasattr(m, "pattern"))
    if not isinstance(values["id"], str) or not re.fullmatch(pattern, values["id"]):
        raise InvalidInput(f"The id {values['id']!r} is none; expected small letters, digits and underscores.")
    folder, draft = into / values["id"], into / f"{values['id']}{DRAFT_SUFFIX}"
    if folder.exists():
        raise InvalidInput(f"There is already a folder {folder}; remove it or give another id with --card.")
    text = template(found.intent, found.dimension, values, found.notes)
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        write_file(draft)
        (draft / DRAFT_NAME).write_text(text, encoding="utf-8")
        draft.rename(folder)
    except OSError as error:
        raise OutputFailed(f"The draft cannot be written to {into} ({error.strerror}); nothing was left.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Draft(folder, fields_to_fill(text), tuple(found.notes))
