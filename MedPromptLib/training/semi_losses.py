"""What volumes without labels contribute: the Unified Segmentation loss, its rivals, and mixed views."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

UNCERTAIN_FIRST = 0.75
"""Share of the largest entropy below which a voxel counts for the mean teacher at first; it rises to 1 (Yu 2019)."""
NOISE = 0.1
"""Bound of the noise on the mean teacher's inputs, in the image's range of 0 to 1."""


def unified_segmentation_loss(scores: Tensor, peer: Tensor, confidence: float) -> Tensor:
    """Where the peer is confident its label counts, elsewhere its probabilities do.

    LLM-SegNet (Kumari et al. 2024) combines negative log-likelihood and mean squared error by confidence; the formula
    is our reading: with p = softmax(scores), q = peer, c = max q and y = argmax q, the mean over all voxels of
    -log p_y where c is at least `confidence`, and of ‖p - q‖² elsewhere.

    Args:
        scores: (n, classes, k, j, i). peer: probabilities of the same shape, without gradient.
    """
    likelihood = scores.log_softmax(1)
    sure, labels = peer.max(1)
    surprise = F.nll_loss(likelihood, labels, reduction="none")
    apart = (likelihood.exp() - peer).square().sum(1)
    return torch.where(sure >= confidence, surprise, apart).mean()


def pseudo_label_loss(scores: Tensor, peer: Tensor) -> Tensor:
    """Cross entropy against the peer's most probable class in every voxel (CPS, Chen et al. 2021)."""
    return F.cross_entropy(scores, peer.argmax(1))


def mean_teacher_loss(scores: Tensor, teacher: Tensor, progress: float) -> Tensor:
    """Squared distance of probabilities where the teacher is certain (UA-MT, Yu et al. 2019).

    Certain is an entropy of at most a share of the largest one, which rises from 0.75 to 1 with the ramp.

    Args:
        scores: (n, classes, k, j, i). teacher: its mean probabilities over disturbed inputs, without gradient.
        progress: the ramp's present value, 0 to 1.
    """
    entropy = -(teacher * teacher.clamp_min(1e-6).log()).sum(1)
    limit = (UNCERTAIN_FIRST + (1 - UNCERTAIN_FIRST) * progress) * math.log(scores.shape[1])
    certain = entropy <= limit
    apart = (scores.softmax(1) - teacher).square().sum(1)
    return (apart * certain).sum() / certain.sum().clamp_min(1)


@torch.no_grad()
def disturbed_mean(network: Callable[[Tensor], Tensor], x: Tensor, passes: int, generator: torch.Generator) -> Tensor:
    """Mean probabilities over noisy copies of (n, c, k, j, i) in 0 to 1.

    UA-MT draws dropout masks as well; the networks here have no dropout, and noise on the input alone is our reading.
    """
    total: Tensor | None = None
    for _ in range(passes):
        noise = (torch.randn(x.shape, generator=generator) * NOISE).clamp_(-2 * NOISE, 2 * NOISE).to(x.device)
        found = network((x + noise).clamp(0, 1)).softmax(1)
        total = found if total is None else total + found
    assert total is not None
    return total / passes


@dataclass(frozen=True)
class Box:
    """A box inside a patch, as slices along k, j, i."""

    k: slice
    j: slice
    i: slice

    @classmethod
    def draw(cls, shape: tuple[int, ...], generator: torch.Generator) -> Box:
        """A box of a patch's proportions, a quarter to half of its volume, anywhere inside it."""
        share = 0.25 + 0.25 * float(torch.rand(1, generator=generator))
        places = []
        for side in shape:
            length = max(1, round(side * share ** (1 / 3)))
            start = int(torch.randint(side - length + 1, (1,), generator=generator))
            places.append(slice(start, start + length))
        return cls(*places)

    def mix(self, x: Tensor) -> Tensor:
        """(n, …, k, j, i) with the box of each item pasted from the one before it (CutMix, Yun et al. 2019)."""
        mixed = x.clone()
        mixed[..., self.k, self.j, self.i] = x.roll(1, 0)[..., self.k, self.j, self.i]
        return mixed
