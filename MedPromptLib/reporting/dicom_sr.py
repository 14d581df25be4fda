"""Measured facts as a DICOM structured report: TID 1500, one group for each structure and each answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..catalog import Structure
from ..results import Classification, Run
from .anatomy import subject_of
from .dicom_codes import code, concept_of, measured, of_card, own, scheme_identification, site_of
from .dicom_seg import Maker, Seg
from .dicom_source import SourceSeries, derived_uid, new_uid
from .facts import DISCLAIMER, Fact, FindingsSet

if TYPE_CHECKING:
    from pydicom import Dataset


def make_sr(
    run: Run,
    findings: FindingsSet,
    source: SourceSeries,
    segs: Mapping[int, Seg],
    makers: Mapping[str, Maker],
    *,
    series_number: int,
    series_uid: str,
) -> Dataset | None:
    """The facts of a run as a Comprehensive 3D SR that refers to its segmentations and images.

    Certainty is the calibrated probability of what was looked for, in percent, beside a coded Present or Absent. It is
    marked as preliminary and unverified, as nobody accountable has read it.

    Args:
        segs: task's id → its SEG; a task without one refers to the images alone.
        makers: weight's id → what made its results; the empty id stands for this program.

    Returns:
        None if there is nothing to say.
    """
    from highdicom.sr import (
        Comprehensive3DSR,
        DeviceObserverIdentifyingAttributes,
        MeasurementReport,
        ObservationContext,
        ObserverContext,
    )
    from pydicom.sr.codedict import codes

    maker = makers[""]
    builder = _Builder(source, makers, str(source.first.get("Modality") or ""))
    groups = [
        *(builder.answer(c, fact) for c in run.classifications if (fact := _presence(findings, c)) is not None),
        *(
            builder.structure(structure, facts, segs.get(segmentation.task_id), segmentation.weight_id)
            for segmentation in run.segmentations
            for structure in segmentation.structures
            if (facts := _facts_of(findings, structure, segmentation.task_id))
        ),
        *builder.pairs(findings),
    ]
    if not groups:
        return None
    device = DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", "MedPrompt"),
        name="MedPrompt",
        manufacturer_name="MedPrompt",
        model_name="MedPrompt for 3D Slicer",
        serial_number=maker.version,
    )
    report = MeasurementReport(
        observation_context=ObservationContext(
            observer_device_context=ObserverContext(
                observer_type=codes.DCM.Device, observer_identifying_attributes=device
            )
        ),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
        referenced_images=_library(source),
    )
    return Comprehensive3DSR(
        evidence=[*source.headers, *(seg.dataset for seg in segs.values())],
        content=report,
        series_instance_uid=series_uid,
        series_number=series_number,
        sop_instance_uid=new_uid(),
        instance_number=1,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description="MedPrompt measurements (research use only)",
        specific_character_set="ISO_IR 192",
        coding_schemes=[scheme_identification()],
        **maker.equipment,
    )


def _library(source: SourceSeries) -> Sequence[Dataset] | None:
    """The images for the report's library, if their headers have what its entries describe."""
    from highdicom.sr import ImageLibrary

    try:
        ImageLibrary(source.headers)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # the evidence sequence names the images all the same
    return source.headers


def _presence(findings: FindingsSet, result: Classification) -> Fact | None:
    return next((f for f in findings.facts if f.kind == "presence" and f.source.task_id == result.task_id), None)


def _facts_of(findings: FindingsSet, structure: Structure, task_id: int) -> list[Fact]:
    subject = subject_of(structure)
    return [f for f in findings.facts if f.source.task_id == task_id and f.subject == subject]


class _Builder:
    """Makes groups; holds what they have in common."""

    def __init__(self, source: SourceSeries, makers: Mapping[str, Maker], modality: str) -> None:
        self.source, self.makers, self.modality = source, makers, modality

    def answer(self, result: Classification, fact: Fact) -> Any:
        """A classifier's answer about the whole image, or about the structure it was shown."""
        from highdicom.sr import Measurement, MeasurementsAndQualitativeEvaluations, QualitativeEvaluation
        from pydicom.sr.codedict import codes

        target = concept_of(result.target)
        evaluations = []
        if result.positive:
            evaluations.append(QualitativeEvaluation(target, codes.SCT.Present if fact.present else codes.SCT.Absent))
        if not result.positive or len(result.positive) > 1 or result.label != result.target:
            evaluations.append(QualitativeEvaluation(own("reported class"), concept_of(result.label)))
        numbers = [self._measurement(fact)]
        if fact.threshold is not None:
            numbers.append(Measurement(own("decision threshold"), fact.threshold, code("%", "UCUM", "Percent")))
        return self._noted(
            MeasurementsAndQualitativeEvaluations(
                tracking_identifier=self._tracking(f"{result.weight_id}: {result.target}"),
                finding_type=target,
                algorithm_id=self._algorithm(result.weight_id),
                measurements=numbers,
                qualitative_evaluations=evaluations,
                source_images=self._images(),
            ),
            fact.quantity.uncertainty if fact.quantity else "",
        )

    def structure(self, structure: Structure, facts: Sequence[Fact], seg: Seg | None, weight: str) -> Any:
        """A segmented structure's measurements, or that it was looked for and not found."""
        from highdicom.sr import (
            FindingSite,
            MeasurementsAndQualitativeEvaluations,
            PlanarROIMeasurementsAndQualitativeEvaluations,
            QualitativeEvaluation,
            ReferencedSegment,
            ReferencedSegmentationFrame,
            SourceImageForSegmentation,
            SourceSeriesForSegmentation,
            VolumetricROIMeasurementsAndQualitativeEvaluations,
        )
        from pydicom.sr.codedict import codes

        terms = structure.terminology
        site = self._site(structure, facts)
        present = next((bool(f.present) for f in facts if f.kind == "outline"), True)
        number = seg.numbers.get(structure.name) if seg is not None else None
        common: dict[str, Any] = {
            "finding_category": of_card(terms.category),
            "finding_type": of_card(terms.type),
            "algorithm_id": self._algorithm(weight),
            "finding_sites": [
                FindingSite(of_card(site[0]), laterality=of_card(site[1]) if site[1] is not None else None)
            ]
            if site is not None
            else None,
            "measurements": [self._measurement(f) for f in facts if f.kind == "measurement"] or None,
        }
        tracking = seg.tracking.get(structure.name) if seg is not None else None
        identifier = self._tracking(f"{weight}: {structure.name}", tracking)
        if seg is None or number is None:
            answer = codes.SCT.Present if present else codes.SCT.Absent
            return self._noted(
                MeasurementsAndQualitativeEvaluations(
                    tracking_identifier=identifier,
                    qualitative_evaluations=[QualitativeEvaluation(of_card(terms.type), answer)],
                    source_images=self._images(),
                    **common,
                )
            )
        kind, instance = str(seg.dataset.SOPClassUID), str(seg.dataset.SOPInstanceUID)
        if len(self.source.frames) == 1:
            header = self.source.header_of(0)
            frame = ReferencedSegmentationFrame(
                sop_class_uid=kind,
                sop_instance_uid=instance,
                frame_number=seg.frames[number][0],
                segment_number=number,
                source_image=SourceImageForSegmentation(str(header.SOPClassUID), str(header.SOPInstanceUID)),
            )
            # A frame of a binary SEG belongs to one segment; naming both is not allowed (PS3.3 table 10-3).
            del frame[0].ReferencedSOPSequence[0].ReferencedSegmentNumber
            return self._noted(
                PlanarROIMeasurementsAndQualitativeEvaluations(
                    tracking_identifier=identifier, referenced_segment=frame, **common
                )
            )
        segment = ReferencedSegment(
            sop_class_uid=kind,
            sop_instance_uid=instance,
            segment_number=number,
            source_series=SourceSeriesForSegmentation(str(self.source.first.SeriesInstanceUID)),
        )
        return self._noted(
            VolumetricROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=identifier, referenced_segment=segment, **common
            )
        )

    def pairs(self, findings: FindingsSet) -> list[Any]:
        """Measures of a pair of structures, which belong to no single segment."""
        from highdicom.sr import MeasurementsAndQualitativeEvaluations

        singles = {(f.source.task_id, f.subject) for f in findings.facts if f.kind == "outline"}
        made = []
        for fact in findings.facts:
            if fact.kind != "measurement" or (fact.source.task_id, fact.subject) in singles:
                continue
            group = MeasurementsAndQualitativeEvaluations(
                tracking_identifier=self._tracking(f"{fact.source.weight_id}: {fact.subject.words}"),
                finding_type=concept_of(fact.subject.name),
                algorithm_id=self._algorithm(fact.source.weight_id),
                measurements=[self._measurement(fact)],
                source_images=self._images(),
            )
            made.append(self._noted(group, fact.quantity.definition if fact.quantity else ""))
        return made

    def _measurement(self, fact: Fact) -> Any:
        from highdicom.sr import Measurement, MeasurementProperties

        quantity = fact.quantity
        assert quantity is not None
        name, unit, derivation = measured(fact, self.modality)
        interval = None
        if quantity.low is not None and quantity.high is not None:
            interval = MeasurementProperties(
                lower_measurement_uncertainty=_decimal(quantity.value - quantity.low),
                upper_measurement_uncertainty=_decimal(quantity.high - quantity.value),
            )
        return Measurement(name, _decimal(quantity.value), unit, derivation=derivation, properties=interval)

    @staticmethod
    def _site(structure: Structure, facts: Sequence[Fact]) -> Any:
        """The card's site, or the segmented organ that holds an alteration."""
        for fact in facts:
            within = fact.location.within if fact.location is not None else None
            if within is not None and within.terminology is not None:
                return within.terminology.type, within.terminology.modifier
        return site_of(structure.terminology)

    def _algorithm(self, weight: str) -> Any:
        from highdicom.sr import AlgorithmIdentification
        from pydicom.sr.codedict import codes

        # A measure of several structures names all weights that it takes.
        versions = [self.makers[name].weight_version for name in weight.split("+") if name in self.makers]
        return AlgorithmIdentification(
            name=weight,
            version=" + ".join(versions) or self.makers[""].version,
            family=codes.DCM.ArtificialIntelligence,
        )

    def _images(self) -> list[Any]:
        """The images that a statement about the whole image rests on."""
        from highdicom.sr import SourceImageForMeasurementGroup

        return [
            SourceImageForMeasurementGroup(str(header.SOPClassUID), str(header.SOPInstanceUID))
            for header in self.source.headers
        ]

    @staticmethod
    def _tracking(identifier: str, known: tuple[str, str] | None = None) -> Any:
        from highdicom.sr import TrackingIdentifier

        uid, name = known or (new_uid(), identifier[:64])
        return TrackingIdentifier(uid=uid, identifier=name)

    @staticmethod
    def _noted(group: Any, more: str = "") -> Any:
        """A group with the words that no result leaves this project without."""
        from highdicom.sr import TextContentItem
        from pydicom.sr.codedict import codes

        text = f"{DISCLAIMER} {more}".strip()
        group[0].ContentSequence.append(TextContentItem(codes.DCM.Comment, text, relationship_type="CONTAINS"))
        return group


def _decimal(value: float) -> float:
    """A number with the digits that a DICOM decimal string (16 characters) can hold."""
    return float(f"{value:.6g}")
