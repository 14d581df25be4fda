"""What reviewers decided elsewhere, kept in the archive too; and a run of it laid out for review."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from ..review.cases import Case, proposals
from ..review.decisions import Decision, Review
from .connection import translated
from .store import Archive
from .transfer import write_run_folder

_CORRECTED = "corrected to "
_WORDS = {Decision.ACCEPTED: "accepted", Decision.EDITED: "edited", Decision.REJECTED: "rejected"}


def has_run(archive: Archive, name: str) -> bool:
    """Whether an archive holds a run of that whole name."""
    with translated(archive.path):
        return archive.connection.execute("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone() is not None


def keep_decisions(archive: Archive, run: str, reviews: Sequence[Review]) -> int:
    """Keep the decisions about a filed run that the archive does not have yet; how many there were.

    Args:
        reviews: one per finding, in order.

    Raises:
        InvalidInput: no such run, or another number of findings.
    """
    row = archive.run_named(run)
    with translated(archive.path):
        order = "SELECT number, decision, reviewer FROM findings WHERE run = ? ORDER BY number"
        known = archive.connection.execute(order, (row["id"],)).fetchall()
    if len(known) != len(reviews):
        raise InvalidInput(f"Run {row['name'][:8]} has {len(known)} findings in the archive, not {len(reviews)}.")
    kept = 0
    for finding, review in zip(known, reviews, strict=True):
        word = _WORDS.get(review.decision)
        if word is None or (finding["decision"] == word and review.reviewer in ("", finding["reviewer"])):
            continue
        corrected = f"{_CORRECTED}{review.corrected}" if review.corrected else ""
        note = "; ".join(part for part in (corrected, review.comment) if part)
        archive.decide(row["name"], finding["number"], word, review.reviewer, note)
        kept += 1
    return kept


def case_from(archive: Archive, run: str, folder: Path) -> Case:
    """A run's files in a folder as a case that can be reviewed, with the decisions that the archive has.

    Raises:
        InvalidInput: no such run, or it was filed without its scene.
        OutputFailed: the folder cannot be written to.
    """
    row = archive.run_named(run)
    write_run_folder(archive, row["name"], folder)
    case = Case(folder)
    if not case.scene.is_file():
        raise InvalidInput(f"Run {row['name'][:8]} was filed without its scene, so there is nothing to open.")
    with translated(archive.path):
        order = (
            "SELECT findings.decision, findings.reviewer, d.note, d.at FROM findings LEFT JOIN decisions d ON d.id = "
            "(SELECT max(id) FROM decisions WHERE finding = findings.id) WHERE run = ? ORDER BY number"
        )
        decided = archive.connection.execute(order, (row["id"],)).fetchall()
    proposed = proposals(case.provenance(), case.name)
    reviews = [_decided(*pair) for pair in zip(proposed, decided, strict=True)]
    if any(review.decision is not Decision.PROPOSED for review in reviews):
        case.save(reviews, {})
    return case


def _decided(review: Review, found: Any) -> Review:
    """A proposal with the decision in a row of the archive, if it has one."""
    if not found["decision"]:
        return review
    note, corrected = str(found["note"] or ""), ""
    if note.startswith(_CORRECTED):
        corrected, _, note = note.removeprefix(_CORRECTED).partition("; ")
    return review.model_copy(
        update={
            "decision": Decision(found["decision"]),
            "corrected": corrected,
            "comment": note,
            "reviewer": found["reviewer"] or "",
            "decided_at": found["at"] or "",
        }
    )


def prompt_of(row: dict[str, object]) -> str:
    """What was asked for, of a run's row."""
    return str(json.loads(str(row["provenance"])).get("prompt", ""))
