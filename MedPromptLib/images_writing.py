"""Writes a `MedicalImage` as a file that keeps its geometry."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from .errors import InvalidInput, OutputFailed
from .images import LPS_TO_RAS, VOLUME_SUFFIXES, MedicalImage

SUFFIXES = tuple(suffix for suffix in VOLUME_SUFFIXES if suffix not in (".nhdr", ".mhd"))
"""Formats that are one file."""


def write_volume(image: MedicalImage, path: Path) -> Path:
    """Write an image as NRRD, NIfTI or MetaImage, complete or not at all, and return its absolute path.

    A mirrored (left-handed) grid is written with its own directions, which NRRD and MetaImage keep.

    Raises:
        InvalidInput: another ending.
        OutputFailed: it could not be written; nothing is left behind.
    """
    import SimpleITK as sitk

    suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise InvalidInput(f"The file name '{path.name}' must end in one of {', '.join(SUFFIXES)}.")
    array = image.array
    if array.dtype in (np.bool_, np.float16):
        array = array.astype(np.uint8 if array.dtype == np.bool_ else np.float32)
    made = sitk.GetImageFromArray(np.ascontiguousarray(array), isVector=image.is_color)
    matrix = LPS_TO_RAS @ image.ijk_to_ras
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    made.SetSpacing(lengths.tolist())
    made.SetDirection((matrix[:3, :3] / lengths).ravel().tolist())
    made.SetOrigin(matrix[:3, 3].tolist())
    target = path.expanduser().absolute()
    draft = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=".medprompt-", suffix=suffix, dir=target.parent)
        os.close(handle)
        sitk.WriteImage(made, draft, True)
        os.chmod(draft, 0o644)
        os.replace(draft, target)
    except (OSError, RuntimeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).splitlines()[-1]
        raise OutputFailed(f"{target} could not be written ({reason}); check the folder and the free space.") from error
    finally:
        if draft is not None and os.path.exists(draft):
            os.unlink(draft)
    return target
