"""Classifiers on data whose sources hold one label each: figures for every pair of a source with and one without.

Where a source means a label, a figure over all of them says how well sources are told apart. Each pair is measured by
itself, beside what a classifier on the image's outermost pixels reaches that was fitted on the other sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from .case_record import CaseRecord
from .data import Cases
from .floors import THUMBNAIL, thumbnails
from .metrics import Estimate, Floats, bootstrap

AUC = "AUC between two sources"
FRAME_AUC = "AUC of the frame alone between two sources"
FRAME = 2
"""Pixels of a thumbnail's border that the frame classifier sees."""

Row = tuple[str, str, Estimate, int]
"""Metric, pair, value with interval, images."""


def pure_sources(values: Sequence[str], finding: npt.NDArray[np.bool_]) -> tuple[list[str], list[str]]:
    """The sources that hold the finding and those that do not; both empty unless each source holds one of the two."""
    array = np.array(values)
    shares = {source: finding[array == source].mean() for source in sorted(set(values))}
    if not set(shares.values()) <= {0.0, 1.0}:
        return [], []
    return [s for s, share in shares.items() if share == 1], [s for s, share in shares.items() if share == 0]


def pair_rows(record: CaseRecord, values: Sequence[str], train: Cases | None, train_values: Sequence[str]) -> list[Row]:
    """The AUC of every pair of sources, and that of the frame alone if there is a training split.

    Args:
        values: the source of each case. train, train_values: the data set's training split and its sources.
    """
    assert record.probabilities is not None
    finding = np.isin(record.truth, record.positive)
    with_it, without = pure_sources(values, finding)
    score = record.probabilities[:, record.positive].sum(1)
    rows: list[Row] = []
    for one, other in product(with_it, without):
        chosen = np.flatnonzero(np.isin(values, [one, other]))
        name, groups = f"{one} against {other}", [record.cases.groups[n] for n in chosen]
        rows.append((AUC, name, _auc(groups, finding[chosen], score[chosen]), len(chosen)))
        fitting = np.flatnonzero(~np.isin(train_values, [one, other]))
        if train is not None and len(with_it) > 1 and len(without) > 1:
            positive = {record.card.classes[n] for n in record.positive}
            labels = np.array([train.labels[n] in positive for n in fitting])
            frame = _frame_scores(frames(train)[fitting], labels, frames(record.cases)[chosen])
            rows.append((FRAME_AUC, name, _auc(groups, finding[chosen], frame), len(chosen)))
    return rows


def frames(cases: Cases) -> Floats:
    """The border of each image's thumbnail, (n, pixels)."""
    inner = np.zeros((THUMBNAIL, THUMBNAIL), dtype=bool)
    inner[FRAME:-FRAME, FRAME:-FRAME] = True
    small = thumbnails(cases).reshape(len(cases), THUMBNAIL, THUMBNAIL, -1)
    border: Floats = small[:, ~inner].reshape(len(cases), -1)
    return border


def _frame_scores(fitted_on: Floats, labels: npt.NDArray[np.bool_], asked: Floats) -> Floats:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)).fit(fitted_on, labels)
    scores: Floats = model.decision_function(asked)
    return scores


def _auc(groups: Sequence[str], finding: npt.NDArray[np.bool_], score: Floats) -> Estimate:
    from sklearn.metrics import roc_auc_score

    def statistic(chosen: npt.NDArray[np.intp]) -> float:
        y = finding[chosen]
        return float(roc_auc_score(y, score[chosen])) if y.any() and not y.all() else float("nan")

    return bootstrap(groups, statistic)
