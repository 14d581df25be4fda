"""The table of union networks: kinds of text, fusion, missing modalities, each row trained and measured by one command.

Rows are worked through in order; a row that is written is not done again, and a training that was stopped goes on. Only
the test split's figures of the last parameters are written; epochs are chosen on the validation split.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..catalog import WeightCard
from ..errors import InvalidInput
from ..inference.engine import LoadedWeight, segment
from ..networks import build
from .config import Recipe, read_recipe
from .finishing import finish
from .metrics import Floats, mask_scores, pooled_dice
from .publish import draft_card
from .stacks import Stack, read_stacks
from .union_training import UnionTraining

RECIPES = Path(__file__).with_name("recipes")
ABDOMEN, BRAIN = "abdominal_organs_seg_ct_mr", "brain_tumor_union_seg_mri"
RESULTS = "rows.jsonl"
PROJECTED = 4
"""Vectors that a network makes of its own features in the rows called `projected`."""
COMMAND = "medprompt bench union --data DATA --work DIR"
Report = Callable[[str], None]
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Row:
    """One training and its measurement.

    Attributes:
        name: without its seed, as the table has it.
        recipe: the whole of it, seed included.
    """

    name: str
    recipe: Recipe

    @property
    def id(self) -> str:
        """Of its line in the results, and its folder."""
        return f"{self.name}_seed{self.recipe.schedule.seed}"


def all_rows() -> tuple[Row, ...]:
    """The table, what decides most first: three seeds for each kind of text with the base fusion, one elsewhere."""
    abdomen, brain = (read_recipe(RECIPES / f"{name}.toml")[0] for name in (ABDOMEN, BRAIN))
    rows = []
    for seed in (1, 2, 3):
        for base, name in ((abdomen, "abdomen_union"), (brain, "brain_early")):
            for text in ("measured", "none", "label"):
                rows.append(Row(f"{name}_{text}", _changed(base, text=text, seed=seed)))
        if seed == 1:
            rows += list(_single_rows(abdomen, brain))
    return tuple(rows)


def _single_rows(abdomen: Recipe, brain: Recipe) -> Iterator[Row]:
    """Rows with one seed: vectors of the network's own, networks of one modality, no dropout, the other fusions."""
    yield Row("abdomen_union_projected", _changed(abdomen, text="projected"))
    yield Row("brain_early_projected", _changed(brain, text="projected"))
    yield Row("brain_early_none_without_dropout", _changed(brain, text="none", dropout=0.0))
    yield Row("abdomen_ct_only", _changed(abdomen, text="none", modality="CT"))
    yield Row("abdomen_mr_only", _changed(abdomen, text="none", modality="MR"))
    for channel, name in enumerate(brain.preprocessing.sequences):
        yield Row(f"brain_{name}_only", _changed(brain, text="none", channel=channel))
    for fusion in ("hybrid", "late"):
        for text in ("measured", "none"):
            yield Row(f"brain_{fusion}_{text}", _changed(brain, text=text, fusion=fusion))


def _changed(
    recipe: Recipe,
    *,
    text: str,
    seed: int = 1,
    fusion: str = "early",
    dropout: float | None = None,
    modality: str = "",
    channel: int | None = None,
) -> Recipe:
    """A recipe with another text, fusion, data or seed."""
    changed: dict[str, Any] = recipe.model_dump(mode="json")
    changed["schedule"]["seed"] = seed
    if fusion != "early":
        changed["network"]["options"]["fusion"] = fusion
    if dropout is not None:
        changed["schedule"]["sequence_dropout"] = dropout
    if text == "projected":
        changed["network"]["options"]["projected"] = PROJECTED
        changed["preprocessing"]["instruction"] = None
    elif text == "none":
        changed["network"]["options"].pop("vector")
        changed["preprocessing"]["instruction"] = None
    else:
        changed["preprocessing"]["instruction"]["text"] = text
    changed["data"] |= {"modality": modality, "channel": channel}
    if channel is not None:
        changed["network"]["options"]["modalities"] = 1
        one = {"channels": 1, "sequences": (), "missing": "refuse", "white": 1.0}
        changed["preprocessing"] |= one | {name: changed["preprocessing"][name][:1] for name in ("mean", "std")}
        changed["schedule"]["sequence_dropout"] = 0.0
    return Recipe.model_validate(changed)


def run_rows(
    data: Path,
    work: Path,
    device: torch.device,
    *,
    only: Sequence[str] = (),
    report: Report = print,
) -> None:
    """Train and measure every row that is not yet in `work/rows.jsonl`.

    Args:
        only: beginnings of names of rows; empty for all.

    Raises:
        InvalidInput: no row begins like that, or a row was written with another recipe.
    """
    rows = [row for row in all_rows() if not only or row.name.startswith(tuple(only))]
    if not rows:
        names = ", ".join(dict.fromkeys(row.name for row in all_rows()))
        raise InvalidInput(f"No row begins with {' or '.join(only)}; there are: {names}.")
    work.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(rows, start=1):
        digest = _digest(row.recipe)
        done = {line["row"]: line for line in read_results(work)}
        if row.id in done:
            if done[row.id]["recipe_sha256"] != digest:
                raise InvalidInput(
                    f"The row '{row.id}' in {work / RESULTS} was made with another recipe; choose another --work "
                    "folder, or remove that line and its folder."
                )
            continue
        report(f"row {number} of {len(rows)}: {row.id}")
        training = UnionTraining(row.recipe, data, work / row.id, device, report=report)
        state = training.run()
        begun = time.monotonic()
        network = build(row.recipe.network)
        network.load_state_dict(state)
        card = draft_card(row.recipe, COMMAND, digest)
        weight = LoadedWeight(card, network.eval().requires_grad_(False).to(device), device)
        line = {
            "row": row.id,
            "name": row.name,
            "seed": row.recipe.schedule.seed,
            "val": round(training.best, 5),
            "test": measure(weight, row.recipe, read_stacks(data, row.recipe, "test")),
            "epochs": training.epoch,
            "parameters": sum(p.numel() for p in network.parameters()),
            "training_seconds": training.seconds,
            "test_seconds": round(time.monotonic() - begun, 1),
            "recipe_sha256": digest,
        }
        _append(work / RESULTS, json.dumps(line))


def _append(path: Path, text: str) -> None:
    """A line of its own, also after one that an interruption cut short."""
    with path.open("a+b") as stream:
        if stream.tell():
            stream.seek(-1, 2)
            begins = stream.read(1) == b"\n"
            stream.write(b"" if begins else b"\n")
        stream.write(text.encode() + b"\n")


def publish_row(
    row_id: str, data: Path, work: Path, out: Path, device: torch.device, *, report: Report = print
) -> WeightCard:
    """Make a weight folder of a row; its training goes on first if it is not done.

    Raises:
        InvalidInput: no such row.
    """
    rows = {row.id: row for row in all_rows()}
    if row_id not in rows:
        raise InvalidInput(f"There is no row '{row_id}'; there are: {', '.join(rows)}.")
    recipe = rows[row_id].recipe
    training = UnionTraining(recipe, data, work / row_id, device, report=report)
    command = f"{COMMAND} --publish {row_id}"
    return finish(training, data, out, command=command, config_sha256=_digest(recipe), report=report)


def read_results(work: Path) -> list[dict[str, Any]]:
    """Rows that are done; a line that was cut short by an interruption does not count."""
    path = work / RESULTS
    found = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            found.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return found


def _digest(recipe: Recipe) -> str:
    return hashlib.sha256(recipe.model_dump_json().encode()).hexdigest()


def subsets(sequences: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """All sequences, then each combination of fewer, the larger first; of none, one empty combination."""
    return tuple(c for size in range(len(sequences), 0, -1) for c in combinations(sequences, size)) or ((),)


def measure(weight: LoadedWeight, recipe: Recipe, stacks: Sequence[Stack]) -> dict[str, dict[str, Figures]]:
    """Figures by modality or subset of sequences, then by structure: Dice of each patient's whole stack, averaged, and
    HD95 in pixels (mm where the spacing is known), of stacks or, for images of unknown depth, of slices.
    """
    found = {}
    sequences = recipe.preprocessing.sequences
    if sequences:
        for subset in subsets(sequences):
            chosen = [stack.only(recipe, subset) for stack in stacks]
            found["+".join(subset)] = _figures(weight, recipe, chosen)
        return found
    for modality in sorted({stack.modality for stack in stacks}):
        found[modality or "image"] = _figures(weight, recipe, [s for s in stacks if s.modality == modality])
    return found


def _figures(weight: LoadedWeight, recipe: Recipe, stacks: Sequence[Stack]) -> dict[str, Figures]:
    predicted = [segment(weight, stack.image)[0] for stack in stacks]
    structures = recipe.card.structures
    by_patient: dict[str, list[int]] = {}
    for index, stack in enumerate(stacks):
        by_patient.setdefault(stack.image.name, []).append(index)
    groups = [stack.image.name for stack in stacks]
    dice = np.stack(list(pooled_dice(predicted, [s.mask for s in stacks], groups, len(structures)).values()))
    whole = all(stack.modality for stack in stacks)  # slices of single images may lie anywhere in the patient
    pairs = [(p, s.mask) for p, s in zip(predicted, stacks, strict=True)]
    parts = pairs if whole else [(a, b) for p, mask in pairs for a, b in zip(p, mask, strict=True)]
    spacings = [s.image.spacing if s.image.spacing_known else None for s in stacks] if whole else None
    hd95 = mask_scores([a for a, _ in parts], [b for _, b in parts], len(structures), spacings).hd95
    figures = {}
    for n, structure in enumerate(structures):
        figures[structure.name] = _summary(dice[:, n], hd95[:, n])
    if len(structures) > 1:
        figures["mean"] = _summary(np.array([np.nanmean(row) for row in dice]), hd95.flatten())
    return figures


def _summary(dice: Floats, hd95: Floats) -> Figures:
    """Of what is defined; None where nothing is."""
    dice, hd95 = dice[~np.isnan(dice)], hd95[~np.isnan(hd95)]
    return {
        "dice": round(float(dice.mean()), 4) if len(dice) else None,
        "lowest_dice": round(float(dice.min()), 4) if len(dice) else None,
        "hd95": round(float(hd95.mean()), 3) if len(hd95) else None,
        "patients": len(dice),
    }


def table(work: Path) -> str:
    """Rows that are done as a Markdown table: mean over seeds and, of three, their standard deviation."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in read_results(work):
        rows.setdefault(line["name"], []).append(line)
    texts = []
    for start in ("abdomen", "brain"):
        chosen = {name: lines for name, lines in rows.items() if name.startswith(start)}
        columns = list(dict.fromkeys(c for lines in chosen.values() for line in lines for c in line["test"]))
        if not columns:
            continue
        texts.append(f"| row | seeds | val | {' | '.join(f'{c} Dice, HD95' for c in columns)} |")
        texts.append(f"| --- | --- | --- |{' --- |' * len(columns)}")
        for name, lines in chosen.items():
            cells = [_cell(lines, column) for column in columns]
            val = _spread([line["val"] for line in lines])
            texts.append(f"| `{name}` | {len(lines)} | {val} | {' | '.join(cells)} |")
        texts.append("")
    return "\n".join(texts)


def _cell(lines: Sequence[dict[str, Any]], column: str) -> str:
    there = [line["test"][column] for line in lines if column in line["test"]]
    if not there:
        return ""
    figures = [of_one.get("mean") or next(iter(of_one.values())) for of_one in there]
    dice, hd95 = ([f[name] for f in figures if f[name] is not None] for name in ("dice", "hd95"))
    return f"{_spread(dice)}, {np.mean(hd95):.2f}" if dice and hd95 else "nothing found"


def _spread(values: Sequence[float]) -> str:
    mean = f"{np.mean(values):.3f}"
    return f"{mean} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else mean
