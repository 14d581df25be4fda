"""Random patches of a volume: cut, turned, scaled and mirrored in one resampling, then changed in intensity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..inference.volume_geometry import Triple
from .config import Augmentation, Recipe

AXIS = {"k": 0, "j": 1, "i": 2}


@dataclass(frozen=True)
class Volume:
    """A training case on the network's grid.

    Attributes:
        x: (c, k, j, i) uint8, 0 to 1 as 0 to 255.
        mask: (k, j, i) uint8.
        seeds: per structure that is there, (n, 3) of its voxels (k, j, i).
    """

    x: Tensor
    mask: Tensor
    seeds: tuple[Tensor, ...]


def draw_patch(
    volume: Volume,
    size: Triple,
    spacing: tuple[float, float, float],
    recipe: Augmentation,
    foreground: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """One random patch (c, *size) float32 in 0 to 1 and its labels (*size) int64.

    Args:
        spacing: voxel size along k, j, i, of which only the proportions matter: turning keeps shapes.
        foreground: probability that the patch lies around a random voxel of a random structure.
    """
    shape = torch.tensor(volume.mask.shape)
    centre = _centre(volume, size, recipe, foreground, generator)
    matrix = _matrix(spacing, recipe, generator)
    reach = (matrix.abs() @ torch.tensor(size, dtype=torch.float32)) / 2 + 2
    start = (centre - reach).floor().long().clamp(min=0).minimum(shape - 1)
    stop = torch.maximum((centre + reach).ceil().long().minimum(shape), start + 1)
    box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    sides = (stop - start).float()
    # normalised output u in -1 to 1 is voxel offset u · size / 2; normalised input is (voxel + 0.5) · 2 / side - 1
    scaled = matrix * torch.tensor(size)[None] / sides[:, None]
    shift = (centre - start + 0.5) * 2 / sides - 1
    theta = torch.cat([scaled.flip(0, 1), shift.flip(0)[:, None]], 1)[None]
    grid = F.affine_grid(theta, [1, 1, *size], align_corners=False)
    x = F.grid_sample(volume.x[(slice(None), *box)][None].float() / 255, grid, align_corners=False)[0]
    labels = F.grid_sample(volume.mask[box][None, None].float(), grid, mode="nearest", align_corners=False)[0, 0]
    return x, labels.round().long()


def draw_patches(
    volumes: Sequence[Volume], recipe: Recipe, generator: torch.Generator, *, change: bool = True
) -> tuple[Tensor, Tensor]:
    """One random patch of each volume, (n, c, *patch) float32 in 0 to 1, and their labels (n, *patch) int64.

    Args:
        change: their intensities, too.
    """
    spacing = recipe.preprocessing.spacing
    size: Triple = tuple(recipe.preprocessing.size)  # type: ignore[assignment]
    proportions = spacing if spacing is not None and all(spacing) else (1.0, 1.0, 1.0)
    xs, masks = [], []
    for volume in volumes:
        x, mask = draw_patch(volume, size, proportions, recipe.augmentation, recipe.schedule.foreground, generator)
        xs.append(change_intensities(x, recipe.augmentation, generator) if change else x)
        masks.append(mask)
    return torch.stack(xs), torch.stack(masks)


def _uniform(reach: float, generator: torch.Generator, n: int = 1) -> Tensor:
    return (torch.rand(n, generator=generator) * 2 - 1) * reach


def _centre(
    volume: Volume, size: Triple, recipe: Augmentation, foreground: float, generator: torch.Generator
) -> Tensor:
    """Where the patch's middle lies, in voxels (k, j, i).

    Before the random shift the patch covers whole voxels, inside the volume as far as it fits.
    """
    shape, patch = torch.tensor(volume.mask.shape, dtype=torch.float32), torch.tensor(size, dtype=torch.float32)
    if volume.seeds and torch.rand(1, generator=generator) < foreground:
        seeds = volume.seeds[int(torch.randint(len(volume.seeds), (1,), generator=generator))]
        centre = seeds[int(torch.randint(len(seeds), (1,), generator=generator))].float()
    else:
        centre = torch.rand(3, generator=generator) * shape
    start = (centre - (patch - 1) / 2).round()
    spare = shape - patch
    start = torch.where(spare > 0, torch.minimum(start.clamp_min(0), spare), (spare / 2).round())
    return start + (patch - 1) / 2 + _uniform(recipe.shift, generator, 3) * patch


def _matrix(spacing: tuple[float, float, float], recipe: Augmentation, generator: torch.Generator) -> Tensor:
    """(3, 3): offset in the patch (k, j, i, voxels) → offset in the volume."""
    angle = _uniform(math.radians(recipe.rotate), generator)
    if recipe.quarter_turns:
        angle = angle + torch.randint(0, 4, (1,), generator=generator) * (math.pi / 2)
    tilts = _uniform(math.radians(recipe.tilt), generator, 2)
    turn = torch.eye(3)
    for value, (a, b) in zip((float(angle), *tilts.tolist()), ((1, 2), (0, 2), (0, 1)), strict=True):
        one = torch.eye(3)
        one[a, a] = one[b, b] = math.cos(value)
        one[a, b], one[b, a] = -math.sin(value), math.sin(value)
        turn = turn @ one
    all_axes, each = math.log1p(recipe.scale), math.log1p(recipe.scale / 3)
    zoom = torch.exp(_uniform(all_axes, generator) + _uniform(each, generator, 3))
    for name in recipe.mirror:
        if torch.rand(1, generator=generator) < 0.5:
            zoom[AXIS[name]] *= -1
    size = torch.tensor(spacing)
    return (turn * zoom[None]) * size[None] / size[:, None]


def change_intensities(x: Tensor, recipe: Augmentation, generator: torch.Generator) -> Tensor:
    """A patch (c, k, j, i) in 0 to 1 with other contrast and noise and, now and then, less sharpness."""

    def factor(reach: float) -> float:
        return float(_uniform(reach, generator))

    def sometimes(strength: float, share: float) -> bool:
        return bool(strength) and bool(torch.rand(1, generator=generator) < share)

    if sometimes(recipe.low_resolution - 1, 0.25):
        lost = 1 + float(torch.rand(1, generator=generator)) * (recipe.low_resolution - 1)
        coarse = [max(1, round(side / lost)) for side in x.shape[1:]]
        small = F.interpolate(x[None], size=coarse, mode="trilinear", align_corners=False)
        x = F.interpolate(small, size=x.shape[1:], mode="trilinear", align_corners=False)[0]
    if sometimes(recipe.blur, 0.25):
        x = _blur(x, 0.3 + float(torch.rand(1, generator=generator)) * recipe.blur)
    x = x.clamp(0, 1) ** math.exp(factor(recipe.gamma))
    x = (x - 0.5) * (1 + factor(recipe.contrast)) + 0.5 + factor(recipe.brightness)
    if recipe.noise:
        level = float(torch.rand(1, generator=generator)) * recipe.noise
        x = x + level * torch.randn(x.shape, generator=generator)
    return x.clamp(0, 1)


def _blur(x: Tensor, sigma: float) -> Tensor:
    reach = torch.arange(-2, 3, dtype=torch.float32)
    kernel = torch.exp(-(reach**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    for axis in range(3):
        shape, margin = [1, 1, 1, 1, 1], [0] * 6
        shape[2 + axis] = 5
        margin[4 - 2 * axis] = margin[5 - 2 * axis] = 2
        x = F.conv3d(F.pad(x[:, None], margin, mode="replicate"), kernel.view(*shape))[:, 0]
    return x
