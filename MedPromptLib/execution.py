"""Runs a routed plan on an image: order, conditions, input regions, progress, cancellation, provenance."""

from __future__ import annotations

import datetime
import functools
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from .catalog import Catalog, WeightCard
from .errors import Cancelled, InvalidInput
from .images import MedicalImage, luminance
from .plan import NEGATIVE, POSITIVE, Condition, Intent, Plan, Task
from .results import Classification, Finding, Provenance, Run, Segmentation, TaskRecord, ToldRecord
from .routing import Route, RoutedPlan

if TYPE_CHECKING:
    from .filter_steps import FilterStep
    from .inference.engine import ModelCache, Watch
    from .sequences.examination import Examination

MM2_PER_CM2 = 100.0
MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class Progress:
    """What a running plan reports.

    Attributes:
        message: one line for the user.
        done: share of the plan that is finished, 0 to 1.
        task_id: the task it is about, or None.
    """

    message: str
    done: float
    task_id: int | None = None


Report = Callable[[Progress], None]
Result = Segmentation | Classification


class Executor:
    """Runs routed plans with the weights of one catalogue.

    Args:
        cache: loaded weights; shared between runs so that a second run starts warm.
        device: see `inference.devices.resolve_device`.
    """

    def __init__(self, catalog: Catalog, cache: ModelCache, device: str = "auto") -> None:
        from .inference.devices import resolve_device

        self.catalog, self.cache = catalog, cache
        self.device = resolve_device(device)

    def run(
        self,
        routed: RoutedPlan,
        image: MedicalImage | Examination,
        *,
        progress: Report = lambda event: None,
        cancelled: Callable[[], bool] = lambda: False,
        accept_unusual_input: bool = False,
    ) -> Run:
        """All tasks in order; a task whose condition is not met is skipped and says why.

        Args:
            image: or an examination, for weights that take several sequences; others take its reference alone.
            accept_unusual_input: run although the image does not look like those a weight was made for; what is
                unusual is reported and kept among the provenance's notes.

        Raises:
            UnusualInput: the image does not fit a weight of the plan, and that is not accepted; nothing has run.
            Cancelled: `cancelled()` became true; nothing is returned.
            WeightCorrupt, InvalidInput: a weight or the image cannot be used.
        """
        from .inference.input_check import check_inputs
        from .sequences.examination import Examination, stacked

        started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
        tasks = routed.plan.ordered()
        cards = [self.catalog.card(name) for name in dict.fromkeys(routed.route(task.id).weight_id for task in tasks)]
        examined = image if isinstance(image, Examination) else None
        here = image.reference if isinstance(image, Examination) else image
        if examined and routed.plan.preprocessing:
            raise InvalidInput(
                "Filters are applied to one image, but several sequences were given; filter each of them by itself "
                "first (`medprompt filter`), or leave the filter out of the prompt."
            )
        filtered, steps = preprocessed(routed.plan, here, progress, cancelled)
        inputs: dict[str, MedicalImage] = {
            card.id: stacked(examined, card.preprocessing) if examined and card.preprocessing.sequences else filtered
            for card in cards
        }
        unusual = tuple(
            str(misfit)
            for misfit in check_inputs([(card, inputs[card.id]) for card in cards], accept=accept_unusual_input)
        )
        for line in unusual:
            progress(Progress(f"Unusual input, accepted: {line}", 0.0))
        results: dict[int, Result] = {}
        records: list[TaskRecord] = []
        for number, task in enumerate(tasks):
            if cancelled():
                raise Cancelled("Cancelled; no result was kept.")
            route = routed.route(task.id)
            done = number / len(tasks)
            progress(Progress(f"{describe_task(task)} with {route.weight_id}", done, task.id))
            watch = self._watch(progress, cancelled, done, 1 / len(tasks), task.id)
            reason = self._reason_to_skip(task, results, routed, here)
            begun = time.monotonic()
            told: list[ToldRecord] = []
            if not reason:
                heard = replace(watch, told=told.extend)
                results[task.id] = self._run_task(task, route, inputs[route.weight_id], results, heard)
            records.append(
                TaskRecord(
                    task_id=task.id,
                    state="skipped" if reason else "done",
                    reason=reason,
                    weight_id=route.weight_id,
                    score=round(route.score, 4),
                    device=str(self.device),
                    seconds=round(time.monotonic() - begun, 3),
                    instructions=tuple(told),
                )
            )
            if reason:
                progress(Progress(f"Skipped: {reason}", done, task.id))
        progress(Progress("Finished", 1.0))
        findings = [row for task in tasks if task.id in results for row in self._findings(task, results[task.id], here)]
        used = {r.weight_id: self.catalog.card(r.weight_id).file.sha256 for r in records if r.state == "done"}
        provenance = Provenance(
            prompt=routed.plan.prompt,
            plan=routed.plan,
            input_name=here.name,
            input_sha256=here.sha256,
            input_notes=(*filtered.notes, *(f"Accepted as unusual input: {line}" for line in unusual)),
            inputs=examined.records if examined else (),
            tasks=tuple(records),
            findings=tuple(findings),
            weights=used,
            versions=dict(versions()),
            device=str(self.device),
            started=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - clock, 3),
            preprocessing=steps,
        )
        return Run(
            image=here,
            segmentations=tuple(r for r in results.values() if isinstance(r, Segmentation)),
            classifications=tuple(r for r in results.values() if isinstance(r, Classification)),
            provenance=provenance,
            filtered=filtered if steps else None,
        )

    @staticmethod
    def _watch(
        progress: Report, cancelled: Callable[[], bool], done: float, share_of_plan: float, task_id: int
    ) -> Watch:
        from .inference.engine import Watch

        def advance(share: float, line: str) -> None:
            progress(Progress(line, done + share * share_of_plan, task_id))

        return Watch(lambda line: progress(Progress(line, done, task_id)), cancelled, advance)

    # -- conditions -------------------------------------------------------------------------------------------------

    def _reason_to_skip(self, task: Task, results: dict[int, Result], routed: RoutedPlan, image: MedicalImage) -> str:
        """Why the task does not run, or an empty string."""
        if task.dependency is not None:
            region = results.get(task.dependency)
            if region is None:
                return f"Task {task.dependency}, whose result is its input region, did not run."
            if isinstance(region, Segmentation) and not region.labels.any():
                return f"Task {task.dependency}, whose result is its input region, found nothing."
        condition = task.condition_on
        if condition is None:
            return ""
        earlier = results.get(condition.task_id)
        if earlier is None:
            return f"Task {condition.task_id}, on which it depends, did not run."
        met, seen = self._met(condition, earlier, image)
        return "" if met else f"Task {condition.task_id} gave {seen}; {_wanted(condition)} was the condition."

    def _met(self, condition: Condition, earlier: Result, image: MedicalImage) -> tuple[bool, str]:
        """Whether a condition holds, and what was seen, in words."""
        if isinstance(earlier, Segmentation):
            size, unit = found_size(earlier, image)
            if condition.minimum_size and unit == "pixels":
                raise InvalidInput(
                    f"The plan asks for a size above {condition.minimum_size:g}, but '{image.name}' has no pixel "
                    "spacing; give an image with spacing or ask without a size."
                )
            as_expected = size > condition.minimum_size
            if condition.expected_result == NEGATIVE:
                as_expected = not as_expected
            seen = f"{size:g} {unit}" if size else "nothing"
        else:
            as_expected = earlier.label in triggers(condition.expected_result, self.catalog.card(earlier.weight_id))
            seen = f"'{earlier.label}'"
        return as_expected == (condition.execution == "Positive"), seen

    # -- tasks ------------------------------------------------------------------------------------------------------

    def _run_task(
        self, task: Task, route: Route, image: MedicalImage, results: dict[int, Result], watch: Watch
    ) -> Segmentation | Classification:
        from .inference.engine import classify, segment

        weight = self.cache.get(route.weight_id, self.device)
        card = weight.card
        if card.intent is Intent.SEGMENTATION:
            labels, confidence = segment(weight, image, task.structures, watch)
            structures = tuple(s for s in card.structures if not task.structures or s.name in task.structures)
            return Segmentation(task.id, card.id, card.file.sha256, labels, structures, confidence)
        region = results.get(task.dependency) if task.dependency is not None else None
        inside = region.labels > 0 if isinstance(region, Segmentation) else None
        return Classification(
            task_id=task.id,
            weight_id=card.id,
            weight_sha256=card.file.sha256,
            target=card.target,
            probabilities=classify(weight, image, inside, watch),
            positive=card.positive,
            region_task=task.dependency,
            threshold=card.operating_point.threshold if card.operating_point else None,
        )

    def _findings(self, task: Task, result: Result, image: MedicalImage) -> list[Finding]:
        if isinstance(result, Classification):
            return [
                Finding(
                    kind="classification",
                    target=result.target,
                    result=result.label,
                    probability=round(result.probabilities[result.label], 4),
                    finding_probability=round(result.finding_probability, 4) if result.threshold is not None else None,
                    threshold=result.threshold,
                    task_id=task.id,
                    weight_id=result.weight_id,
                    weight_sha256=result.weight_sha256,
                )
            ]
        rows = []
        grey = luminance(image.array) if image.is_color else image.array
        voxel = float(np.prod(image.spacing))
        single = image.shape[0] == 1
        for structure in result.structures:
            inside = result.labels == structure.label
            count = int(inside.sum())
            known = image.spacing_known
            rows.append(
                Finding(
                    kind="segmentation",
                    target=self.catalog.card(result.weight_id).target,
                    structure=structure.name,
                    result="outlined" if count else "nothing found",
                    probability=round(result.confidence[structure.name], 4)
                    if structure.name in result.confidence
                    else None,
                    area_mm2=round(count * image.spacing[1] * image.spacing[2], 3) if single and known else None,
                    volume_ml=round(count * voxel / MM3_PER_ML, 4) if not single and known else None,
                    pixels=count,
                    mean_intensity=round(float(grey[inside].mean()), 3) if count else None,
                    task_id=task.id,
                    weight_id=result.weight_id,
                    weight_sha256=result.weight_sha256,
                )
            )
        return rows


def preprocessed(
    plan: Plan, image: MedicalImage, progress: Report, cancelled: Callable[[], bool]
) -> tuple[MedicalImage, tuple[FilterStep, ...]]:
    """The image that a plan's tasks look at, and what was done to it.

    Raises:
        InvalidInput: a filter does not fit the image.
        Cancelled: `cancelled()` became true between two filters.
    """
    if not plan.preprocessing:
        return image, ()
    from .filters import apply_filter

    name, steps = image.name, []
    for wanted in plan.preprocessing:
        if cancelled():
            raise Cancelled("Cancelled; no result was kept.")
        progress(Progress(f"Filter: {wanted.filter.name}", 0.0))
        image, step = apply_filter(image, wanted.filter)
        steps.append(step)
    # The hash is that of the file, whose voxels these are no more.
    return replace(image, name=f"{name} filtered", sha256=""), tuple(steps)


def triggers(expected: str, card: WeightCard) -> frozenset[str]:
    """The classes of `card` that count as the expected result.

    Raises:
        InvalidInput: a class the card does not have.
    """
    classes = {name.lower(): name for name in card.classes}
    text = expected.strip().lower()
    if text == POSITIVE:
        return frozenset(card.positive)
    if text == NEGATIVE:
        return frozenset(card.classes) - frozenset(card.positive)
    if text.startswith("not "):
        return frozenset(card.classes) - triggers(text[4:], card)
    if text in classes:
        return frozenset([classes[text]])
    raise InvalidInput(
        f"The plan waits for '{expected}', which '{card.id}' never says; it says: {', '.join(card.classes)}."
    )


def found_size(segmentation: Segmentation, image: MedicalImage) -> tuple[float, str]:
    """How much was found: ml in a volume, cm² in a single slice, pixels if the spacing is unknown."""
    count = int(np.count_nonzero(segmentation.labels))
    if not image.spacing_known:
        return float(count), "pixels"
    if image.shape[0] == 1:
        return count * image.spacing[1] * image.spacing[2] / MM2_PER_CM2, "cm²"
    return count * float(np.prod(image.spacing)) / MM3_PER_ML, "ml"


def _wanted(condition: Condition) -> str:
    wanted = f"'{condition.expected_result}'"
    if condition.minimum_size:
        wanted += f" above {condition.minimum_size:g}"
    return wanted if condition.execution == "Positive" else f"anything but {wanted}"


def describe_task(task: Task) -> str:
    """A task in a few words."""
    verb = "Segmenting" if task.intent is Intent.SEGMENTATION else "Classifying"
    return f"{verb} {', '.join(task.structures) or task.target}"


@functools.cache
def versions() -> dict[str, str]:
    """Versions of what computed the results; looked up once, as it takes longer than a small network."""
    found = {"python": platform.python_version()}
    from .inference.accelerated import is_available

    engine = ("onnxruntime",) if is_available() else ()
    for package in ("medprompt-slicer", "torch", *engine, "numpy", "SimpleITK"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # inside Slicer the extension itself is not a pip package
    return found
