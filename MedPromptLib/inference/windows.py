"""Between an image and networks that want it in windows of one size, or with its axes in another order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGEST_STEP = 0.5
"""From one window to the next, as a share of the window."""
SIGMA = 1 / 8
"""Standard deviation of the weights, as a share of the window."""


class ReversedAxes(nn.Module):
    """A network that takes the spatial axes in the opposite order: i, j[, k] instead of [k,] j, i."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, [k,] j, i) → scores, (n, classes) or (n, classes, [k,] j, i)."""
        scores: Tensor = self.network(_reversed(x).contiguous())
        return _reversed(scores) if scores.ndim == x.ndim else scores


def _reversed(x: Tensor) -> Tensor:
    return x.permute(0, 1, *range(x.ndim - 1, 1, -1))


def tiled(run: Callable[[Tensor], Tensor], x: Tensor, window: Sequence[int]) -> Tensor:
    """Scores (n, classes, rows, columns) of images of any size, from overlapping windows with Gaussian weights.

    Windows lie where nnU-Net puts them (Isensee et al. 2021): evenly, at most half a window apart, weighted by a
    Gaussian of an eighth of the window. MONAI's sliding window keeps a fixed step, and a network with strides answers
    differently for a window one pixel aside. An image smaller than the window is padded with zeros.

    Args:
        run: scores for a batch of windows (n, c, *window), on the CPU.
        x: (n, c, rows, columns), standardised.
        window: rows and columns.
    """
    shape = x.shape[2:]
    missing = [max(wanted - side, 0) for side, wanted in zip(shape, window, strict=True)]
    before = [m // 2 for m in missing]
    (top, left), (down, right) = before, [m - b for m, b in zip(missing, before, strict=True)]
    padded = F.pad(x, (left, right, top, down))
    places = [
        (..., slice(j, j + window[0]), slice(i, i + window[1]))
        for j in _starts(padded.shape[2], window[0])
        for i in _starts(padded.shape[3], window[1])
    ]
    weight = torch.outer(*(_bell(side) for side in window))
    total, weights = torch.zeros(()), torch.zeros(padded.shape[2:])
    for place in places:
        scores = run(padded[place])
        if total.ndim == 0:
            total = torch.zeros(*scores.shape[:2], *padded.shape[2:])
        total[place] += scores * weight
        weights[place[1:]] += weight
    return (total / weights)[:, :, top : top + shape[0], left : left + shape[1]]


def _starts(side: int, window: int) -> list[int]:
    """Where the fewest windows begin that lie evenly along a side, at most half a window apart."""
    steps = math.ceil((side - window) / (window * LARGEST_STEP))
    return [round(index * (side - window) / max(steps, 1)) for index in range(steps + 1)]


def _bell(side: int) -> Tensor:
    """Weights along one side of a window, 1 at its middle."""
    distance = torch.arange(side) - side // 2
    return torch.exp(-0.5 * (distance / (side * SIGMA)) ** 2)
