"""The demonstration: a real chest radiograph from the PyPI package `pydicom-data` and a conditional prompt."""

from __future__ import annotations

from pathlib import Path

from .errors import MissingPackage

DEMO_IMAGE = "RG1_UNCR.dcm"
DEMO_PROMPT = "Segment the lungs and the heart. If lungs are found, check the film for pneumonia."


def demo_image() -> Path:
    """The radiograph's path.

    Raises:
        MissingPackage: `pydicom-data` is not installed.
    """
    from pydicom.data import get_testdata_file

    found = get_testdata_file(DEMO_IMAGE, download=False)
    if not isinstance(found, str):
        raise MissingPackage('The demonstration needs a sample image; run: pip install "medprompt-slicer[demo]"')
    return Path(found)
