"""Execution: conditions, input regions, measurements, cancellation."""

from __future__ import annotations

import numpy as np
import pytest
from weights_for_tests import a_card, write_weight

from MedPromptLib.catalog import Catalog
from MedPromptLib.errors import Cancelled, InvalidInput
from MedPromptLib.execution import Executor, triggers
from MedPromptLib.images import MedicalImage
from MedPromptLib.inference.engine import ModelCache
from MedPromptLib.measured import OperatingPoint
from MedPromptLib.plan import Condition, Intent, Plan, Status, Task
from MedPromptLib.results import decided_class, decision_note
from MedPromptLib.routing import Router

TB = {"target": "tuberculosis", "classes": ("normal", "tb", "other"), "positive": ("tb",)}


@pytest.fixture(scope="module")
def a_catalog(tmp_path_factory):
    """Weights whose answers are known: everything is right lung, nothing is lung, TB positive, TB negative."""
    root = tmp_path_factory.mktemp("weights")
    write_weight(root, a_card("all_seg_cxr", target="all"), bias=[0, 9, 0])
    write_weight(root, a_card("none_seg_cxr", target="none"), bias=[9, 0, 0])
    write_weight(root, a_card("yes_cls_cxr", **TB | {"target": "yes"}), bias=[0, 3, 0])
    write_weight(root, a_card("no_cls_cxr", **TB | {"target": "no"}), bias=[3, 0, 0])
    return Catalog.load([root])


@pytest.fixture
def an_image():
    array = np.random.default_rng(0).integers(0, 4000, (1, 50, 80), dtype=np.int16)
    return MedicalImage(array, np.diag([0.5, 0.25, 2.0, 1.0]), name="film")


def run(catalog, image, *tasks, **options):
    plan = Plan(prompt="a prompt", status=Status.OK, pipeline=tasks)
    routed = Router(catalog.abilities).route(plan)
    return Executor(catalog, ModelCache(catalog), "cpu").run(routed, image, **options)


def segmenting(number, target, **more):
    return Task(id=number, intent=Intent.SEGMENTATION, target=target, **more)


def classifying(number, target, **more):
    return Task(id=number, intent=Intent.CLASSIFICATION, target=target, **more)


def states(result):
    return [record.state for record in result.provenance.tasks]


def test_a_positive_classification_runs_the_dependent_segmentation(a_catalog, an_image):
    result = run(a_catalog, an_image, classifying(1, "yes"), segmenting(2, "all", condition_on=Condition(task_id=1)))
    assert states(result) == ["done", "done"]
    assert result.classifications[0].is_positive


def test_a_negative_classification_skips_the_dependent_segmentation(a_catalog, an_image):
    result = run(a_catalog, an_image, classifying(1, "no"), segmenting(2, "all", condition_on=Condition(task_id=1)))
    assert states(result) == ["done", "skipped"]
    assert result.provenance.tasks[1].reason == "Task 1 gave 'normal'; 'positive' was the condition."
    assert not result.segmentations


@pytest.mark.parametrize(
    ("expected", "execution", "runs"),
    [
        ("positive", "Negative", True),
        ("negative", "Positive", True),
        ("normal", "Positive", True),
        ("not tb", "Positive", True),
        ("tb", "Negative", True),
        ("tb", "Positive", False),
        ("other", "Positive", False),
        ("not normal", "Positive", False),
    ],
)
def test_what_a_normal_result_makes_run(a_catalog, an_image, expected, execution, runs):
    condition = Condition(task_id=1, expected_result=expected, execution=execution)
    result = run(a_catalog, an_image, classifying(1, "no"), segmenting(2, "all", condition_on=condition))
    assert states(result)[1] == ("done" if runs else "skipped")


def test_a_skipped_task_skips_what_depends_on_it(a_catalog, an_image):
    result = run(
        a_catalog,
        an_image,
        classifying(1, "no"),
        classifying(2, "yes", condition_on=Condition(task_id=1)),
        segmenting(3, "all", condition_on=Condition(task_id=2)),
    )
    assert states(result) == ["done", "skipped", "skipped"]
    assert result.provenance.tasks[2].reason == "Task 2, on which it depends, did not run."


@pytest.mark.parametrize(
    ("target", "smallest", "runs"), [("all", 0, True), ("none", 0, False), ("all", 4.9, True), ("all", 5.1, False)]
)
def test_a_condition_on_a_segmentation_is_that_it_found_enough(a_catalog, an_image, target, smallest, runs):
    # the film is 50 × 80 pixels of 0.5 × 0.25 mm = 5 cm²
    condition = Condition(task_id=1, minimum_size=smallest)
    result = run(a_catalog, an_image, segmenting(1, target), classifying(2, "yes", condition_on=condition))
    assert states(result)[1] == ("done" if runs else "skipped")


def test_a_size_cannot_be_a_condition_without_pixel_spacing(a_catalog, an_image):
    image = MedicalImage(an_image.array, an_image.ijk_to_ras, name="photo", spacing_known=False)
    condition = Condition(task_id=1, minimum_size=1)
    with pytest.raises(InvalidInput, match="'photo' has no pixel spacing"):
        run(a_catalog, image, segmenting(1, "all"), classifying(2, "yes", condition_on=condition))


def test_a_classification_can_look_at_a_segmented_region_but_not_at_an_empty_one(a_catalog, an_image):
    looked = run(a_catalog, an_image, segmenting(1, "all"), classifying(2, "yes", dependency=1))
    assert looked.classifications[0].region_task == 1
    empty = run(a_catalog, an_image, segmenting(1, "none"), classifying(2, "yes", dependency=1))
    assert empty.provenance.tasks[1].reason == "Task 1, whose result is its input region, found nothing."


def test_only_the_wanted_structures_are_kept(a_catalog, an_image):
    result = run(a_catalog, an_image, segmenting(1, "all", structures=("left lung",)))
    assert [s.name for s in result.segmentations[0].structures] == ["left lung"]
    assert not result.segmentations[0].labels.any()
    assert result.provenance.findings[0].result == "nothing found"


def test_sizes_are_in_mm2_for_a_slice_and_in_ml_for_a_volume(a_catalog, an_image, tmp_path):
    film = run(a_catalog, an_image, segmenting(1, "all")).provenance.findings[0]
    assert (film.area_mm2, film.volume_ml, film.pixels) == (500.0, None, 4000)
    assert film.mean_intensity == pytest.approx(an_image.array.mean(), abs=1e-3)
    card = a_card("all_seg_cxr", target="all")
    recipe = card.preprocessing.model_copy(update={"volumes": "slices"})
    write_weight(tmp_path, card.model_copy(update={"preprocessing": recipe}), bias=[0, 9, 0])
    stack = MedicalImage(np.repeat(an_image.array, 3, axis=0), an_image.ijk_to_ras)
    volume = run(Catalog.load([tmp_path]), stack, segmenting(1, "all")).provenance.findings[0]
    assert (volume.area_mm2, volume.volume_ml) == (None, 3.0)


def test_sizes_are_left_out_when_the_spacing_is_unknown(a_catalog, an_image):
    image = MedicalImage(an_image.array, an_image.ijk_to_ras, spacing_known=False)
    row = run(a_catalog, image, segmenting(1, "all")).provenance.findings[0]
    assert (row.area_mm2, row.volume_ml, row.pixels) == (None, None, 4000)


def test_a_volume_is_refused_by_a_weight_for_single_images(a_catalog, an_image):
    stack = MedicalImage(np.repeat(an_image.array, 3, axis=0), an_image.ijk_to_ras, name="stack")
    with pytest.raises(InvalidInput, match="'stack' has 3 slices; choose one"):
        run(a_catalog, stack, segmenting(1, "all"))


def test_cancelling_stops_between_steps_and_returns_nothing(a_catalog, an_image):
    events = []
    with pytest.raises(Cancelled):
        run(
            a_catalog,
            an_image,
            segmenting(1, "all"),
            classifying(2, "yes"),
            progress=events.append,
            cancelled=lambda: any(event.task_id == 1 for event in events),
        )
    assert [event.task_id for event in events] == [1]


def test_progress_goes_from_nothing_to_all(a_catalog, an_image):
    events = []
    run(a_catalog, an_image, segmenting(1, "all"), classifying(2, "yes"), progress=events.append)
    assert [event.done for event in events] == [0.0, 0.5, 1.0]
    assert events[0].message == "Segmenting all with all_seg_cxr"


def test_the_record_names_everything_needed_to_repeat_the_run(a_catalog, an_image):
    record = run(a_catalog, an_image, segmenting(1, "all"), classifying(2, "yes")).provenance
    assert set(record.weights) == {"all_seg_cxr", "yes_cls_cxr"}
    assert record.weights["all_seg_cxr"] == a_catalog.card("all_seg_cxr").file.sha256
    assert {"torch", "numpy", "python"} <= record.versions.keys()
    assert record.plan.pipeline[0].target == "all"
    assert type(record).model_validate_json(record.model_dump_json()) == record


def test_the_same_run_gives_the_same_numbers(a_catalog, an_image):
    one, two = (run(a_catalog, an_image, segmenting(1, "all"), classifying(2, "yes")) for _ in range(2))
    assert one.provenance.findings == two.provenance.findings
    assert np.array_equal(one.segmentations[0].labels, two.segmentations[0].labels)


@pytest.mark.parametrize(
    ("threshold", "label", "dependent"),
    [(None, "normal", "skipped"), (0.55, "bacterial", "done"), (0.75, "normal", "skipped")],
)
def test_the_operating_point_decides_result_condition_and_table_alike(an_image, tmp_path, threshold, label, dependent):
    point = threshold and OperatingPoint(
        threshold=threshold,
        rule="a test",
        dataset="d",
        split="val",
        images=9,
        positives=4,
        date="2026-01-01",
        command="",
    )
    classes = {"target": "pneumonia", "classes": ("normal", "bacterial", "viral"), "positive": ("bacterial", "viral")}
    card = a_card("type_cls_cxr", **classes, operating_point=point)
    write_weight(tmp_path, card, bias=list(np.log([0.4, 0.35, 0.25])))
    write_weight(tmp_path, a_card("all_seg_cxr", target="all"), bias=[0, 9, 0])
    condition = Condition(task_id=1)
    tasks = classifying(1, "pneumonia"), segmenting(2, "all", condition_on=condition)
    result = run(Catalog.load([tmp_path]), an_image, *tasks)
    answer, row = result.classifications[0], result.provenance.findings[0]
    assert (answer.label, row.result, states(result)[1]) == (label, label, dependent)
    assert answer.is_positive == (dependent == "done") == (answer.label in answer.positive)
    assert answer.finding_probability == pytest.approx(0.6, abs=0.01)
    assert row.threshold == threshold
    assert bool(decision_note(row)) == (threshold is not None)


def test_the_reported_class_never_contradicts_the_decision():
    for p in np.random.default_rng(0).dirichlet(np.ones(4), 500):
        probabilities = dict(zip("abcd", map(float, p), strict=True))
        for threshold in (0.05, 0.3, 0.5, 0.9):
            found = probabilities["b"] + probabilities["d"] >= threshold
            label = decided_class(probabilities, ("b", "d"), threshold)
            assert (label in "bd") == found
            assert probabilities[label] == max(probabilities[name] for name in ("bd" if found else "ac"))
        assert decided_class(probabilities, ("b", "d"), None) == max(probabilities, key=probabilities.get)


def test_a_class_the_weight_never_says_is_refused(a_catalog):
    with pytest.raises(InvalidInput, match="waits for 'covid', which 'no_cls_cxr' never says"):
        triggers("covid", a_catalog.card("no_cls_cxr"))
