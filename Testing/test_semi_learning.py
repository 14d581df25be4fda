"""Learning from folders: what is checked first, what is written, and a run by prompt with the new weight."""

from __future__ import annotations

import json

import numpy as np
import pytest
from volumes_for_tests import a_phantom

from MedPromptLib.catalog import Structure, read_card
from MedPromptLib.cli import main
from MedPromptLib.errors import Cancelled, InvalidInput
from MedPromptLib.headless import headless_scene, save_segmentation
from MedPromptLib.images import LPS_TO_RAS, MedicalImage
from MedPromptLib.images_writing import write_volume
from MedPromptLib.results import Segmentation
from MedPromptLib.training.semi_folders import gather, labelled_pairs
from MedPromptLib.training.semi_learning import Request, learn
from MedPromptLib.training.semi_plan import Wanted, plan
from MedPromptLib.training.volume_data import read_volumes

TERM = {
    "category": {"scheme": "SCT", "value": "123037004", "meaning": "Anatomical Structure"},
    "type": {"scheme": "SCT", "value": "5366008", "meaning": "Hippocampus"},
}


def _image(array, matrix=None, spacing=(1.0, 1.0, 1.0)):
    if matrix is None:
        matrix = LPS_TO_RAS @ np.diag([*spacing[::-1], 1.0])
    return MedicalImage(array, matrix, "phantom")


def _write_pair(folder, name, seed, *, labels=None, shift=0.0):
    image, truth = a_phantom(seed)
    picture = _image(image)
    write_volume(picture, folder / f"{name}.nii.gz")
    moved = picture.ijk_to_ras.copy()
    moved[0, 3] += shift
    mask = (truth == 1).astype(np.uint8) if labels is None else labels(truth)
    write_volume(_image(mask, moved), folder / f"{name}-label.nrrd")


@pytest.fixture
def few(tmp_path):
    """Folders `labelled` (three volumes with the ball outlined) and `unlabelled` (four)."""
    for number in range(3):
        _write_pair(tmp_path / "labelled", f"case{number}", number)
    for number in range(3, 7):
        write_volume(_image(a_phantom(number)[0]), tmp_path / "unlabelled" / f"case{number}.nrrd")
    return tmp_path


def test_a_segmentation_saved_by_slicer_comes_back_onto_its_volumes_grid(
    tmp_path, an_oblique_flipped_matrix, monkeypatch
):
    image, truth = a_phantom(1)
    picture = _image(image, an_oblique_flipped_matrix)
    write_volume(picture, tmp_path / "in" / "scan.nrrd")
    structures = tuple(
        Structure.model_validate({"name": name, "label": n, "terminology": TERM, "color": (1, 0, 0)})
        for n, name in enumerate(("ball", "box"), start=1)
    )
    from MedPromptLib.scene import image_to_volume, write_segmentation

    with headless_scene() as opened:
        volume = image_to_volume(picture, opened.scene)
        node = write_segmentation(Segmentation(1, "w", "", truth, structures, {}), picture, volume)
        save_segmentation(node, tmp_path / "in" / "scan.seg.nrrd")
    write_volume(picture, tmp_path / "in" / "other.nrrd")
    write_volume(_image((truth > 0).astype(np.uint8), an_oblique_flipped_matrix), tmp_path / "in" / "other_seg.mha")
    with pytest.raises(InvalidInput, match=r"has 2 structures \(ball, box\) where 1 structure \(ball\) was promised"):
        gather(tmp_path / "in", None, ["ball"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    gather(tmp_path / "in", None, ["box", "ball"], tmp_path / "out", hold_out=1)
    cases = read_volumes(tmp_path / "out", "val")
    assert cases.ids == ("l0001_scan",)
    assert np.allclose(cases.image(0).ijk_to_ras, picture.ijk_to_ras, atol=1e-4)
    assert np.array_equal(cases.masks[0], np.select([truth == 2, truth == 1], [1, 2], 0))


def test_every_mistake_in_the_folders_is_said_before_anything_is_trained(few):
    def message(labelled, unlabelled=None, structures=("hippocampus",), **options):
        with pytest.raises(InvalidInput) as caught:
            gather(labelled, unlabelled, structures, few / "out", **options)
        assert not (few / "out").exists()
        return str(caught.value)

    labelled = few / "labelled"
    (few / "empty").mkdir()
    assert "has no volume" in message(few / "empty")
    assert "There is no folder" in message(few / "nowhere")
    assert "has 0 volumes" in message(labelled, few / "empty")
    assert "cannot be held out" in message(labelled, hold_out=3)
    write_volume(_image(a_phantom(9)[0]), labelled / "case9.nrrd")
    assert "1 of 4 volumes" in message(labelled) and "case9.nrrd" in message(labelled)
    (labelled / "case9.nrrd").rename(few / "case9.nrrd")
    _write_pair(labelled, "moved", 4, shift=0.5)
    _write_pair(labelled, "two", 5, labels=lambda truth: truth)
    _write_pair(labelled, "none", 6, labels=np.zeros_like)
    said = message(labelled)  # all three at once
    assert "does not lie on its grid (it is 0.5 voxels off" in said
    assert "has 2 structures (label 1, label 2) where 1 structure (hippocampus) was promised" in said
    assert "none-label.nrrd is empty" in said
    for name in ("moved", "none"):
        for path in labelled.glob(f"{name}*"):
            path.unlink()
    assert gather(labelled, None, ["hippocampus"], few / "joined", merge=True).train == 3


def test_a_labelled_volume_that_is_also_unlabelled_counts_once(few):
    for path in (few / "labelled").glob("*.nii.gz"):
        (few / "unlabelled" / path.name).symlink_to(path)
    made = gather(few / "labelled", few / "unlabelled", ["hippocampus"], few / "out")
    assert (made.train, made.val, made.unlabelled) == (2, 1, 4)
    assert "3 volumes without labels" in made.notes[0]


def test_images_and_masks_may_lie_in_rooms_of_their_own(tmp_path):
    image, truth = a_phantom(0)
    for name in ("a", "b"):
        write_volume(_image(image), tmp_path / "images" / f"{name}.nrrd")
        write_volume(_image(truth), tmp_path / "masks" / f"{name}.nrrd")
    assert [pair.name for pair in labelled_pairs(tmp_path)] == ["a", "b"]


def test_the_settings_follow_the_volumes(tmp_path):
    image, truth = a_phantom(0, (12, 96, 96))
    for name in ("a", "b"):
        write_volume(_image(image, spacing=(6.0, 1.0, 1.0)), tmp_path / "thick" / f"{name}.nrrd")
        write_volume(
            _image((truth > 0).astype(np.uint8), spacing=(6.0, 1.0, 1.0)), tmp_path / "thick" / f"{name}_seg.nrrd"
        )
    gather(tmp_path / "thick", None, ["hippocampus"], tmp_path / "set")
    train = read_volumes(tmp_path / "set", "train", orientation="RAS")
    recipe = plan(Wanted("x", (("hippocampus", TERM),), "hippocampus", "ct"), "set", train, {"train": 1, "val": 1})
    assert recipe.preprocessing.spacing[0] == 6.0 and recipe.network.options["flat_levels"] == 2
    assert recipe.preprocessing.intensity == "window" and recipe.preprocessing.k_axis == "coarsest"
    assert recipe.semi.teacher == "none"


def _request(few, **changes):
    values = {
        "labelled": few / "labelled",
        "unlabelled": few / "unlabelled",
        "structures": ("hippocampus",),
        "out": few / "weights" / "ball_seg_mri",
        "work": few / "runs",
        "minutes": 0.02,
        "device": "cpu",
    }
    return Request(**values | changes)


def test_a_structure_is_learned_shown_cancelled_continued_and_used_by_prompt(few, capsys):
    events = []

    def one_epoch_is_done():
        return any("Epoch 1 of 3: loss" in event.message for event in events)

    with pytest.raises(Cancelled, match="after epoch 1"):
        learn(_request(few), progress=events.append, cancelled=one_epoch_is_done)
    work = few / "runs" / "ball_seg_mri"
    for name in ("curves.png", "preview.png"):
        assert (work / name).read_bytes()[:4] == b"\x89PNG"
    assert list((work / "tensorboard").glob("events.out.tfevents.*"))
    with pytest.raises(InvalidInput, match="another --work"):
        learn(_request(few, structures=("left atrium",)))
    words = ["train-semi", "--labelled", few / "labelled", "--unlabelled", few / "unlabelled", "--work", few / "runs"]
    words += ["--structure", "hippocampus", "--out", few / "weights" / "ball_seg_mri", "--minutes", "0.02"]
    assert main([*map(str, words), "--device", "cpu"]) == 0
    assert "continuing after epoch 1" in capsys.readouterr().err
    records = [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3] and "score" in records[-1]
    card = read_card(few / "weights" / "ball_seg_mri")
    assert card.calibration.split == "val" and card.input_profile.images == 6
    assert card.provenance.splits == {"train": 2, "val": 1, "unlabelled": 4}
    assert "knowledge bank's text" in card.provenance.note and card.network.name == "text_vnet"
    with pytest.raises(InvalidInput, match="a weight in"):
        learn(_request(few))
    scan = few / "unlabelled" / "case3.nrrd"
    words = ["run", "--weights", few / "weights", "--prompt", "segment the hippocampus", "--input", scan, "--yes"]
    assert main([*map(str, words), "--out", str(few / "results"), "--accept-unusual-input", "--device", "cpu"]) == 0
    assert (few / "results" / "1_ball_seg_mri.seg.nrrd").is_file()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"structures": ("thingummy",)}, "No SNOMED CT code"),
        ({"minutes": 0}, "no time"),
        ({"structures": ()}, "no structure"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused(few, changes, said):
    with pytest.raises(InvalidInput, match=said):
        learn(_request(few, **changes))


def test_a_name_that_is_no_id_is_refused(few):
    with pytest.raises(InvalidInput, match="small letters"):
        learn(_request(few, out=few / "My Weight"))
