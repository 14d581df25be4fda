"""What a batch does to its cases: one plan per prompt, kept for the next start, and the weights it may use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from .. import __version__
from ..catalog import CARD_NAME, Ability, Catalog, sha256_of, verify_file
from ..errors import NotConfirmed, PlanRejected, WeightCorrupt
from ..plan import Plan
from ..routing import Mode, is_for

if TYPE_CHECKING:
    from ..planner import Verdict
    from ..session import Session

SHOWN_QUESTIONS = 5


@dataclass(frozen=True)
class Mark:
    """What a weight is, byte for byte: SHA-256 of its card and of its file."""

    card: str
    file: str


def canonical(value: Any) -> str:
    """JSON that is the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """Hex SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def read_mark(catalog: Catalog, weight_id: str) -> Mark:
    """The mark of an installed weight.

    Raises:
        WeightCorrupt: its file is missing or is not what its card says.
    """
    folder = catalog.folder(weight_id)
    path = verify_file(folder, catalog.card(weight_id))
    try:
        return Mark(sha256_of(folder / CARD_NAME), sha256_of(path))
    except OSError as error:
        raise WeightCorrupt(f"The weight '{weight_id}' cannot be read ({error.strerror}); install it again.") from error


def weights_of(plan: Plan, abilities: Sequence[Ability], mode: Mode) -> tuple[str, ...]:
    """Ids of the weights that the router may choose for a plan, whatever an image says it is; sorted."""
    if mode == "paper":
        return tuple(sorted(a.id for a in abilities))
    return tuple(
        sorted({a.id for task in plan.pipeline for a in abilities if a.intent is task.intent and is_for(a, task)})
    )


def content_key(
    image_sha256: str, plan: Plan, marks: Mapping[str, Mark], modality: str | None, options: Mapping[str, Any]
) -> str:
    """What a case's results depend on, as one hash: image bytes, plan, weights, options and this version.

    Args:
        marks: of all weights that the plan may use.
    """
    return digest(
        {
            "image": image_sha256,
            "plan": plan.model_dump(mode="json"),
            "weights": {name: [mark.card, mark.file] for name, mark in sorted(marks.items())},
            "modality": modality,
            "options": dict(options),
            "version": __version__,
        }
    )


class Plans:
    """Plans by prompt, made once and kept in a file, so that a batch that goes on does what it did before.

    Args:
        path: where they are kept; a file that cannot be read is replaced.
    """

    def __init__(self, path: Path, session: Session) -> None:
        self._path, self._session = path, session
        try:
            self._kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(self._kept, dict):
                raise ValueError
        except (OSError, ValueError):
            self._kept = {}

    def of(self, prompts: Iterable[str], confirm: Callable[[Verdict], bool] | None) -> dict[str, Plan | PlanRejected]:
        """A plan for each prompt, or why there is none.

        Args:
            confirm: shown each verdict where the planners differ or are unsure; True runs the proposed plan.

        Raises:
            NotConfirmed: plans have to be confirmed and were not; the message names them all.
            InvalidInput: an empty or overlong prompt.
        """
        found: dict[str, Plan | PlanRejected] = {}
        questions: list[tuple[str, Verdict]] = []
        for prompt in dict.fromkeys(prompts):
            kept = self._look_up(prompt)
            if kept is not None:
                found[prompt] = kept
                continue
            verdict = self._session.decide(prompt)
            if verdict.decision in ("clarify", "refuse"):
                found[prompt] = PlanRejected(verdict.plan.message or verdict.reason)
            elif verdict.decision == "confirm" and not (confirm is not None and confirm(verdict)):
                questions.append((prompt, verdict))
            else:
                found[prompt] = verdict.plan
                self._kept[self._name(prompt)] = verdict.plan.model_dump(mode="json")
        if questions:
            said = [f"“{prompt}”: {verdict.question()}" for prompt, verdict in questions[:SHOWN_QUESTIONS]]
            more = f" … and {len(questions) - SHOWN_QUESTIONS} more" * (len(questions) > SHOWN_QUESTIONS)
            raise NotConfirmed(
                f"{' '.join(said)}{more} Nothing has run. To run these plans as they are, repeat the command with "
                "--yes.",
                questions[0][1],
            )
        return found

    def save(self) -> None:
        """Keep what was planned; raises OutputFailed."""
        from .store import write_whole

        write_whole(self._path, canonical(self._kept))

    def _name(self, prompt: str) -> str:
        abilities = [a.model_dump(mode="json") for a in self._session.catalog.abilities]
        return digest([prompt, abilities, type(self._session.planner).__name__, __version__])

    def _look_up(self, prompt: str) -> Plan | None:
        try:
            return Plan.model_validate(self._kept[self._name(prompt)])
        except (KeyError, ValidationError):
            return None
