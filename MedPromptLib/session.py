"""The whole job in one object: prompt → plan → routes → results, with everything loaded kept warm between calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .catalog import Catalog
from .errors import NotConfirmed
from .images import MedicalImage
from .plan import Plan
from .results import Run
from .routing import Mode, RoutedPlan, Router

if TYPE_CHECKING:
    from .execution import Report
    from .inference.engine import LoadedWeight, ModelCache
    from .planner import Planner, Verdict


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

    def decide(self, prompt: str, cancelled: Callable[[], bool] = lambda: False) -> Verdict:
        """The plan, and whether it may run without being shown first.

        Raises:
            InvalidInput: an empty or overlong prompt.
            Cancelled: `cancelled` returned True.
        """
        from .planner import decided

        return decided(self.planner, prompt, self.catalog.abilities, cancelled)

    def route(self, plan: Plan, image: MedicalImage | None = None) -> RoutedPlan:
        """The plan with a weight for each task."""
        return self.router.route(plan, image.modality if image else None)

    def run(
        self,
        routed: RoutedPlan,
        image: MedicalImage,
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
        image: MedicalImage,
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

        progress(Progress("Reading the request…", 0.0))
        verdict = self.decide(prompt, cancelled)
        for note in verdict.notes:
            progress(Progress(note, 0.0))
        if verdict.decision == "confirm" and not (confirm is not None and confirm(verdict)):
            raise NotConfirmed(verdict.question(), verdict)
        return self.run(
            self.route(verdict.plan, image),
            image,
            device=device,
            progress=progress,
            cancelled=cancelled,
            accept_unusual_input=accept_unusual_input,
        )


@functools.cache
def default_session() -> Session:
    """The session of this process."""
    return Session()
