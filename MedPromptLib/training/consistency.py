"""Unlabelled images in the training of a segmentation: agree with your own, calmer view of the same image.

After FixMatch (Sohn et al. 2020), with the averaged network as the one that writes the labels (Tarvainen and Valpola
2017). That the two views share their geometry and differ in grey values and disturbances alone is our choice.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..catalog import Preprocessing
from ..inference.preprocessing import prepare
from .augment import disturb, move
from .config import Augmentation
from .data import read_cases

CONFIDENT = 0.9
"""Pixels whose pseudo-label has at least this probability take part in the loss."""
RAMP = 1 / 3
"""Share of the training over which the loss rises to its full weight."""


class Unlabelled:
    """The training images of some data sets, without their labels.

    Args:
        root: folder of the data sets. names: which of them.
    """

    def __init__(self, root: Path, names: tuple[str, ...], preprocessing: Preprocessing) -> None:
        self._images = [image for name in names for image in read_cases(root / name, "train").images]
        self._preprocessing = preprocessing
        self._size, self._x = 0, torch.empty(0)

    def draw(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """(n, 3, size, size) in 0 to 1, drawn with replacement."""
        if size != self._size:
            parts = [prepare(image[None], self._preprocessing, (size, size)) for image in self._images]
            self._x, self._size = (torch.cat(parts)[:, :1] * 255).round().to(torch.uint8), size
        chosen = torch.randint(0, len(self._x), (n,), generator=generator)
        return (self._x[chosen].float() / 255).expand(-1, 3, -1, -1)


def consistency_loss(
    x: Tensor,
    student: Callable[[Tensor], Tensor],
    teacher: Callable[[Tensor], Tensor],
    recipe: Augmentation,
    generator: torch.Generator,
) -> Tensor:
    """Cross entropy of the student on the disturbed images against the teacher's confident labels of the calm ones.

    Args:
        x: (n, 3, h, w) in 0 to 1, unlabelled.
        student, teacher: (n, 3, h, w) → scores (n, classes, h, w).
    """
    calm, _ = move(x, None, recipe, generator)
    with torch.no_grad():
        confidence, labels = teacher(calm).softmax(1).max(1)
    disturbed, targets = disturb(calm, labels, recipe, generator)
    assert targets is not None
    loss = F.cross_entropy(student(disturbed), targets, reduction="none")
    counted = confidence >= CONFIDENT
    return (loss * counted).sum() / counted.sum().clamp_min(1)


def ramp(progress: float) -> float:
    """Share of the loss's full weight at a share of the training; Gaussian, as Laine and Aila (2017) have it."""
    return float(torch.exp(torch.tensor(-5 * max(1 - progress / RAMP, 0.0) ** 2)))
