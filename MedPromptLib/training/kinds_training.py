"""The lines by which `instructions.kinds` tells kinds of images apart: fitted on training splits, then measured."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ..errors import InvalidInput
from ..images import Array
from ..inference.input_check import Floats, describe, pack
from ..instructions.kinds import KINDS, LINES, see
from .data import read_cases
from .volume_data import is_volume_set, read_volumes

SOURCES: dict[str, tuple[tuple[str, str], ...]] = {
    "cxr": (("cxr_lung_jsrt", ""), ("cxr_pneumonia", ""), ("cxr_tb", "")),
    "ct_abdomen": (("abdomen_ct_mr", "CT"),),
    "ct_chest": (("ct_covid", ""),),
    "mr_abdomen_t2": (("abdomen_ct_mr", "MR"),),
    "mr_head_t1": (("brain_lgg_mri", "0"),),
    "mr_head_flair": (("brain_lgg_mri", "1"),),
    "mr_head_t1ce": (("brain_lgg_mri", "2"),),
    "mr_heart": (("cardiac_mr_bssfp", ""),),
    "mr_heart_enhanced": (("left_atrium_la2018", ""),),
    "us_breast": (("breast_us_busi", ""),),
    "dermoscopy": (("skin_lesion_ham10000", ""), ("skin_lesion_ph2", "")),
    "fundus": (("retina_glaucoma_eyepacs", ""), ("retina_vessel_drive_chase", "")),
    "colonoscopy": (("polyp_kvasir", ""),),
}
"""Of each kind: data sets, and which of them: the beginning of the modality column of volumes, or a colour channel."""
MOST = 400
"""Slices of one source that are described."""
INNER = 0.8
"""Share of a volume's slices, around its middle, that show what the kind's name says."""
LEAST_LIT = 0.1
"""Share of pixels above a tenth of the range; slices with less show next to nothing."""


def pictures(root: Path, folder: str, part: str, split: str) -> Iterator[Array]:
    """Up to `MOST` slices (h, w[, 3]) of one source, drawn with a fixed seed."""
    draw = np.random.default_rng(0)
    if is_volume_set(root / folder):
        cases = read_volumes(root / folder, split, modality=part)
        slices = []
        for index in range(len(cases)):
            array = cases.images[index]
            margin = round(len(array) * (1 - INNER) / 2)
            slices += list(array[margin : len(array) - margin])
    else:
        images = read_cases(root / folder, split).images
        slices = [image[..., int(part)] if part else image for image in images]
    slices = [x for x in slices if (x > 0.1 * x.max()).mean() > LEAST_LIT]
    chosen = np.sort(draw.permutation(len(slices))[:MOST])
    yield from (slices[int(index)] for index in chosen)


def fit_kinds(root: Path, out: Path = LINES, report: Callable[[str], None] = print) -> None:
    """Fit the lines on the training splits below `root` and write them.

    Raises:
        InvalidInput: a data set is missing.
    """
    from sklearn.linear_model import LogisticRegression

    rows, names, weights = [], [], []
    for name, sources in SOURCES.items():
        described = [describe(x) for folder, part in sources for x in pictures(root, folder, part, "train")]
        report(f"{name}: {len(described)} slices")
        rows += described
        names += [name] * len(described)
        weights += [1 / len(described)] * len(described)
    x = np.stack(rows)
    centre, spread = x.mean(0), x.std(0) + 0.02
    fitted = LogisticRegression(C=1.0, max_iter=3000)
    fitted.fit((x - centre) / spread, names, sample_weight=np.array(weights) * len(x) / len(SOURCES))
    slope = fitted.coef_ / spread
    offset = fitted.intercept_ - slope @ centre
    lines: Floats = np.concatenate([slope, offset[:, None]], 1)
    document = {"command": "medprompt train-kinds --data DATA", "kinds": list(fitted.classes_), "lines": pack(lines)}
    out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def measure_kinds(root: Path, split: str, *, declared: bool = False) -> dict[str, tuple[int, int, str]]:
    """For each kind: slices of a split, how many of them were seen as that kind, and the commonest mistake.

    Args:
        declared: whether it is said beforehand what they should be, as a weight's card does.
    """
    found = {}
    for name, sources in SOURCES.items():
        seen: Counter[str] = Counter()
        for folder, part in sources:
            if not (root / folder).is_dir():
                raise InvalidInput(f"There is no data set {folder} in {root}.")
            try:
                for x in pictures(root, folder, part, split):
                    kind = see([x], [KINDS[name]] if declared else ()).kind
                    seen[kind.name if kind else "none"] += 1
            except InvalidInput:
                continue  # this source has no such split
        wrong = Counter({other: n for other, n in seen.items() if other != name}).most_common(1)
        found[name] = (sum(seen.values()), seen[name], f"{wrong[0][0]} {wrong[0][1]}" if wrong else "")
    return found


assert set(SOURCES) == set(KINDS)
