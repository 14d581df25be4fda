"""Data sets on disk: `split.csv`, `images/<id>.jpg|png` and, where there are any, `masks/<id>.png`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InvalidInput
from ..images import Array, MedicalImage
from .config import Borrowed, DataSource

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

    def part(self, chosen: Sequence[int], split: str) -> Cases:
        """Some of the cases, as a split of their own."""
        return Cases(
            ids=tuple(self.ids[n] for n in chosen),
            images=tuple(self.images[n] for n in chosen),
            masks=None if self.masks is None else tuple(self.masks[n] for n in chosen),
            labels=tuple(self.labels[n] for n in chosen),
            groups=tuple(self.groups[n] for n in chosen),
            folder=self.folder,
            split=split,
        )

    def image(self, index: int) -> MedicalImage:
        """One case as the product sees it."""
        return as_image(self.images[index], self.ids[index])


def as_image(array: Array, name: str) -> MedicalImage:
    """A data set's picture (h, w[, 3]) as the product sees it; its pixel spacing is unknown."""
    return MedicalImage(array[None], np.diag([-1.0, -1.0, 1.0, 1.0]), name=name, spacing_known=False)


def read_table(folder: Path) -> list[dict[str, str]]:
    """The rows of a data set's `split.csv`, at least one.

    Raises:
        InvalidInput: there is none that can be read, or it is empty.
    """
    try:
        with (folder / "split.csv").open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except OSError as error:
        raise InvalidInput(
            f"The data set {folder} has no readable split.csv ({error}); expected split.csv, images/ and, for "
            "segmentation, masks/."
        ) from error
    if not rows:
        raise InvalidInput(f"The file {folder / 'split.csv'} has no rows; expected one per image, with id and split.")
    return rows


def read_split(folder: Path, split: str) -> list[dict[str, str]]:
    """Rows of `split.csv` of one split.

    Raises:
        NoSuchSplit: no such split.
        InvalidInput: no `split.csv`.
    """
    rows = read_table(folder)
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


def join(parts: Sequence[Cases]) -> Cases:
    """Several sets as one; masks stay only if all have them."""
    first = parts[0]
    masks = [part.masks for part in parts]
    return Cases(
        ids=tuple(name for part in parts for name in part.ids),
        images=tuple(image for part in parts for image in part.images),
        masks=None if any(m is None for m in masks) else tuple(mask for m in masks if m is not None for mask in m),
        labels=tuple(label for part in parts for label in part.labels),
        groups=tuple(f"{part.folder.name}/{group}" for part in parts for group in part.groups),
        folder=first.folder,
        split=first.split,
    )


def training_cases(root: Path, source: DataSource) -> dict[str, Cases]:
    """The `train` and `val` cases of a recipe.

    Raises:
        InvalidInput: a set or split is missing, `held_out` names cases that the training split lacks, or a borrowed
            set lacks a label.
    """
    folders = [root / name for name in (source.folder, *source.also)]
    own = [] if source.borrowed_only else folders
    train = join(
        [read_cases(folder, "train", binary_mask=source.binary_mask) for folder in own]
        + [_borrow(root, borrowed) for borrowed in source.borrowed]
    )
    if not source.held_out:
        val = join([read_cases(folder, "val", binary_mask=source.binary_mask) for folder in folders])
        return {"train": train, "val": val}
    return hold_out(train, source.held_out)


def hold_out(train: Cases, names: Sequence[str]) -> dict[str, Cases]:
    """A training split as `train` and `val`: the named cases are validated on and not trained on.

    Raises:
        InvalidInput: the split lacks some of them.
    """
    unknown = sorted(set(names) - set(train.ids))
    if unknown:
        raise InvalidInput(f"The recipe holds out {unknown}, which the training split of {train.folder} does not have.")
    kept, held = ([i for i, name in enumerate(train.ids) if (name in names) is wanted] for wanted in (False, True))
    return {"train": train.part(kept, "train"), "val": train.part(held, "val")}


def _borrow(root: Path, borrowed: Borrowed) -> Cases:
    cases = read_cases(root / borrowed.folder, "train")
    unknown = sorted(set(borrowed.labels) - set(cases.labels))
    if unknown:
        raise InvalidInput(f"The recipe borrows images labelled {unknown}, but {cases.folder} has none.")
    cases = cases.part([i for i, label in enumerate(cases.labels) if label in borrowed.labels], "train")
    return replace(cases, labels=tuple(borrowed.labels[label] for label in cases.labels))
