"""From trained parameters to a weight folder: calibration on the validation split, int8 storage, the card."""

from __future__ import annotations

import datetime
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..catalog import (
    FILE_NAME,
    Calibration,
    Provenance,
    TrainingRun,
    WeightCard,
    WeightFile,
    describe_file,
    write_card,
)
from ..errors import InvalidInput
from ..images import Array, MedicalImage
from ..inference.engine import LoadedWeight, calibrated, classify, load_weight, network_of, segment, segmentation_scores
from ..inference.storage import save_state
from ..inference.volume_geometry import grid_of, resample_labels
from ..instructions.writing import wording_sha256
from ..plan import Intent
from .case_record import count_splits
from .config import Recipe
from .data import Cases
from .evaluation import as_mask, class_probabilities, decisions
from .metrics import Floats, expected_calibration_error, fit_calibration, mask_scores
from .operating_point import operating_point

PIXELS_PER_IMAGE = 400
"""How many pixels of each validation image take part in fitting a segmentation's temperature; more of fewer images."""
LEAST_PIXELS = 4000


def publish(
    recipe: Recipe,
    state: dict[str, Tensor],
    validation: Cases,
    out: Path,
    *,
    command: str,
    config_sha256: str,
    training: TrainingRun,
    storage: Literal["float32", "int8"] = "int8",
) -> WeightCard:
    """Write `out/<id>/` with the weight file and its card, and return the card.

    The folder appears complete or not at all. What int8 storage changes on the validation split is written on the card.
    """
    card = draft_card(recipe, command, config_sha256)
    held_out = recipe.data.held_out
    if not held_out and validation.split not in count_splits(validation.folder):
        held_out = validation.ids
    provenance = card.provenance.model_copy(
        update={
            "training": training,
            "held_out": held_out,
            "splits": count_splits(validation.folder, held_out),
        }
    )
    card = card.model_copy(update={"provenance": provenance})
    cpu = torch.device("cpu")
    exact = network_of(recipe.network)
    exact.load_state_dict(state)
    full = LoadedWeight(card, exact.eval().requires_grad_(False), cpu)
    folder = out / f"{card.id}.part" / card.id
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / FILE_NAME
    save_state(state, path, storage)
    counted = sum(p.numel() for p in exact.parameters())
    file = describe_file(path, storage).model_copy(update={"parameters": counted})
    stored = load_weight(folder, card.model_copy(update={"file": file}), cpu)
    scores, truth = _outputs(stored, validation)
    exact_scores, _ = _outputs(full, validation)
    temperature, bias = fit_calibration(scores, truth, with_bias=card.intent is Intent.CLASSIFICATION)
    calibration = Calibration(temperature=temperature, bias=bias, split="val")
    card = card.model_copy(update={"calibration": calibration})
    probabilities = calibrated(torch.from_numpy(scores), card).numpy()
    without = ""
    if card.intent is Intent.CLASSIFICATION:
        through = class_probabilities(replace(stored, card=card), validation)
        try:
            point = operating_point(card, through, validation, command, recipe.operating_point.minimal_sensitivity)
            card = card.model_copy(update={"operating_point": point})
        except InvalidInput as error:  # no reason to lose what was trained
            without = f" No operating point: {error}"
    ece = expected_calibration_error(probabilities.max(1), probabilities.argmax(1) == truth)
    full, stored = replace(full, card=card), replace(stored, card=card)
    change = float(np.abs(np.exp(scores) - np.exp(exact_scores)).mean())
    name = "foreground Dice" if card.intent is Intent.SEGMENTATION else "accuracy"
    before, after = _score(full, validation), _score(stored, validation)
    note = (
        f"Validation {name}: {before:.4f} with float32 parameters, {after:.4f} as stored ({storage}); "
        f"a probability changes by {change:.4f} on average.{without}"
    )
    card = card.model_copy(
        update={
            "file": file,
            "calibration": calibration.model_copy(update={"ece": round(ece, 4)}),
            "provenance": card.provenance.model_copy(update={"note": note}),
        }
    )
    write_card(folder, card)
    final = out / card.id
    shutil.rmtree(final, ignore_errors=True)
    folder.rename(final)
    folder.parent.rmdir()
    return card


def draft_card(recipe: Recipe, command: str, config_sha256: str) -> WeightCard:
    """The card of a recipe before its weight file is there and its calibration is known."""
    text, preprocessing = recipe.card, recipe.preprocessing
    if (rule := preprocessing.instruction) is not None:
        digest = wording_sha256(rule, [s.name for s in text.structures])
        told = rule.model_copy(update={"wording_sha256": digest})
        preprocessing = preprocessing.model_copy(update={"instruction": told})
    return WeightCard(
        **text.model_dump(exclude={"data", "data_licence"}),
        network=recipe.network,
        preprocessing=preprocessing,
        provenance=Provenance(
            data=text.data,
            data_licence=text.data_licence,
            dataset=recipe.data.folder,
            also=recipe.data.also,
            unlabelled=recipe.data.unlabelled,
            same_kind=recipe.data.same_kind,
            held_out=recipe.data.held_out,
            subgroups=recipe.data.subgroups,
            command=command,
            seed=recipe.schedule.seed,
            config_sha256=config_sha256,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        ),
        file=WeightFile(sha256="0" * 64, bytes=1),
    )


def _outputs(weight: LoadedWeight, cases: Cases) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Log-probabilities (n, classes) and true classes (n,), of images or, for a segmentation, of sampled pixels."""
    card, random = weight.card, np.random.default_rng(0)
    rows, truth = [], []
    for index in range(len(cases)):
        image = cases.image(index)
        if card.intent is Intent.CLASSIFICATION:
            by_name = classify(weight, image)
            rows.append([[by_name[name] for name in card.classes]])
            truth.append([card.classes.index(cases.labels[index])])
            continue
        assert cases.masks is not None
        scores = segmentation_scores(weight, image)[0]
        mask = _on_network_grid(card, image, cases.masks[index], scores).flatten()
        count = min(max(PIXELS_PER_IMAGE, LEAST_PIXELS // len(cases)), len(mask))
        chosen = random.choice(len(mask), count, replace=False)
        rows.append(scores.flatten(1).T[chosen].tolist())
        truth.append(mask[chosen].long().tolist())
    return np.log(np.concatenate(rows).clip(1e-7)), np.concatenate(truth).astype(np.int64)


def _on_network_grid(card: WeightCard, image: MedicalImage, mask: Array, scores: Tensor) -> Tensor:
    """A mask on the grid of the network's scores (classes, …)."""
    if card.dimension == 3:
        grid = grid_of(image, card.preprocessing)
        return torch.from_numpy(np.ascontiguousarray(resample_labels(grid.turn(mask), grid.shape)))
    same = torch.from_numpy(mask)[None, None].float()
    return F.interpolate(same, size=scores.shape[1:], mode="nearest-exact")[0, 0]


def _score(weight: LoadedWeight, cases: Cases) -> float:
    """Mean foreground Dice, or accuracy."""
    card = weight.card
    if card.intent is Intent.CLASSIFICATION:
        answers = decisions(card, class_probabilities(weight, cases))
        return float(np.mean([card.classes[n] == label for n, label in zip(answers, cases.labels, strict=True)]))
    assert cases.masks is not None
    predicted = [as_mask(segment(weight, cases.image(n))[0], cases.masks[n]) for n in range(len(cases))]
    return float(np.nanmean(mask_scores(predicted, cases.masks, len(card.structures)).dice))
