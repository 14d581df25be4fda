"""Random changes of a batch on the training device: one affine resampling, then grey values or colours."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Augmentation
from .disturbances import clouds, collimate, lines

CURVE_KNOTS = 4


def augment(
    x: Tensor, masks: Tensor | None, recipe: Augmentation, generator: torch.Generator, crop: int = 0
) -> tuple[Tensor, Tensor | None]:
    """Augmented images (n, 3, h, w) in 0 to 1 and masks (n, h, w) int64, moved alike.

    Args:
        crop: above 0, a random window of that many rows and columns of each moved image.
    """
    x, masks = move(x, masks, recipe, generator, crop)
    return disturb(x, masks, recipe, generator)


def _uniform(n: int, reach: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(n, generator=generator) * 2 - 1) * reach


def move(
    x: Tensor, masks: Tensor | None, recipe: Augmentation, generator: torch.Generator, crop: int = 0
) -> tuple[Tensor, Tensor | None]:
    """The geometric half of `augment`."""
    n, size = len(x), x.shape[-1]
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
    shape = list(x.shape)
    if crop and crop < size:
        share = crop / size
        centre = torch.stack([_uniform(n, 1 - share, generator) for _ in range(2)], dim=1)[:, :, None]
        theta = torch.cat([theta[:, :, :2] * share, theta[:, :, 2:] + theta[:, :, :2] @ centre], dim=2)
        shape[2:] = [crop, crop]
    grid = F.affine_grid(theta.to(x.device), shape, align_corners=False)
    moved = F.grid_sample(x[:, :1] if _is_grey(x) else x, grid, padding_mode="border", align_corners=False)
    if masks is not None:
        moved_masks = F.grid_sample(
            masks[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False
        )
        masks = moved_masks[:, 0].long()
    return moved.expand(-1, 3, -1, -1).contiguous(), masks


def _is_grey(x: Tensor) -> bool:
    return torch.equal(x[:, 0], x[:, 1])


def disturb(
    x: Tensor, masks: Tensor | None, recipe: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """The other half of `augment`: what lies in the image, then its grey values or colours."""
    if recipe.opacity and masks is not None:
        x = clouds(x, masks > 0, recipe.opacity, generator)
    if recipe.lines:
        x = lines(x, recipe.lines, generator)
    x = _intensities(x, recipe, generator)
    if recipe.collimate:
        x, masks = collimate(x, masks, recipe.collimate, generator)
    return x, masks


def _intensities(x: Tensor, recipe: Augmentation, generator: torch.Generator) -> Tensor:
    n, device = len(x), x.device

    def factor(reach: float) -> Tensor:
        return _uniform(n, reach, generator).view(n, 1, 1, 1).to(device)

    if recipe.equalise:
        x = _equalise(x, torch.rand(n, generator=generator) < recipe.equalise)
    x = x.clamp(0, 1) ** torch.exp(factor(recipe.gamma))
    if recipe.curve:
        x = _bend(x, torch.exp(_uniform(n * CURVE_KNOTS, recipe.curve, generator)).view(n, CURVE_KNOTS).to(device))
    x = (x - 0.5) * (1 + factor(recipe.contrast)) + 0.5 + factor(recipe.brightness)
    if recipe.shade:
        down, across = (torch.linspace(-1, 1, s, device=device) for s in x.shape[2:])
        x = x + factor(recipe.shade) * down[:, None] + factor(recipe.shade) * across
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


def _equalise(x: Tensor, chosen: Tensor) -> Tensor:
    """Histogram equalisation of the chosen images, on 256 levels of the first channel."""
    x = x.clone()
    for index in torch.nonzero(chosen).flatten():
        shares = torch.histc(x[index, 0], 256, 0, 1).cumsum(0) / x[index, 0].numel()
        x[index] = shares[(x[index] * 255).long().clamp(0, 255)]
    return x


def _bend(x: Tensor, steps: Tensor) -> Tensor:
    """A monotone piecewise linear curve through 0 and 1, whose pieces rise in proportion to `steps` (n, pieces)."""
    pieces = steps.shape[1]
    knots = F.pad(steps / steps.sum(1, keepdim=True), (1, 0)).cumsum(1)
    position = x.flatten(1) * pieces
    piece = position.long().clamp(0, pieces - 1)
    low, high = knots.gather(1, piece), knots.gather(1, piece + 1)
    return (low + (high - low) * (position - piece)).view_as(x)
