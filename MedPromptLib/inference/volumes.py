"""A 3D weight applied to a volume: the card's grid and intensities, a sliding window, and exactly the way back.

The window slides with MONAI's `sliding_window_inference`. Memory is bounded: the network's grid is worked through in
slabs, its probabilities are kept as float16, and they return to the volume's own grid a few slices at a time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..catalog import Preprocessing, WeightCard
from ..errors import Cancelled, InvalidInput, MissingPackage
from ..images import Array, MedicalImage, luminance
from ..sequences.names import listed
from .devices import BatchRunner
from .memory import GIB, free_memory
from .preprocessing import PERCENTILES, absent
from .volume_geometry import Grid, Triple, grid_of, resample

if TYPE_CHECKING:
    from .engine import LoadedWeight, Watch

AXES = {"k": 2, "j": 3, "i": 4}
"""Of (n, c, k, j, i)."""
SLAB_SCORES = 1 << 26
"""So many scores (classes × voxels) are held as float32 at most, unless a single window needs more."""
LARGEST_SAMPLE = 1 << 21
"""Voxels that the percentiles are taken of."""


def must_hold_sequences(card: WeightCard, image: MedicalImage) -> None:
    """Raises InvalidInput for a single grey image where the card takes several sequences of one examination."""
    wanted = card.preprocessing.sequences
    if wanted and not image.channels and not (image.is_color and len(wanted) == 3):
        raise InvalidInput(
            f"The weight '{card.id}' takes {listed(wanted)} of one examination together, but only '{image.name}' was "
            f"given; give {'two or more of them' if card.ability.any_sequences else 'all of them'}."
        )


def must_be_a_volume(card: WeightCard, image: MedicalImage) -> None:
    """Raises InvalidInput for a single image, or for colours where the card wants grey values."""
    if min(image.shape) < 2:
        raise InvalidInput(
            f"The weight '{card.id}' takes volumes, but '{image.name}' is a single image "
            f"({' × '.join(map(str, image.shape))}); choose a volume."
        )
    must_hold_sequences(card, image)
    if card.preprocessing.channels == 3 and not image.is_color:
        raise InvalidInput(
            f"The weight '{card.id}' takes volumes with three values per voxel, but '{image.name}' has one; choose "
            "another volume."
        )


def _stop_if_asked(watch: Watch) -> None:
    if watch.cancelled():
        raise Cancelled("Cancelled; no result was kept.")


def prepare_volume(
    image: MedicalImage, recipe: Preprocessing, grid: Grid, between: Callable[[], None] = lambda: None
) -> Tensor:
    """A volume as (c, k, j, i) float32 on the network's grid, 0 to 1, before `standardise_volume`.

    Args:
        between: called now and then; may raise to stop.
    """
    array = luminance(image.array) if recipe.channels == 1 else image.array
    integer = np.issubdtype(array.dtype, np.integer)
    x = torch.from_numpy(np.ascontiguousarray(grid.turn(array)).astype(np.float32))
    x = x.movedim(-1, 0) if x.ndim == 4 else x[None]
    x = resample(x, grid.shape, between)
    low, high = _range(x, recipe, integer=integer)
    return ((x - low) / max(high - low, 1e-6)).clamp_(0, 1)


def _range(x: Tensor, recipe: Preprocessing, *, integer: bool) -> tuple[float, float]:
    """The values that become 0 and 1."""
    if recipe.window is not None:
        return recipe.window
    if recipe.intensity == "uint8" and integer and float(x.min()) >= 0 and float(x.max()) <= 255:
        return 0.0, 255.0
    flat = x.flatten()
    sample = flat[:: max(1, len(flat) // LARGEST_SAMPLE)].numpy()
    low, high = np.percentile(sample, PERCENTILES)
    return float(low), float(high)


def standardise_volume(x: Tensor, recipe: Preprocessing) -> Tensor:
    """Subtract the recipe's mean from (…, c, k, j, i) and divide by its standard deviation, per channel."""
    mean, std = (torch.tensor(values, device=x.device).view(-1, 1, 1, 1) for values in (recipe.mean, recipe.std))
    return (x - mean) / std


class SlidingWindow:
    """Scores of a network for volumes of any size.

    Args:
        watch: is told how far it is, and asked before every window whether to stop.
        channels: which of the card's sequences there are; empty for all.
        part: of all the work, from where to where a call of this goes.
        run: instead of the network: what gives (n, any, k, j, i) for windows (n, c, k, j, i).
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Preprocessing,
        device: torch.device,
        watch: Watch,
        channels: tuple[str, ...] = (),
        part: tuple[float, float] = (0.0, 1.0),
        run: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.recipe, self.watch, self.channels, self.part = recipe, watch, channels, part
        self.batch = 1 if device.type == "cpu" else 4
        self.run = run or BatchRunner(network, device, batch=self.batch, cancelled=watch.cancelled, notice=watch.notice)
        self._done, self._all, self._told = 0, 1, 0

    def __call__(self, x: Tensor) -> Tensor:
        """(c, k, j, i) in 0 to 1 → scores (classes, k, j, i), averaged over the card's mirrored volumes.

        Raises:
            Cancelled: between two windows.
        """
        padded, inner = _padded(x, self.recipe.size)
        x = standardise_volume(padded, self.recipe)[None]
        x[:, absent(self.recipe, self.channels)] = 0
        subsets = [c for n in range(len(self.recipe.mirror) + 1) for c in itertools.combinations(self.recipe.mirror, n)]
        self._done, self._told = 0, 0
        self._all = len(subsets) * self._windows(x.shape[2:])
        total: Tensor | None = None
        for subset in subsets:
            axes = [AXES[name] for name in subset]
            scores = self._slide(x.flip(axes)).flip(axes)
            total = scores if total is None else total.add_(scores)
        assert total is not None
        return total[0][(slice(None), *inner)] / len(subsets)

    def _windows(self, shape: torch.Size) -> int:
        count = 1
        for side, window in zip(shape, self.recipe.size, strict=True):
            step = max(1, int(window * (1 - self.recipe.overlap)))
            count *= -(-(side - window) // step) + 1
        return count

    def _slide(self, x: Tensor) -> Tensor:
        try:
            from monai.inferers import sliding_window_inference
        except ImportError as error:
            raise MissingPackage("3D weights need the package monai; run: pip install monai") from error
        found = sliding_window_inference(
            x,
            self.recipe.size,
            self.batch,
            self._predict,
            overlap=self.recipe.overlap,
            mode="gaussian",
            device=torch.device("cpu"),
            sw_device=torch.device("cpu"),
        )
        assert isinstance(found, Tensor)
        return found

    def _predict(self, windows: Tensor) -> Tensor:
        scores = self.run(windows)
        self._done += len(windows)
        tenth = 10 * self._done // self._all
        if tenth > self._told:
            self._told = tenth
            begin, end = self.part
            share = begin + (end - begin) * self._done / self._all
            self.watch.advance(share, f"{self._done} of {self._all} windows")
        return scores


def _padded(x: Tensor, window: tuple[int, ...]) -> tuple[Tensor, tuple[slice, slice, slice]]:
    """(c, k, j, i) with zeros on both sides where it is smaller than the window, and where the volume lies in it."""
    margins, inner = [], []
    for side, wanted in zip(x.shape[1:], window, strict=True):
        missing = max(wanted - side, 0)
        margins.append((missing // 2, missing - missing // 2))
        inner.append(slice(missing // 2, missing // 2 + side))
    flat = [margin for pair in reversed(margins) for margin in pair]
    return F.pad(x, flat), tuple(inner)  # type: ignore[return-value]


def volume_scores(weight: LoadedWeight, image: MedicalImage, watch: Watch) -> Tensor:
    """Calibrated class probabilities (1, classes, k, j, i) float16 on the network's grid.

    Raises:
        InvalidInput: not a volume.
        Cancelled: between two windows, or while the volume is prepared.
    """
    from .engine import calibrated

    card = weight.card
    must_be_a_volume(card, image)
    grid = grid_of(image, card.preprocessing)
    _must_fit_memory(card, image, grid)
    x = prepare_volume(image, card.preprocessing, grid, lambda: _stop_if_asked(watch))
    slide = SlidingWindow(weight.runner, card.preprocessing, weight.device, watch, image.channels)
    kept = torch.empty(len(card.structures) + 1, *grid.shape, dtype=torch.float16)
    for core, wide in _slabs(grid.shape, card.preprocessing.size[0], len(kept)):
        slide.part = (core.start / grid.shape[0], core.stop / grid.shape[0])
        scores = slide(x[:, wide])
        inner = slice(core.start - wide.start, core.stop - wide.start)
        if len(scores) != len(kept):
            kept = torch.empty(len(scores), *grid.shape, dtype=torch.float16)
        kept[:, core] = calibrated(scores[None, :, inner], card)[0].half()
    return kept[None]


LARGEST_GRID = 1 << 31
"""Voxels; torch's resampling counts them in 32 bits."""


def _must_fit_memory(card: WeightCard, image: MedicalImage, grid: Grid) -> None:
    """Raises InvalidInput if the volume becomes too large at the card's resolution."""
    voxels = math.prod(grid.shape)
    needed = voxels * (8 * card.preprocessing.channels + 2 * (len(card.structures) + 1))
    free = free_memory("cpu")
    if voxels > LARGEST_GRID or (free is not None and needed > free):
        raise InvalidInput(
            f"'{image.name}' becomes {' × '.join(map(str, grid.shape))} voxels at the resolution of the weight "
            f"'{card.id}', which takes about {needed / GIB:.1f} GB of memory; crop it, or check its spacing."
        )


def _slabs(shape: Triple, window: int, classes: int) -> list[tuple[slice, slice]]:
    """Parts of the k axis, and the same with a window's length on either side."""
    depth, rows, columns = shape
    step = max(window, SLAB_SCORES // (classes * rows * columns) - 2 * window)
    if depth <= step + 2 * window:
        return [(slice(0, depth), slice(0, depth))]
    starts = range(0, depth, step)
    cores = [slice(start, min(start + step, depth)) for start in starts]
    return [(core, slice(max(core.start - window, 0), min(core.stop + window, depth))) for core in cores]


def restore_volume(image: MedicalImage, recipe: Preprocessing, probabilities: Tensor) -> Array:
    """Probabilities (classes, k, j, i) on the image's own grid, from (1, classes, k, j, i) on the network's."""
    grid = grid_of(image, recipe)
    turned = torch.cat([slab for _, slab in grid.slabs(probabilities[0])], 1).numpy()
    return np.stack([grid.unturn(of_class) for of_class in turned])


def volume_labels(
    card: WeightCard, image: MedicalImage, probabilities: Tensor, watch: Watch
) -> tuple[npt.NDArray[np.uint8], dict[int, float]]:
    """Label map (k, j, i) on the image's own grid, and the mean probability inside each label that was found.

    Args:
        probabilities: (1, classes, k, j, i) on the network's grid, as `volume_scores` gives them.
    """
    from .engine import tidy, winning_class

    grid = grid_of(image, card.preprocessing)
    labels: npt.NDArray[np.uint8] = np.empty(grid.native, np.uint8)
    best = np.empty(grid.native, np.float16)
    for part, slab in grid.slabs(probabilities[0]):
        _stop_if_asked(watch)
        labels[part] = winning_class(slab)
        best[part] = slab.amax(0).numpy()
    labels = tidy(labels, card.preprocessing, float(np.prod(image.spacing)))
    confidence = {
        s.label: float(best[inside].mean(dtype=np.float64))
        for s in card.structures
        if (inside := labels == s.label).any()
    }
    return grid.unturn(labels).astype(np.uint8, copy=False), confidence
