"""Settings for a data set that nobody has looked at yet: grid, patch, network and intensities, from its labels.

In the manner of nnU-Net (Isensee et al. 2021), reduced to what matters on a CPU: the patch covers the structure with a
margin, and the voxels are as fine as such a patch may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..card_drafts import COLOURS
from ..catalog import Preprocessing, Structure
from ..inference.volume_geometry import grid_of
from ..inference.volumes import prepare_volume
from .config import Recipe
from .volume_data import VolumeCases

MARGIN = 1.5
"""Of the patch, in lengths of the structure's bounding box."""
LARGEST_SIDE = 64
"""Of the patch, in voxels."""
COARSE_FROM = 140_000
"""Voxels of a patch from which the network's first level lies at half the resolution."""
FLAT = 1.8
"""Slices that are so many times as thick as the pixels leave a level of the network flat."""
LEVELS = 4
ONE_PIECE = 0.98
"""Share of a structure in its largest component from which the rest are crumbs."""
PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True)
class Wanted:
    """What a user says of a new weight.

    Attributes:
        id: the weight's and its folder's name.
        structures: names with their terminology, as a card has them.
        target: what a prompt calls it.
        modality: of the volumes.
        synonyms: other words for the target.
    """

    id: str
    structures: tuple[tuple[str, dict[str, Any]], ...]
    target: str
    modality: str
    synonyms: tuple[str, ...] = ()


def plan(wanted: Wanted, data_set: str, train: VolumeCases, counts: dict[str, int], *, seed: int = 1) -> Recipe:
    """A recipe for a new weight; its number of epochs is for a machine to measure.

    Args:
        data_set: folder name of the data set.
        train: its labelled volumes.
        counts: volumes by split, for the card's text.
    """
    boxes, spacings, shapes = _measured(train)
    spacing = np.median(spacings, 0)
    extent = np.percentile(boxes, 90, axis=0) * MARGIN
    target = np.maximum(spacing, extent / LARGEST_SIDE)
    flat = _flat_levels(target)
    multiple = np.array([2 ** (LEVELS - 1) >> flat, 2 ** (LEVELS - 1), 2 ** (LEVELS - 1)])
    whole = np.max(shapes * spacings, axis=0) / target
    sides = np.minimum(np.ceil(np.minimum(extent / target, whole) / multiple), LARGEST_SIDE // multiple) * multiple
    coarse = flat == 0 and sides.prod() >= COARSE_FROM
    if coarse:
        sides = np.ceil(sides / (2 * multiple)) * 2 * multiple
    preprocessing = Preprocessing(
        size=tuple(int(side) for side in sides),
        spacing=tuple(round(float(mm), 4) for mm in target),  # type: ignore[arg-type]
        orientation="RAS",
        k_axis="coarsest" if flat else "orientation",
        channels=1,
        mean=(0.0,),
        std=(1.0,),
        largest_component=_in_one_piece(train),
        **_intensity(wanted.modality, train),
    )
    mean, std = _mean_and_std(train, preprocessing)
    preprocessing = preprocessing.model_copy(update={"mean": (mean,), "std": (std,)})
    options = {
        "classes": len(wanted.structures) + 1,
        "channels": 1,
        "width": 16 if coarse or sides.prod() < COARSE_FROM / 2 else 8,
        "levels": LEVELS,
        "flat_levels": flat,
        "coarse": bool(coarse),
    }
    return Recipe.model_validate(
        {
            "card": _card(wanted, counts),
            "data": {"folder": data_set},
            "network": {"name": "vnet", "options": options},
            "preprocessing": preprocessing.model_dump(),
            "augmentation": {
                "rotate": 10.0,
                "tilt": 0.0 if flat else 10.0,
                "scale": 0.15,
                "shift": 0.05,
                "gamma": 0.4,
                "contrast": 0.25,
                "brightness": 0.1,
                "noise": 0.05,
                "blur": 0.7,
                "low_resolution": 1.5,
            },
            "schedule": {
                "phases": [{"epochs": 1, "batch": 2}],
                "learning_rate": 2e-3,
                "ema": 0.99,
                "select": "last",
                "foreground": 0.5,
                "bfloat16": True,
                "seed": seed,
            },
            "semi": {"teacher": "peer" if counts.get("unlabelled") else "none"},
        }
    )


def _measured(train: VolumeCases) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Per volume along k, j, i of the network: the labels' box in mm, the voxel size in mm, and the shape."""
    turned = Preprocessing(size=(8, 8, 8), channels=1, mean=(0.0,), std=(1.0,), orientation="RAS")
    boxes, spacings, shapes = [], [], []
    assert train.masks is not None
    for index in range(len(train)):
        image = train.image(index)
        grid = grid_of(image, turned)
        spacing = np.array([image.spacing[axis] for axis in grid.axes])
        places = np.argwhere(grid.turn(train.masks[index]))
        boxes.append((places.max(0) - places.min(0) + 1) * spacing)
        spacings.append(spacing)
        shapes.append(grid.native)
    return np.array(boxes), np.array(spacings), np.array(shapes)


def _in_one_piece(train: VolumeCases) -> bool:
    """Whether every structure is one connected piece in every volume, but for crumbs."""
    from scipy.ndimage import label

    assert train.masks is not None
    for mask in train.masks:
        for value in np.unique(mask[np.greater(mask, 0)]):
            pieces, count = label(mask == value)
            if count > 1 and np.bincount(pieces.ravel())[1:].max() < ONE_PIECE * (pieces > 0).sum():
                return False
    return True


def _flat_levels(spacing: np.ndarray[Any, Any]) -> int:
    """Steps down that leave the slice axis alone: until the voxels are about as thick as they are wide."""
    ratio, flat = float(spacing[0] / np.sqrt(spacing[1] * spacing[2])), 0
    while ratio >= FLAT and flat < LEVELS - 2:
        ratio, flat = ratio / 2, flat + 1
    return flat


def _intensity(modality: str, train: VolumeCases) -> dict[str, Any]:
    """CT keeps its scale: the window holds the structure's values with as much again on both sides."""
    if modality.lower().split()[:1] != ["ct"]:
        return {"intensity": "percentile"}
    assert train.masks is not None
    inside = np.concatenate(
        [train.image(n).array[np.greater(train.masks[n], 0)].ravel()[::7] for n in range(len(train))]
    )
    low, high = np.percentile(inside.astype(float), PERCENTILES)
    reach = max(high - low, 50.0)
    return {"intensity": "window", "window": (round(low - reach, 1), round(high + reach, 1))}


def _mean_and_std(train: VolumeCases, recipe: Preprocessing) -> tuple[float, float]:
    samples = []
    for index in range(len(train)):
        image = train.image(index)
        samples.append(prepare_volume(image, recipe, grid_of(image, recipe)).flatten()[::11])
    values = torch.cat(samples)
    return round(float(values.mean()), 3), round(max(float(values.std()), 0.05), 3)


def _card(wanted: Wanted, counts: dict[str, int]) -> dict[str, Any]:
    names = " and ".join(name for name, _ in wanted.structures)
    count, others = counts.get("train", 0) + counts.get("val", 0), counts.get("unlabelled", 0)
    structures = [
        Structure(name=name, label=n, terminology=terminology, color=COLOURS[(n - 1) % len(COLOURS)]).model_dump()  # type: ignore[arg-type]
        for n, (name, terminology) in enumerate(wanted.structures, start=1)
    ]
    return {
        "id": wanted.id,
        "title": f"{names.capitalize()} on {wanted.modality}, learned from {count} labelled volumes",
        "intent": "segmentation",
        "target": wanted.target,
        "modality": wanted.modality,
        "dimension": 3,
        "synonyms": wanted.synonyms,
        "structures": structures,
        "intended_use": f"Outlines of the {names} in {wanted.modality} volumes like those it was trained on, as a "
        "starting point for measurement and manual review. Research use only.",
        "limitations": (
            f"Trained on {counts.get('train', 0)} labelled and {others} unlabelled volumes of one user; nothing is "
            "known of other scanners, protocols, ages or diseases.",
            "It was measured on no more than the few labelled volumes that were kept aside to calibrate it; evaluate "
            "it on volumes of your own before relying on it.",
        ),
        "licence": "That of the volumes it was trained on; research use.",
        "data": f"A user's own {wanted.modality} volumes: {count} labelled, {others} without labels.",
        "data_licence": "The user's.",
    }


def timed(recipe: Recipe, epochs: int) -> Recipe:
    """The recipe with so many epochs, at least two; held-out volumes are looked at every fifth and after the last."""
    first = recipe.schedule.phases[0]
    phases = tuple(first.model_copy(update={"epochs": count}) for count in (epochs - 1, 1))
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"phases": phases})})
