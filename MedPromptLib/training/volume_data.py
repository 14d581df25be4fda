"""Data sets of volumes on disk, read when they are needed.

`split.csv` (id, split; optional label, group, modality, shape, spacing) beside either `volumes/<id>.npz`, with `image`
and `label` along i, j, k as nibabel has them, or `images/<id>` and `masks/<id>` as NIfTI, NRRD or MetaImage files.
"""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..catalog import Preprocessing
from ..errors import InvalidInput
from ..images import VOLUME_SUFFIXES, MedicalImage, read_image
from ..inference.volume_geometry import affine_for
from .data import Cases, read_cases, read_split

SAME_PLACE = 0.1
"""Share of a voxel by which an image and its mask may lie apart."""


class Lazy(Sequence[Any]):
    """A sequence whose items are read when asked for; the last one is kept."""

    def __init__(self, count: int, read: Callable[[int], Any]) -> None:
        self._count, self._read = count, functools.lru_cache(maxsize=1)(read)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._read(index % self._count)


@dataclass(frozen=True)
class VolumeCases(Cases):
    """Volumes of one split: `images` (k, j, i[, 3]) of any dtype, `masks` (k, j, i) uint8.

    Attributes:
        volumes: the images with their geometry.
        modalities: the `modality` column, or empty strings.
    """

    volumes: Sequence[MedicalImage] = ()
    modalities: tuple[str, ...] = ()

    def image(self, index: int) -> MedicalImage:
        """One case as the product sees it."""
        return self.volumes[index]

    def part(self, chosen: Sequence[int], split: str) -> VolumeCases:
        """Some of the cases, as a split of their own."""
        masks = self.masks
        return VolumeCases(
            ids=tuple(self.ids[n] for n in chosen),
            images=Lazy(len(chosen), lambda n: self.volumes[chosen[n]].array),
            masks=None if masks is None else Lazy(len(chosen), lambda n: masks[chosen[n]]),
            labels=tuple(self.labels[n] for n in chosen),
            groups=tuple(self.groups[n] for n in chosen),
            folder=self.folder,
            split=split,
            volumes=Lazy(len(chosen), lambda n: self.volumes[chosen[n]]),
            modalities=tuple(self.modalities[n] for n in chosen),
        )


def is_volume_set(folder: Path) -> bool:
    """Whether a data set's folder holds volumes and not single images."""
    if (folder / "volumes").is_dir():
        return True
    return (folder / "images").is_dir() and any(p.name.endswith(VOLUME_SUFFIXES) for p in (folder / "images").iterdir())


def read_for(
    dimension: int, recipe: Preprocessing, folder: Path, split: str, *, binary_mask: bool = False
) -> Cases | VolumeCases:
    """The cases of a split, as single images or volumes.

    Raises:
        NoSuchSplit, InvalidInput: see `read_cases` and `read_volumes`.
    """
    of_slices = recipe.volumes == "slices" and is_volume_set(folder)
    if dimension == 3 or of_slices:
        return read_volumes(folder, split, orientation=recipe.orientation, binary_mask=binary_mask)
    return read_cases(folder, split, binary_mask=binary_mask)


def read_volumes(
    folder: Path, split: str, *, orientation: str = "", binary_mask: bool = False, modality: str = ""
) -> VolumeCases:
    """All volumes of one split.

    Args:
        orientation: where the i, j, k axes of npz files point, which do not say it themselves.
        binary_mask: every non-zero mask value is label 1.
        modality: only cases whose `modality` column begins with it.

    Raises:
        NoSuchSplit: no such split.
        InvalidInput: no `split.csv`, neither `volumes/` nor `images/`, or a missing file; a mask is missing if other
            cases of the split have one.
    """
    rows = [row for row in read_split(folder, split) if (row.get("modality") or "").startswith(modality)]
    if not rows:
        raise InvalidInput(f"The split '{split}' of {folder} has no case with modality '{modality}'.")
    as_npz = (folder / "volumes").is_dir()
    if not as_npz and not (folder / "images").is_dir():
        raise InvalidInput(f"The data set {folder} has neither volumes/<id>.npz nor images/ and masks/.")
    files = [_files(folder, row["id"], as_npz) for row in rows]
    without = [row["id"] for row, (_, mask) in zip(rows, files, strict=True) if mask is None]
    if 0 < len(without) < len(rows):
        raise InvalidInput(
            f"The data set {folder} lists '{without[0]}' in split.csv but masks/ has no file of that name, though "
            f"other cases of the split '{split}' have one."
        )

    def image(index: int) -> MedicalImage:
        if as_npz:
            return _from_npz(files[index][0], rows[index], orientation)
        return read_image(files[index][0])

    def mask(index: int) -> npt.NDArray[np.uint8]:
        path, beside = files[index]
        labels = _npz_array(path, "label") if beside is None or as_npz else _mask_beside(volumes[index], beside)
        return (labels > 0).astype(np.uint8) if binary_mask else labels.astype(np.uint8)

    volumes = Lazy(len(rows), image)
    has_masks = "label" in _npz_names(files[0][0]) if as_npz else not without
    return VolumeCases(
        ids=tuple(row["id"] for row in rows),
        images=Lazy(len(rows), lambda index: volumes[index].array),
        masks=Lazy(len(rows), mask) if has_masks else None,
        labels=tuple(row.get("label") or "" for row in rows),
        groups=tuple(row.get("group") or row["id"] for row in rows),
        folder=folder,
        split=split,
        volumes=volumes,
        modalities=tuple(row.get("modality") or "" for row in rows),
    )


def _files(folder: Path, case: str, as_npz: bool) -> tuple[Path, Path | None]:
    """Image and mask of a case, None if it has no mask; of an npz file twice the same."""
    if as_npz:
        path = folder / "volumes" / f"{case}.npz"
        if not path.is_file():
            raise InvalidInput(f"The data set {folder} lists '{case}' in split.csv but has no volumes/{case}.npz.")
        return path, path
    image, mask = (
        next((p for s in VOLUME_SUFFIXES if (p := folder / room / f"{case}{s}").is_file()), None)
        for room in ("images", "masks")
    )
    if image is None:
        raise InvalidInput(
            f"The data set {folder} lists '{case}' in split.csv but images/ has no file of that name; expected one "
            f"ending in {', '.join(VOLUME_SUFFIXES)}."
        )
    return image, mask


def _npz_names(path: Path) -> list[str]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return list(stored.files)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"The file {path} is no readable npz ({error}).") from error


def _npz_array(path: Path, name: str) -> npt.NDArray[Any]:
    """An array of the file as (k, j, i[, 3])."""
    if name not in _npz_names(path):
        raise InvalidInput(f"The file {path} has no array '{name}'; expected image and label.")
    with np.load(path, allow_pickle=False) as stored:
        array = stored[name]
    if array.ndim not in (3, 4):
        raise InvalidInput(f"'{name}' in {path} has shape {array.shape}; expected (i, j, k) or (i, j, k, 3).")
    return np.ascontiguousarray(array.transpose(2, 1, 0, *range(3, array.ndim)))


def _from_npz(path: Path, row: dict[str, str], orientation: str) -> MedicalImage:
    array = _npz_array(path, "image")
    spacing = _spacing(row, array.shape[:3])
    affine = affine_for(spacing or (1.0, 1.0, 1.0), orientation)
    return MedicalImage(array, affine, row["id"], spacing_known=spacing is not None)


def _spacing(row: dict[str, str], shape: tuple[int, ...]) -> tuple[float, float, float] | None:
    """Voxel size (k, j, i) in mm from the `spacing` column, which is that of a volume with the `shape` column's size.

    None if the column is empty, or if an axis is neither whole nor thinned by a whole factor: then it was cropped, or
    resampled, and its voxels' size is not known.
    """
    if not row.get("spacing"):
        return None
    try:
        spacing = [float(part) for part in row["spacing"].split("x")][::-1]
        whole = [int(part) for part in (row.get("shape") or "x".join(map(str, shape[::-1]))).split("x")][::-1]
    except ValueError as error:
        raise InvalidInput(
            f"split.csv gives '{row['id']}' spacing '{row['spacing']}' and shape '{row.get('shape')}'; expected three "
            "numbers joined by x, along i, j and k."
        ) from error
    factors = [round(before / now) for before, now in zip(whole, shape, strict=True)]
    for before, now, factor in zip(whole, shape, factors, strict=True):
        if factor < 1 or now not in (before // factor, -(-before // factor)):
            return None
    k, j, i = (value * factor for value, factor in zip(spacing, factors, strict=True))
    return k, j, i


def _mask_beside(image: MedicalImage, path: Path) -> npt.NDArray[Any]:
    mask = read_image(path)
    apart = np.abs(mask.ijk_to_ras - image.ijk_to_ras).max() / min(image.spacing)
    if mask.shape != image.shape or apart > SAME_PLACE:
        raise InvalidInput(
            f"The mask {path} does not lie on the grid of its image (shape {mask.shape} and {image.shape}, or another "
            "position); resample it to the image first."
        )
    return mask.array
