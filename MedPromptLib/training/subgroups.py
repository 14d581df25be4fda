"""Measurements of parts of a split: the images with one value in a named column of the data set's `split.csv`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InvalidInput
from ..measured import SubgroupMeasurement
from ..plan import Intent
from .across_sources import pair_rows
from .case_record import CaseRecord, Stamp
from .data import Cases, NoSuchSplit, read_cases, read_table
from .metrics import Estimate, bootstrap_mean, rate

MOST_GROUPS = 12
FEWEST_IMAGES = 5
"""Per group of a split; a smaller group is left out, since its interval would say nothing."""


def subgroup_values(folder: Path, column: str, ids: tuple[str, ...]) -> tuple[str, ...]:
    """The column's value of each case.

    A column counts as one of groups if it has 2 to 12 different values in the whole `split.csv`, which patient
    identifiers never have; which column it is must be said and is never guessed.

    Raises:
        InvalidInput: no such column, or one that is not of groups.
    """
    rows = read_table(folder)
    if column not in rows[0]:
        raise InvalidInput(
            f"The data set {folder} has no column '{column}' in split.csv; it has: {', '.join(rows[0])}."
        )
    found = Counter(row[column] for row in rows)
    if not 2 <= len(found) <= MOST_GROUPS:
        raise InvalidInput(
            f"The column '{column}' of {folder} has {len(found)} different values; a column of subgroups has 2 to "
            f"{MOST_GROUPS}. Patients are no subgroups."
        )
    by_id = {row["id"]: row[column] for row in rows}
    return tuple(by_id[name] for name in ids)


def resampled_by(cases: Cases, column: str) -> Cases:
    """The cases as a bootstrap may draw them: by image where the column of groups is the one that is named `group`."""
    return replace(cases, groups=cases.ids) if column == "group" else cases


def subgroup_rows(record: CaseRecord, column: str, stamp: Stamp) -> tuple[SubgroupMeasurement, ...]:
    """Every subgroup's figures, for groups of at least five images in this split."""
    values = subgroup_values(record.cases.folder, column, record.cases.ids)
    found: list[tuple[str, Row]] = []
    for group in sorted(set(values)):
        chosen = np.flatnonzero(np.array(values) == group)
        if len(chosen) < FEWEST_IMAGES:
            continue
        measure = _classified if record.card.intent is Intent.CLASSIFICATION else _outlined
        found.extend((group, row) for row in measure(record, chosen))
    if record.card.intent is Intent.CLASSIFICATION:
        train = _training_split(record)
        train_values = subgroup_values(record.cases.folder, column, train.ids) if train else ()
        for metric, pair, estimate, images in pair_rows(record, values, train, train_values):
            found.append((pair, (metric, "finding against none", estimate, images)))
    return tuple(
        SubgroupMeasurement(
            **estimate.stamped(stamp),
            metric=metric,
            subject=subject,
            images=images,
            column=column,
            group=group,
        )
        for group, (metric, subject, estimate, images) in found
    )


def _training_split(record: CaseRecord) -> Cases | None:
    if record.cases.split == "train":
        return None
    try:
        return read_cases(record.cases.folder, "train")
    except NoSuchSplit:
        return None


Row = tuple[str, str, Estimate, int]


def _outlined(record: CaseRecord, chosen: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[Row]:
    assert record.scores is not None
    groups = [record.cases.groups[n] for n in chosen]
    columns = {s.name: [n] for n, s in enumerate(record.card.structures)}
    if len(columns) > 1:
        columns["all structures (mean)"] = list(range(len(columns)))
    rows = []
    for metric, values in (
        ("Dice", record.scores.dice),
        ("false alarms on images without it", record.scores.false_alarm),
    ):
        for name, places in columns.items():
            part = values[chosen][:, places]
            if images := int((~np.isnan(part).all(1)).sum()):
                rows.append((metric, name, bootstrap_mean(part, groups), images))
    return rows


def _classified(record: CaseRecord, chosen: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[Row]:
    assert record.decided is not None
    groups = [record.cases.groups[n] for n in chosen]
    truth, decided = record.truth[chosen], record.decided[chosen]
    everything = np.ones(len(chosen), dtype=bool)
    rows = [("accuracy", "all classes", rate(groups, truth == decided, everything), len(chosen))]
    finding, called = np.isin(truth, record.positive), np.isin(decided, record.positive)
    for metric, hit, within in (("sensitivity", called, finding), ("specificity", ~called, ~finding)):
        if within.any():
            rows.append((metric, "finding against none", rate(groups, hit, within), int(within.sum())))
    return rows
