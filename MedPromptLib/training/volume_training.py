"""Training on volumes: random patches, Dice and cross-entropy, the best epoch by sliding windows over whole volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..errors import InvalidInput
from ..inference.engine import Watch
from ..inference.volume_geometry import grid_of, resample_labels
from ..inference.volumes import SlidingWindow, prepare_volume, standardise_volume
from ..networks import build
from .config import Recipe
from .data import NoSuchSplit
from .floors import dice_of_labels
from .loop import Training, segmentation_loss
from .volume_augment import Volume, draw_patches
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
        self._volumes = {split: tuple(volumes_of(cases, recipe)) for split, cases in self.volume_cases.items()}
        self._start(build(recipe.network).to(device))

    def _train_epoch(self) -> float:
        phase, volumes = self.schedule.phase(self.epoch), self._volumes["train"]
        self.model.train()
        steps = max(len(volumes) * self.schedule.patches // phase.batch, 1)
        losses = []
        for number, chosen in enumerate(drawn(len(volumes), phase.batch, steps, self.generator)):
            self._set_rate(self.epoch + number / steps)
            x, masks = draw_patches([volumes[index] for index in chosen], self.recipe, self.generator)
            x, masks = x.to(self.device), masks.to(self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.schedule.bfloat16):
                scores = self.model(standardise_volume(x, self.recipe.preprocessing))
            losses.append(self._optimise(segmentation_loss(scores.float(), masks)))
        return float(np.mean(losses))

    def _validate(self) -> dict[str, float]:
        return dice_of_network(self.ema, self._volumes["val"], self.recipe, self.device)


def drawn(volumes: int, batch: int, steps: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Indices for every step: rounds of all volumes, each in an order of its own."""
    rounds = [torch.randperm(volumes, generator=generator) for _ in range(-(-steps * batch // volumes))]
    order = torch.cat(rounds)[: steps * batch]
    yield from order.view(steps, batch).tolist()


@torch.no_grad()
def dice_of_network(
    network: nn.Module, volumes: Sequence[Volume], recipe: Recipe, device: torch.device
) -> dict[str, float]:
    """Mean Dice over volumes on the network's grid, of all structures (`score`) and of each by its name."""
    plain = recipe.preprocessing.model_copy(update={"mirror": ()})  # mirroring helps every epoch alike
    slide = SlidingWindow(network, plain, device, Watch())
    structures = recipe.card.structures
    rows = []
    for volume in volumes:
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


def volumes_of(cases: VolumeCases, recipe: Recipe) -> Iterator[Volume]:
    """Every case on the network's grid, read once; without masks, all of it is background.

    Raises:
        InvalidInput: a single image, or a mask of another shape or with labels that the recipe does not name.
    """
    structures = len(recipe.card.structures)
    draw = torch.Generator().manual_seed(0)
    for index in range(len(cases)):
        image = cases.image(index)
        if min(image.shape) < 2:
            raise InvalidInput(f"'{image.name}' in {cases.folder} is a single image; the recipe says dimension 3.")
        grid = grid_of(image, recipe.preprocessing)
        x = (prepare_volume(image, recipe.preprocessing, grid) * 255).round().to(torch.uint8)
        if cases.masks is None:
            yield Volume(x, torch.zeros(x.shape[1:], dtype=torch.uint8), ())
            continue
        _must_be_usable(image.name, cases, index, structures)
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
