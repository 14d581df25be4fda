"""The whole job in one object: prompt → plan → routes → results, with everything loaded kept warm between calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .catalog import Catalog
from .errors import InvalidInput, NotConfirmed
from .images import MedicalImage
from .plan import Plan
from .results import Run
from .routing import Mode, RoutedPlan, Router

if TYPE_CHECKING:
    from .execution import Report
    from .inference.engine import LoadedWeight, ModelCache
    from .planner import Planner, Verdict
    from .sequences.examination import Examination, Needs
    from .sequences.guessing import Guess


def _silent(event: object) -> None:
    """A progress callback that says nothing."""


class Session:
    """Plans, routes and runs requests over one catalogue.

    Args:
        folders: weight folders; default `catalog.default_weight_folders()`.
        planner: default the rules and the local language model together (`AgreementPlanner.default`).
        router_mode: `lexicon`, or `paper` for the MedPrompt paper's score alone.

    Example:
        >>> session = Session()
        >>> session.plan("Segment the lungs on this chest x-ray.").status.value
        'ok'
    """

    def __init__(
        self, folders: Sequence[Path] | None = None, planner: Planner | None = None, router_mode: Mode = "lexicon"
    ) -> None:
        if planner is None:
            from .planner import AgreementPlanner

            planner = AgreementPlanner.default()
        self.folders = None if folders is None else tuple(folders)
        self.catalog = Catalog.load(folders)
        self.planner = planner
        self.router = Router(self.catalog.abilities, router_mode)

    @functools.cached_property
    def _cache(self) -> ModelCache:
        from .inference.engine import ModelCache

        return ModelCache(self.catalog)

    def weight(self, weight_id: str, device: str = "auto") -> LoadedWeight:
        """A loaded weight, for looking into it; kept warm like those of a run.

        Raises:
            WeightCorrupt: not installed, or its file is not whole.
        """
        from .inference.devices import resolve_device

        return self._cache.get(weight_id, resolve_device(device))

    def plan(self, prompt: str) -> Plan:
        """What the prompt asks for, as data; nothing runs."""
        return self.planner.plan(prompt, self.catalog.abilities)

    def decide(self, prompt: str, cancelled: Callable[[], bool] = lambda: False, images: Sequence[str] = ()) -> Verdict:
        """The plan, and whether it may run without being shown first.

        Args:
            images: the sequences of an examination that the request is about, if they are known.

        Raises:
            InvalidInput: an empty or overlong prompt.
            Cancelled: `cancelled` returned True.
        """
        from .planner import decided

        return decided(self.planner, prompt, self.catalog.abilities, cancelled, images)

    def needs(self, plan: Plan) -> Needs | None:
        """Which images of an examination a plan's weights take together; None if each takes one image."""
        from .sequences.examination import needs_of

        cards = [self.catalog.card(route.weight_id) for route in self.route(plan).routes]
        return needs_of(cards, tuple(dict.fromkeys(name for task in plan.pipeline for name in task.sequences)))

    def examine(
        self,
        plan: Plan,
        images: Sequence[MedicalImage],
        chosen: Mapping[int, str | Guess] | None = None,
        *,
        progress: Report = _silent,
        **options: Any,
    ) -> Examination:
        """Several images of one patient, ready for a plan; see `sequences.examination.examination`.

        Raises:
            InvalidInput: no weight of the plan takes several images, or they are not what it takes.
        """
        from .execution import Progress
        from .sequences.examination import examination

        needs = self.needs(plan)
        if needs is None:
            raise InvalidInput(f"No step of the plan takes several images, but {len(images)} were given; give one.")
        examined = examination(images, needs, chosen, notice=lambda line: progress(Progress(line, 0.0)), **options)
        for line in examined.lines:
            progress(Progress(line, 0.0))
        return examined

    def route(self, plan: Plan, image: MedicalImage | Examination | None = None) -> RoutedPlan:
        """The plan with a weight for each task."""
        reference = image if image is None or isinstance(image, MedicalImage) else image.reference
        return self.router.route(plan, reference.modality if reference else None)

    def run(
        self,
        routed: RoutedPlan,
        image: MedicalImage | Examination,
        *,
        device: str = "auto",
        progress: Report = _silent,
        cancelled: Callable[[], bool] = lambda: False,
        accept_unusual_input: bool = False,
    ) -> Run:
        """Run a routed plan; for the options see `execution.Executor.run`."""
        from .execution import Executor

        return Executor(self.catalog, self._cache, device).run(
            routed, image, progress=progress, cancelled=cancelled, accept_unusual_input=accept_unusual_input
        )

    def analyze(
        self,
        image: MedicalImage | Sequence[MedicalImage],
        prompt: str,
        *,
        device: str = "auto",
        confirm: Callable[[Verdict], bool] | None = None,
        progress: Report = _silent,
        cancelled: Callable[[], bool] = lambda: False,
        accept_unusual_input: bool = False,
    ) -> Run:
        """Plan, route and run a prompt on an image.

        Args:
            image: or several images of one examination, for weights that take them together.
            device: `auto`, `cpu`, `cuda`, `cuda:<n>` or `mps`.
            confirm: shown the verdict where the planners differ or are unsure; True runs the proposed plan. Without
                it, such a prompt raises `NotConfirmed` and nothing runs.
            progress: gets an `execution.Progress` for each step.
            cancelled: polled between steps and batches.
            accept_unusual_input: run although the image does not look like those a weight was made for.

        Raises:
            UnusualInput: the image does not look like those a weight was made for; nothing has run.
            NotConfirmed: the plan has to be confirmed, and was not.
            MedPromptError: with one sentence for the user; its subclass says what kind.
        """
        from .execution import Progress
        from .sequences.guessing import sequences_told

        progress(Progress("Reading the request…", 0.0))
        images = [image] if isinstance(image, MedicalImage) else list(image)
        if not images:
            raise InvalidInput("There is no image; give one, or several of one examination.")
        verdict = self.decide(prompt, cancelled, sequences_told(images))
        for note in verdict.notes:
            progress(Progress(note, 0.0))
        if verdict.decision == "confirm" and not (confirm is not None and confirm(verdict)):
            raise NotConfirmed(verdict.question(), verdict)
        given: MedicalImage | Examination = images[0]
        if len(images) > 1:
            options: dict[str, Any] = {"cancelled": cancelled, "accept_unusual_input": accept_unusual_input}
            given = self.examine(verdict.plan, images, progress=progress, **options)
        return self.run(
            self.route(verdict.plan, given),
            given,
            device=device,
            progress=progress,
            cancelled=cancelled,
            accept_unusual_input=accept_unusual_input,
        )


@functools.cache
def default_session() -> Session:
    """The session of this process."""
    return Session()
