"""A small residual V-Net for volumes (Milletari 2016), with options for flat voxels and for its size.

Ours, where it differs from the paper: instance norm and leaky ReLU, which do not mind batches of one or two patches;
3 × 3 × 3 kernels; skips are concatenated. Levels at which the slices are much thicker than the pixels (`flat_levels`)
leave the slice axis alone: their kernels and strides are 1 along k.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

Triple = tuple[int, int, int]


def _conv_norm(channels_in: int, channels: int, kernel: Triple) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(channels_in, channels, kernel, padding="same", bias=False), nn.InstanceNorm3d(channels, affine=True)
    )


def _halving(channels_in: int, channels: int) -> nn.Sequential:
    """A convolution that gives every second voxel of each axis."""
    return nn.Sequential(
        nn.Conv3d(channels_in, channels, 4, 2, 1, bias=False), nn.InstanceNorm3d(channels, affine=True)
    )


class Residual(nn.Module):
    """Convolutions with a shortcut around them; a 1 × 1 × 1 convolution where the number of channels changes."""

    def __init__(self, channels_in: int, channels: int, convolutions: int, kernel: Triple) -> None:
        super().__init__()
        sizes = [channels_in, *[channels] * convolutions]
        self.convolutions = nn.ModuleList(_conv_norm(a, b, kernel) for a, b in itertools.pairwise(sizes))
        same = channels_in == channels
        self.shortcut = nn.Identity() if same else nn.Conv3d(channels_in, channels, 1, bias=False)
        self.activation = nn.LeakyReLU(0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, k, j, i) → (n, channels, k, j, i)."""
        y = x
        for number, convolution in enumerate(self.convolutions, start=1):
            y = convolution(y)
            if number < len(self.convolutions):
                y = self.activation(y)
        activated: Tensor = self.activation(y + self.shortcut(x))
        return activated


class VNet(nn.Module):
    """Segmentation of volumes.

    Args:
        classes: structures and the background.
        channels: of the input.
        width: channels of the first level; each further one has twice as many, at most `widest`.
        levels: resolutions, the bottleneck included.
        flat_levels: so many steps down, from the first, leave the k axis alone.
        coarse: the first level already lies at half the input's resolution, and the head brings the scores back to the
            whole one. An eighth of the work, for structures whose outline is smooth at that scale.

    Attributes:
        widths: channels of every level, the bottleneck last.
        multiple: what the sides of an input along k, j, i are multiples of.
    """

    def __init__(
        self,
        classes: int,
        channels: int = 1,
        width: int = 16,
        levels: int = 4,
        flat_levels: int = 0,
        widest: int = 256,
        coarse: bool = False,
    ) -> None:
        super().__init__()
        if levels < 2 or not 0 <= flat_levels < levels:
            raise ValueError(f"levels must be 2 or more and flat_levels below it, not {levels} and {flat_levels}")
        self.widths = widths = [min(width << level, widest) for level in range(levels)]
        kernels: list[Triple] = [(1, 3, 3) if level < flat_levels else (3, 3, 3) for level in range(levels)]
        strides: list[Triple] = [(1, 2, 2) if level < flat_levels else (2, 2, 2) for level in range(levels - 1)]
        in_plane = 2 ** (levels - 1 + coarse)
        self.multiple: Triple = (in_plane >> flat_levels, in_plane, in_plane)
        stem = _halving(channels, width) if coarse else _conv_norm(channels, width, kernels[0])
        self.stem = nn.Sequential(stem, nn.LeakyReLU(0.01))
        self.encoder = nn.ModuleList(
            Residual(w, w, 1 if level == 0 else 2, kernels[level]) for level, w in enumerate(widths)
        )
        steps = range(levels - 1)
        self.down = nn.ModuleList(
            nn.Conv3d(widths[n], widths[n + 1], strides[n], stride=strides[n], bias=False) for n in steps
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose3d(widths[n + 1], widths[n], strides[n], stride=strides[n], bias=False) for n in steps
        )
        self.decoder = nn.ModuleList(Residual(2 * widths[n], widths[n], 1, kernels[n]) for n in steps)
        # an overlap of two voxels between neighbours, without which the outline shows the coarse grid
        self.head = nn.ConvTranspose3d(width, classes, 4, 2, 1) if coarse else nn.Conv3d(width, classes, 1)

    def features(self, x: Tensor) -> list[Tensor]:
        """Encoder features of every level, finest first; the last is the bottleneck.

        Raises:
            ValueError: a side of the input is no multiple of `multiple`.
        """
        if any(side % multiple for side, multiple in zip(x.shape[2:], self.multiple, strict=True)):
            raise ValueError(f"the window {tuple(x.shape[2:])} must be a multiple of {self.multiple} along k, j, i")
        found = [self.encoder[0](self.stem(x))]
        for down, block in zip(self.down, list(self.encoder)[1:], strict=True):
            found.append(block(down(found[-1])))
        return found

    def decode(self, features: list[Tensor]) -> Tensor:
        """Scores (n, classes, k, j, i) from what `features` gives."""
        x = features[-1]
        for up, block, skip in reversed(list(zip(self.up, self.decoder, features[:-1], strict=True))):
            x = block(torch.cat([up(x), skip], 1))
        scores: Tensor = self.head(x)
        return scores

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, k, j, i) → scores (n, classes, k, j, i)."""
        return self.decode(self.features(x))
