"""What the headers of image files promise, whether that can be, and whether it is of any use."""

from __future__ import annotations

import gzip
import math
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import InvalidInput
from .inference.memory import GIB, free_memory

DEFLATE_LIMIT = 1032
"""No byte of a deflated stream becomes more bytes than this (zlib's documentation)."""
ROOM = 3
"""An image is held about so many times while it is read and measured."""


def must_be_possible(path: Path, expected: int, held: int | None = None, *, deflated: bool = False) -> None:
    """Raises InvalidInput if a header promises more bytes than the file can hold, or than fit into memory.

    Without this a few bytes of a damaged or hostile header make a reader ask for any amount of memory.

    Args:
        expected: bytes of the decoded voxels.
        held: bytes that they are decoded from; None where an encoding sets no limit.
    """
    if held is not None and expected > held * (DEFLATE_LIMIT if deflated else 1):
        raise InvalidInput(
            f"{path} is truncated or damaged: its header promises {expected:,} bytes of voxels, more than its {held:,} "
            "bytes can hold."
        )
    free = free_memory("cpu")
    if free is not None and ROOM * expected > free:
        raise InvalidInput(
            f"{path} is too large: reading it takes about {ROOM * expected / GIB:.1f} GB of memory and "
            f"{free / GIB:.1f} GB are free; crop or resample it."
        )


def must_be_plausible(path: Path, size: Sequence[int], components: int, pixel: int) -> None:
    """`must_be_possible` for a volume whose header has been read."""
    import SimpleITK as sitk

    kinds = {1: (sitk.sitkUInt8, sitk.sitkInt8, sitk.sitkVectorUInt8, sitk.sitkVectorInt8)}
    kinds[2] = (sitk.sitkUInt16, sitk.sitkInt16, sitk.sitkVectorUInt16, sitk.sitkVectorInt16)
    kinds[8] = (sitk.sitkUInt64, sitk.sitkInt64, sitk.sitkFloat64, sitk.sitkVectorFloat64)
    width = next((width for width, those in kinds.items() if pixel in those), 4)
    expected = math.prod(int(n) for n in size) * components * width
    if path.name.lower().endswith((".nii", ".nii.gz")):
        order, header = _nifti_header(path)
        (bits,) = struct.unpack_from(order + "h", header, 72)  # ITK says what they become, which may be wider
        stored = math.prod(int(n) for n in size) * max(bits, 1) // 8
        must_be_possible(path, stored, path.stat().st_size, deflated=path.suffix.lower() == ".gz")
        must_be_possible(path, expected)
        return
    text, named, data = _header_text(path), _named_data(path), _detached_data(path)
    packed = re.search(r"^encoding:(?!\s*raw\b)|^CompressedData\s*=\s*True", text, re.MULTILINE | re.IGNORECASE)
    # Of a list of files, ITK itself notices what is missing.
    held = None if named and not data else sum(p.stat().st_size for p in data or [path])
    must_be_possible(path, expected, held, deflated=packed is not None)


MOST_DIMENSIONS = 10
"""The MetaImage reader of ITK has arrays of this length."""


def must_be_safe_meta_image(path: Path) -> None:
    """Raises InvalidInput for MetaImage headers that crash ITK's reader, which trusts counts and file name patterns."""
    if not path.name.lower().endswith((".mha", ".mhd")):
        return
    text = _header_text(path)
    for name in ("NDims", "ElementNumberOfChannels"):
        for value in re.findall(rf"^\s*{name}\s*[=:]\s*(\S*)", text, re.MULTILINE | re.IGNORECASE):
            most = MOST_DIMENSIONS if name == "NDims" else 2**15
            if not (value.isdecimal() and len(value) < 7 and 1 <= int(value) <= most):
                raise InvalidInput(f"{path} is damaged: its header says {name} is {value[:40]!r}.")
    pattern = _named_data(path)
    if "%" in pattern and not re.fullmatch(r"[^%]*%0?\d{0,2}d[^%]*", pattern):
        raise InvalidInput(f"{path} is damaged: its header names the files {pattern[:80]!r}.")


SMALLEST_SPACING, LARGEST_SPACING, FARTHEST = 1e-6, 1e5, 1e9
"""In mm; beyond these a geometry is a mistake, and sizes, grids and scenes made from it are none."""


def must_be_usable_geometry(ijk_to_ras: npt.NDArray[np.float64], path: Path) -> None:
    """Raises InvalidInput for a geometry with values that are no numbers, flat axes or absurd lengths."""
    lengths = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    usable = np.isfinite(ijk_to_ras).all() and lengths.min() >= SMALLEST_SPACING and lengths.max() <= LARGEST_SPACING
    if usable:
        upright = abs(np.linalg.det(ijk_to_ras[:3, :3] / lengths)) > 1e-3
        usable = upright and float(np.abs(ijk_to_ras[:3, 3]).max()) <= FARTHEST
    if not usable:
        raise InvalidInput(
            f"The geometry of {path} is of no use (spacing, directions or origin are not numbers, flat or absurdly "
            "large); correct its header."
        )


def _nifti_header(path: Path) -> tuple[str, bytes]:
    """Byte order, as `struct` writes it, and the 348 bytes of a NIfTI-1 header."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
        header = stream.read(348)
    return "<" if header[:4] == b"\x5c\x01\x00\x00" else ">", header


def must_be_whole_nifti(path: Path) -> None:
    """ITK fills what a truncated NIfTI-1 file lacks with zeros, without a word (and does not read NIfTI-2).

    Raises:
        EOFError, zlib.error: the file, or its compressed stream, is shorter than its header says.
    """
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
        header = stream.read(348)
        order = "<" if header[:4] == b"\x5c\x01\x00\x00" else ">"
        dimensions = struct.unpack_from(order + "8h", header, 40)
        (bits,), (offset,) = struct.unpack_from(order + "h", header, 72), struct.unpack_from(order + "f", header, 108)
        expected = int(offset) + math.prod(dimensions[1 : 1 + dimensions[0]]) * bits // 8
        length = len(header)
        while block := stream.read(1 << 20):
            length += len(block)
    if length < expected:
        raise EOFError(f"{length} bytes of {expected}")


def _header_text(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(16384).decode("latin-1")


def header_has_spacing(path: Path) -> bool:
    """Whether a NRRD, NIfTI or MetaImage header gives the voxels' size."""
    name = path.name.lower()
    if name.endswith((".nrrd", ".nhdr")):
        return re.search(r"^space directions:|^spacings:", _header_text(path), re.MULTILINE) is not None
    if name.endswith((".mha", ".mhd")):
        return re.search(r"^Element(Spacing|Size)\s*=", _header_text(path), re.MULTILINE) is not None
    order, header = _nifti_header(path)
    lengths = struct.unpack_from(order + "3f", header, 80)
    coded = struct.unpack_from(order + "2h", header, 252) != (0, 0)
    return coded or all(math.isfinite(length) and length > 0 for length in lengths)


def _named_data(path: Path) -> str:
    """What a header says in place of voxels: a file, a list or a pattern of files; empty if the voxels follow it."""
    found = re.search(r"^(?:data ?file:|ElementDataFile\s*=)\s*(\S.*?)\s*$", _header_text(path), re.MULTILINE)
    return found.group(1) if found and found.group(1).upper() != "LOCAL" else ""


def _detached_data(path: Path) -> list[Path]:
    if not (path.name.lower().endswith((".nhdr", ".mhd", ".nrrd", ".mha")) and path.is_file()):
        return []
    data = path.parent / _named_data(path)
    return [data] if data != path and data.is_file() else []


def with_detached_data(path: Path) -> list[Path]:
    """A file and, if its header names another one with the voxels, that one, so that a hash covers both."""
    return [path, *_detached_data(path)]
