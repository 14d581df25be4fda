"""A small picture of a case for the index: the slice that shows most, with the outlined areas in their colours."""

from __future__ import annotations

import io

import numpy as np

from ..overview import shown_range, slice_to_show
from ..results import Run

SIDE = 224
"""Pixels of the longer side."""
OPACITY = 0.4


def thumbnail(run: Run) -> bytes:
    """A JPEG of at most `SIDE` × `SIDE` pixels in the image's true proportions."""
    from PIL import Image

    k = slice_to_show(run)
    _, row_mm, column_mm = run.image.spacing
    _, rows, columns = run.image.shape
    step = max(1, min(rows, columns) // (2 * SIDE))
    pixels = run.image.array[k, ::step, ::step]
    low, high = shown_range(pixels)
    grey = np.clip((pixels.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1) * 255
    color = grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2)
    for segmentation in run.segmentations:
        labels = segmentation.labels[k, ::step, ::step]
        for structure in segmentation.structures:
            inside = labels == structure.label
            color[inside] = (1 - OPACITY) * color[inside] + OPACITY * 255 * np.array(structure.color, np.float32)
    height, width = rows * row_mm, columns * column_mm
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    stream = io.BytesIO()
    picture = Image.fromarray(color.round().astype(np.uint8)).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    picture.save(stream, "JPEG", quality=82)
    return stream.getvalue()
