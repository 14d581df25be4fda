"""Identifiers, before anything is stored: DICOM headers by the standard's profile, names and texts by what they tell.

The attributes are those of DICOM PS3.15 table E.1-1 (basic application level confidentiality profile), as the package
dicom-anonymizer keeps them. Its own walk leaves nested sequences alone and gives random UIDs; here every level is
treated, and pseudonyms are keyed, so that runs of the same subject meet again.
"""

from __future__ import annotations

import datetime
import functools
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import InvalidInput, MissingPackage
from .keys import Keys

if TYPE_CHECKING:
    from pydicom import Dataset

EDITION = "dicomfields_2026c"
"""The standard's edition whose table is used."""
CHARACTERISTICS = (
    "PatientSex", "PatientAge", "PatientSize", "PatientWeight", "EthnicGroup", "SmokingStatus", "PregnancyStatus"
)  # fmt: skip
_LONGEST_SHIFT = 3650
_IDENTITY = (
    "PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "PatientBirthDate", "InstitutionName",
    "InstitutionAddress", "PatientAddress", "PatientTelephoneNumbers", "MedicalRecordLocator", "StationName",
    "DeviceSerialNumber", "AdmissionID", "IssuerOfPatientID", "PatientMotherBirthName", "MilitaryRank",
)  # fmt: skip
"""Attributes, besides names of persons and UIDs, whose values are also removed from texts and names."""
_NO_IDENTITY = {"anonymous", "anonymized", "unknown", "none", "test", "patient", "hospital", "clinic", "name"}


class PrivacyProfile(BaseModel):
    """What is kept of a run's identifiers; the defaults are the basic profile without any of its options.

    Attributes:
        dates: `remove`, or `shift` by a number of days that is the same for all of a subject's images
            (Retain Longitudinal Temporal Information with Modified Dates Option). Times of day are removed.
        patient_characteristics: keep sex, age, size, weight and the like (option of that name).
        keep, remove: DICOM keywords to keep or remove besides.
        file_names: keep the names of image files, which often name somebody, instead of giving pseudonyms.
        prompts: `redact` what looks like a name, date, number or address in them, or `keep` them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dates: Literal["remove", "shift"] = "remove"
    patient_characteristics: bool = False
    keep: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    file_names: bool = False
    prompts: Literal["redact", "keep"] = "redact"


def read_profile(path: Path) -> PrivacyProfile:
    """A profile from a TOML file.

    Raises:
        InvalidInput: it cannot be read or says something unknown.
    """
    try:
        profile = PrivacyProfile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        reason = error.errors()[0] if isinstance(error, ValidationError) else error
        told = f"{'.'.join(map(str, reason['loc']))}: {reason['msg']}" if isinstance(reason, dict) else str(reason)
        raise InvalidInput(f"The privacy profile {path} cannot be used ({told}); see privacy-and-audit.md.") from error
    from pydicom.datadict import tag_for_keyword

    for keyword in (*profile.keep, *profile.remove):
        if tag_for_keyword(keyword) is None:
            raise InvalidInput(f"The privacy profile {path} names '{keyword}', which is no DICOM keyword.")
    return profile


def dicom_header(source: Path) -> Dataset | None:
    """The header of a DICOM file or of the first one in a folder; None if there is none."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    files = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    for path in files:
        try:
            header: Dataset = dcmread(path, stop_before_pixels=True, force=path.suffix.lower() == ".dcm")
        except (InvalidDicomError, OSError, EOFError):
            continue
        if "SOPClassUID" in header or "Modality" in header:
            return header
    return None


def check_source(source: Path) -> None:
    """Make sure that a run on these files can be filed, before anything expensive runs.

    Raises:
        MissingPackage: it is a DICOM image, and the package that knows its identifiers is not installed.
    """
    if dicom_header(source) is not None:
        _profile_table()


@functools.cache
def _profile_table() -> tuple[dict[tuple[int, int], str], tuple[tuple[int, int, int, int], ...]]:
    """(tag → `U` for a UID that is replaced, else `X`), and masks (group, element, group mask, element mask) of `X`."""
    try:
        from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
    except ImportError as missing:
        raise MissingPackage(
            "Filing runs on DICOM images needs the package dicom-anonymizer: pip install dicom-anonymizer"
        ) from missing
    table, masks = {}, []
    for category, tags in dicom_anonymization_database_selector(EDITION).items():
        for tag in tags if category != "ALL_TAGS" else ():
            if len(tag) == 4:
                masks.append(tag)
            else:
                table[tag] = "U" if category == "U_TAGS" else "X"
    return table, tuple(masks)


def _action(tag: Any, keyword: str, profile: PrivacyProfile) -> str:
    """`K` keep, `X` remove, `U` another UID."""
    table, masks = _profile_table()
    if keyword in profile.remove:
        return "X"
    if keyword in profile.keep or (profile.patient_characteristics and keyword in CHARACTERISTICS):
        return "K"
    if any(tag.group & g == group & g and tag.element & e == element & e for group, element, g, e in masks):
        return "X"
    return table.get((tag.group, tag.element), "K")


def subject_of(header: Dataset, keys: Keys) -> str:
    """The pseudonym of a header's patient, from the identifier and who issued it; empty if there is none."""
    identifier = str(header.get("PatientID") or "").strip()
    issuer = str(header.get("IssuerOfPatientID") or "").strip()
    return keys.pseudonym("subject", f"{identifier}\0{issuer}" if issuer else identifier) if identifier else ""


def without_identifiers(header: Dataset, keys: Keys, profile: PrivacyProfile) -> Dataset:
    """A copy of a header, without pixels, private attributes and identifiers; the subject and UIDs are pseudonyms."""
    subject = subject_of(header, keys)
    cleaned = _cleaned(header, keys, profile, _shift(keys, subject))
    cleaned.PatientID = cleaned.PatientName = subject
    cleaned.PatientIdentityRemoved = "YES"
    cleaned.DeidentificationMethod = f"MedPrompt: PS3.15 basic profile ({EDITION[-5:]}), keyed pseudonyms"
    return cleaned


def _cleaned(header: Dataset, keys: Keys, profile: PrivacyProfile, shift: int) -> Dataset:
    from pydicom import Dataset, Sequence

    result = Dataset()
    for element in header:
        tag = element.tag
        if tag.is_private or element.VR in ("OB", "OW", "OF", "OD", "OL", "OV", "UN", "OB or OW") or tag.group == 2:
            continue
        action = _action(tag, element.keyword, profile)
        if action == "X" and profile.dates == "shift" and element.VR in ("DA", "DT") and shift:
            moved = _moved(str(element.value or ""), shift)
            if moved and element.keyword != "PatientBirthDate":
                result.add_new(tag, element.VR, moved)
        elif action == "U" and element.value:
            values = [element.value] if isinstance(element.value, str) else list(element.value)
            result.add_new(tag, "UI", [uid(keys, str(value)) for value in values])
        elif action == "K" and element.VR == "SQ":
            items = [_cleaned(item, keys, profile, shift) for item in element.value or ()]
            result.add_new(tag, "SQ", Sequence(items))
        elif action == "K":
            result.add(element)
    return result


def uid(keys: Keys, original: str) -> str:
    """Another UID, the same for the same original (PS3.5 B.2: `2.25.` and an integer of 128 bits)."""
    return f"2.25.{int(keys.pseudonym('uid', original), 16)}"


def _shift(keys: Keys, subject: str) -> int:
    """Days by which a subject's dates are moved into the past, 1 to 3650; 0 without a subject."""
    return 1 + int(keys.pseudonym("date shift", subject), 16) % _LONGEST_SHIFT if subject else 0


def _moved(value: str, days: int) -> str:
    try:
        moved = datetime.datetime.strptime(value[:8], "%Y%m%d") - datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return moved.strftime("%Y%m%d")


class Scrubber:
    """Takes identifiers out of texts.

    Args:
        header: of the image, as read; its names, numbers, birth date and UIDs are what is looked for.
        others: further texts that must not be stored, such as a file's name or a subject given by hand.
    """

    def __init__(self, profile: PrivacyProfile, header: Dataset | None = None, others: Iterable[str] = ()) -> None:
        self.profile = profile
        words = {w.strip() for w in (*_private_words(header), *others)}
        words = {w for w in words if len(w) > 2 and w.lower() not in _NO_IDENTITY}
        ordered = sorted(words, key=lambda w: (-len(w), w))
        self._pattern = (
            re.compile("|".join(rf"(?<![^\W_]){re.escape(w)}(?![^\W_])" for w in ordered), re.IGNORECASE)
            if ordered
            else None
        )

    def text(self, text: str) -> str:
        """Without the header's identifiers."""
        return self._pattern.sub("[removed]", text) if self._pattern else text

    def prompt(self, text: str) -> str:
        """A sentence that a person wrote, also without what looks like a name, date, number or address."""
        if self.profile.prompts == "redact":
            from ..planner.consent import identifiers

            for found in reversed(identifiers(text)):
                text = f"{text[: found.start]}[{found.kind}]{text[found.start + len(found.text) :]}"
        return self.text(text)

    def value(self, value: Any) -> Any:
        """All strings of a JSON value, cleaned as `text` does."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.value(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value

    def tells(self, data: bytes) -> bool:
        """Whether bytes, as text, still hold an identifier."""
        return bool(self._pattern and self._pattern.search(data.decode("utf-8", errors="replace")))


def _private_words(header: Dataset | None) -> Iterator[str]:
    if header is None:
        return
    for element in header.iterall():
        if element.tag.group == 2 or not element.value:
            continue
        text = str(element.value)
        if element.VR == "PN":
            names = [str(v) for v in element.value] if element.VM > 1 else [text]
            for name in names:
                yield " ".join(part for part in re.split(r"[\^=]+", name) if part)
                yield from (part for part in re.split(r"[\^=\s,]+", name) if not part.isdigit() or len(part) > 3)
        elif element.VR == "UI" and element.keyword.endswith("InstanceUID"):
            yield from ([text] if element.VM == 1 else map(str, element.value))
        elif element.keyword in _IDENTITY and element.VR != "SQ":
            yield text
            if element.VR == "DA" and len(text) == 8:
                yield f"{text[:4]}-{text[4:6]}-{text[6:]}"
                yield f"{text[6:]}.{text[4:6]}.{text[:4]}"
