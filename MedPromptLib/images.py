"""`MedicalImage`: voxels with their geometry, and how files become one.

`read_image` decodes PNG, JPEG, TIFF and BMP with Pillow (SimpleITK where they are 16-bit colour), NRRD, NIfTI and
MetaImage with SimpleITK, and leaves DICOM to `dicom_images.py`. These packages are imported when a file is read, so
that importing this module stays quick.
"""

from __future__ import annotations

import hashlib
import os
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InvalidInput
from .image_headers import (
    header_has_spacing,
    must_be_plausible,
    must_be_possible,
    must_be_safe_meta_image,
    must_be_usable_geometry,
    must_be_whole_nifti,
    with_detached_data,
)

Array = npt.NDArray[np.generic]
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

RASTER_FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "BMP")
RASTER_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
VOLUME_SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
EXPECTED = "expected is PNG, JPEG, TIFF, BMP, DICOM, NRRD, NIfTI or MHA"

ONE_MM_ASSUMED = "a pixel is assumed to measure 1 mm and sizes are given in pixels"


@dataclass(frozen=True)
class MedicalImage:
    """Voxels and where they lie.

    Attributes:
        array: (k, j, i) or, for colour, (k, j, i, 3); one slice has k = 1. Any real dtype.
            With `channels`, (k, j, i, c).
        ijk_to_ras: (4, 4); maps voxel indices (i, j, k, 1) to RAS world coordinates in mm.
        name: for node names and tables.
        modality: in a catalogue's words if the file says it (`chest x-ray`), else None.
        spacing_known: False if the file gave no pixel spacing, so that sizes in mm would be invented.
        notes: what had to be decided while reading (inverted MONOCHROME1, assumed spacing, sorted slices, …).
        sha256: of the file(s) it was read from, if any.
        sequence: of an MR examination, if the file's tags say it: a name of `sequences.names`.
        channels: which of a weight's sequences its last axis holds; the others are 0. Empty for grey and colour.
    """

    array: Array
    ijk_to_ras: npt.NDArray[np.float64]
    name: str = "image"
    modality: str | None = None
    spacing_known: bool = True
    notes: tuple[str, ...] = field(default=())
    sha256: str = ""
    sequence: str = ""
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        colour = self.array.ndim == 4 and self.array.shape[3] == 3
        if self.array.ndim not in (3, 4) or (self.array.ndim == 4 and not colour and not self.channels):
            raise ValueError(f"array must have shape (k, j, i) or (k, j, i, 3), not {self.array.shape}")
        if self.ijk_to_ras.shape != (4, 4):
            raise ValueError(f"ijk_to_ras must be a 4×4 matrix, not {self.ijk_to_ras.shape}")

    @property
    def is_color(self) -> bool:
        """True for (k, j, i, 3)."""
        return self.array.ndim == 4

    @property
    def shape(self) -> tuple[int, int, int]:
        """(k, j, i) without the colour axis."""
        return self.array.shape[:3]  # type: ignore[return-value]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along (k, j, i) in mm."""
        lengths = np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)
        return float(lengths[2]), float(lengths[1]), float(lengths[0])


def luminance(array: Array) -> Array:
    """Grey values of an image.

    Args:
        array: (k, j, i) or (k, j, i, 3).

    Returns:
        (k, j, i): the array itself if it is grey, else float32 0.299 R + 0.587 G + 0.114 B (ITU-R Rec. BT.601 luma).
    """
    if array.ndim == 3:
        return array
    return array.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def read_image(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> MedicalImage:
    """An image from a file, from a folder with one image or DICOM series, or from the files of one DICOM series.

    Whatever had to be decided on the way is said in `MedicalImage.notes`. A single DICOM file is read alone, without
    its neighbours; a flat picture becomes one slice whose row 0 is shown at the top of 3D Slicer's axial view.

    Raises:
        InvalidInput: no such file, no image, truncated, an unsupported dimension, or several images instead of one.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        if path.is_dir():
            return _read_folder(path)
        paths = [path]
    else:
        paths = [Path(p).expanduser() for p in source]
        if not paths:
            raise InvalidInput(f"No image file was given; {EXPECTED}.")
    for path in paths:
        _must_have_content(path)
    from .dicom_images import read_dicom

    dicom = [is_dicom(path) for path in paths]
    if all(dicom):
        return read_dicom(paths, paths[0] if len(paths) == 1 else paths[0].parent)
    if len(paths) > 1:
        other = paths[dicom.index(False)].name
        raise InvalidInput(
            f"Several files are one image only as slices of a DICOM series, but {other} is no DICOM; give one."
        )
    if paths[0].name.lower().endswith(VOLUME_SUFFIXES):
        return _read_volume(paths[0])
    return _read_raster(paths[0])


def _files_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".") and p.name != "DICOMDIR")


def dicom_files(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The DICOM files that `read_image` reads for a file, a folder or several files; empty if they are none.

    Raises:
        InvalidInput: a file that does not exist or is empty.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        if path.is_dir():
            return [p for p in _files_in(path) if is_dicom(p)]
        source = [path]
    paths = [Path(p).expanduser() for p in source]
    for path in paths:
        _must_have_content(path)
    return paths if all(is_dicom(p) for p in paths) else []


def _read_folder(folder: Path) -> MedicalImage:
    files = _files_in(folder)
    dicom = [p for p in files if is_dicom(p)]
    if dicom:
        from .dicom_images import read_dicom

        return read_dicom(dicom, folder)
    images = [p for p in files if p.name.lower().endswith(RASTER_SUFFIXES + VOLUME_SUFFIXES)]
    if not images:
        raise InvalidInput(f"The folder {folder} contains no image; {EXPECTED}.")
    if len(images) > 1:
        names = ", ".join(p.name for p in images[:4]) + (", …" if len(images) > 4 else "")
        raise InvalidInput(f"The folder {folder} contains {len(images)} images ({names}); give one of them.")
    return read_image(images[0])


def _must_have_content(path: Path) -> None:
    if not path.exists():
        raise InvalidInput(f"There is no file {path}.")
    if not path.is_file():
        raise InvalidInput(f"{path} is not a file; {EXPECTED}.")
    try:
        if path.stat().st_size == 0:
            raise InvalidInput(f"The file {path} is empty.")
        with path.open("rb"):
            pass
    except OSError as error:
        raise InvalidInput(f"The file {path} cannot be read ({error.strerror}).") from error


def is_dicom(path: Path) -> bool:
    """DICOM by its preamble; a name ending in .dcm is believed, since old files lack the preamble."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM" or path.suffix.lower() == ".dcm"


def stem(path: Path) -> str:
    """A file's name without what says its format."""
    lower = path.name.lower()
    suffix = next((s for s in VOLUME_SUFFIXES + RASTER_SUFFIXES + (".dcm",) if lower.endswith(s)), "")
    return path.name[: len(path.name) - len(suffix)] or "image"


def sha256_of_files(paths: Sequence[Path]) -> str:
    """Hex SHA-256 of the files' bytes, one file after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


@contextmanager
def quiet_readers() -> Iterator[None]:
    """Keeps the readers' remarks off the terminal; what matters is said in `notes` or raised."""
    import SimpleITK as sitk

    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def affine_to_ras(columns_lps: npt.NDArray[np.float64], origin_lps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """IJK-to-RAS from the steps along i, j, k (columns) and the first voxel's centre, both in LPS and mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = columns_lps
    matrix[:3, 3] = origin_lps
    return LPS_TO_RAS @ matrix


# ------------------------------------------------------------------------------------------- PNG, JPEG, TIFF, BMP


def _read_raster(path: Path) -> MedicalImage:
    from PIL import Image, UnidentifiedImageError

    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if picture.format not in RASTER_FORMATS:
                    raise InvalidInput(f"{path} is a {picture.format} file; {EXPECTED}.")
                array = _raster_pages(path, picture, notes)
    except UnidentifiedImageError as error:
        raise InvalidInput(f"{path} is not an image; {EXPECTED}.") from error
    except Image.DecompressionBombError as error:
        raise InvalidInput(f"The image {path} is too large; export the region of interest.") from error
    except InvalidInput:
        raise
    except MemoryError as error:
        raise InvalidInput(
            f"The image {path} is too large for the free memory; export the region of interest."
        ) from error
    except Exception as error:  # damaged bytes make Pillow's many readers raise almost anything
        reason = str(error).rstrip(".") or type(error).__name__
        raise InvalidInput(f"The image {path} is truncated or damaged ({reason}).") from error
    notes.append(f"The file has no physical pixel spacing: {ONE_MM_ASSUMED}.")
    return MedicalImage(array, LPS_TO_RAS.copy(), stem(path), None, False, tuple(notes), sha256_of_files([path]))


def _raster_pages(path: Path, picture: Any, notes: list[str]) -> Array:
    # Print resolution (dpi) is deliberately not taken for a pixel spacing.
    from PIL import ImageOps

    turned = picture.getexif().get(0x0112, 1) not in (0, 1)
    if _is_deep_color(picture):
        if turned:
            raise InvalidInput(f"The 16-bit colour image {path} has an EXIF rotation; save it upright.")
        return _deep_color(path, notes)
    # A JPEG's further frames (MPO) are previews; those of a TIFF are slices.
    pages = []
    count = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
    must_be_possible(path, count * picture.width * picture.height)
    for page in range(count):
        picture.seek(page)
        picture.load()
        pages.append(_plain(ImageOps.exif_transpose(picture), notes if page == 0 else []))
    if turned:
        notes.append("The image was turned upright as its EXIF orientation says.")
    if len({page.shape for page in pages}) > 1:
        raise InvalidInput(f"The pages of {path} differ in size; save the wanted page as a file of its own.")
    if len(pages) > 1:
        notes.append(f"The file's {len(pages)} pages became slices.")
    return np.stack(pages)


def _plain(picture: Any, notes: list[str]) -> Array:
    """A Pillow image of any mode as (j, i) or (j, i, 3)."""
    if picture.mode == "P":
        has_alpha = "transparency" in picture.info
        picture = picture.convert("RGBA" if has_alpha else "RGB")
        colors = np.asarray(picture)
        if (colors[..., :1] == colors[..., :3]).all() and not has_alpha:
            picture = picture.getchannel("R")
        notes.append("The palette was expanded to its colours.")
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        notes.append("The alpha (transparency) channel was dropped.")
        return np.ascontiguousarray(np.asarray(picture)[..., : 1 if picture.mode in ("LA", "La") else 3]).squeeze()
    if picture.mode == "1":
        notes.append("The image has only black and white; they became 0 and 255.")
        return np.asarray(picture.convert("L"))
    if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        notes.append(f"{picture.mode} colours were converted to RGB.")
        picture = picture.convert("RGB")
    array = np.asarray(picture)
    return array.astype(array.dtype.newbyteorder("="))


def _is_deep_color(picture: Any) -> bool:
    """More than 8 bits per colour, which Pillow would reduce to 8."""
    if picture.format == "PNG":
        with open(picture.filename, "rb") as stream:
            header = stream.read(26)
        return header[24:25] == b"\x10" and header[25:26] in (b"\x02", b"\x04", b"\x06")
    if picture.format == "TIFF":
        bits = picture.tag_v2.get(258, (8,))
        return len(bits) >= 3 and max(bits) > 8
    return False


def _deep_color(path: Path, notes: list[str]) -> Array:
    import SimpleITK as sitk

    try:
        with quiet_readers():
            array = sitk.GetArrayFromImage(sitk.ReadImage(os.fspath(path)))
    except RuntimeError as error:
        raise InvalidInput(
            f"The 16-bit image {path} is truncated or of an unsupported kind; save it as RGB."
        ) from error
    array = array if array.ndim == 4 else array[None]
    if array.shape[3] == 4:
        notes.append("The alpha (transparency) channel was dropped.")
    return np.ascontiguousarray(array[..., :3])


# ----------------------------------------------------------------------------------------- NRRD, NIfTI, MetaImage


def _read_volume(path: Path) -> MedicalImage:
    import SimpleITK as sitk

    notes: list[str] = []
    reader = sitk.ImageFileReader()
    reader.SetFileName(os.fspath(path))
    must_be_safe_meta_image(path)
    try:
        with quiet_readers():
            reader.ReadImageInformation()
            size = tuple(reader.GetSize())
            components = reader.GetNumberOfComponents()
            real = "complex" not in sitk.GetPixelIDValueAsString(reader.GetPixelID())
            if len(size) < 2 or any(n != 1 for n in size[3:]):
                shape = " × ".join(map(str, size))
                raise InvalidInput(
                    f"{path} has {len(size)} dimensions ({shape}); save one 2D image or 3D volume of it."
                )
            if components not in (1, 3, 4) or not real:
                raise InvalidInput(
                    f"{path} has {components} values per voxel that are not grey or RGB; save one of them."
                )
            if 0 in size:
                raise InvalidInput(f"{path} has no voxels ({' × '.join(map(str, size))}); export it anew.")
            must_be_plausible(path, size, components, reader.GetPixelID())
            image = reader.Execute()
        if path.name.lower().endswith((".nii", ".nii.gz")):
            must_be_whole_nifti(path)
    except MemoryError as error:
        raise InvalidInput(f"{path} is too large for the free memory; crop or resample it.") from error
    except (RuntimeError, OSError, EOFError, ValueError, OverflowError, zlib.error, struct.error) as error:
        if "orthonormal" in str(error):
            raise InvalidInput(
                f"The axes of {path} are not at right angles; resample it to a regular grid first."
            ) from error
        raise InvalidInput(f"{path} cannot be read: it is truncated, damaged or not what its name says.") from error
    array = sitk.GetArrayFromImage(image)
    array = array.reshape((*(size[:3] + (1,) * (3 - len(size)))[::-1], *([components] if components > 1 else [])))
    if components == 4:
        notes.append("The alpha (transparency) channel was dropped.")
        array = array[..., :3]
    if components > 1 and array.dtype.kind == "f":
        raise InvalidInput(f"{path} holds vectors, not colours; give the image they belong to.")
    known = header_has_spacing(path)
    if not known:
        notes.append(f"The file has no pixel spacing: {ONE_MM_ASSUMED}.")
    matrix = _itk_affine(image)
    must_be_usable_geometry(matrix, path)
    return MedicalImage(
        finite(array, path, notes),
        matrix,
        stem(path),
        None,
        known,
        tuple(notes),
        sha256_of_files(with_detached_data(path)),
    )


def _itk_affine(image: Any) -> npt.NDArray[np.float64]:
    n = image.GetDimension()
    spacing, origin = np.ones(max(n, 3)), np.zeros(max(n, 3))
    spacing[:n], origin[:n] = image.GetSpacing(), image.GetOrigin()
    direction = np.eye(max(n, 3))
    direction[:n, :n] = np.reshape(image.GetDirection(), (n, n))
    return affine_to_ras(direction[:3, :3] * spacing[:3], origin[:3])


LARGEST_VALUE = 1e30
"""Voxels beyond this count as infinite: their differences would not fit into the networks' 32-bit numbers."""


def finite(array: Array, path: Path, notes: list[str]) -> Array:
    """Networks turn one NaN into a result that is nothing but NaN, hence none is let in."""
    if array.dtype.kind != "f":
        return array
    valid = np.abs(array) <= LARGEST_VALUE  # false for what is not a number, too
    if valid.all():
        return array
    good = array[valid]
    if good.size == 0:
        raise InvalidInput(f"{path} contains no valid values.")
    notes.append(
        f"{array.size - good.size} values that are not numbers or infinite were set to the smallest or largest one."
    )
    return np.nan_to_num(array, nan=good.min(), posinf=np.inf, neginf=-np.inf).clip(good.min(), good.max())
