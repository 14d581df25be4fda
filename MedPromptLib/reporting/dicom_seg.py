"""A segmentation as DICOM SEG on the frames of the series it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..catalog import Structure
from ..errors import InvalidInput
from .dicom_codes import PRIVATE, of_card, scheme_identification
from .dicom_source import Labels, SourceSeries, new_uid

if TYPE_CHECKING:
    from pydicom import Dataset

NO_FRAMES = (
    "No DICOM SEG: the frames of the multi-frame image have no position in the patient, so that a segment could not "
    "say on which of them it lies."
)


@dataclass(frozen=True)
class Maker:
    """Who made an object, as every object says it.

    Attributes:
        version: of this project. weight: id of the weight. weight_version: of its card, with the file's SHA-256.
    """

    version: str
    weight: str = ""
    weight_version: str = ""

    @property
    def equipment(self) -> dict[str, Any]:
        """What highdicom asks for of the equipment."""
        return {
            "manufacturer": "MedPrompt",
            "manufacturer_model_name": "MedPrompt for 3D Slicer",
            "software_versions": self.version,
            "device_serial_number": self.version,
        }


@dataclass(frozen=True)
class Seg:
    """A DICOM SEG and how to refer to it.

    Attributes:
        numbers: structure's name → segment number; a structure that was not found has none.
        frames: segment number → its frame numbers, from 1.
        tracking: structure's name → (UID, identifier) under which its measurements are found.
    """

    dataset: Dataset
    numbers: Mapping[str, int]
    frames: Mapping[int, tuple[int, ...]]
    tracking: Mapping[str, tuple[str, str]]


def make_seg(
    labels: Labels,
    structures: Sequence[Structure],
    source: SourceSeries,
    maker: Maker,
    *,
    series_number: int,
    series_uid: str,
    instance_number: int = 1,
    description: str = "",
) -> Seg | None:
    """A binary DICOM SEG whose segments are the structures that were found, numbered from 1.

    A structure without a single voxel becomes no segment, since readers differ in what they make of one: the
    measurement report says that it was looked for and not found.

    Args:
        labels: (k, j, i) on the grid of `source.image`; any unsigned integers.

    Returns:
        None if nothing was found, or if frames cannot be told apart (`placeable`).

    Raises:
        InvalidInput: highdicom cannot derive a segmentation from these files.
    """
    from highdicom.seg import Segmentation

    found = [s for s in structures if np.any(labels == s.label)]
    if not found or not placeable(source):
        return None
    numbers: type[np.unsignedinteger[Any]] = np.uint16 if len(found) > 255 else np.uint8
    renumbered: Labels = np.zeros(int(labels.max()) + 1, numbers)
    for number, structure in enumerate(found, 1):
        renumbered[structure.label] = number
    tracking = {s.name: (new_uid(), f"{maker.weight}: {s.name}"[:64]) for s in found}
    try:
        made = Segmentation(
            source_images=source.headers,
            pixel_array=source.in_file_order(renumbered[labels]),
            segmentation_type="BINARY",
            segment_descriptions=[_description(n, s, maker, tracking[s.name]) for n, s in enumerate(found, 1)],
            series_instance_uid=series_uid,
            series_number=series_number,
            sop_instance_uid=new_uid(),
            instance_number=instance_number,
            content_label="MEDPROMPT",
            content_description=description[:64] or None,
            series_description="MedPrompt segmentation (research use only)",
            specific_character_set="ISO_IR 192",
            coding_schemes=[scheme_identification()] if _has_own_codes(found) else None,
            **maker.equipment,
        )
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InvalidInput(
            f"The DICOM files of '{source.image.name}' cannot carry a segmentation ({error}); the other results are "
            "not affected."
        ) from error
    made.ContentCreatorName = ""
    if not source.placed:
        made.PatientOrientation = source.first.get("PatientOrientation") or ""
    frames: dict[int, list[int]] = {n: [] for n in range(1, len(found) + 1)}
    for number, group in enumerate(made.PerFrameFunctionalGroupsSequence, 1):
        items = group.get("SegmentIdentificationSequence") or made.SharedFunctionalGroupsSequence[0].get(
            "SegmentIdentificationSequence"
        )
        frames[int(items[0].ReferencedSegmentNumber)].append(number)
    return Seg(made, {s.name: n for n, s in enumerate(found, 1)}, {n: tuple(f) for n, f in frames.items()}, tracking)


def placeable(source: SourceSeries) -> bool:
    """Whether a segment can say on which frames it lies."""
    return source.placed or len(source.frames) == 1


def _description(number: int, structure: Structure, maker: Maker, tracking: tuple[str, str]) -> Any:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription
    from highdicom.sr import CodedConcept
    from pydicom.sr.codedict import codes

    terms = structure.terminology
    made = SegmentDescription(
        segment_number=number,
        segment_label=structure.name[:64],
        segmented_property_category=of_card(terms.category),
        segmented_property_type=of_card(terms.type),
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=maker.weight[:64],
            family=codes.DCM.ArtificialIntelligence,
            version=maker.weight_version[:64],
            source="MedPrompt",
        ),
        tracking_uid=tracking[0],
        tracking_id=tracking[1],
        anatomic_regions=[of_card(terms.region)] if terms.region is not None else None,
        display_color=CIELabColor.from_rgb(*(255 * c for c in structure.color)),
    )
    if terms.modifier is not None:
        concept = CodedConcept.from_code(of_card(terms.modifier))
        made.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [concept]
    if terms.region is not None and terms.region_modifier is not None:
        concept = CodedConcept.from_code(of_card(terms.region_modifier))
        made.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [concept]
    return made


def _has_own_codes(structures: Sequence[Structure]) -> bool:
    return any(
        entry is not None and entry.scheme == PRIVATE
        for s in structures
        for entry in (s.terminology.category, s.terminology.type, s.terminology.region)
    )
