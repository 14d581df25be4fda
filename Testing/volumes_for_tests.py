"""Synthetic volumes, and a tiny network trained on them for a few steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from MedPromptLib.training.config import Recipe

SHAPE = (20, 28, 24)
"""k, j, i."""


def a_phantom(seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels (k, j, i) uint8: a bright ellipsoid (1) above and in front of a dark box (2), in noise.

    Nothing about it is symmetric, so that a wrong axis or direction shows.
    """
    random = np.random.default_rng(seed)
    k, j, i = np.meshgrid(*(np.arange(side) / side for side in shape), indexing="ij")
    ck, cj, ci = np.array([0.68, 0.65, 0.35]) + random.uniform(-0.04, 0.04, 3)
    labels = np.zeros(shape, np.uint8)
    labels[((k - ck) / 0.2) ** 2 + ((j - cj) / 0.24) ** 2 + ((i - ci) / 0.18) ** 2 < 1] = 1
    bk, bj, bi = np.array([0.12, 0.15, 0.5]) + random.uniform(-0.08, 0.08, 3)
    labels[(k > bk) & (k < bk + 0.28) & (j > bj) & (j < bj + 0.25) & (i > bi) & (i < bi + 0.35) & (labels == 0)] = 2
    image = np.select([labels == 1, labels == 2], [190.0, 40.0], 100.0) + random.normal(0, 8, shape)
    return image.clip(0, 255).astype(np.uint8), labels


def write_npz_set(folder: Path, counts: dict[str, int], columns: str = "") -> Path:
    """A data set of phantoms as npz, along i, j, k; `columns` are appended to every row (with a header line before)."""
    header, _, values = columns.partition("|")
    (folder / "volumes").mkdir(parents=True)
    rows, number = ["id,split" + header], 0
    for split, count in counts.items():
        for _ in range(count):
            image, labels = a_phantom(number)
            np.savez_compressed(folder / "volumes" / f"p{number}.npz", image=image.T, label=labels.T)
            rows.append(f"p{number},{split}{values}")
            number += 1
    (folder / "split.csv").write_text("\n".join(rows) + "\n")
    return folder


def a_recipe(folder: str, **changes) -> Recipe:
    """A recipe for phantoms that a CPU trains in seconds."""
    term = {
        "category": {"scheme": "SCT", "value": "123037004", "meaning": "Anatomical Structure"},
        "type": {"scheme": "SCT", "value": "5366008", "meaning": "Hippocampus"},
    }
    values = {
        "card": {
            "id": "phantom_seg_mri",
            "title": "Phantom",
            "intent": "segmentation",
            "target": "phantom",
            "modality": "mri",
            "dimension": 3,
            "structures": [
                {"name": "ball", "label": 1, "terminology": term, "color": [1, 0, 0]},
                {"name": "box", "label": 2, "terminology": term, "color": [0, 0, 1]},
            ],
            "intended_use": "Tests.",
            "licence": "Apache-2.0",
            "data": "Phantoms.",
            "data_licence": "Apache-2.0",
        },
        "data": {"folder": folder},
        "network": {"name": "vnet", "options": {"classes": 3, "width": 4, "levels": 3}},
        "preprocessing": {
            "size": [16, 24, 24],
            "spacing": [2.0, 2.0, 2.0],
            "orientation": "RAS",
            "mean": [0.4],
            "std": [0.25],
        },
        "augmentation": {"rotate": 8.0, "tilt": 5.0, "scale": 0.1, "blur": 0.5, "low_resolution": 1.4},
        "schedule": {"phases": [{"epochs": 3, "batch": 2}], "learning_rate": 1e-2, "ema": 0.8, "patches": 6},
    }
    for room, change in changes.items():
        values[room] = values[room] | change
    return Recipe.model_validate(values)
