"""Training on volumes: random patches, Dice and cross-entropy, the best epoch by sliding windows over whole volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InvalidInput
from ..inference.engine import Watch
from ..inference.volume_geometry import Triple, grid_of, resample_labels
from ..inference.volumes import SlidingWindow, prepare_volume, standardise_volume
from ..networks import build
from .config import Recipe
from .data import NoSuchSplit
from .floors import dice_of_labels
from .loop import Training, segmentation_loss
from .volume_augment import Volume, change_intensities, draw_patch
from .volume_data import VolumeCases, read_volumes

SEEDS = 2000
"""Voxels of each structure of a volume around which patches may lie."""
HELD_OUT = 5
"""Without a `val` split, every so many-th training case chooses the epoch instead of training."""


class VolumeTraining(Training):
    """Training of a segmentation of volumes.

    Args:
        data_root: folder of the data sets; see `Training` for the others.
    """

    def __init__(
        self, recipe: Recipe, data_root: Path, work: Path, device: torch.device, report: Callable[[str], None] = print
    ) -> None:
        super().__init__(recipe, work, device, report)
        self.volume_cases = read_training_volumes(recipe, data_root / recipe.data.folder, report)
        self.cases = dict(self.volume_cases)
        self._volumes = {split: tuple(_volumes(cases, recipe)) for split, cases in self.volume_cases.items()}
        self.patch: Triple = tuple(recipe.preprocessing.size)  # type: ignore[assignment]
        spacing = recipe.preprocessing.spacing
        self.spacing = spacing if spacing is not None and all(spacing) else (1.0, 1.0, 1.0)
        self._start(build(recipe.network).to(device))

    def _train_epoch(self) -> float:
        phase, volumes = self.schedule.phase(self.epoch), self._volumes["train"]
        self.model.train()
        steps = max(len(volumes) * self.schedule.patches // phase.batch, 1)
        losses = []
        for number, chosen in enumerate(self._batches(len(volumes), phase.batch, steps)):
            self._set_rate(self.epoch + number / steps)
            x, masks = self._patches([volumes[index] for index in chosen])
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.schedule.bfloat16):
                scores = self.model(standardise_volume(x, self.recipe.preprocessing))
            losses.append(self._optimise(segmentation_loss(scores.float(), masks)))
        return float(np.mean(losses))

    def _batches(self, volumes: int, batch: int, steps: int) -> Iterator[list[int]]:
        rounds = [torch.randperm(volumes, generator=self.generator) for _ in range(-(-steps * batch // volumes))]
        order = torch.cat(rounds)[: steps * batch]
        yield from order.view(steps, batch).tolist()

    def _patches(self, volumes: list[Volume]) -> tuple[Tensor, Tensor]:
        xs, masks = [], []
        for volume in volumes:
            x, mask = draw_patch(
                volume,
                self.patch,
                self.spacing,
                self.recipe.augmentation,
                self.schedule.foreground,
                self.generator,
            )
            xs.append(change_intensities(x, self.recipe.augmentation, self.generator))
            masks.append(mask)
        return torch.stack(xs).to(self.device), torch.stack(masks).to(self.device)

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        recipe = self.recipe.preprocessing.model_copy(update={"mirror": ()})  # mirroring helps every epoch alike
        slide = SlidingWindow(self.ema, recipe, self.device, Watch())
        structures = self.recipe.card.structures
        rows = []
        for volume in self._volumes["val"]:
            labels = slide(volume.x.float() / 255).argmax(0)
            rows.append(dice_of_labels(labels.numpy(), volume.mask.numpy(), len(structures)))
        dice = np.stack(rows)
        return {"score": round(float(np.nanmean(dice)), 5)} | {
            s.name: round(float(np.nanmean(dice[:, i])), 5) for i, s in enumerate(structures)
        }


def read_training_volumes(recipe: Recipe, folder: Path, report: Callable[[str], None]) -> dict[str, VolumeCases]:
    """The splits `train` and `val`; without a `val` split, every fifth training case in its stead.

    Raises:
        InvalidInput: unreadable, or no masks.
    """
    options = {"orientation": recipe.preprocessing.orientation, "binary_mask": recipe.data.binary_mask}
    train = read_volumes(folder, "train", **options)  # type: ignore[arg-type]
    try:
        cases = {"train": train, "val": read_volumes(folder, "val", **options)}  # type: ignore[arg-type]
    except NoSuchSplit:
        held = range(HELD_OUT - 1, len(train), HELD_OUT)
        kept = [index for index in range(len(train)) if index not in held]
        cases = {"train": train.part(kept, "train"), "val": train.part(held, "val")}
        report(f"{folder.name} has no split 'val': {len(held)} of its {len(train)} training volumes choose the epoch")
    if any(part.masks is None for part in cases.values()):
        raise InvalidInput(f"The data set {folder} has no labels (npz) or masks/, which this recipe needs.")
    return cases


def _volumes(cases: VolumeCases, recipe: Recipe) -> Iterator[Volume]:
    """Every case on the network's grid, read once."""
    assert cases.masks is not None
    structures = len(recipe.card.structures)
    draw = torch.Generator().manual_seed(0)
    for index in range(len(cases)):
        image = cases.image(index)
        _must_be_usable(image.name, cases, index, structures)
        if min(image.shape) < 2:
            raise InvalidInput(f"'{image.name}' in {cases.folder} is a single image; the recipe says dimension 3.")
        grid = grid_of(image, recipe.preprocessing)
        x = (prepare_volume(image, recipe.preprocessing, grid) * 255).round().to(torch.uint8)
        labels = np.ascontiguousarray(resample_labels(grid.turn(cases.masks[index]), grid.shape))
        mask = torch.from_numpy(labels)
        seeds = []
        for label in range(1, structures + 1):
            found = (mask == label).nonzero()
            if len(found):
                seeds.append(found[torch.randperm(len(found), generator=draw)[:SEEDS]].clone())
        yield Volume(x, mask, tuple(seeds))


def _must_be_usable(name: str, cases: VolumeCases, index: int, structures: int) -> None:
    """Raises InvalidInput for a mask of another shape or with labels that the recipe does not name."""
    assert cases.masks is not None
    mask, shape = cases.masks[index], cases.image(index).shape
    if mask.shape != shape:
        raise InvalidInput(f"Image and label of '{name}' in {cases.folder} differ in shape: {shape} and {mask.shape}.")
    if int(mask.max()) > structures:
        raise InvalidInput(
            f"The mask of '{name}' in {cases.folder} has label {int(mask.max())}, but the recipe has {structures} "
            "structures."
        )
