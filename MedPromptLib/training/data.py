"""Data sets on disk: `split.csv`, `images/<id>.jpg|png` and, where there are any, `masks/<id>.png`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InvalidInput
from ..images import Array, MedicalImage

SUFFIXES = (".png", ".jpg", ".jpeg")


class NoSuchSplit(InvalidInput):
    """The data set has no cases of that split."""


@dataclass(frozen=True)
class Cases:
    """Images of one split, in memory.

    Attributes:
        ids: file stems.
        images: each (h, w) or (h, w, 3) uint8.
        masks: each (h, w) uint8, or None for a set without masks.
        labels: the `label` column, or empty strings.
        groups: the `group` column (patients), or the ids: what a bootstrap may resample.
        folder, split: where they come from.
    """

    ids: tuple[str, ...]
    images: Sequence[Array]
    masks: Sequence[Array] | None
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    folder: Path
    split: str

    def __len__(self) -> int:
        return len(self.ids)

    def image(self, index: int) -> MedicalImage:
        """One case as the product sees it."""
        return as_image(self.images[index], self.ids[index])


def as_image(array: Array, name: str) -> MedicalImage:
    """A data set's picture (h, w[, 3]) as the product sees it; its pixel spacing is unknown."""
    return MedicalImage(array[None], np.diag([-1.0, -1.0, 1.0, 1.0]), name=name, spacing_known=False)


def read_split(folder: Path, split: str) -> list[dict[str, str]]:
    """Rows of `split.csv` of one split.

    Raises:
        NoSuchSplit: no such split.
        InvalidInput: no `split.csv`.
    """
    table = folder / "split.csv"
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except OSError as error:
        raise InvalidInput(
            f"The data set {folder} has no readable split.csv ({error}); expected split.csv, images/ and, for "
            "segmentation, masks/."
        ) from error
    chosen = [row for row in rows if row.get("split") == split]
    if not chosen:
        splits = ", ".join(sorted({row.get("split", "") for row in rows}))
        raise NoSuchSplit(f"The data set {folder} has no split '{split}'; it has: {splits}.")
    return chosen


def read_cases(folder: Path, split: str, *, binary_mask: bool = False) -> Cases:
    """All cases of one split.

    Raises:
        NoSuchSplit: no such split.
        InvalidInput: no `split.csv`, or a missing image.
    """
    from PIL import Image

    chosen = read_split(folder, split)
    has_masks = (folder / "masks").is_dir()
    images, masks = [], []
    for row in chosen:
        path = next((p for s in SUFFIXES if (p := folder / "images" / f"{row['id']}{s}").is_file()), None)
        if path is None:
            raise InvalidInput(f"The data set {folder} lists '{row['id']}' in split.csv but has no image of that name.")
        images.append(np.asarray(Image.open(path)))
        if has_masks:
            mask = np.asarray(Image.open(folder / "masks" / f"{row['id']}.png"))
            masks.append((mask > 0).astype(np.uint8) if binary_mask else mask.astype(np.uint8))
    return Cases(
        ids=tuple(row["id"] for row in chosen),
        images=tuple(images),
        masks=tuple(masks) if has_masks else None,
        labels=tuple(row.get("label", "") for row in chosen),
        groups=tuple(row.get("group") or row["id"] for row in chosen),
        folder=folder,
        split=split,
    )
