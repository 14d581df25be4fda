"""Sides, places and pairs of segmented structures, and the cardiothoracic ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..catalog import Structure
from ..images import MedicalImage
from .facts import Horizontal, Location, Side, Subject, Vertical
from .geometry import Mask, cropped

LESION_CATEGORY = "49755003"
"""SNOMED CT, Morphologically Altered Structure: what has a place in something else."""

_SIDES = {"24028007": Side.RIGHT, "7771000": Side.LEFT}
_LUNG, _HEART = "39607008", "80891009"
_PROJECTIONS = ("x-ray", "radiograph", "mammogra")
_VOLUMES = ("ct", "mr")
_THIRDS: tuple[Vertical, ...] = ("upper", "middle", "lower")
_TO_LEFT: tuple[Horizontal, ...] = ("right", "middle", "left")
_TO_RIGHT: tuple[Horizontal, ...] = ("left", "middle", "right")
HALF = 0.5
"""Share of a structure that has to lie in another one for it to be said to lie there (our reading)."""


@dataclass(frozen=True)
class Found:
    """One structure of one segmentation of a run.

    Attributes:
        mask: (k, j, i).
        task_id, weight_id, weight_sha256, node: where it comes from.
    """

    subject: Subject
    structure: Structure
    mask: Mask
    task_id: int
    weight_id: str
    weight_sha256: str
    node: str


def subject_of(structure: Structure) -> Subject:
    """A structure's name apart from its side, which its terminology says, or else its name."""
    modifier = structure.terminology.modifier
    side = _SIDES.get(modifier.value) if modifier else None
    words = structure.name.split()
    named = [word for word in words if word in ("right", "left")]
    if side is None and len(named) == 1:
        side = Side(named[0])
    name = " ".join(word for word in words if side is None or word != side.value)
    return Subject(name=name or structure.name, side=side, terminology=structure.terminology)


def is_lesion(structure: Structure) -> bool:
    """Whether a structure is an alteration rather than an organ."""
    return structure.terminology.category.value == LESION_CATEGORY


def frame_of(image: MedicalImage) -> str:
    """`projection` (a film, rows from head to foot), `volume` (geometry known), or `picture`.

    A film without orientation is taken to be shown as usual, the patient's right on the picture's left; one whose file
    says otherwise is a picture, as is everything whose rows and columns are not directions in a patient.
    """
    modality = (image.modality or "").lower()
    if any("PatientOrientation" in note for note in image.notes):
        return "picture"
    if any(word in modality for word in _PROJECTIONS):
        return "projection"
    if image.shape[0] > 1 and any(word in modality.replace("-", " ").split() for word in (*_VOLUMES, "mri")):
        return "volume" if image.spacing_known else "picture"
    return "picture"


def location_of(found: Found, others: Sequence[Found], image: MedicalImage) -> Location:
    """Where a non-empty structure lies: in an organ of the run if one holds half of it, else in the image."""
    frame = frame_of(image)
    voxels = int(found.mask.sum())
    holders = [
        (int((found.mask & other.mask).sum()) / voxels, n)
        for n, other in enumerate(others)
        if not is_lesion(other.structure) and other.mask.any()
    ]
    share, n = max(holders, default=(0.0, -1))
    if share >= HALF and frame != "picture":
        other = others[n]
        vertical, horizontal = _thirds(found.mask, image, frame, cropped(other.mask))
        # Within an organ that has a side, the patient's other side means nothing.
        across = None if other.subject.side else horizontal
        return Location(frame="organ", within=other.subject, vertical=vertical, horizontal=across)
    whole = tuple(slice(0, n) for n in image.shape)
    vertical, horizontal = _thirds(found.mask, image, frame, (whole[0], whole[1], whole[2]))
    return Location(frame="image" if frame == "picture" else "patient", vertical=vertical, horizontal=horizontal)


def _thirds(
    mask: Mask, image: MedicalImage, frame: str, box: tuple[slice, slice, slice]
) -> tuple[Vertical, Horizontal]:
    """The vertical and horizontal third of a box that hold the centre of a mask."""
    centre = [float(indices.mean()) for indices in np.nonzero(mask)]

    def share(axis: int) -> float:
        return (centre[axis] + 0.5 - box[axis].start) / (box[axis].stop - box[axis].start)

    def third(value: float) -> int:
        return min(2, max(0, int(value * 3)))

    if frame == "volume":
        (across, to_left), (along, up) = _axis(image, 0), _axis(image, 2)
        lateral = share(across) if to_left else 1 - share(across)
        upward = share(along) if not up else 1 - share(along)
        return _THIRDS[third(upward)], _TO_LEFT[third(lateral)]
    # A film's columns grow towards the patient's left, a picture's towards its own right.
    words = _TO_LEFT if frame == "projection" else _TO_RIGHT
    return _THIRDS[third(share(1))], words[third(share(2))]


def _axis(image: MedicalImage, direction: int) -> tuple[int, bool]:
    """The array axis nearest to a patient axis (0 right–left, 2 up–down), and whether its index grows to left or up."""
    row = image.ijk_to_ras[direction, :3] / np.linalg.norm(image.ijk_to_ras[:3, :3], axis=0)
    ijk = int(np.abs(row).argmax())
    grows = bool(row[ijk] > 0)
    return 2 - ijk, (not grows if direction == 0 else grows)


def pairs(found: Sequence[Found]) -> list[tuple[Found, Found]]:
    """Right and left structure of the same name from the same segmentation."""
    out = []
    for right in found:
        if right.subject.side is not Side.RIGHT:
            continue
        for left in found:
            if (left.subject.side, left.subject.name, left.task_id) == (
                Side.LEFT,
                right.subject.name,
                right.task_id,
            ):
                out.append((right, left))
    return out


def sides_disagree(right: Found, left: Found, image: MedicalImage) -> bool:
    """Whether the structure named right lies on the other side of the one named left, by the image's geometry."""
    frame = frame_of(image)
    if frame == "picture" or not (right.mask.any() and left.mask.any()):
        return False
    axis, to_left = (2, True) if frame == "projection" else _axis(image, 0)
    r, at = (float(np.nonzero(f.mask)[axis].mean()) for f in (right, left))
    return r > at if to_left else r < at


@dataclass(frozen=True)
class Cardiothoracic:
    """Widths in columns, and the structures they come from.

    Attributes:
        heart: from the heart's leftmost to its rightmost column.
        thorax: the widest row from lung to lung.
    """

    heart: int
    thorax: int
    parts: tuple[Found, ...]


CARDIOTHORACIC_DEFINITION = (
    "Largest horizontal width of the heart divided by the largest internal width of the thorax "
    "(Danzer 1919, Am J Med Sci 157:513)"
)
CARDIOTHORACIC_READING = (
    "our reading: the heart's width is that of its whole outline, and the thorax reaches from the outermost point of "
    "one lung to that of the other in the row where they are farthest apart, as ribs are not outlined; it has its "
    "usual meaning only on an upright film taken from back to front"
)


def cardiothoracic(found: Sequence[Found], image: MedicalImage) -> Cardiothoracic | None:
    """The widths for a cardiothoracic ratio; None unless it is a film with heart and both lungs outlined."""
    if frame_of(image) != "projection" or image.shape[0] != 1:
        return None

    def of(code: str, side: Side | None) -> Found | None:
        wanted = [
            f for f in found if f.structure.terminology.type.value == code and f.subject.side is side and f.mask.any()
        ]
        return wanted[0] if len(wanted) == 1 else None

    heart, right, left = of(_HEART, None), of(_LUNG, Side.RIGHT), of(_LUNG, Side.LEFT)
    if heart is None or right is None or left is None:
        return None
    columns = np.flatnonzero(heart.mask[0].any(axis=0))
    both = right.mask[0].any(axis=1) & left.mask[0].any(axis=1)
    if not both.any():
        return None
    lungs = (right.mask[0] | left.mask[0])[both]
    first, last = lungs.argmax(axis=1), lungs.shape[1] - 1 - lungs[:, ::-1].argmax(axis=1)
    return Cardiothoracic(int(columns[-1] - columns[0] + 1), int((last - first + 1).max()), (heart, right, left))
