"""The table of semi-supervised training: every method on the same splits, in rows that can be stopped and continued.

A row is one training run and its figures on the test split. Its folder holds its checkpoint and log, and at the end
`result.json`; a row that has one is done. No row looks at anything but its training volumes before that: the schedule
is fixed and its last epoch counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InvalidInput
from ..inference.engine import LoadedWeight, segment
from ..networks import build
from .config import Recipe, read_recipe
from .loop import replace_text
from .metrics import Floats, average_surface_distance, bootstrap_mean, mask_scores
from .origin import code_version, hardware
from .publish import draft_card
from .semi_training import SemiTraining
from .volume_data import VolumeCases, read_volumes

RECIPES = Path(__file__).parent / "recipes" / "semi"
RESULT = "result.json"
RESULTS = "results.jsonl"
SUPERVISED, CEILING, FULL = "supervised only", "fully supervised", "LLM-SegNet"
PARTS: dict[str, dict[str, Any]] = {
    SUPERVISED: {"teacher": "none"},
    "mean teacher (UA-MT)": {"teacher": "average"},
    "cross pseudo supervision": {"cutmix": False, "unified": False, "labels": "present"},
    "LLM-SegNet without text": {},
    "LLM-SegNet without USL": {"unified": False, "text": True},
    FULL: {"text": True},
    CEILING: {"teacher": "none"},
}
"""What of `recipe.semi` each method changes, and whether its networks read the text."""


@dataclass(frozen=True)
class BenchSet:
    """A data set of the table.

    Attributes:
        recipe: file in `RECIPES`.
        labelled: how many volumes have labels, by the column's name; the first ones in the order of `split.csv`.
        fewest: the same, of rows that compare only supervised training and the full method.
        spacing: voxel size (k, j, i) in mm, which `split.csv` does not say.
        seeds: of the decisive rows, and of the others.
        decisive: methods whose rows are run with all seeds.
    """

    recipe: str
    labelled: dict[str, int]
    spacing: tuple[float, float, float]
    decisive: tuple[str, ...]
    seeds: tuple[int, ...] = (1, 2, 3)
    fewest: dict[str, int] = field(default_factory=dict)

    @property
    def shares(self) -> dict[str, int]:
        """All of them, fewest first."""
        return self.fewest | self.labelled


SETS = {
    "left atrium": BenchSet(
        "left_atrium_seg_mri.toml",
        {"10 %": 8, "20 %": 16},
        (1.25, 1.25, 1.25),  # the challenge's 0.625 mm at half resolution
        (SUPERVISED, FULL, CEILING),
    ),
    "hippocampus": BenchSet(
        "hippocampus_seg_mri.toml", {"5 %": 9, "10 %": 18}, (1.0, 1.0, 1.0), tuple(PARTS), fewest={"2 %": 4}
    ),
}
METRICS = ("Dice", "Jaccard", "HD95", "ASD")
PUBLISHED = {
    ("left atrium", "10 %"): (
        ("UA-MT", 84.25, 73.48, 13.84, 3.36),
        ("SASSNet", 87.32, 77.72, 9.62, 2.55),
        ("DTC", 87.51, 78.17, 8.23, 2.36),
        ("MC-Net", 87.71, 78.31, 9.36, 2.18),
        ("TraCoCo", 89.29, 80.82, 6.92, 2.28),
        ("AD-MT", 90.58, 82.86, 6.46, 1.58),
    ),
    ("left atrium", "20 %"): (
        ("UA-MT", 88.88, 80.21, 7.32, 2.26),
        ("SASSNet", 89.54, 81.24, 8.24, 2.20),
        ("DTC", 89.42, 80.98, 7.32, 2.10),
        ("MC-Net", 90.34, 82.48, 6.00, 1.77),
        ("TraCoCo", 90.94, 83.47, 5.49, 1.79),
    ),
}
"""Dice and Jaccard in %, HD95 and ASD in voxels of 0.625 mm; 20 test volumes, full resolution, on GPUs (from TraCoCo's
documentation and AD-MT's logs)."""


PUBLISHED_VOXEL = 0.625


@dataclass(frozen=True)
class Row:
    """One training run of the table."""

    data: str
    method: str
    labelled: str
    seed: int

    @property
    def folder(self) -> str:
        """Name of its folder."""
        words = f"{self.data} {self.method} {self.labelled}".lower()
        kept = "".join(letter if letter.isalnum() else " " for letter in words)
        return "-".join([*kept.split(), f"s{self.seed}"])


def rows(sets: Sequence[str] = tuple(SETS)) -> Iterator[Row]:
    """All rows, the decisive ones with the first seed before the others."""
    found = []
    for name in sets:
        one = SETS[name]
        for method in PARTS:
            shares = list(one.shares if method in (SUPERVISED, FULL) else one.labelled)
            shares = ["all"] if method == CEILING else shares
            seeds = one.seeds if method in one.decisive else one.seeds[:1]
            found += [Row(name, method, share, seed) for share in shares for seed in seeds]
    first = (SUPERVISED, FULL)
    yield from sorted(found, key=lambda row: (row.seed, row.method not in first))


def recipe_of(row: Row) -> tuple[Recipe, bool]:
    """The recipe of a row, and whether its networks read a text."""
    recipe, _ = read_recipe(RECIPES / SETS[row.data].recipe)
    changes = dict(PARTS[row.method])
    text = bool(changes.pop("text", False))
    assert recipe.semi is not None
    return recipe.model_copy(
        update={
            "semi": recipe.semi.model_copy(update=changes),
            "schedule": recipe.schedule.model_copy(update={"seed": row.seed}),
        }
    ), text


def with_text(recipe: Recipe, text: Tensor) -> Recipe:
    """The recipe with networks that take a text of this size."""
    options = {**recipe.network.options, "text_size": len(text)}
    return recipe.model_copy(
        update={"network": recipe.network.model_copy(update={"name": "text_vnet", "options": options})}
    )


def run_row(
    row: Row,
    data_root: Path,
    work: Path,
    device: torch.device,
    text_of: Callable[[Recipe], Tensor],
    report: Callable[[str], None] = print,
    split: str = "test",
) -> dict[str, Any]:
    """Train a row, or continue it, and measure it on a split; what is done already is read.

    Args:
        work: folder of all rows.
        text_of: embedding (d,) of what is known of a recipe's structure.
        split: `val` to choose settings, where the data set has one.

    Raises:
        InvalidInput: no such data set or split; nothing has been trained.
    """
    folder = work / row.folder
    if (folder / RESULT).is_file():
        done: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        return done
    recipe, reads = recipe_of(row)
    text = text_of(recipe) if reads else None
    if text is not None:
        recipe = with_text(recipe, text)
    commit, clean = code_version()
    one, source = SETS[row.data], data_root / recipe.data.folder
    options: dict[str, Any] = {"orientation": recipe.preprocessing.orientation}
    options["binary_mask"] = len(recipe.card.structures) == 1
    measured, train = (read_volumes(source, name, **options) for name in (split, "train"))
    count = one.shares.get(row.labelled, len(train))
    cases = {"train": train.part(range(count), "train"), "unlabelled": train.part(range(count, len(train)), "train")}
    training = SemiTraining(recipe, cases, folder, device, report, text=text)
    state = training.run()
    values = measure(recipe, state, measured, one.spacing, device)
    result = {
        "data": row.data,
        "method": row.method,
        "labelled": row.labelled,
        "volumes": count,
        "split": split,
        "seed": row.seed,
        "cases": {name: np.round(column, 5).tolist() for name, column in zip(METRICS, values.T, strict=True)},
        "steps": training.step,
        "seconds": training.seconds,
        "parameters": sum(p.numel() for p in training.model.parameters()),
        "commit": commit if clean else f"{commit} with changes",
        "hardware": hardware(device),
        "threads": torch.get_num_threads(),
    }
    replace_text(folder / RESULT, json.dumps(result) + "\n")
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return result


def measure(
    recipe: Recipe,
    state: dict[str, Tensor],
    cases: VolumeCases,
    spacing: tuple[float, float, float],
    device: torch.device,
) -> Floats:
    """Dice, Jaccard, HD95 and ASD (mm) of every volume (n, 4), means over the structures, as the product segments it.

    A structure that only one of the two has counts as Dice 0 and has no distance.
    """
    if cases.masks is None:
        raise InvalidInput(f"The data set {cases.folder} has no labels, which measuring needs.")
    network = build(recipe.network)
    network.load_state_dict(state)
    weight = LoadedWeight(draft_card(recipe, "", ""), network.to(device).eval().requires_grad_(False), device)
    count = len(recipe.card.structures)
    found = [segment(weight, cases.image(index))[0] for index in range(len(cases))]
    truth, spacings = list(cases.masks), [spacing] * len(cases)
    scores = mask_scores(found, truth, count, spacings)
    surface = average_surface_distance(found, truth, count, spacings)
    columns = []
    for values in (scores.dice, scores.iou, scores.hd95, surface):
        known = ~np.isnan(values)
        total = np.where(known, values, 0).sum(1)
        columns.append(np.where(known.any(1), total / np.maximum(known.sum(1), 1), np.nan))
    return np.stack(columns, 1)


def table(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The table as Markdown, with what was published beside it."""
    for data, one in SETS.items():
        own = [r for r in results if r["data"] == data]
        if not own:
            continue
        yield from ("", f"**{data.capitalize()}**", "")
        yield "| labelled | method | Dice | Jaccard | HD95 (mm) | ASD (mm) | seeds (sd of Dice) | minutes |"
        yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
        for share in (*one.shares, "all"):
            for method in PARTS:
                of_row = sorted((r for r in own if (r["method"], r["labelled"]) == (method, share)), key=_seed)
                if of_row:
                    yield _line(of_row)
            for name, dice, jaccard, hd95, asd in PUBLISHED.get((data, share), ()):
                overlaps, distances = f"{dice / 100:.3f} | {jaccard / 100:.3f}", f"{hd95 * PUBLISHED_VOXEL:.2f} | "
                yield f"| {share} | {name}, published | {overlaps} | {distances}{asd * PUBLISHED_VOXEL:.2f} | | |"
        yield from _gains(own, one)


def _line(of_row: Sequence[dict[str, Any]]) -> str:
    cells = []
    for name in METRICS:
        values = np.array([r["cases"][name] for r in of_row], dtype=float)
        per_case = np.nanmean(values, 0)
        digits = 3 if name in ("Dice", "Jaccard") else 2
        cells.append(f"{np.nanmean(per_case):.{digits}f} ± {np.nanstd(per_case):.{digits}f}")
    dice = [np.nanmean(np.array(r["cases"]["Dice"], dtype=float)) for r in of_row]
    spread = f"{len(dice)} ({np.std(dice, ddof=1):.3f})" if len(dice) > 1 else "1"
    first = of_row[0]
    minutes = np.mean([r["seconds"] for r in of_row]) / 60
    label = first["labelled"] if first["labelled"] == "all" else f"{first['labelled']} ({first['volumes']})"
    return f"| {label} | {first['method']} | {' | '.join(cells)} | {spread} | {minutes:.0f} |"


def _gains(own: Sequence[dict[str, Any]], one: BenchSet) -> Iterator[str]:
    """How much the full method gains over each other one on the same volumes and seeds, with a bootstrap interval."""
    for share in one.shares:
        by_method: dict[str, dict[int, Any]] = {}
        for result in own:
            if result["labelled"] == share:
                by_method.setdefault(result["method"], {})[result["seed"]] = result["cases"]["Dice"]
        full = by_method.get(FULL, {})
        for method, runs in by_method.items():
            seeds = sorted(full.keys() & runs.keys())
            if method == FULL or not seeds:
                continue
            apart = np.mean([np.array(full[seed]) - np.array(runs[seed]) for seed in seeds], axis=0)
            gain = bootstrap_mean(100 * apart[:, None], [str(n) for n in range(len(apart))])
            yield ""
            yield (
                f"{FULL} against {method}, {share} labelled: {gain.value:+.1f} Dice points "
                f"(95 % interval {gain.low:+.1f} to {gain.high:+.1f}, {len(seeds)} seed{'s' * (len(seeds) > 1)})."
            )


def _seed(result: dict[str, Any]) -> int:
    return int(result["seed"])


def finished(work: Path) -> list[dict[str, Any]]:
    """The results of all rows that are done, and `results.jsonl` brought up to date."""
    found = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(work.glob(f"*/{RESULT}"))]
    replace_text(work / RESULTS, "".join(f"{json.dumps(one)}\n" for one in found))
    return found
