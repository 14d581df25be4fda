"""A report's PDF as a DICOM document in the study of its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dicom_seg import Maker
from .dicom_source import SourceSeries, new_uid

if TYPE_CHECKING:
    from pydicom import Dataset

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"


def make_pdf(
    pdf: bytes,
    source: SourceSeries,
    maker: Maker,
    *,
    series_number: int,
    series_uid: str,
    title: str,
    identity_in_pixels: bool,
) -> Dataset:
    """An Encapsulated PDF (PS3.3 A.45.1) that names the images it is about.

    Args:
        title: of the document.
        identity_in_pixels: whether its pictures may show text that identifies somebody.
    """
    from highdicom.base import SOPClass
    from pydicom import Dataset
    from pydicom.uid import ExplicitVRLittleEndian

    first = source.first
    made = SOPClass(
        study_instance_uid=first.StudyInstanceUID,
        series_instance_uid=series_uid,
        series_number=series_number,
        sop_instance_uid=new_uid(),
        sop_class_uid=ENCAPSULATED_PDF,
        instance_number=1,
        modality="DOC",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        patient_id=first.PatientID,
        patient_name=first.PatientName,
        patient_birth_date=first.PatientBirthDate,
        patient_sex=first.PatientSex,
        accession_number=first.AccessionNumber,
        study_id=first.StudyID,
        study_date=first.StudyDate,
        study_time=first.StudyTime,
        referring_physician_name=first.ReferringPhysicianName,
        series_description="MedPrompt report (research use only)",
        specific_character_set="ISO_IR 192",
        **maker.equipment,
    )
    made.copy_patient_and_study_information(first)
    made.ConversionType = "SYN"
    made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES" if identity_in_pixels else "NO"
    made.RecognizableVisualFeatures = "NO"
    made.DocumentTitle = title
    made.ConceptNameCodeSequence = []
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.SourceInstanceSequence = []
    for header in source.headers:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
        made.SourceInstanceSequence.append(item)
    made.EncapsulatedDocumentLength = len(pdf)
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return made
