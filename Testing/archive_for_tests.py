"""What the archive's tests share: a secret, run folders written by the real writers, and a header with identifiers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom import Dataset, Sequence
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from MedPromptLib.archive import Archive
from MedPromptLib.archive.bench import synthetic_record
from MedPromptLib.outputs import write_outputs
from MedPromptLib.results import Run

SECRET = "correct horse battery staple"


def an_archive(path: Path, runs: int = 0, **options: object) -> Archive:
    """A new archive with synthetic runs."""
    archive = Archive.create(path, secret=SECRET, **options)  # type: ignore[arg-type]
    for number in range(runs):
        archive.file(synthetic_record(number))
    return archive


def a_run_folder(run: Run, folder: Path, *, name: str = "", prompt: str = "") -> Path:
    """A run written as `medprompt run` writes it, on an image of another name or from another prompt."""
    given = run.provenance
    if name:
        run = replace(run, image=replace(run.image, name=name))
        given = given.model_copy(update={"input_name": name})
    if prompt:
        plan = given.plan.model_copy(update={"prompt": prompt})
        given = given.model_copy(update={"prompt": prompt, "plan": plan})
    write_outputs(replace(run, provenance=given), folder)
    return folder


def a_dicom_file(path: Path, *, patient: str = "MRN-0815", study: str = "1.2.3.4", burned_in: str = "") -> Path:
    """A small secondary capture full of identifiers, some of them nested and private."""
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid()
    header.StudyInstanceUID, header.SeriesInstanceUID = study, f"{study}.1"
    header.PatientName, header.PatientID = "Okonkwo^Adaeze", patient
    header.PatientBirthDate, header.PatientSex, header.PatientAge = "19610312", "F", "065Y"
    header.StudyDate, header.StudyTime, header.AccessionNumber = "20260301", "101500", "ACC7788"
    header.InstitutionName, header.ReferringPhysicianName = "St Brigid Infirmary", "Castellanos^Ines"
    header.Modality, header.BodyPartExamined, header.StudyDescription = "CR", "CHEST", "Thorax for Okonkwo"
    item = Dataset()
    item.PatientID, item.CodeMeaning, item.ReferencedSOPInstanceUID = patient, "Chest", f"{study}.9"
    header.AnatomicRegionSequence = Sequence([item])
    if burned_in:
        header.BurnedInAnnotation = burned_in
    header.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "Okonkwo private")
    header.Rows = header.Columns = 64
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    header.PixelData = np.random.default_rng(1).integers(0, 200, (64, 64), np.uint8).tobytes()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.save_as(path, enforce_file_format=True)
    return path


PRIVATE = (
    "Okonkwo", "Adaeze", "MRN-0815", "19610312", "ACC7788", "Brigid", "Castellanos", "20260301", "1.2.3.4", "065Y"
)  # fmt: skip
"""What must not be found anywhere."""
