"""What is measured in a run: sizes with their intervals, sides, places, the cardiothoracic ratio, comparisons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SHA256, run_of
from pydantic import ValidationError

from MedPromptLib.catalog import Catalog, Code, Structure, Terminology
from MedPromptLib.errors import InvalidInput
from MedPromptLib.images import LPS_TO_RAS, MedicalImage
from MedPromptLib.reporting.facts import FindingsSet, Measure, Quantity, Side, Unit, certainty_of, load_findings
from MedPromptLib.reporting.geometry import components_of, extent_of, longest_diameter
from MedPromptLib.reporting.measuring import measure
from MedPromptLib.results import Run, Segmentation


def an_image(rows: int = 300, columns: int = 300, spacing: float = 0.5, **more: object) -> MedicalImage:
    matrix = LPS_TO_RAS @ np.diag([spacing, spacing, 1.0, 1.0])
    values = np.random.default_rng(0).integers(0, 255, (1, rows, columns), dtype=np.uint8)
    return MedicalImage(values, matrix, **{"name": "film", "modality": "chest x-ray", **more})  # type: ignore[arg-type]


def a_disc(image: MedicalImage, j: float, i: float, radius: float) -> np.ndarray:
    jj, ii = np.indices(image.shape[1:])
    return (((jj - j) ** 2 + (ii - i) ** 2) < radius**2)[None]


def a_lesion(label: int = 1) -> Structure:
    altered = Code(scheme="SCT", value="49755003", meaning="Morphologically Altered Structure")
    mass = Code(scheme="SCT", value="4147007", meaning="Mass")
    return Structure(
        name="lung lesion", label=label, terminology=Terminology(category=altered, type=mass), color=(1, 1, 0)
    )


def quantities(findings: FindingsSet, words: str) -> dict[Measure, Quantity]:
    return {
        f.quantity.measure: f.quantity
        for f in findings.facts
        if f.quantity and f.subject.words == words and f.kind == "measurement"
    }


@pytest.fixture
def a_film_run(three_structures: tuple[Structure, ...]) -> Run:
    """A film of 0.5 mm with lungs and heart as discs of known size, the right lung on the picture's left."""
    image = an_image()
    labels = np.zeros(image.shape, np.uint8)
    labels[a_disc(image, 150, 80, 60)] = 1
    labels[a_disc(image, 150, 220, 50)] = 2
    labels[a_disc(image, 200, 150, 20)] = 3
    return run_of(image, Segmentation(1, "lungs_cxr", SHA256, labels, three_structures, {}), "lungs")


def test_a_disc_has_its_area_and_diameter_within_the_stated_interval(a_film_run: Run) -> None:
    found = quantities(measure(a_film_run), "right lung")
    area, diameter = found[Measure.AREA], found[Measure.DIAMETER]
    assert area.unit is Unit.CM2 and area.low is not None and area.high is not None
    assert area.low <= np.pi * 3.0**2 <= area.high
    assert area.value == pytest.approx(np.pi * 3.0**2, rel=0.01)
    assert diameter.unit is Unit.MM
    assert diameter.value == pytest.approx(60, abs=1)
    assert found[Measure.COMPONENTS].value == 1


def test_the_interval_is_what_half_a_pixel_inside_and_outside_give() -> None:
    image = an_image(20, 20, 1.0)
    square = np.zeros(image.shape, bool)
    square[0, 5:15, 5:15] = True
    extent = extent_of(square, image, 0.5)
    assert (extent.count, extent.low) == (100, 64)
    assert extent.high == 140  # four sides of ten pixels; the corners are farther away than half a pixel


def test_a_coarser_network_grid_widens_the_interval(a_film_run: Run) -> None:
    image = a_film_run.image
    mask = a_disc(image, 150, 150, 60)
    fine, coarse = extent_of(mask, image, 0.25), extent_of(mask, image, 1.0)
    assert coarse.low < fine.low < fine.count < fine.high < coarse.high


def test_sizes_without_spacing_are_in_pixels_and_it_is_said(a_film_run: Run) -> None:
    run = replace(a_film_run, image=replace(a_film_run.image, spacing_known=False))
    findings = measure(run)
    units = {f.quantity.unit for f in findings.facts if f.quantity and f.quantity.measure is not Measure.PROBABILITY}
    assert units <= {Unit.PIXELS, Unit.NONE, Unit.PERCENT}
    assert "no_spacing" in {r.kind for r in findings.remarks}
    assert quantities(findings, "right lung")[Measure.AREA].value == (run.segmentations[0].labels == 1).sum()


def test_a_volume_is_measured_in_millilitres(a_run: Run) -> None:
    found = quantities(measure(a_run), "right lung")
    voxels = int((a_run.segmentations[0].labels == 1).sum())
    assert found[Measure.VOLUME].unit is Unit.ML
    assert found[Measure.VOLUME].value == pytest.approx(voxels * np.prod(a_run.image.spacing) / 1000)


def test_an_empty_structure_is_said_to_be_absent_and_has_no_size(a_run: Run) -> None:
    facts = [f for f in measure(a_run).facts if f.subject.words == "heart"]
    assert [(f.kind, f.present) for f in facts] == [("outline", False)]


def test_the_cardiothoracic_ratio_is_heart_over_thorax(a_film_run: Run) -> None:
    findings = measure(a_film_run)
    ratio = quantities(findings, "heart")[Measure.CARDIOTHORACIC_RATIO]
    # 39 columns of the heart; lungs from 21 to 269 in the row of their centres
    assert ratio.value == pytest.approx(39 / 249, abs=0.002)
    assert ratio.low is not None and ratio.low < ratio.value < ratio.high  # type: ignore[operator]
    assert "Danzer" in ratio.definition


@pytest.mark.parametrize("modality", ["ct", "breast ultrasound", None])
def test_there_is_no_cardiothoracic_ratio_but_on_a_film(a_film_run: Run, modality: str | None) -> None:
    run = replace(a_film_run, image=replace(a_film_run.image, modality=modality))
    assert Measure.CARDIOTHORACIC_RATIO not in quantities(measure(run), "heart")


def test_asymmetry_is_positive_where_the_right_one_is_larger(a_film_run: Run) -> None:
    value = quantities(measure(a_film_run), "lung")[Measure.ASYMMETRY].value
    assert value == pytest.approx(200 * (60**2 - 50**2) / (60**2 + 50**2), abs=1)


def test_a_mirrored_film_is_noticed(a_film_run: Run) -> None:
    assert "mirrored" not in {r.kind for r in measure(a_film_run).remarks}
    [segmentation] = a_film_run.segmentations
    turned = replace(segmentation, labels=segmentation.labels[:, :, ::-1].copy())
    assert "mirrored" in {r.kind for r in measure(replace(a_film_run, segmentations=(turned,))).remarks}


@pytest.mark.parametrize(
    ("row", "column", "within", "vertical"),
    [(110, 80, "right lung", "upper"), (150, 230, "left lung", "middle"), (190, 215, "left lung", "lower")],
)
def test_a_lesion_is_placed_in_the_lung_that_holds_it(
    a_film_run: Run, row: int, column: int, within: str, vertical: str
) -> None:
    labels = a_disc(a_film_run.image, row, column, 5).astype(np.uint8)
    lesion = Segmentation(4, "lesion_cxr", SHA256, labels, (a_lesion(),), {})
    run = replace(a_film_run, segmentations=(*a_film_run.segmentations, lesion))
    [fact] = [f for f in measure(run).facts if f.kind == "location"]
    assert fact.location is not None and fact.location.within is not None
    assert (fact.location.within.words, fact.location.vertical) == (within, vertical)


def test_a_lesion_outside_all_organs_is_placed_in_the_image_by_the_patients_sides(a_film_run: Run) -> None:
    labels = a_disc(a_film_run.image, 20, 20, 5).astype(np.uint8)
    run = replace(a_film_run, segmentations=(Segmentation(4, "l", SHA256, labels, (a_lesion(),), {}),))
    [fact] = [f for f in measure(run).facts if f.kind == "location"]
    assert fact.location is not None
    assert (fact.location.frame, fact.location.vertical, fact.location.horizontal) == ("patient", "upper", "right")
    ultrasound = replace(run, image=replace(run.image, modality="breast ultrasound"))
    [fact] = [f for f in measure(ultrasound).facts if f.kind == "location"]
    assert fact.location is not None and (fact.location.frame, fact.location.horizontal) == ("image", "left")


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_place_in_a_volume_follows_its_geometry(mirrored: bool) -> None:
    matrix = np.diag([-1.0 if mirrored else 1.0, 1.0, 2.0, 1.0])
    image = MedicalImage(np.zeros((30, 40, 50), np.int16), matrix, modality="ct")
    labels = np.zeros(image.shape, np.uint8)
    labels[26:29, 18:22, 44:48] = 1  # high k is up; high i is the patient's right where the first axis grows to R
    run = run_of(image, Segmentation(1, "l", SHA256, labels, (a_lesion(),), {}), "x")
    [fact] = [f for f in measure(run).facts if f.kind == "location"]
    assert fact.location is not None
    assert (fact.location.vertical, fact.location.horizontal) == ("upper", "left" if mirrored else "right")


def test_a_prior_run_tells_what_grew_beyond_the_intervals(a_film_run: Run) -> None:
    [segmentation] = a_film_run.segmentations
    smaller = segmentation.labels.copy()
    smaller[(smaller == 1) & ~a_disc(a_film_run.image, 150, 80, 40)] = 0
    before = measure(replace(a_film_run, segmentations=(replace(segmentation, labels=smaller),)))
    changes = {
        (f.subject.words, f.quantity.measure): f.change
        for f in measure(a_film_run, prior=before, prior_name="earlier").facts
        if f.kind == "comparison" and f.quantity
    }
    grown = changes["right lung", Measure.AREA]
    assert grown is not None and grown.direction == "larger"
    assert grown.percent == pytest.approx(100 * (60**2 / 40**2 - 1), abs=3)
    same = changes["left lung", Measure.AREA]
    assert same is not None and (same.direction, same.percent) == ("unchanged", 0)


def test_another_weight_or_pixels_are_not_compared(a_film_run: Run) -> None:
    [segmentation] = a_film_run.segmentations
    other = replace(a_film_run, segmentations=(replace(segmentation, weight_sha256="f" * 64),))
    findings = measure(a_film_run, prior=measure(other))
    assert not [f for f in findings.facts if f.kind == "comparison"]
    assert {"other_weight"} <= {r.kind for r in findings.remarks}
    pixels = replace(a_film_run, image=replace(a_film_run.image, spacing_known=False))
    findings = measure(pixels, prior=measure(pixels))
    compared = {f.quantity.measure for f in findings.facts if f.kind == "comparison" and f.quantity}
    assert compared == {Measure.CARDIOTHORACIC_RATIO}
    assert "pixels" in {r.kind for r in findings.remarks}


def test_a_presence_has_the_decision_of_the_operating_point_and_its_source(a_run: Run) -> None:
    [fact] = [f for f in measure(a_run).facts if f.kind == "presence"]
    assert (fact.present, fact.certainty, fact.subject.name) == (True, "moderate", "tuberculosis")
    assert fact.quantity is not None and fact.quantity.value == pytest.approx(81)
    assert (fact.threshold, fact.source.weight_id, fact.source.weight_sha256) == (35, "tb_cxr", SHA256)


def test_tasks_that_did_not_run_are_kept_with_their_reason(a_run: Run) -> None:
    [left_out] = measure(a_run).not_done
    assert left_out.what == "segmentation of tuberculosis lesions" and "task 3 waits for" in left_out.reason


@pytest.mark.parametrize(("probability", "word"), [(0.9, "high"), (0.89, "moderate"), (0.7, "moderate"), (0.69, "low")])
def test_certainty_has_three_words(probability: float, word: str) -> None:
    assert certainty_of(probability) == word


def test_components_and_diameter_of_two_far_parts() -> None:
    image = an_image(100, 100, 1.0)
    mask = a_disc(image, 10, 10, 3) | a_disc(image, 90, 90, 3)
    assert components_of(mask) == 2
    assert longest_diameter(mask, image) == pytest.approx(np.hypot(84, 84) + 1, abs=2)


def test_findings_survive_their_file_and_bad_ones_are_one_sentence(a_run: Run, tmp_path: Path) -> None:
    findings = measure(a_run)
    path = tmp_path / "findings.json"
    path.write_text(findings.model_dump_json(), encoding="utf-8")
    assert load_findings(path) == findings
    path.write_text(path.read_text().replace('"schema_version":1', '"schema_version":9'))
    with pytest.raises(InvalidInput, match="schema_version"):
        load_findings(path)
    with pytest.raises(ValidationError, match="does not lie between"):
        Quantity(measure=Measure.AREA, value=5, low=6, high=7, uncertainty="")


def test_a_real_radiograph_is_measured_with_the_real_weights(a_radiograph: MedicalImage) -> None:
    from MedPromptLib.planner import RulePlanner
    from MedPromptLib.session import Session

    session = Session(planner=RulePlanner())
    run = session.analyze(
        a_radiograph,
        "Segment the lungs and the heart on this chest x-ray. Check it for pneumonia.",
        device="cpu",
        confirm=lambda verdict: True,
        accept_unusual_input=True,
    )
    findings = measure(run, Catalog.load())
    ratio = quantities(findings, "heart")[Measure.CARDIOTHORACIC_RATIO]
    assert 0.35 < ratio.value < 0.65
    sides = {f.subject.side for f in findings.facts if f.subject.name == "lung" and f.kind == "outline"}
    assert sides == {Side.RIGHT, Side.LEFT}
    assert "mirrored" not in {r.kind for r in findings.remarks}
    [presence] = [f for f in findings.facts if f.kind == "presence"]
    assert presence.quantity is not None and "expected calibration error 0.0" in presence.quantity.uncertainty
    assert all(f.source.weight_id and f.source.weight_sha256 for f in findings.facts)
