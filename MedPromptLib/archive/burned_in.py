"""Whether text is burned into an image: what its tag says, and a simple look for lines of characters.

The look finds rows of four or more small shapes of one height and brightness, as printed characters are. It is a
warning, no safeguard: its rates on real images are in Resources/Docs/privacy-and-audit.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..images import Array, MedicalImage, luminance

if TYPE_CHECKING:
    from pydicom import Dataset

BRIGHT = 0.85
"""Share of the brightest value from which a pixel may belong to a character (burned-in text is drawn at full level)."""
STROKE, CONTRAST = 4, 0.25
"""Strokes are at most twice so many pixels wide, and so much brighter than what is around them."""
HEIGHTS = (6, 64)
CHARACTERS = 4
SLICES = 3


@dataclass(frozen=True)
class Text:
    """A row of character-like shapes: its box (slice, top, left, bottom, right) in pixels and how many there are."""

    k: int
    box: tuple[int, int, int, int]
    characters: int


def warning(image: MedicalImage | None, header: Dataset | None) -> str:
    """One sentence if the image may show text that identifies somebody, else empty."""
    tag = str(header.get("BurnedInAnnotation") or "").upper() if header is not None else ""
    if tag == "YES":
        return "The image's header says that text is burned into it (BurnedInAnnotation); pixels are stored unchanged."
    found = lines_of_text(image) if image is not None else ()
    if not found:
        return ""
    top, left, bottom, right = found[0].box
    also = " although its header says there is none" if tag == "NO" else ""
    return (
        f"The image may have text burned into it{also}: {found[0].characters} character-like shapes in rows {top} to "
        f"{bottom}, columns {left} to {right}; pixels are stored unchanged, so look at it before you share the archive."
    )


def lines_of_text(image: MedicalImage) -> tuple[Text, ...]:
    """Rows of characters in a picture, or in the first, middle and last slice of a volume; the longest first."""
    grey = luminance(image.array)
    chosen = sorted({0, grey.shape[0] // 2, grey.shape[0] - 1})[:SLICES]
    found = [text for k in chosen for text in _in_slice(grey[k], k)]
    return tuple(sorted(found, key=lambda text: -text.characters))


def _in_slice(picture: Array, k: int) -> list[Text]:
    x = picture.astype(np.float32)
    low, high = float(x.min()), float(x.max())
    if high <= low:
        return []
    x = (x - low) / (high - low)
    return [text for inverted in (False, True) for text in _rows(1 - x if inverted else x, k)]


def _rows(x: npt.NDArray[np.float32], k: int) -> list[Text]:
    """Rows of bright character-like shapes: neighbours of like height, on one line, close together."""
    import SimpleITK as sitk

    thin = sitk.GetArrayFromImage(sitk.WhiteTopHat(sitk.GetImageFromArray(x), [STROKE, STROKE]))
    mask = (x >= BRIGHT) & (thin >= CONTRAST)
    labels = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True)
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(labels)
    boxes = []
    for label in shapes.GetLabels():
        left, top, width, height = shapes.GetBoundingBox(label)
        filled = shapes.GetNumberOfPixels(label) / (width * height)
        if HEIGHTS[0] <= height <= HEIGHTS[1] and 0.08 * height <= width <= 1.4 * height and 0.15 <= filled <= 0.95:
            boxes.append((left, top, left + width, top + height))
    boxes.sort()
    rows: list[list[tuple[int, int, int, int]]] = []
    for box in boxes:
        row = next((r for r in rows if _continues(r[-1], box)), None)
        if row is None:
            rows.append([box])
        else:
            row.append(box)
    return [
        Text(k, (min(b[1] for b in r), r[0][0], max(b[3] for b in r), r[-1][2]), len(r))
        for r in rows
        if len(r) >= CHARACTERS and sum((b[2] - b[0]) > 0.3 * (b[3] - b[1]) for b in r) >= len(r) / 2
    ]


def _continues(before: tuple[int, int, int, int], box: tuple[int, int, int, int]) -> bool:
    """Whether a shape (left, top, right, bottom) is the next character of a row."""
    height, other = before[3] - before[1], box[3] - box[1]
    return (
        min(height, other) >= 0.65 * max(height, other)
        and abs(before[3] - box[3]) <= max(1.0, 0.2 * height)
        and -1 <= box[0] - before[2] <= 1.5 * height
    )
