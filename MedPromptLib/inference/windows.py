"""Between an image and networks that want it in windows of one size, or with its axes in another order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import MissingPackage

OVERLAP = 0.5
"""Share of a window that the next one covers again, as in nnU-Net."""


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

    An image smaller than the window is padded with zeros, which is the mean of a standardised image.

    Args:
        run: scores for a batch of windows (n, c, *window), on the CPU.
        x: (n, c, rows, columns), standardised.
        window: rows and columns.

    Raises:
        MissingPackage: MONAI is not installed.
    """
    try:
        from monai.inferers import sliding_window_inference
    except ImportError as error:
        raise MissingPackage("Sliding a window over an image needs MONAI; run: pip install 'monai>=1.4'") from error
    rows, columns = x.shape[2:]
    missing = [max(wanted - side, 0) for side, wanted in zip((rows, columns), window, strict=True)]
    (top, left), (down, right) = [m // 2 for m in missing], [m - m // 2 for m in missing]
    padded = F.pad(x, (left, right, top, down))
    scores = sliding_window_inference(padded, tuple(window), 8, run, overlap=OVERLAP, mode="gaussian")
    if not isinstance(scores, Tensor):
        raise TypeError("the network answers with more than one tensor")
    return scores[:, :, top : top + rows, left : left + columns]
