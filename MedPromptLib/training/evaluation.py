"""How good a weight is: the shipped file, through the product's own inference path, on one split."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..catalog import WeightCard
from ..errors import InvalidInput
from ..images import Array, MedicalImage
from ..inference.engine import LoadedWeight, classify, label_map, segmentation_scores
from ..inference.preprocessing import restore
from ..inference.volume_geometry import grid_of
from ..inference.volumes import restore_volume
from ..measured import Measurement
from ..plan import Intent
from ..results import decided_class
from .case_record import CaseRecord, Evaluation
from .data import Cases, NoSuchSplit, hold_out
from .floors import segmentation_floors, thumbnail_probabilities
from .metrics import (
    Estimate,
    Floats,
    bootstrap,
    bootstrap_mean,
    calibration_error_by_chance,
    expected_calibration_error,
    f1,
    mask_scores,
    paper_soft_dice,
    pooled_dice,
    rate,
)
from .subgroups import resampled_by, subgroup_rows, subgroup_values
from .volume_data import VolumeCases, read_for
from .volume_floors import volume_floors

PER_PATIENT = "Dice over all images of a patient"

Report = Callable[[str], None]


def evaluate(
    weight: LoadedWeight,
    folder: Path,
    split: str,
    command: str,
    report: Report = lambda line: None,
    *,
    subgroups: str = "",
    worst: int = 0,
) -> Evaluation:
    """All figures of one weight on one split of one data set, and of trivial methods if there is a `train` split.

    Args:
        folder: a data set as `training.data.read_cases` or, for volumes, `training.volume_data.read_volumes` wants it.
        command: what a reader runs to get the same numbers; it goes onto the card.
        subgroups: a column of its `split.csv` whose values are measured apart; empty for none.
        worst: how many of the worst cases to name.

    Raises:
        InvalidInput: the data set does not fit the weight (no masks, unknown labels, no such column).
    """
    card = weight.card
    cases = _cases(card, folder, split)
    if subgroups:
        subgroup_values(folder, subgroups, cases.ids)  # a column that does not do is said before the work
        cases = resampled_by(cases, subgroups)
    record = CaseRecord(card, cases)
    run = _segmentation if card.intent is Intent.SEGMENTATION else _classification
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    stamp = {"dataset": folder.name, "split": split, "date": today, "command": command}
    rows = run(weight, cases, report, record) + _floors(card, cases)
    measurements = tuple(
        Measurement(**estimate.stamped(stamp), metric=metric, subject=subject, images=images)
        for metric, subject, estimate, images in rows
    )
    return Evaluation(
        measurements=measurements,
        subgroups=subgroup_rows(record, subgroups, stamp) if subgroups else (),
        reliability=record.reliability(stamp),
        worst=record.worst(worst),
    )


def _cases(card: WeightCard, folder: Path, split: str) -> Cases:
    held_out = card.provenance.held_out
    if held_out and split in ("train", "val") and folder.name == card.provenance.dataset:
        parts = hold_out(_read(card, folder, "train"), held_out)
        return parts[split]
    return _read(card, folder, split)


def _read(card: WeightCard, folder: Path, split: str) -> Cases:
    return read_for(card.dimension, card.preprocessing, folder, split, binary_mask=len(card.structures) == 1)


Row = tuple[str, str, Estimate, int]


def _floors(card: WeightCard, cases: Cases) -> list[Row]:
    """What trivial methods fitted on the training split reach; nothing if there is none, or on that split itself."""
    if cases.split == "train":
        return []
    try:
        train = _cases(card, cases.folder, "train")
    except NoSuchSplit:
        return []
    if card.intent is Intent.SEGMENTATION:
        found = (volume_floors if isinstance(cases, VolumeCases) else segmentation_floors)(card, train, cases)
        names = _structure_groups(card)
        return [
            (metric, name, bootstrap_mean(values[:, columns], cases.groups), _defined(values[:, columns]))
            for metric, values in found.items()
            for name, columns in names.items()
            if _defined(values[:, columns])
        ]
    probabilities = thumbnail_probabilities(train, cases, card.classes)
    truth = np.array([card.classes.index(label) for label in cases.labels])
    accuracy, auc = _accuracy(probabilities.argmax(1), truth), _auc(card, probabilities, truth)
    return [
        ("accuracy of a thumbnail classifier", "all classes", bootstrap(cases.groups, accuracy), len(truth)),
        ("AUC of a thumbnail classifier", "finding against none", bootstrap(cases.groups, auc), len(truth)),
    ]


def _defined(values: Floats) -> int:
    return int((~np.isnan(values).all(axis=1)).sum())


Statistic = Callable[[npt.NDArray[np.intp]], float]


def _accuracy(answers: npt.NDArray[np.intp], truth: npt.NDArray[np.intp]) -> Statistic:
    return lambda chosen: float((answers == truth)[chosen].mean())


def _auc(card: WeightCard, probabilities: Floats, truth: npt.NDArray[np.intp]) -> Statistic:
    """That of any positive class against the rest, of the cases that are drawn."""
    from sklearn.metrics import roc_auc_score

    positive = [card.classes.index(name) for name in card.positive]
    finding, score = np.isin(truth, positive), probabilities[:, positive].sum(1)

    def auc(chosen: npt.NDArray[np.intp]) -> float:
        y = finding[chosen]
        return float(roc_auc_score(y, score[chosen])) if y.any() and not y.all() else float("nan")

    return auc


def _segmentation(weight: LoadedWeight, cases: Cases, report: Report, record: CaseRecord) -> list[Row]:
    card = weight.card
    if cases.masks is None:
        raise InvalidInput(f"The data set {cases.folder} has no masks/ folder, which evaluating '{card.id}' needs.")
    predicted, soft = [], np.full((len(cases), len(card.structures)), np.nan)
    spacings: list[tuple[float, ...] | None] = []
    for index in range(len(cases)):
        image = cases.image(index)
        spacings.append(image.spacing if image.spacing_known else None)
        found = segmentation_scores(weight, image)
        probabilities = _on_image_grid(card, image, found)  # a copy, before `found` is tidied
        record.pixels.add(1 - probabilities[0], cases.masks[index] != 0)
        predicted.append(as_mask(label_map(card, image, found)[0], cases.masks[index]))
        for column, structure in enumerate(card.structures):
            truth = cases.masks[index] == structure.label
            if truth.any():
                soft[index, column] = paper_soft_dice(probabilities[structure.label], truth)
        report(f"{index + 1} of {len(cases)}")
    in_mm = all(spacing is not None for spacing in spacings)
    scores = mask_scores(predicted, cases.masks, len(card.structures), spacings if in_mm else None)
    record.scores = scores
    unit = "mm" if in_mm else "pixels" if card.dimension == 2 else "voxels"
    groups = _structure_groups(card)
    rows: list[Row] = []
    for name, columns in groups.items():
        for metric, values in (
            ("Dice", scores.dice),
            ("IoU", scores.iou),
            (f"HD95 ({unit})", scores.hd95),
            ("paper's soft Dice over background and foreground", soft),
            ("false alarms on images without it", scores.false_alarm),
        ):
            chosen = values[:, columns]
            defined = _defined(chosen)
            if defined:
                rows.append((metric, name, bootstrap_mean(chosen, cases.groups), defined))
    if card.preprocessing.volumes == "slices":  # its images are slices of patients
        pooled = pooled_dice(predicted, cases.masks, cases.groups, len(card.structures))
        patients, per_patient = tuple(pooled), np.stack(list(pooled.values()))
        for name, columns in groups.items():
            chosen = per_patient[:, columns]
            rows.append((PER_PATIENT, name, bootstrap_mean(chosen, patients), _defined(chosen)))
    merged = _merged_dice(card, predicted, cases)
    rows.extend(
        ("Dice", name, bootstrap_mean(values[:, None], cases.groups), len(cases)) for name, values in merged.items()
    )
    return rows


def as_mask(labels: npt.NDArray[np.uint8], mask: Array) -> npt.NDArray[np.uint8]:
    """A label map (k, j, i) in the shape of the data set's mask, which of a single image has no slice axis."""
    return labels if mask.ndim == 3 else labels[0]


def _on_image_grid(card: WeightCard, image: MedicalImage, found: Tensor) -> npt.NDArray[np.generic]:
    """Probabilities (classes, …) on the grid of the image's mask, from what `segmentation_scores` gives."""
    if card.dimension == 3:
        return restore_volume(image, card.preprocessing, found)
    if len(found) > 1:
        grid = grid_of(image, card.preprocessing)
        turned = restore(found, grid.native[1:]).movedim(1, 0).double().numpy()
        return np.stack([grid.unturn(of_class) for of_class in turned])
    return restore(found, image.shape[1:])[0].double().numpy()


def _structure_groups(card: WeightCard) -> dict[str, list[int]]:
    groups = {s.name: [i] for i, s in enumerate(card.structures)}
    if len(card.structures) > 1:
        groups["all structures (mean)"] = list(range(len(card.structures)))
    return groups


def _merged_dice(card: WeightCard, predicted: list[npt.NDArray[np.uint8]], cases: Cases) -> dict[str, Floats]:
    """Dice of paired organs as one mask: the union of 'right x' and 'left x' is 'both x'."""
    assert cases.masks is not None
    labels = {s.name: s.label for s in card.structures}
    merged = {}
    for name, label in labels.items():
        organ = name.removeprefix("right ")
        if organ == name or f"left {organ}" not in labels:
            continue
        pair = [label, labels[f"left {organ}"]]
        one, other = ([np.isin(m, pair).astype(np.uint8) for m in masks] for masks in (predicted, cases.masks))
        merged[f"both {organ}s as one"] = mask_scores(one, other, structures=1).dice[:, 0]
    return merged


def class_probabilities(weight: LoadedWeight, cases: Cases, report: Report = lambda line: None) -> Floats:
    """Calibrated probabilities (n, classes) of every case.

    Raises:
        InvalidInput: labels that the weight does not know.
    """
    card = weight.card
    unknown = sorted(set(cases.labels) - set(card.classes))
    if unknown:
        raise InvalidInput(
            f"The data set {cases.folder} has labels {unknown}, but '{card.id}' knows {', '.join(card.classes)}."
        )
    probabilities = np.zeros((len(cases), len(card.classes)))
    for index in range(len(cases)):
        by_name = classify(weight, cases.image(index))
        probabilities[index] = [by_name[name] for name in card.classes]
        report(f"{index + 1} of {len(cases)}")
    return probabilities


def decisions(card: WeightCard, probabilities: Floats) -> npt.NDArray[np.intp]:
    """Index (n,) of the class that the product reports for each row of probabilities (n, classes)."""
    threshold = card.operating_point.threshold if card.operating_point else None
    rows = (dict(zip(card.classes, map(float, row), strict=True)) for row in probabilities)
    return np.array([card.classes.index(decided_class(row, card.positive, threshold)) for row in rows], dtype=np.intp)


def _classification(weight: LoadedWeight, cases: Cases, report: Report, record: CaseRecord) -> list[Row]:
    card = weight.card
    probabilities = record.probabilities = class_probabilities(weight, cases, report)
    best = record.decided = decisions(card, probabilities)
    truth, likeliest = record.truth, probabilities.argmax(1)
    positive = record.positive
    finding, called = np.isin(truth, positive), np.isin(best, positive)
    accuracy, auc = _accuracy(best, truth), _auc(card, probabilities, truth)
    by_chance = calibration_error_by_chance(probabilities.max(1))

    def calibration(chosen: npt.NDArray[np.intp]) -> float:
        return expected_calibration_error(probabilities.max(1)[chosen], (likeliest == truth)[chosen])

    def chance(chosen: npt.NDArray[np.intp]) -> float:
        return by_chance

    def finding_accuracy(chosen: npt.NDArray[np.intp]) -> float:
        return float((called == finding)[chosen].mean())

    def macro_f1(chosen: npt.NDArray[np.intp]) -> float:
        return float(np.mean([f1(truth[chosen] == n, best[chosen] == n) for n in range(len(card.classes))]))

    def balanced(chosen: npt.NDArray[np.intp]) -> float:
        hit = (best == truth)[chosen]
        return float(np.mean([hit[truth[chosen] == n].mean() for n in np.unique(truth[chosen])]))

    statistics: list[tuple[str, str, Callable[[npt.NDArray[np.intp]], float], int]] = [
        ("accuracy", "all classes", accuracy, len(truth)),
        ("macro F1", "all classes", macro_f1, len(truth)),
        ("ECE", "all classes", calibration, len(truth)),
        ("ECE of perfect calibration on as many images", "all classes", chance, len(truth)),
    ]
    if len(card.classes) > 2:
        statistics.insert(1, ("balanced accuracy", "all classes", balanced, len(truth)))
        statistics.append(("accuracy", "finding against none", finding_accuracy, len(truth)))
    statistics.append(("AUC", "finding against none", auc, len(truth)))
    for number, name in enumerate(card.classes):

        def one_f1(c: npt.NDArray[np.intp], n: int = number) -> float:
            return f1(truth[c] == n, best[c] == n)

        statistics.append(("F1", name, one_f1, int((truth == number).sum())))
    rows = [(metric, subject, bootstrap(cases.groups, function), n) for metric, subject, function, n in statistics]
    shares = [("recall", name, best == n, truth == n) for n, name in enumerate(card.classes)]
    if card.operating_point:
        shares.append(("top-1 accuracy", "all classes", likeliest == truth, np.ones(len(truth), dtype=bool)))
    for metric, hit, within in (
        ("prevalence", finding, np.ones(len(truth), dtype=bool)),
        ("sensitivity", called, finding),
        ("specificity", ~called, ~finding),
        ("PPV", finding, called),
        ("NPV", ~finding, ~called),
    ):
        shares.append((metric, "finding against none", hit, within))
    rows += [(m, subject, rate(cases.groups, hit, w), int(w.sum())) for m, subject, hit, w in shares if w.any()]
    return rows


def table(measurements: tuple[Measurement, ...]) -> str:
    """Measurements as aligned text."""
    lines = [f"{'metric':50} {'of':26} {'value':>8}  95 % interval       images"]
    for m in measurements:
        interval = f"{m.low:.4f} to {m.high:.4f}" if m.low is not None and m.high is not None else ""
        lines.append(f"{m.metric:50} {m.subject:26} {m.value:8.4f}  {interval:18}  {m.images:6}")
    return "\n".join(lines)
