"""DICOM files as `MedicalImage`: SimpleITK decodes the pixels, pydicom says what they mean and where they lie."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import InvalidInput
from .image_headers import must_be_possible, must_be_usable_geometry
from .images import (
    EXPECTED,
    ONE_MM_ASSUMED,
    Array,
    MedicalImage,
    affine_to_ras,
    finite,
    quiet_readers,
    sha256_of_files,
    stem,
)
from .sequences.dicom_tags import sequence_of

if TYPE_CHECKING:
    from pydicom import Dataset

NOT_IMAGES = ("SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "SR", "PR", "KO", "REG", "ECG", "DOC")
"""DICOM modalities whose objects describe images or results rather than being images."""


IMAGE_PIXEL_KEYWORDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "SamplesPerPixel",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
    "PixelData",
)
"""What it takes to decode pixels; none of it tells who the patient is."""


@dataclass(frozen=True)
class Frame:
    """One DICOM image plane: where its pixels are and where it lies (LPS, mm); None for what the file does not say.

    Attributes:
        header: of its file, without pixels.
        index: its number within the file, from 0.
    """

    path: Path
    header: Dataset
    index: int
    position: npt.NDArray[np.float64] | None
    orientation: npt.NDArray[np.float64] | None


def read_dicom(paths: Sequence[Path], shown: Path) -> MedicalImage:
    """One image from DICOM files: a single one, or the slices of one series in any order.

    Args:
        shown: the file or folder that messages and the image's name speak of.

    Raises:
        InvalidInput: truncated, no image, several series, directions or sizes, or contradicting slices.
    """
    return read_dicom_frames(paths, shown)[0]


def read_dicom_frames(paths: Sequence[Path], shown: Path) -> tuple[MedicalImage, tuple[Frame, ...]]:
    """As `read_dicom`, with the frame that each slice of the image came from."""
    try:
        return _read_dicom_frames(paths, shown)
    except InvalidInput:
        raise
    except MemoryError as error:
        raise InvalidInput(f"{shown} is too large for the free memory; give fewer slices.") from error
    except Exception as error:  # pydicom converts a tag when it is asked for, and damaged ones raise almost anything
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120].rstrip(".")
        raise InvalidInput(f"A tag of {shown} cannot be read ({reason}); export the image anew.") from error


def _read_dicom_frames(paths: Sequence[Path], shown: Path) -> tuple[MedicalImage, tuple[Frame, ...]]:
    notes: list[str] = []
    with quiet_readers():
        headers = _image_headers(paths, shown, notes)
        frames = [frame for path, header in headers for frame in _frames(path, header)]
        first = frames[0].header
        row_mm, column_mm, known = _pixel_spacing(first, notes)
        placed = all(f.position is not None and f.orientation is not None for f in frames)
        if len(frames) > 1 and placed:
            frames, step = _sorted_frames(frames, shown, notes)
        elif len(headers) > 1:
            raise InvalidInput(f"The {len(headers)} files in {shown} have no positions in space; give one of them.")
        else:
            step = _positive(first.get("SliceThickness")) or 1.0
            if len(frames) > 1:
                step, known = 1.0, False
                notes.append(f"The {len(frames)} frames have no positions in space; they became slices 1 mm apart.")
        array = _stack(frames, shown)
    across, down, origin = np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.zeros(3)
    if placed:
        assert frames[0].orientation is not None
        assert frames[0].position is not None
        across, down, origin = frames[0].orientation[:3], frames[0].orientation[3:], frames[0].position
    columns = np.stack([across * column_mm, down * row_mm, np.cross(across, down) * step], axis=1)
    matrix = affine_to_ras(columns, origin)
    must_be_usable_geometry(matrix, shown)
    _say_what_was_done_to_pixels(first, notes)
    if not placed and str((first.get("PatientOrientation") or ["L"])[0])[:1] not in ("L", ""):
        notes.append("The image's right side is not the patient's left (PatientOrientation); it was not mirrored.")
    sequence = sequence_of(first, notes)
    image = MedicalImage(
        finite(array, shown, notes),
        matrix,
        _harmless_name(shown, first),
        _modality(first),
        known,
        tuple(notes),
        sha256_of_files(list(dict.fromkeys(f.path for f in frames))),
        sequence,
    )
    return image, tuple(frames)


def _image_headers(paths: Sequence[Path], shown: Path, notes: list[str]) -> list[tuple[Path, Dataset]]:
    """Headers of the files that hold pixels, all of one series."""
    from pydicom import dcmread

    images: list[tuple[Path, Dataset]] = []
    others = []
    for path in paths:
        try:
            header: Dataset = dcmread(path, stop_before_pixels=True, force=path.suffix.lower() == ".dcm")
        except Exception as error:  # damaged bytes make pydicom raise almost anything
            raise InvalidInput(f"The DICOM file {path} is truncated or damaged.") from error
        if "Rows" in header and header.get("Modality") not in NOT_IMAGES:
            images.append((path, header))
        else:
            others.append(str(header.get("Modality") or "unknown"))
    if not images:
        if len(paths) == 1 and paths[0].suffix.lower() == ".dcm" and others == ["unknown"]:
            raise InvalidInput(f"{shown} is not a DICOM image; {EXPECTED}.")
        raise InvalidInput(
            f"{shown} holds no DICOM image, only {', '.join(sorted(set(others)))} objects; give the image itself."
        )
    if others:
        notes.append(f"{len(others)} DICOM objects that are not images were left out.")
    series: dict[str, list[tuple[Path, Dataset]]] = {}
    for path, header in images:
        series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append((path, header))
    if len(series) > 1:
        names = "; ".join(_series_name(members) for members in series.values())
        raise InvalidInput(
            f"{shown} contains {len(series)} series ({names}); give the files or the folder of one of them."
        )
    return images


def _series_name(members: list[tuple[Path, Dataset]]) -> str:
    path, header = members[0]
    words = [f"series {header.get('SeriesNumber') or '?'}", str(header.get("Modality") or ""), f"{len(members)} files"]
    return f"{' '.join(w for w in words if w)} such as {path.name}"


def _frames(path: Path, header: Dataset) -> list[Frame]:
    """The planes of one file, with the geometry of enhanced multi-frame objects looked up per frame."""
    count = int(_positive(header.get("NumberOfFrames")) or 1)
    rows, across = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    if not rows or not across:
        raise InvalidInput(f"The DICOM file {path} has an image without rows or columns; export it anew.")
    meta = getattr(header, "file_meta", None)
    syntax = meta.get("TransferSyntaxUID") if meta is not None else None
    packed = syntax is not None and (syntax.is_private or syntax.is_compressed or syntax.is_deflated)
    packed = packed or "42" in str(header.get("PhotometricInterpretation"))  # shared colours (YBR_FULL_422)
    bits, held = int(header.get("BitsAllocated") or 16) * int(header.get("SamplesPerPixel") or 1), path.stat().st_size
    must_be_possible(path, count * rows * across * bits // 8, None if packed else held)
    if count > held:  # of the most compressed kinds, too
        raise InvalidInput(f"{path} has fewer frames than its header says; it is truncated.")

    def lookup(index: int, sequence: str, keyword: str, length: int) -> npt.NDArray[np.float64] | None:
        groups = [g[index] for g in [header.get("PerFrameFunctionalGroupsSequence") or []] if index < len(g)]
        groups += list(header.get("SharedFunctionalGroupsSequence") or [])[:1]
        items = [group.get(sequence)[0] for group in groups if group.get(sequence)]
        # A position at the top of a multi-frame file is that of its first frame only.
        items += [header] if count == 1 else []
        value = next((item.get(keyword) for item in items if item.get(keyword)), None)
        try:
            numbers = np.array([float(v) for v in value or ()])
        except (TypeError, ValueError):
            return None
        return numbers if numbers.size == length and np.isfinite(numbers).all() else None

    frames = []
    for index in range(count):
        orientation = lookup(index, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
        if orientation is not None:
            orientation = _orthonormal(orientation)
        position = lookup(index, "PlanePositionSequence", "ImagePositionPatient", 3)
        frames.append(Frame(path, header, index, position, orientation))
    return frames


def _orthonormal(orientation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Row and column direction at unit length and right angles (files round them); None if they are no such thing."""
    across, down = orientation[:3], orientation[3:]
    if min(np.linalg.norm(across), np.linalg.norm(down)) < 0.9 or abs(across @ down) > 0.01:
        return None
    across = across / np.linalg.norm(across)
    down = down - (down @ across) * across
    return np.concatenate([across, down / np.linalg.norm(down)])


def _sorted_frames(frames: list[Frame], shown: Path, notes: list[str]) -> tuple[list[Frame], float]:
    """Frames in the order of their position along the normal, and their distance in mm."""
    orientation = np.array([f.orientation for f in frames])
    if np.abs(orientation - orientation[0]).max() > 1e-3:
        raise InvalidInput(f"The slices in {shown} lie in several directions; give those of one direction.")
    normal = np.cross(orientation[0, :3], orientation[0, 3:])
    positions = np.array([f.position for f in frames])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    if not (np.array_equal(order, np.arange(len(frames))) or np.array_equal(order, np.arange(len(frames))[::-1])):
        notes.append("The slices were sorted by their position.")
    frames, along, positions = [frames[i] for i in order], along[order], positions[order]
    kept = [0]
    for i in range(1, len(frames)):
        if along[i] - along[kept[-1]] > 1e-3:
            kept.append(i)
        elif not np.array_equal(_pixels(frames[i]), _pixels(frames[kept[-1]])):
            raise InvalidInput(
                f"{shown} has several different images at one position (times, echoes?); give one per position."
            )
    if len(kept) < len(frames):
        notes.append(f"{len(frames) - len(kept)} duplicate slices were left out.")
    frames, along, positions = [frames[i] for i in kept], along[kept], positions[kept]
    if len(frames) == 1:
        return frames, _positive(frames[0].header.get("SliceThickness")) or 1.0
    steps = np.diff(along)
    if np.ptp(steps) > 0.01 * steps.mean() + 1e-3:
        notes.append(
            f"The distances between slices vary from {steps.min():.3g} to {steps.max():.3g} mm (slices missing?); "
            f"their mean, {steps.mean():.3g} mm, was used."
        )
    aside = positions[-1] - positions[0] - (along[-1] - along[0]) * normal
    if np.linalg.norm(aside) > 0.01 * (along[-1] - along[0]) + 1e-3:
        notes.append(
            f"The slices are shifted sideways by {np.linalg.norm(aside):.3g} mm in all (tilted gantry); not corrected."
        )
    return frames, float(steps.mean())


def _stack(frames: Sequence[Frame], shown: Path) -> Array:
    """(k, j, i[, 3]) from frames in order; each file is decoded once."""
    decoded: dict[Path, Array] = {}
    for frame in frames:
        if frame.path not in decoded:
            decoded[frame.path] = _pixels(frame, whole_file=True)
        if frame.index >= len(decoded[frame.path]):
            raise InvalidInput(f"{frame.path} has fewer frames than its header says; it is truncated.")
    if len({array.shape[1:] for array in decoded.values()}) > 1:
        raise InvalidInput(f"The slices in {shown} differ in size; give those of one size.")
    return np.stack([decoded[frame.path][frame.index] for frame in frames])


def _pixels(frame: Frame, whole_file: bool = False) -> Array:
    """Pixel values after rescale slope and intercept, brighter = larger: (j, i[, 3]), or all frames of the file."""
    import SimpleITK as sitk

    inverted = frame.header.get("PhotometricInterpretation") == "MONOCHROME1"
    try:
        _rescale(frame.header)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{frame.path} cannot be read: {error}; export it as single slices.") from error
    try:
        array = (
            _decode_as_monochrome2(frame.path)
            if inverted
            else sitk.GetArrayFromImage(sitk.ReadImage(os.fspath(frame.path)))
        )
    except (RuntimeError, ValueError, AttributeError, EOFError) as error:
        meta = getattr(frame.header, "file_meta", None)
        syntax = (
            meta.TransferSyntaxUID.name if meta is not None and "TransferSyntaxUID" in meta else "no transfer syntax"
        )
        raise InvalidInput(
            f"The DICOM file {frame.path} is truncated or in an unsupported encoding ({syntax})."
        ) from error
    palette = frame.header.get("PhotometricInterpretation") == "PALETTE COLOR"
    color = palette or int(frame.header.get("SamplesPerPixel") or 1) >= 3
    array = array.reshape((-1, *array.shape[-3 if color else -2 :]))
    if inverted:
        array = _inverted(array, frame.header)
    return array if whole_file else array[frame.index]


def _decode_as_monochrome2(path: Path) -> Array:
    """Pixels of a MONOCHROME1 file, not inverted.

    Some versions of ITK invert them while reading and others do not. A copy that says MONOCHROME2 (and nothing about
    the patient) is left alone by all.
    """
    import tempfile

    import SimpleITK as sitk
    from pydicom import Dataset, dcmread

    original = dcmread(path, force=True)
    copy = Dataset()
    for keyword in IMAGE_PIXEL_KEYWORDS:
        if keyword in original:
            copy[keyword] = original[keyword]
    if not original.file_meta.TransferSyntaxUID.is_compressed and len(original.PixelData) < _stored_bytes(original):
        raise EOFError("fewer pixels than rows × columns")
    copy.PhotometricInterpretation = "MONOCHROME2"
    copy.file_meta = original.file_meta
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "image.dcm")
        copy.save_as(file, enforce_file_format=True)
        return sitk.GetArrayFromImage(sitk.ReadImage(file))


def _stored_bytes(header: Dataset) -> int:
    frames = int(header.get("NumberOfFrames") or 1)
    return frames * header.Rows * header.Columns * header.SamplesPerPixel * header.BitsAllocated // 8


def _inverted(array: Array, header: Dataset) -> Array:
    """Mirrored within the range that the stored bits can express, so that 0 becomes the largest value."""
    bits = min(int(header.get("BitsStored") or 16), 32)
    low, high = (0, 2**bits - 1) if not header.get("PixelRepresentation") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    slope, intercept = _rescale(header)
    total = slope * (low + high) + 2 * intercept
    if array.dtype.kind == "f":
        return (total - array).astype(array.dtype)
    info = np.iinfo(array.dtype.str)
    return np.clip(round(total) - array.astype(np.int64), info.min, info.max).astype(array.dtype)


def _rescale(header: Dataset) -> tuple[float, float]:
    """Rescale slope and intercept, one pair for all frames.

    Raises:
        ValueError: the frames of an enhanced object differ; SimpleITK would apply the first one's to all.
    """
    groups = [
        *(header.get("SharedFunctionalGroupsSequence") or []),
        *(header.get("PerFrameFunctionalGroupsSequence") or []),
    ]
    items = [g.PixelValueTransformationSequence[0] for g in groups if g.get("PixelValueTransformationSequence")]
    found = set()
    for item in items or [header]:
        slope, intercept = item.get("RescaleSlope"), item.get("RescaleIntercept")
        found.add((1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept)))
    if len(found) > 1:
        raise ValueError("the frames have different rescale slopes or intercepts")
    return found.pop()


def _say_what_was_done_to_pixels(header: Dataset, notes: list[str]) -> None:
    kind = header.get("PhotometricInterpretation")
    if kind == "MONOCHROME1":
        notes.append("MONOCHROME1 was inverted, so that larger values are brighter.")
    elif kind == "PALETTE COLOR":
        notes.append("The palette was expanded to its colours.")
    elif str(kind).startswith("YBR"):
        notes.append(f"{kind} colours were converted to RGB.")
    slope, intercept = _rescale(header)
    if (slope, intercept) != (1.0, 0.0):
        notes.append(f"Rescale slope {slope:g} and intercept {intercept:g} were applied.")
    if header.get("ModalityLUTSequence"):
        notes.append("The modality look-up table was not applied.")


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _pixel_spacing(header: Dataset, notes: list[str]) -> tuple[float, float, bool]:
    """Distance of rows and of columns in mm, and whether the file says so."""

    def pair(item: Any, keyword: str) -> tuple[float, float] | None:
        value = item.get(keyword)
        if value is None or isinstance(value, (str, float, int)) or len(value) != 2:
            return None
        row, column = _positive(value[0]), _positive(value[1])
        return (row, column) if row and column else None

    groups = [list(header.get(f"{who}FunctionalGroupsSequence") or [])[:1] for who in ("Shared", "PerFrame")]
    measures = [
        group[0].PixelMeasuresSequence[0] for group in groups if group and group[0].get("PixelMeasuresSequence")
    ]
    for item in [*measures, header]:
        if found := pair(item, "PixelSpacing"):
            return *found, True
    if found := pair(header, "ImagerPixelSpacing"):
        notes.append("The pixel spacing is that of the detector (ImagerPixelSpacing); magnification was not corrected.")
        return *found, True
    if found := _ultrasound_spacing(header):
        notes.append("The pixel spacing is that of the ultrasound regions.")
        return *found, True
    problem = "is missing" if header.get("PixelSpacing") is None else "is zero or not a number"
    notes.append(f"PixelSpacing {problem}: {ONE_MM_ASSUMED}.")
    return 1.0, 1.0, False


def _ultrasound_spacing(header: Dataset) -> tuple[float, float] | None:
    """Spacing of the 2D regions of an ultrasound image if all of them have the same."""
    found = set()
    for region in header.get("SequenceOfUltrasoundRegions") or []:
        # RegionSpatialFormat 1 is a 2D picture (not a graph); units 3 are cm.
        if region.get("RegionSpatialFormat") == 1:
            row, column = _positive(region.get("PhysicalDeltaY")), _positive(region.get("PhysicalDeltaX"))
            in_cm = region.get("PhysicalUnitsXDirection") == 3 == region.get("PhysicalUnitsYDirection")
            found.add((10 * row, 10 * column) if row and column and in_cm else None)
    return found.pop() if len(found) == 1 else None


def _modality(header: Dataset) -> str | None:
    """The kind of image in a catalogue's words, only from what the tags say."""
    region = str(header.get("BodyPartExamined") or "")
    for item in header.get("AnatomicRegionSequence") or []:
        region += f" {item.get('CodeMeaning') or ''}"
    words = set(re.findall(r"[A-Z]+", region.upper()))
    kind = header.get("Modality")
    if kind in ("CR", "DX") and words & {"CHEST", "THORAX", "LUNG", "LUNGS"}:
        return "chest x-ray"
    if kind == "MR" and "BRAIN" in words:
        return "brain mri"
    if kind == "US" and "BREAST" in words:
        return "breast ultrasound"
    return "ct" if kind == "CT" else None


def _harmless_name(shown: Path, header: Dataset) -> str:
    """The file's or folder's name, unless the patient's name or id is in it."""
    name = stem(shown) if shown.is_file() else shown.resolve().name
    if tells_patient(name, header):
        return " ".join(str(header.get(k)) for k in ("Modality", "BodyPartExamined") if header.get(k)) or "image"
    return name or "image"


def tells_patient(name: str, header: Dataset) -> bool:
    """Whether the patient's name or id, as the header has them, is in a file's or folder's name."""
    private = [*re.split(r"[\^=\s,]+", str(header.get("PatientName") or "")), str(header.get("PatientID") or "")]
    return any(len(word) > 2 and word.lower() in name.lower() for word in private)
