"""Reviewing without a panel: agreement of masks, decisions, cases on disk, training sets."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from MedPromptLib.errors import InvalidInput, OutputFailed
from MedPromptLib.images import MedicalImage
from MedPromptLib.outputs import write_outputs
from MedPromptLib.results import Run
from MedPromptLib.review import (
    Decision,
    Review,
    ReviewedCase,
    compare,
    export_training_set,
    find_cases,
    read_csv,
    write_csv,
)
from MedPromptLib.review.nodes import reviews_in_scene
from MedPromptLib.review.training_set import LabelMap, as_uint8, split_of
from MedPromptLib.scene import image_to_volume, open_scene_bundle, save_scene_bundle, write_run
from MedPromptLib.training.data import read_cases

Mask = npt.NDArray[np.bool_]


def blobs(shape: tuple[int, ...], seed: int) -> tuple[Mask, Mask]:
    """Two irregular, overlapping masks that also touch the border."""
    random = np.random.default_rng(seed)
    grid = np.indices(shape).astype(float)
    centre = np.array([n / 2.5 for n in shape]).reshape(-1, *[1] * len(shape))
    distance = np.sqrt((((grid - centre) / np.array(shape).reshape(centre.shape)) ** 2).sum(0))
    return tuple(  # type: ignore[return-value]
        distance + random.normal(0, 0.02, shape) < radius for radius in (0.38, 0.45)
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("shape", "spacing"), [((12, 20, 24), (3.0, 1.1, 0.7)), ((1, 40, 50), (1.0, 0.5, 0.8))])
def test_agreement_is_that_of_monai(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], seed: int
) -> None:
    import torch
    from monai.metrics import compute_dice, compute_hausdorff_distance

    a, b = blobs(shape, seed)
    flat = shape[0] == 1
    tensors = [torch.from_numpy((m[0] if flat else m).astype(np.float32))[None, None] for m in (a, b)]
    found = compare(a, b, spacing)
    expected = compute_hausdorff_distance(*tensors, percentile=95, spacing=list(spacing[1:] if flat else spacing))
    assert found.dice == pytest.approx(float(compute_dice(*tensors)[0, 0]), abs=1e-6)
    assert found.hd95 == pytest.approx(float(expected[0, 0]), rel=0.02)
    assert found.changed == int((a ^ b).sum())
    assert found.changed_volume == pytest.approx(found.changed * np.prod(spacing[1:] if flat else spacing))


def test_agreement_of_a_shifted_square_is_known() -> None:
    a, b = np.zeros((1, 30, 30), bool), np.zeros((1, 30, 30), bool)
    a[0, 5:15, 5:15] = True
    b[0, 5:15, 8:18] = True
    found = compare(a, b, (1.0, 2.0, 0.5))
    assert (found.dice, found.hd95, found.changed) == (pytest.approx(0.7), pytest.approx(1.5), 60)
    assert found.changed_volume == pytest.approx(60.0)


def test_agreement_with_nothing() -> None:
    empty, full = np.zeros((2, 4, 4), bool), np.ones((2, 4, 4), bool)
    assert dataclasses.astuple(compare(empty, empty)) == (1.0, None, 0, 0.0)
    assert compare(full, empty).dice == 0
    assert compare(full, empty).hd95 is None
    assert compare(full, full).hd95 == 0
    with pytest.raises(ValueError, match="different shapes"):
        compare(empty, empty[:1])


# ---------------------------------------------------------------------------------------------------------- decisions


def a_review(**changes: object) -> Review:
    values = {
        "case": "a",
        "task_id": 1,
        "kind": "segmentation",
        "item": "heart",
        "weight_id": "w",
        "weight_sha256": "s",
    }
    return Review.model_validate(values | changes)


def test_decisions_survive_a_csv(tmp_path: Path) -> None:
    reviews = (
        a_review(),
        a_review(
            case='ü, "b"', decision="edited", quality=4, comment="near, a\nrib", dice=0.91, hd95=2.5, hd95_unit="mm"
        ),
        a_review(kind="classification", result="normal", corrected="viral", decision="edited", decided_at="2026"),
    )
    path = write_csv(reviews, tmp_path / "reviews.csv")
    assert read_csv(path) == reviews
    assert [p.name for p in tmp_path.iterdir()] == ["reviews.csv"]


def test_a_csv_that_cannot_be_written_or_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="could not be written"):
        write_csv([a_review()], tmp_path / "nowhere" / "reviews.csv")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_csv(tmp_path / "bad.csv")


# ------------------------------------------------------------------------------------------------------- in the scene


def test_edits_in_an_oblique_volume_are_measured_in_mm_and_ml(a_slicer_scene: object, a_run: Run) -> None:
    import slicer

    volume = image_to_volume(a_run.image, a_slicer_scene)
    write_run(a_run, volume)
    (review,) = reviews_in_scene()
    assert [item.review.item for item in review.items] == ["right lung", "left lung", "heart", "tuberculosis"]
    item = review.begin_edit(0)
    before = slicer.util.arrayFromSegmentBinaryLabelmap(item.segmentation, item.segment_id, volume) > 0
    after = before.copy()
    after[2] = False
    slicer.util.updateSegmentBinaryLabelmapFromArray(after.astype(np.uint8), item.segmentation, item.segment_id, volume)
    found = review.finish_edit(0, "me")
    expected = compare(before, after, a_run.image.spacing)
    assert found.decision is Decision.EDITED
    assert found.dice == pytest.approx(expected.dice, abs=1e-4)
    assert found.hd95 == pytest.approx(expected.hd95, abs=1e-3)
    assert found.hd95_unit == "mm"
    assert found.changed_ml == pytest.approx(before[2].sum() * np.prod(a_run.image.spacing) / 1000, abs=1e-3)

    assert review.decide(0, Decision.REJECTED).dice is None
    assert review.decide(0, Decision.ACCEPTED).dice == found.dice, "accepting an edited mask is an edit"
    maps = review.label_maps()
    labels = maps[1, "lungs_ct"]
    assert labels.values == {"right lung": 1, "left lung": 2, "heart": 3}
    assert np.array_equal(labels.array == 1, after)


def test_decisions_survive_a_scene(a_slicer_scene: object, a_run: Run, tmp_path: Path) -> None:
    write_run(a_run, scene=a_slicer_scene)
    (review,) = reviews_in_scene()
    review.decide(0, Decision.ACCEPTED, "A. Reader")
    review.remark(0, comment="tab\tand\nline", quality=5)
    review.decide(3, Decision.EDITED, corrected="normal")
    with pytest.raises(InvalidInput, match="'cat' is no class of this result; it has: normal, tuberculosis"):
        review.decide(3, Decision.EDITED, corrected="cat")
    with pytest.raises(InvalidInput, match="not between 1"):
        review.remark(0, quality=6)
    kept = review.reviews
    save_scene_bundle(tmp_path / "kept.mrb", a_slicer_scene)
    with open_scene_bundle(tmp_path / "kept.mrb"):
        (again,) = reviews_in_scene()
        assert again.reviews == kept
        assert again.reviews[0].comment == "tab and line"
        assert again.reviews[3].corrected == "normal"
        assert again.provenance == a_run.provenance


def test_choosing_the_models_own_class_is_an_acceptance(a_slicer_scene: object, a_run: Run) -> None:
    write_run(a_run, scene=a_slicer_scene)
    (review,) = reviews_in_scene()
    chosen = review.decide(3, Decision.EDITED, corrected="tuberculosis")
    assert (chosen.decision, chosen.corrected) == (Decision.ACCEPTED, "")


def test_what_cannot_be_edited_says_why(a_slicer_scene: object, a_run: Run) -> None:
    write_run(a_run, scene=a_slicer_scene)
    (review,) = reviews_in_scene()
    with pytest.raises(InvalidInput, match="no segment in the scene"):
        review.begin_edit(3)
    with pytest.raises(InvalidInput, match="was not being edited"):
        review.finish_edit(0)


# ------------------------------------------------------------------------------------------------------------- cases


def test_cases_keep_reviews_and_masks_beside_the_results(a_run: Run, tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_outputs(a_run, tmp_path / name)
    (tmp_path / "no case").mkdir()
    cases = find_cases(tmp_path)
    assert [case.name for case in cases] == ["a", "b"]
    assert find_cases(tmp_path / "b") == (cases[1],)
    case = cases[0]
    assert not case.is_reviewed
    assert {review.decision for review in case.reviews()} == {Decision.PROPOSED}
    image = case.image()
    assert np.array_equal(np.sort(image.array, axis=None), np.sort(a_run.image.array, axis=None))

    labels = LabelMap(a_run.segmentations[0].labels, {"right lung": 1, "left lung": 2, "heart": 3})
    reviews = tuple(review.model_copy(update={"decision": Decision.ACCEPTED}) for review in case.reviews())
    case.save(reviews, {(1, "lungs_ct"): labels})
    assert case.is_reviewed
    assert case.reviews() == reviews
    back = case.label_map(1, "lungs_ct")
    assert back is not None
    assert np.array_equal(back.array, labels.array)
    assert back.values == labels.values
    assert case.label_map(9, "other") is None
    assert set(case.reviewed().label_maps) == {(1, "lungs_ct")}


def test_damaged_cases_are_one_sentence(a_run: Run, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There are no results in"):
        find_cases(tmp_path)
    with pytest.raises(InvalidInput, match="There are no results in"):
        find_cases(tmp_path / "nothing")
    write_outputs(a_run, tmp_path / "a")
    (case,) = find_cases(tmp_path)
    case.save(case.reviews(), {})
    (case.folder / "review" / "review.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidInput, match="decisions in .* cannot be read"):
        case.reviews()
    (case.folder / "scene.mrb").write_bytes(b"PK")
    with pytest.raises(InvalidInput, match="run the case again"):
        case.image()
    (case.folder / "run.json").write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"run\.json cannot be read"):
        case.provenance()


# ------------------------------------------------------------------------------------------------------ training sets


def a_case(name: str, *decisions: Decision, label: str = "") -> ReviewedCase:
    """An image with a mask of two structures, or with a class."""
    array = np.random.default_rng(len(name)).integers(0, 4000, (1, 32, 40), dtype=np.int16)
    image = MedicalImage(array, np.eye(4), name)
    if label:
        review = a_review(
            case=name, kind="classification", item="x", result=label, decision=decisions[0], weight_id="c"
        )
        return ReviewedCase(name, image, (review,), {})
    labels = np.zeros((1, 32, 40), np.uint8)
    labels[0, :9, :9], labels[0, 20:, 20:] = 1, 2
    reviews = tuple(a_review(case=name, item=f"s{n}", decision=d) for n, d in enumerate(decisions))
    return ReviewedCase(name, image, reviews, {(1, "w"): LabelMap(labels, {"s0": 1, "s1": 2})})


def test_only_what_is_decided_as_a_whole_becomes_training_data(tmp_path: Path) -> None:
    accepted, edited, rejected, proposed = Decision.ACCEPTED, Decision.EDITED, Decision.REJECTED, Decision.PROPOSED
    cases = [
        a_case("good one", accepted, edited),
        a_case("good/two", edited, edited),
        a_case("good_two", edited, edited),
        a_case("bad", accepted, rejected),
        a_case("open", proposed, accepted),
        a_case("class", accepted, label="sick"),
        a_case("no class", rejected, label="sick"),
    ]
    done = export_training_set(cases, tmp_path / "out")
    assert done.images == {"w": 2, "c": 1}
    assert done.left_out == [
        "good_two, w: there is another image named 'good_two'; rename the case.",
        "bad, w: s1 not accepted or edited.",
        "open, w: s0 not accepted or edited.",
        "no class, c: x not accepted or edited.",
    ]
    found = [read_cases(done.sets["w"], split) for split in ("train", "val")]
    assert sorted(name for part in found for name in part.ids) == ["good_one", "good_two"]
    assert all(image.dtype == np.uint8 and image.shape == (32, 40) for part in found for image in part.images)
    assert set(np.unique(found[0].masks[0])) == {0, 1, 2}  # type: ignore[index]
    assert read_cases(done.sets["c"], "train").labels == ("sick",)


def test_an_exported_set_is_what_the_command_line_measures_and_trains_on(
    a_radiograph: MedicalImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Accepted masks are the weight's own, so on the exported pictures it must reach nearly all of them again."""
    from MedPromptLib.cli import main
    from MedPromptLib.planner import RulePlanner
    from MedPromptLib.review.cases import proposals
    from MedPromptLib.session import Session

    session = Session(planner=RulePlanner())
    plan = session.plan("Segment the lungs and the heart on this chest x-ray.")
    run = session.run(session.route(plan, a_radiograph), a_radiograph, device="cpu", accept_unusual_input=True)
    made = run.segmentations[0]
    labels = LabelMap(made.labels, {s.name: s.label for s in made.structures})
    reviews = [r.model_copy(update={"decision": Decision.ACCEPTED}) for r in proposals(run.provenance, "film")]
    cases = [ReviewedCase(name, a_radiograph, tuple(reviews), {(1, made.weight_id): labels}) for name in ("one", "two")]
    done = export_training_set(cases, tmp_path)
    command = ["evaluate", made.weight_id, "--data", str(done.sets[made.weight_id]), "--split", "val", "--no-card"]
    assert main([*command, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    dice = [m["value"] for m in found if m["metric"] == "Dice"]
    assert dice and min(dice) > 0.97
    assert "Dice" in capsys.readouterr().out


def test_slices_of_a_volume_stay_together(tmp_path: Path) -> None:
    image = MedicalImage(np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7), np.eye(4), "ct")
    labels = LabelMap((image.array % 3 == 0).astype(np.uint8), {"s0": 1})
    reviews = (a_review(case="ct", item="s0", decision="accepted"),)
    case = ReviewedCase("ct", image, reviews, {(1, "w"): labels})
    done = export_training_set([case, dataclasses.replace(case, name="mr")], tmp_path)
    parts = {split: read_cases(done.sets["w"], split) for split in ("train", "val")}
    assert [len(part) for part in parts.values()] == [5, 5]
    assert all(len(set(part.groups)) == 1 for part in parts.values())


def test_the_volumes_of_a_weight_for_volumes_stay_whole_and_can_be_learned_from(
    tmp_path: Path, an_oblique_flipped_matrix: np.ndarray
) -> None:
    from MedPromptLib.training.semi_folders import labelled_pairs
    from MedPromptLib.training.volume_data import read_volumes

    image = MedicalImage(np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7), an_oblique_flipped_matrix, "mr")
    labels = LabelMap((image.array % 3 == 0).astype(np.uint8), {"s0": 1})
    reviews = (a_review(case="a b", item="s0", decision="accepted"),)
    cases = [ReviewedCase(f"a {n}", image, reviews, {(1, "w"): labels}) for n in range(7)]
    done = export_training_set(cases, tmp_path, whole={"w"})
    assert done.images == {"w": 7}
    found = read_volumes(done.sets["w"], "train")
    assert np.allclose(found.image(0).ijk_to_ras, image.ijk_to_ras, atol=1e-4)
    assert np.array_equal(found.image(0).array, image.array)
    assert found.masks is not None
    assert np.array_equal(found.masks[0], labels.array)
    assert len(labelled_pairs(done.sets["w"])) == 6  # one is kept for testing


def test_nothing_to_export_and_a_folder_that_is_there_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Nothing can be exported"):
        export_training_set([a_case("bad", Decision.REJECTED, Decision.ACCEPTED)], tmp_path)
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputFailed, match="nothing in it was changed"):
        export_training_set([a_case("good", Decision.ACCEPTED, Decision.ACCEPTED)], tmp_path)
    assert (tmp_path / "w" / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_cases_are_shared_out_alike_whatever_their_order() -> None:
    names = [f"case {n}" for n in range(40)]
    shares = split_of(names)
    assert shares == split_of(reversed(names))
    assert [list(shares.values()).count(split) for split in ("train", "val", "test")] == [28, 6, 6]
    assert set(split_of(["a", "b"]).values()) == {"train", "val"}
    assert split_of(["a"]) == {"a": "train"}


def test_pictures_keep_8_bits_and_stretch_the_others() -> None:
    bytes_ = np.array([[0, 7, 255]], np.uint8)
    assert np.array_equal(as_uint8(bytes_), bytes_)
    wide = as_uint8(np.linspace(-1000, 3000, 10001).reshape(1, -1))
    assert (wide.min(), wide.max()) == (0, 255)
    assert np.array_equal(as_uint8(np.full((1, 4), 7.0)), np.zeros((1, 4), np.uint8))
