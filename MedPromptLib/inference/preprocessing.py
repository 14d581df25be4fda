"""How an image becomes a network's input, and how the output returns to the image's grid.

Training, evaluation and inference all go through `prepare`; there is no second way to feed a network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..catalog import Preprocessing
from ..images import Array

PERCENTILES = (0.5, 99.5)
LARGEST_SAMPLE = 1 << 23
"""Values per image that the percentiles are taken of; torch.quantile takes no more than twice that."""
LUMINANCE = (0.299, 0.587, 0.114)
"""Rec. 601 weights of red, green and blue."""


def prepare(slices: Array, recipe: Preprocessing, size: tuple[int, int] | None = None) -> Tensor:
    """Slices of an image as network input, before mean and standard deviation (see `standardise`).

    Args:
        slices: (n, h, w), (n, h, w, 3) or, for a recipe with sequences, (n, h, w, c); any real dtype.
        size: rows and columns instead of the recipe's; without effect where the recipe does not resize.

    Returns:
        (n, channels, rows, columns) float32, with as many channels as the recipe's `mean` has numbers; 0 to 1, 0 to 255
        for the intensity rule `raw255`, mean 0 and standard deviation 1 over all slices for `zscore`.
    """
    rows, columns = size or recipe.size
    x = torch.from_numpy(np.ascontiguousarray(slices).astype(np.float32, copy=False))
    x = x.permute(0, 3, 1, 2) if x.ndim == 4 else x[:, None]
    if recipe.channels == 1 and x.shape[1] == 3:
        x = (x * torch.tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)
    if recipe.intensity == "zscore":
        x = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True, correction=0).clamp_min(1e-8)
    if recipe.fit == "resize":
        x = F.interpolate(x, size=(rows, columns), mode="bilinear", align_corners=False, antialias=True)
    x = rescale(x, recipe, integer=np.issubdtype(slices.dtype, np.integer))
    return x.expand(-1, len(recipe.mean), -1, -1).contiguous()


def rescale(x: Tensor, recipe: Preprocessing, *, integer: bool) -> Tensor:
    """Intensities of (n, c, h, w) as the recipe's rule says.

    `uint8` and `raw255` take 8-bit data as it is; anything wider is first mapped from its own range, because a
    12-bit radiograph has no fixed white.
    """
    if recipe.intensity == "zscore":
        return x  # done before the image was resized
    if recipe.intensity in ("uint8", "raw255") and integer and float(x.min()) >= 0 and float(x.max()) <= 255:
        return x / 255 if recipe.intensity == "uint8" else x
    flat = x.flatten(1)
    if recipe.intensity == "minmax":
        low, high = flat.amin(1), flat.amax(1)
    else:
        sample = flat[:, :: 1 + flat.shape[1] // LARGEST_SAMPLE]
        low, high = torch.quantile(sample, torch.tensor(PERCENTILES) / 100, dim=1)
    low, high = low[:, None, None, None], high[:, None, None, None]
    x = ((x - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
    return x * 255 if recipe.intensity == "raw255" else x


def standardise(x: Tensor, recipe: Preprocessing) -> Tensor:
    """Subtract the recipe's mean and divide by its standard deviation, per channel."""
    mean = torch.tensor(recipe.mean, device=x.device).view(1, -1, 1, 1)
    std = torch.tensor(recipe.std, device=x.device).view(1, -1, 1, 1)
    return (x - mean) / std


def absent(recipe: Preprocessing, channels: Sequence[str]) -> list[int]:
    """The recipe's channels whose sequence is not there; none if it is not said which are."""
    return [n for n, name in enumerate(recipe.sequences) if channels and name not in channels]


def restore(scores: Tensor, shape: tuple[int, int]) -> Tensor:
    """Per-class scores (n, classes, rows, columns) on the original grid, (n, classes, h, w)."""
    if tuple(scores.shape[2:]) == shape:
        return scores
    return F.interpolate(scores, size=shape, mode="bilinear", align_corners=False)
