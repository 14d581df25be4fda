"""The DICOM series an image was read from: its headers, and labels turned back onto its frames."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInput, MissingPackage
from ..images import MedicalImage, dicom_files

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..dicom_images import Frame

Labels = npt.NDArray[np.unsignedinteger[Any]]
NAMESPACE = uuid.UUID("5a7ff5a4-7f0c-4c6f-9d35-0f6b9f1d3f52")
"""Of identifiers that are made from others: the same for the same original."""
NEEDED = {
    "SOPInstanceUID": ("MediaStorageSOPInstanceUID", "it cannot be referred to"),
    "SOPClassUID": ("MediaStorageSOPClassUID", "it does not say what kind of object it is"),
}
"""Attribute → its copy in the file's preamble, and what is not possible without it."""
MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes that every object of a study has, if only without a value (type 2)."""
INSTALL = "Writing DICOM needs the package highdicom: pip install highdicom"


@dataclass(frozen=True)
class SourceSeries:
    """The files an image was read from, as what is derived from them refers to them.

    Attributes:
        image: as read from these files.
        frames: for each slice k of `image`, the frame it came from.
        headers: of the files, without pixels: one per slice, or the one of a multi-frame file.
        placed: whether the frames lie in the patient's coordinates.
        notes: what had to be decided.
    """

    image: MedicalImage
    frames: tuple[Frame, ...]
    headers: tuple[Dataset, ...]
    placed: bool
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Dataset:
        """The header from which patient and study are taken."""
        return self.headers[0]

    @property
    def multiframe(self) -> bool:
        """Whether the frames are those of one file."""
        return len(self.headers) == 1 and int(self.first.get("NumberOfFrames") or 1) > 1

    def header_of(self, k: int) -> Dataset:
        """The header of the file that holds slice k of `image`."""
        return self.headers[0] if self.multiframe else self.headers[k]

    def in_file_order(self, labels: Labels) -> Labels:
        """Labels (k, j, i) of `image` as (frame, row, column), one frame for each header or each frame of the file."""
        if not self.multiframe:
            return labels
        stacked = np.zeros((int(self.first.NumberOfFrames), *labels.shape[1:]), labels.dtype)
        for k, frame in enumerate(self.frames):
            stacked[frame.index] = labels[k]
        return stacked


def read_source(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> SourceSeries:
    """The series in a file, a folder or files, as `images.read_image` reads it.

    Raises:
        MissingPackage: highdicom is not installed.
        InvalidInput: no DICOM image, several series, or headers that nothing can be derived from.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as missing:
        raise MissingPackage(INSTALL) from missing
    from ..dicom_images import read_dicom_frames

    paths = dicom_files(source)
    if not paths:
        shown = source if isinstance(source, (str, os.PathLike)) else f"{len(source)} files"
        raise InvalidInput(f"{shown} is not DICOM; DICOM results are only written for images that were read from it.")
    single = isinstance(source, (str, os.PathLike))
    shown = Path(source) if single else paths[0] if len(paths) == 1 else paths[0].parent  # type: ignore[arg-type]
    image, frames = read_dicom_frames(paths, shown)
    files = list({frame.path: frame for frame in frames}.values())
    if len(files) > 1 and len(frames) > len(files):
        raise InvalidInput(
            f"{shown} has several multi-frame files; DICOM results can be written for one such file at a time."
        )
    notes: list[str] = []
    placed = all(frame.position is not None and frame.orientation is not None for frame in frames)
    headers = tuple(_completed(frame.header, frame.path, notes) for frame in files)
    _place(headers, placed, notes)
    return SourceSeries(image, frames, headers, placed, tuple(dict.fromkeys(notes)))


def _completed(header: Dataset, path: Path, notes: list[str]) -> Dataset:
    """A copy with what every DICOM object has; private attributes stay behind, as nobody knows whom they name.

    Raises:
        InvalidInput: it lacks an identifier that cannot be made up.
    """
    from pydicom import Dataset

    # Strings are taken out of the file's own character set, as what is written has another one.
    header.decode()
    copy = Dataset()
    for element in header:
        if not element.tag.is_private and element.tag.group > 0x0002:
            copy.add(element)
    for keyword, (other, reason) in NEEDED.items():
        value = header.get(keyword) or getattr(header, "file_meta", Dataset()).get(other)
        if not value:
            raise InvalidInput(f"DICOM results cannot be written for {path}: without {keyword}, {reason}.")
        setattr(copy, keyword, value)
    for keyword in MAY_BE_EMPTY:
        if copy.get(keyword) is None:
            setattr(copy, keyword, "")
    if copy.PatientSex not in ("", "M", "F", "O"):
        notes.append("The header's PatientSex is none that DICOM knows; it was left empty.")
        copy.PatientSex = ""
    if "PixelSpacing" in copy and not _is_spacing(copy.PixelSpacing):
        del copy.PixelSpacing  # what is derived would repeat it
    return copy


def _place(headers: Sequence[Dataset], placed: bool, notes: list[str]) -> None:
    """Give the headers a study, a series and a frame of reference, where an anonymiser has emptied theirs."""
    known = min(str(header.SOPInstanceUID) for header in headers)
    needed = {"StudyInstanceUID": "study", "SeriesInstanceUID": "series"}
    if placed:
        needed["FrameOfReferenceUID"] = "frame of reference"
    for keyword, words in needed.items():
        if all(header.get(keyword) for header in headers):
            continue
        for header in headers:
            setattr(header, keyword, derived_uid(words, known))
        notes.append(f"The images name no {words}; the results name one that is made from the images' identifiers.")


def _is_spacing(value: Any) -> bool:
    try:
        return len(value) == 2 and all(float(v) > 0 for v in value)
    except (TypeError, ValueError):
        return False


def labels_on_source(labels: Labels, image: MedicalImage, source: SourceSeries) -> Labels:
    """Labels of an image on the grid of the files it was read from, voxel by voxel.

    An application may hold the same voxels in another order or direction of its axes; nothing is resampled.

    Args:
        labels: (k, j, i) on the grid of `image`.

    Raises:
        InvalidInput: the image is not the one in the files.
    """
    other = source.image
    if other.sha256 == image.sha256 and labels.shape == other.shape:
        return labels
    wrong = InvalidInput(f"'{image.name}' was not read from these DICOM files; give those that were analysed.")
    # Where each of the image's axes points on the source's grid, in voxels.
    between = np.linalg.inv(other.ijk_to_ras) @ image.ijk_to_ras
    turned = np.rint(between[:3, :3]).astype(int)
    one_each = (np.abs(turned).sum(axis=0) == 1).all() and (np.abs(turned).sum(axis=1) == 1).all()
    if not one_each or np.abs(between[:3, :3] - turned).max() * max(image.shape) > 0.5:
        raise wrong
    ordered, voxels = _turned(labels, turned), _turned(image.array, turned)
    corner = np.array([0 if turned[row].sum() > 0 else n - 1 for row, n in enumerate(ordered.shape[::-1])])
    offset = between[:3, 3] - corner
    if ordered.shape != other.shape or np.abs(offset).max() > 0.1 or voxels.shape != other.array.shape:
        raise wrong
    if not np.allclose(voxels, other.array, rtol=1e-4, atol=0.5):
        raise wrong
    return np.ascontiguousarray(ordered)


def _turned(array: npt.NDArray[Any], turned: npt.NDArray[np.int_]) -> npt.NDArray[Any]:
    """An array (k, j, i[, c]) with axes permuted and mirrored; a column of `turned` says where axis i, j or k goes."""
    axes = [2 - int(np.flatnonzero(turned[2 - new])[0]) for new in range(3)]
    moved = np.transpose(array, (*axes, *range(3, array.ndim)))
    backwards = tuple(new for new in range(3) if turned[2 - new].sum() < 0)
    return np.flip(moved, backwards)


def new_uid() -> str:
    """A UID that nobody has had before."""
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix=None))


def derived_uid(what: str, of: str) -> str:
    """A UID made from another one (PS3.5 B.2: `2.25.` and the integer of a UUID)."""
    return f"2.25.{uuid.uuid5(NAMESPACE, f'{what} {of}').int}"
