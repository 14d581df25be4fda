"""DICOM results: segmentations, measurements and reports in the study of the images, read back by other programs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import highdicom
import numpy as np
import pydicom
import pytest
from conftest import SHA256, run_of
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from test_cli import a_picture, assert_one_sentence, medprompt, some_weights  # noqa: F401

from MedPromptLib.catalog import Structure
from MedPromptLib.errors import InvalidInput
from MedPromptLib.images import MedicalImage, read_image
from MedPromptLib.reporting.dicom_out import write_dicom
from MedPromptLib.reporting.dicom_seg import Maker, make_seg
from MedPromptLib.reporting.dicom_source import labels_on_source, read_source
from MedPromptLib.results import Run, Segmentation

TOOLS = Path(sys.executable).parent
PDF = b"%PDF-1.4\n% a report\n%%EOF"


def sample(name: str) -> Path:
    return Path(str(get_testdata_file(name, download=False)))


@pytest.fixture(scope="module")
def a_ct_series() -> Path:
    """Folder with four CT slices of one series, of pydicom's samples."""
    return sample("CT_small.dcm").parent / "dicomdirtests" / "77654033" / "CT2"


def a_run(image: MedicalImage, structures: Sequence[Structure]) -> Run:
    """Two irregular structures that touch each other, an empty one, and a classification."""
    k, j, i = np.indices(image.shape)
    labels = np.zeros(image.shape, np.uint8)
    near = (j < 40) & (i < 50)
    labels[near & ((j + 2 * i + k) % 7 < 2)] = 1
    labels[near & ((j + i) % 11 == 5)] = 2
    segmentation = Segmentation(1, "lungs_ct", SHA256, labels, tuple(structures), {"right lung": 0.93})
    return run_of(image, segmentation, "segment the lungs and the heart")


def an_oblique_series(folder: Path, source: Path) -> Path:
    """The slices of a series, turned by 30° and 20°, named against their order, with a name in Latin letters."""
    a, b = np.deg2rad(30), np.deg2rad(20)
    across = np.array([np.cos(a), np.sin(a), 0])
    down = np.array([-np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), np.sin(b)])
    normal = np.cross(across, down)
    for n, path in enumerate(sorted(source.iterdir())):
        header = pydicom.dcmread(path)
        header.SpecificCharacterSet, header.PatientName = "ISO_IR 100", "Müller^Jürgen"
        header.ImageOrientationPatient = [round(float(v), 6) for v in (*across, *down)]
        header.ImagePositionPatient = [round(float(v), 4) for v in 3.5 * n * normal + (10, -20, 30)]
        header.PixelData = np.random.default_rng(n).integers(0, 900, (header.Rows, header.Columns), np.int16).tobytes()
        header.save_as(folder / f"{9 - n}.dcm")
    return folder


def a_small_film(folder: Path, film: Path) -> Path:
    """The middle of a radiograph, with its header."""
    header = pydicom.dcmread(film)
    part = np.ascontiguousarray(header.pixel_array[600:750, 500:700])
    header.Rows, header.Columns = part.shape
    header.PixelData = part.tobytes()
    header.save_as(folder / "film.dcm")
    return folder / "film.dcm"


def errors_of(path: Path) -> list[str]:
    """What David Clunie's validator calls an error."""
    said = subprocess.run([TOOLS / "dciodvfy", "-new", path], capture_output=True, text=True, check=False)
    assert "Comprehensive3DSR" in said.stderr or "Segmentation" in said.stderr or "EncapsulatedPDF" in said.stderr
    return [line for line in said.stderr.splitlines() if line.startswith("Error")]


def labels_of(seg_file: Path, run: Run, source: Path) -> np.ndarray:
    """A SEG's labels on the run's grid, by highdicom and the segments' labels."""
    series = read_source(source)
    seg = highdicom.seg.segread(seg_file)
    numbers = {str(s.SegmentLabel): int(s.SegmentNumber) for s in seg.SegmentSequence}
    stored = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    found = np.zeros((len(series.frames), seg.Rows, seg.Columns), np.uint8)
    for frame, group in zip(stored, seg.PerFrameFunctionalGroupsSequence, strict=True):
        origin = group.DerivationImageSequence[0].SourceImageSequence[0]
        k = next(
            n
            for n, f in enumerate(series.frames)
            if series.header_of(n).SOPInstanceUID == origin.ReferencedSOPInstanceUID
            and (not series.multiframe or f.index + 1 == origin.ReferencedFrameNumber)
        )
        if series.placed:
            position = group.PlanePositionSequence[0].ImagePositionPatient
            assert series.frames[k].position == pytest.approx([float(v) for v in position], abs=1e-3)
        number = int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        structure = next(s for s in run.segmentations[0].structures if numbers.get(s.name) == number)
        assert not found[k][frame > 0].any()
        found[k][frame > 0] = structure.label
    return found


@pytest.mark.parametrize(
    "kind", ["ct series", "oblique series", "enhanced multi-frame", "film", "colour ultrasound", "big endian"]
)
def test_every_kind_of_source_gives_valid_objects_with_the_same_voxels(
    kind: str, a_ct_series: Path, a_radiograph_file: Path, three_structures, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    source = {
        "ct series": lambda: a_ct_series,
        "oblique series": lambda: an_oblique_series(tmp_path / "in", a_ct_series),
        "enhanced multi-frame": lambda: sample("eCT_Supplemental.dcm"),
        "film": lambda: a_small_film(tmp_path / "in", a_radiograph_file),
        "colour ultrasound": lambda: sample("examples_rgb_color.dcm"),
        "big endian": lambda: sample("MR_small_bigendian.dcm"),
    }[kind]()
    run = a_run(read_image(source), three_structures)
    written = write_dicom(run, source, tmp_path / "out", pdf=PDF)
    assert [p.name for p in written] == ["seg_1_lungs_ct.dcm", "sr.dcm", "report.dcm"]
    assert [error for path in written for error in errors_of(path)] == []
    assert np.array_equal(labels_of(written[0], run, source), run.segmentations[0].labels)
    original = read_source(source).first
    objects = [pydicom.dcmread(path) for path in written]
    for made in objects:
        for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "AccessionNumber"):
            assert str(made[keyword].value or "") == str(original[keyword].value or "")
    series = {str(made.SeriesInstanceUID) for made in objects} | {str(original.SeriesInstanceUID)}
    assert len(series) == 4
    assert objects[2].EncapsulatedDocument[: objects[2].EncapsulatedDocumentLength] == PDF


def test_dcmqi_reads_the_same_voxels_and_codes(a_ct_series: Path, three_structures, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    source = an_oblique_series(tmp_path / "in", a_ct_series)
    run = a_run(read_image(source), three_structures)
    seg, sr = write_dicom(run, source, tmp_path / "out")
    command = [TOOLS / "segimage2itkimage", "--inputDICOM", seg, "--outputDirectory", tmp_path, "-t", "nrrd"]
    subprocess.run([*command, "--mergeSegments"], check=True, capture_output=True)
    again = read_image(tmp_path / "1.nrrd")
    assert np.array_equal(labels_on_grid(again, run.image), run.segmentations[0].labels)
    segments = [
        entry for group in json.loads((tmp_path / "meta.json").read_text())["segmentAttributes"] for entry in group
    ]
    assert [(s["SegmentLabel"], s["SegmentedPropertyTypeCodeSequence"]["CodeValue"]) for s in segments] == [
        ("right lung", "39607008"),
        ("left lung", "39607008"),
    ]
    assert [s["SegmentedPropertyTypeModifierCodeSequence"]["CodeValue"] for s in segments] == ["24028007", "7771000"]
    report = tmp_path / "sr.json"
    subprocess.run(
        [TOOLS / "tid1500reader", "--inputDICOM", sr, "--outputMetadata", report], check=True, capture_output=True
    )
    groups = json.loads(report.read_text())["Measurements"]
    lung = next(g for g in groups if g["TrackingIdentifier"] == "lungs_ct: right lung")
    assert lung["TrackingUniqueIdentifier"] == segments[0]["TrackingUniqueIdentifier"]
    volume = next(m for m in lung["measurementItems"] if m["quantity"]["CodeValue"] == "118565006")
    inside = (run.segmentations[0].labels == 1).sum() * np.prod(run.image.spacing) / 1000
    assert float(volume["value"]) == pytest.approx(inside, rel=1e-4) and volume["units"]["CodeValue"] == "ml"


def labels_on_grid(read: MedicalImage, grid: MedicalImage) -> np.ndarray:
    """Labels that a reader may have cropped to what is not empty, on the whole grid."""
    step = np.linalg.inv(grid.ijk_to_ras) @ read.ijk_to_ras
    assert step[:3, :3] == pytest.approx(np.eye(3), abs=2e-3)
    i, j, k = np.rint(step[:3, 3]).astype(int)
    whole = np.zeros(grid.shape, np.uint8)
    nk, nj, ni = read.shape
    whole[k : k + nk, j : j + nj, i : i + ni] = read.array
    return whole


def test_the_measurement_report_says_what_was_found_and_what_was_not(
    a_ct_series: Path, three_structures, tmp_path: Path
) -> None:
    from pydicom.sr.codedict import codes

    run = a_run(read_image(a_ct_series), three_structures)
    write_dicom(run, a_ct_series, tmp_path)
    document = highdicom.sr.srread(tmp_path / "sr.dcm")
    assert document.PreliminaryFlag == "PRELIMINARY" and document.VerificationFlag == "UNVERIFIED"
    report = document.content
    lungs = report.get_volumetric_roi_measurement_groups(finding_type=codes.SCT.Lung)
    assert [str(g.finding_sites[0].laterality.value) for g in lungs] == ["24028007", "7771000"]
    seg = pydicom.dcmread(tmp_path / "seg_1_lungs_ct.dcm")
    assert {g.referenced_segment.referenced_sop_instance_uid for g in lungs} == {seg.SOPInstanceUID}
    (mean,) = [m for m in lungs[0].get_measurements(codes.DCM.AttenuationCoefficient) if m.derivation == codes.SCT.Mean]
    inside = run.image.array[run.segmentations[0].labels == 1].mean()
    assert mean.value == pytest.approx(inside, rel=1e-4) and mean.unit == codes.UCUM.HounsfieldUnit

    def answer(group):
        return next(e.value for e in group.get_qualitative_evaluations() if e.name == group.finding_type)

    groups = report.get_image_measurement_groups()
    by_finding = {str(g.finding_type.value): g for g in groups}
    tuberculosis, heart = by_finding["56717001"], by_finding["80891009"]
    assert answer(tuberculosis) == codes.SCT.Present and answer(heart) == codes.SCT.Absent
    (certainty,) = tuberculosis.get_measurements(codes.DCM.CertaintyOfFinding)
    assert certainty.value == 81.0 and certainty.unit == codes.UCUM.Percent
    assert all("research use" in str(g[0].ContentSequence[-1].TextValue) for g in groups)


def test_a_run_that_found_nothing_has_a_report_but_no_segmentation(
    a_ct_series: Path, three_structures, tmp_path: Path
) -> None:
    run = a_run(read_image(a_ct_series), three_structures)
    empty = replace(run.segmentations[0], labels=np.zeros_like(run.segmentations[0].labels))
    write_dicom(run, a_ct_series, tmp_path)
    told: list[str] = []
    written = write_dicom(replace(run, segmentations=(empty,)), a_ct_series, tmp_path, tell=told.append)
    assert [p.name for p in written] == ["sr.dcm"] and not list(tmp_path.glob("seg_*"))
    assert "nothing was found" in told[0] and errors_of(written[0]) == []


def test_more_structures_than_a_byte_can_count_become_as_many_segments(a_ct_series: Path, three_structures) -> None:
    source = read_source(a_ct_series)
    labels = np.arange(source.image.array.size, dtype=np.uint16).reshape(source.image.shape) % 301
    structures = [three_structures[0].model_copy(update={"name": f"part {n}", "label": n}) for n in range(1, 301)]
    made = make_seg(labels, structures, source, Maker("1", "many", "1"), series_number=9, series_uid=generate_uid())
    assert made is not None and len(made.dataset.SegmentSequence) == 300
    frames = made.dataset.pixel_array
    for number in (1, 255, 256, 300):
        voxels = sum(int(frames[n - 1].sum()) for n in made.frames[number])
        assert voxels == int((labels == number).sum())


def test_voxels_that_an_application_turned_come_back_to_their_files(a_ct_series: Path) -> None:
    source = read_source(a_ct_series)
    whole = source.image
    labels = (np.arange(whole.array.size).reshape(whole.shape) % 5).astype(np.uint8)
    matrix = whole.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, 2] * (whole.shape[0] - 1) + matrix[:3, 0] * (whole.shape[2] - 1)
    matrix[:3, :3] = np.stack([matrix[:3, 1], -matrix[:3, 0], -matrix[:3, 2]], axis=1)
    turn = lambda array: np.ascontiguousarray(np.swapaxes(array[::-1, :, ::-1], 1, 2))  # noqa: E731
    shown = MedicalImage(turn(whole.array), matrix, name="shown")
    assert np.array_equal(labels_on_source(turn(labels), shown, source), labels)
    other = replace(shown, array=shown.array + np.int16(50))
    with pytest.raises(InvalidInput, match="was not read from these"):
        labels_on_source(turn(labels), other, source)


def test_a_volume_of_a_slicer_scene_goes_back_into_its_study(
    a_ct_series: Path, a_slicer_scene, three_structures, tmp_path: Path, monkeypatch
) -> None:
    import slicer

    from MedPromptLib.scene import dicom_files_of_volume, image_to_volume, volume_to_image

    node = image_to_volume(replace(read_image(a_ct_series), sha256=""), a_slicer_scene)
    assert dicom_files_of_volume(node) == ()
    instances = {str(pydicom.dcmread(path).SOPInstanceUID): str(path) for path in sorted(a_ct_series.iterdir())}
    node.SetAttribute("DICOM.instanceUIDs", " ".join(instances))
    database = SimpleNamespace(fileForInstance=instances.get)
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    run = a_run(volume_to_image(node), three_structures)
    written = write_dicom(run, dicom_files_of_volume(node), tmp_path)
    assert np.array_equal(labels_of(written[0], run, a_ct_series), run.segmentations[0].labels)


def test_identity_is_the_images_own_and_burned_in_text_is_said(tmp_path: Path, three_structures) -> None:
    header = pydicom.dcmread(sample("CT_small.dcm"))
    header.PatientName = header.PatientID = "a1b2c3"
    header.PatientIdentityRemoved, header.DeidentificationMethod = "YES", "keyed pseudonyms"
    header.BurnedInAnnotation = "YES"
    header.add_new(0x00091001, "LO", "a private name")
    header.save_as(tmp_path / "in.dcm")
    told: list[str] = []
    run = a_run(read_image(tmp_path / "in.dcm"), three_structures)
    written = write_dicom(run, tmp_path / "in.dcm", tmp_path / "out", pdf=PDF, tell=told.append)
    for path in written:
        made = pydicom.dcmread(path)
        assert (made.PatientName, made.PatientID, made.PatientIdentityRemoved) == ("a1b2c3", "a1b2c3", "YES")
        assert b"private name" not in path.read_bytes()
    assert pydicom.dcmread(written[-1]).BurnedInAnnotation == "YES" and "burned into" in told[0]


def test_what_cannot_be_derived_from_is_refused_in_one_sentence(
    a_ct_series: Path, three_structures, tmp_path: Path
) -> None:
    run = a_run(read_image(a_ct_series), three_structures)
    with pytest.raises(InvalidInput, match="was not read from these DICOM files"):
        write_dicom(run, sample("CT_small.dcm"), tmp_path / "out")
    header = pydicom.dcmread(sample("CT_small.dcm"), stop_before_pixels=False)
    del header.SOPInstanceUID
    del header.file_meta.MediaStorageSOPInstanceUID
    header.save_as(tmp_path / "no_name.dcm", enforce_file_format=False)
    with pytest.raises(InvalidInput, match="without SOPInstanceUID, it cannot be referred to"):
        read_source(tmp_path / "no_name.dcm")
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    with pytest.raises(InvalidInput, match="is not DICOM"):
        read_source(picture)
    assert not (tmp_path / "out").exists()


def test_images_whose_identifiers_were_emptied_get_results_that_fit_each_other(
    a_ct_series: Path, three_structures, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for path in a_ct_series.iterdir():
        header = pydicom.dcmread(path)
        header.StudyInstanceUID = header.SeriesInstanceUID = header.SOPInstanceUID = header.SOPClassUID = ""
        header.save_as(tmp_path / "in" / path.name)
    told: list[str] = []
    run = a_run(read_image(tmp_path / "in"), three_structures)
    seg, sr = write_dicom(run, tmp_path / "in", tmp_path / "out", tell=told.append)
    assert len(told) == 2 and "name no study" in told[0] and "name no series" in told[1]
    assert errors_of(seg) == [] and errors_of(sr) == []
    assert np.array_equal(labels_of(seg, run, tmp_path / "in"), run.segmentations[0].labels)
    studies = {str(pydicom.dcmread(path).StudyInstanceUID) for path in (seg, sr)}
    assert studies == {str(read_source(tmp_path / "in").first.StudyInstanceUID)}


def test_frames_without_a_place_give_measurements_alone(three_structures, tmp_path: Path) -> None:
    source = sample("examples_ybr_color.dcm")
    image = read_image(source)
    told: list[str] = []
    written = write_dicom(a_run(image, three_structures), source, tmp_path, tell=told.append)
    assert [p.name for p in written] == ["sr.dcm"] and "have no position" in told[0]
    assert errors_of(written[0]) == []


def test_the_commands_write_dicom_beside_a_run(medprompt, a_radiograph_file, tmp_path) -> None:  # noqa: F811
    film, out = a_small_film(tmp_path, a_radiograph_file), tmp_path / "run"
    prompt = "Segment the lungs on this chest x-ray and check for tuberculosis."
    command = ["run", "--planner", "rules", "--prompt", prompt, "--out", out]
    options = ["--report", "--prose", "template", "--dicom-out"]
    code, shown, err = medprompt(*command, "--input", film, *options)
    assert code == 0, err
    first = sorted((out / "dicom").iterdir())
    assert {p.name for p in first} >= {"report.dcm", "sr.dcm"} and str(first[0]) in shown
    assert [error for path in first for error in errors_of(path)] == []
    document = pydicom.dcmread(out / "dicom" / "report.dcm")
    assert document.EncapsulatedDocument.startswith((out / "report.pdf").read_bytes()[:-1])
    code, _, err = medprompt("dicom", out, "--source", film, "--out", tmp_path / "again")
    assert code == 0, err
    assert [p.name for p in sorted((tmp_path / "again").iterdir())] == [p.name for p in first]
    for before in first:
        after = pydicom.dcmread(tmp_path / "again" / before.name)
        assert after.get("PixelData") == pydicom.dcmread(before).get("PixelData")
    code, _, err = medprompt(*command, "--input", out / "overview.png", "--dicom-out")
    assert_one_sentence(code, err, 2, "is not DICOM")
