"""What a training shows while it runs: curves as a picture and for TensorBoard, and a volume with its outlines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import MissingPackage
from ..inference.engine import Watch
from ..inference.volumes import SlidingWindow
from ..overview import new_figure, save_figure
from .config import Recipe
from .volume_augment import Volume

NOT_CURVES = {"epoch", "seconds", "loss"}


def draw_curves(records: Sequence[dict[str, Any]], path: Path) -> Path:
    """The loss and the held-out volumes' Dice by epoch, as a PNG.

    Raises:
        OutputFailed, MissingPackage: as `overview.save_figure` and `new_figure`.
    """
    figure = new_figure(9.0, 4.0)
    left, right = figure.subplots(1, 2)
    left.plot([r["epoch"] for r in records], [r["loss"] for r in records], color="0.3")
    left.set(xlabel="epoch", ylabel="loss", title="Training loss")
    measured = [r for r in records if "score" in r]
    for name in dict.fromkeys(key for r in measured for key in r if key not in NOT_CURVES):
        found = [(r["epoch"], r[name]) for r in measured if name in r]
        right.plot(*zip(*found, strict=True), marker=".", label="mean" if name == "score" else name)
    right.set(xlabel="epoch", ylabel="Dice", ylim=(0, 1), title="Dice of the held-out volumes")
    if measured:
        right.legend(loc="lower right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.tight_layout()
    return save_figure(figure, path)


def draw_preview(network: nn.Module, volume: Volume, recipe: Recipe, device: torch.device, path: Path) -> Path:
    """A held-out volume in three planes, with the outlines a person drew (white) and the network's, as a PNG."""
    plain = recipe.preprocessing.model_copy(update={"mirror": ()})
    with torch.no_grad():
        found = SlidingWindow(network, plain, device, Watch())(volume.x.float() / 255).argmax(0).numpy()
    truth, grey = volume.mask.numpy(), volume.x[0].numpy()
    spacing = recipe.preprocessing.spacing or (1.0, 1.0, 1.0)
    middle = [int(m) for m in np.argwhere(truth > 0).mean(0)] if truth.any() else [side // 2 for side in truth.shape]
    figure = new_figure(9.0, 3.4)
    for axis, axes in enumerate(figure.subplots(1, 3)):
        others = [n for n in range(3) if n != axis]
        rows, columns = (grey.shape[n] * (spacing[n] or 1.0) for n in others)
        extent = (0.0, columns, rows, 0.0) if axis == 0 else (0.0, columns, 0.0, rows)
        axes.imshow(grey.take(middle[axis], axis), cmap="gray", extent=extent, origin="upper" if axis == 0 else "lower")
        for structure in recipe.card.structures:
            for labels, colour, width in ((truth, "white", 0.8), (found, structure.color, 1.4)):
                inside = labels.take(middle[axis], axis) == structure.label
                if inside.any() and not inside.all():
                    axes.contour(
                        inside.astype(float), [0.5], colors=[colour], linewidths=width, extent=extent,
                        origin="upper" if axis == 0 else "lower",
                    )  # fmt: skip
        axes.set_axis_off()
        axes.set_title(f"{'kji'[axis]} = {middle[axis]}", fontsize=9)
    figure.suptitle("White: drawn by hand; in colour: the network so far", fontsize=10)
    return save_figure(figure, path)


class TensorBoardLog:
    """The curves as TensorBoard reads them, beside the log that the training keeps.

    Args:
        folder: what `tensorboard --logdir` is given.
        done: epochs that are there already; later ones of an interrupted run are not shown.

    Raises:
        MissingPackage: tensorboardX is not installed.
    """

    def __init__(self, folder: Path, done: int) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as missing:
            raise MissingPackage("A log for TensorBoard needs tensorboardX; run: pip install tensorboardX") from missing
        self._writer = SummaryWriter(str(folder), purge_step=done + 1)

    def add(self, record: dict[str, Any]) -> None:
        """One epoch of the log; it is on the disk when this returns."""
        for name, value in record.items():
            if name not in ("epoch", "seconds"):
                label = name if name == "loss" else f"held-out Dice/{'mean' if name == 'score' else name}"
                self._writer.add_scalar(label, value, record["epoch"])
        self._writer.flush()

    def close(self) -> None:
        """No more epochs."""
        self._writer.close()
