"""What may lie in a radiograph beside the anatomy, drawn into training images: clouds, lines, collimation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CLOUD_LEVELS = (0.5, 1.0)
"""Grey values that clouds tend to: from soft tissue to white."""
LARGEST_MARGIN = 0.14
"""Of the image's side, that collimation may hide on each side."""
MOST_LINES = 4


def _between(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand(1, generator=generator))


def clouds(x: Tensor, inside: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Bright, soft-edged opacities in and around a region, as consolidation and effusion make.

    They spread a random way beyond the region, so that their edges do not betray its outline.

    Args:
        x: (n, 3, h, w) in 0 to 1. inside: (n, h, w) bool.
        probability: of each image to get them.
    """
    x, size = x.clone(), x.shape[-1]
    for index in torch.nonzero(torch.rand(len(x), generator=generator) < probability).flatten():
        cells = int(torch.randint(3, 9, (1,), generator=generator))
        noise = torch.randn(1, 1, cells, cells, generator=generator)
        field = F.interpolate(noise, size=x.shape[2:], mode="bicubic", align_corners=False).to(x.device)
        field = torch.sigmoid((field - _between(-1.2, 1.0, generator)) * _between(2, 8, generator))
        reach = max(int(size * _between(0.01, 0.08, generator)), 1)
        region = F.max_pool2d(inside[index][None, None].float(), 2 * reach + 1, 1, reach)
        region = F.avg_pool2d(region, 2 * reach + 1, 1, reach)
        share = field * region * _between(0.3, 0.95, generator)
        x[index] = torch.lerp(x[index], torch.full_like(x[index], _between(*CLOUD_LEVELS, generator)), share[0])
    return x


def lines(x: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """A few bright curves across the image, as leads, tubes and catheters make."""
    from PIL import Image, ImageDraw

    x, (rows, columns) = x.clone(), x.shape[2:]
    for index in torch.nonzero(torch.rand(len(x), generator=generator) < probability).flatten():
        canvas = Image.new("L", (columns, rows), 0)
        pen = ImageDraw.Draw(canvas)
        for _ in range(int(torch.randint(1, MOST_LINES + 1, (1,), generator=generator))):
            start, bend, end = (torch.rand(3, 2, generator=generator) * torch.tensor([columns, rows])).unbind(0)
            t = torch.linspace(0, 1, 24)[:, None]
            path = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
            width = max(round(columns * _between(0.003, 0.015, generator)), 1)
            pen.line([tuple(p) for p in path.tolist()], fill=round(255 * _between(0.2, 0.8, generator)), width=width)
        drawn = torch.frombuffer(bytearray(canvas.tobytes()), dtype=torch.uint8).view(rows, columns).to(x.device)
        x[index] = torch.lerp(x[index], torch.ones_like(x[index]), drawn / 255)
    return x


def collimate(
    x: Tensor, masks: Tensor | None, probability: float, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """A surround of one grey value outside a random rectangle; what it hides has no label."""
    x, (rows, columns) = x.clone(), x.shape[2:]
    masks = None if masks is None else masks.clone()
    for index in torch.nonzero(torch.rand(len(x), generator=generator) < probability).flatten():
        top, bottom, left, right = (torch.rand(4, generator=generator) * LARGEST_MARGIN).tolist()
        hidden = torch.ones(rows, columns, dtype=torch.bool, device=x.device)
        hidden[round(top * rows) : round((1 - bottom) * rows), round(left * columns) : round((1 - right) * columns)] = 0
        x[index][:, hidden] = 0.0 if torch.rand(1, generator=generator) < 0.7 else _between(0, 1, generator)
        if masks is not None:
            masks[index][hidden] = 0
    return x, masks
