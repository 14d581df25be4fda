"""Random changes of a batch on the training device: one affine resampling, then intensities."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Augmentation


def augment(
    x: Tensor, masks: Tensor | None, recipe: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """Augmented images (n, 3, h, w) in 0 to 1 and masks (n, h, w) int64, moved alike."""
    x, masks = _affine(x, masks, recipe, generator)
    return _intensities(x, recipe, generator), masks


def _uniform(n: int, reach: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(n, generator=generator) * 2 - 1) * reach


def _affine(
    x: Tensor, masks: Tensor | None, recipe: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    n = len(x)
    angle = _uniform(n, math.radians(recipe.rotate), generator)
    zoom = torch.exp(_uniform(n, math.log1p(recipe.scale), generator))
    aspect = torch.exp(_uniform(n, math.log1p(recipe.scale / 2), generator))
    flips = [
        1 - 2 * (torch.rand(n, generator=generator) < p).float() for p in (recipe.flip_horizontal, recipe.flip_vertical)
    ]
    if recipe.quarter_turns:
        angle = angle + torch.randint(0, 4, (n,), generator=generator) * (math.pi / 2)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = cos * zoom * aspect * flips[0], -sin * zoom * flips[1]
    theta[:, 1, 0], theta[:, 1, 1] = sin * zoom * flips[0], cos * zoom / aspect * flips[1]
    theta[:, 0, 2], theta[:, 1, 2] = (_uniform(n, 2 * recipe.shift, generator) for _ in range(2))
    grid = F.affine_grid(theta.to(x.device), list(x.shape), align_corners=False)
    moved = F.grid_sample(x[:, :1] if _is_grey(x) else x, grid, padding_mode="border", align_corners=False)
    if masks is not None:
        moved_masks = F.grid_sample(
            masks[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False
        )
        masks = moved_masks[:, 0].long()
    return moved.expand(-1, 3, -1, -1).contiguous(), masks


def _is_grey(x: Tensor) -> bool:
    return torch.equal(x[:, 0], x[:, 1])


def _intensities(x: Tensor, recipe: Augmentation, generator: torch.Generator) -> Tensor:
    n, device = len(x), x.device

    def factor(reach: float) -> Tensor:
        return _uniform(n, reach, generator).view(n, 1, 1, 1).to(device)

    x = x.clamp(0, 1) ** torch.exp(factor(recipe.gamma))
    x = (x - 0.5) * (1 + factor(recipe.contrast)) + 0.5 + factor(recipe.brightness)
    if recipe.colour:
        x = x * (1 + _uniform(3 * n, recipe.colour, generator).view(n, 3, 1, 1).to(device))
    if recipe.blur and torch.rand(1, generator=generator) < 0.3:
        sigma = float(torch.rand(1, generator=generator)) * recipe.blur + 0.1
        reach = torch.arange(-2, 3, dtype=torch.float32)
        kernel = torch.exp(-(reach**2) / (2 * sigma**2))
        kernel = (kernel / kernel.sum()).to(device)
        weight = (kernel[:, None] * kernel[None]).expand(3, 1, 5, 5)
        x = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), weight, groups=3)
    if recipe.noise:
        level = torch.rand(n, 1, 1, 1, generator=generator).to(device) * recipe.noise
        x = x + level * torch.randn(n, 1, *x.shape[2:], generator=generator).to(device)
    return x.clamp(0, 1)
