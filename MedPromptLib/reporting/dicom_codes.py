"""What DICOM calls what was measured: coded concepts of measures, units, places and answers.

Standard codes are those of the package pydicom's tables of PS3.16 and, for diseases that these lack, SNOMED CT's. What
has none is coded in a scheme of this project's own, which each object names.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ..catalog import Code, Terminology
from ..ontology import normalise
from .facts import Fact, Measure, Unit

if TYPE_CHECKING:
    from pydicom.sr.coding import Code as DicomCode

PRIVATE = "99MEDPROMPT"
UNITS = {
    Unit.PERCENT: ("%", "Percent"),
    Unit.MM: ("mm", "mm"),
    Unit.CM2: ("cm2", "square centimeter"),
    Unit.MM2: ("mm2", "square millimeter"),
    Unit.ML: ("ml", "milliliter"),
    Unit.PIXELS: ("{pixels}", "pixels"),
    Unit.VOXELS: ("{voxels}", "voxels"),
    Unit.NONE: ("1", "no units"),
}

DISEASES = {
    "lung:infection": ("233604007", "Pneumonia"),
    "bacterial pneumonia": ("53084003", "Bacterial pneumonia"),
    "viral pneumonia": ("75570004", "Viral pneumonia"),
    "tuberculosis": ("56717001", "Tuberculosis"),
    "covid": ("840539006", "COVID-19"),
    "glaucoma": ("23986001", "Glaucoma"),
    "breast cancer": ("254837009", "Malignant neoplasm of breast"),
}
"""SNOMED CT codes of diseases, by the vocabulary's id, that DICOM's tables do not list."""
ANSWERS = {
    "benign": ("30807003", "Benign"),
    "malignant": ("21594007", "Malignant"),
    "normal": ("17621005", "Normal"),
}
"""Classes that are no concept of their own."""


def code(value: str, scheme: str, meaning: str) -> DicomCode:
    """One coded concept."""
    from pydicom.sr.coding import Code as DicomCode

    return DicomCode(value, scheme, meaning[:64])


def of_card(entry: Code) -> DicomCode:
    """A code of a card."""
    return code(entry.value, entry.scheme, entry.meaning)


def own(name: str) -> DicomCode:
    """A concept for which no standard code is known, by its name.

    Its value has at most 16 characters: longer ones have an attribute of their own, which not every reader knows.
    """
    value = "-".join(name.lower().replace("_", " ").split())
    if len(value) > 16:
        value = f"{value[:11]}-{hashlib.sha256(value.encode()).hexdigest()[:4]}"
    return code(value, PRIVATE, name.replace("_", " "))


def concept_of(name: str) -> DicomCode:
    """The concept that a target or class names: SNOMED CT where the ontology has it."""
    if name.lower() in ANSWERS:
        return code(ANSWERS[name.lower()][0], "SCT", ANSWERS[name.lower()][1])
    found = normalise(name.replace("_", " "))
    if found is not None and found.code is not None:
        return of_card(found.code)
    if found is not None and found.id in DISEASES and not found.laterality:
        return code(DISEASES[found.id][0], "SCT", DISEASES[found.id][1])
    return own(name)


def scheme_identification() -> Any:
    """What `99MEDPROMPT` is, for objects that use it."""
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(
        designator=PRIVATE,
        name="MedPrompt: names of targets, classes and measures without a standard code",
        responsible_organization="MedPrompt",
    )


def measured(fact: Fact, modality: str) -> tuple[DicomCode, DicomCode, DicomCode | None]:
    """Name, unit and derivation (None: none) of a fact's quantity.

    Args:
        modality: DICOM's, as it says what an intensity is: in CT, Hounsfield units.
    """
    from pydicom.sr.codedict import codes

    assert fact.quantity is not None
    measure, unit = fact.quantity.measure, code(UNITS[fact.quantity.unit][0], "UCUM", UNITS[fact.quantity.unit][1])
    if measure in (Measure.MEAN, Measure.MAXIMUM):
        derivation = codes.SCT.Mean if measure is Measure.MEAN else codes.SCT.Maximum
        if modality == "CT":
            return codes.DCM.AttenuationCoefficient, codes.UCUM.HounsfieldUnit, derivation
        if modality == "MR":
            return codes.DCM.MRSignalIntensity, unit, derivation
        return own("pixel value"), unit, derivation
    names = {
        Measure.PROBABILITY: codes.DCM.CertaintyOfFinding,
        Measure.AREA: codes.SCT.Area,
        Measure.VOLUME: codes.SCT.Volume,
        Measure.DIAMETER: codes.SCT.LongAxis,
    }
    return names.get(measure) or own(measure.value), unit, None


def site_of(terminology: Terminology) -> tuple[Code, Code | None] | None:
    """Where a structure lies, with the side: the card's region for an alteration, else the structure itself."""
    from .anatomy import LESION_CATEGORY

    if terminology.region is not None:
        return terminology.region, terminology.region_modifier
    if terminology.category.value == LESION_CATEGORY:
        return None
    return terminology.type, terminology.modifier
