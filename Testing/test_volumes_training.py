"""Volumes: data sets, patches, training, publishing and evaluating, with a tiny network and phantoms."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from volumes_for_tests import SHAPE, a_phantom, a_recipe, write_npz_set

from MedPromptLib.catalog import Catalog
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput
from MedPromptLib.inference.engine import load_weight, segment
from MedPromptLib.training.config import Augmentation
from MedPromptLib.training.data import NoSuchSplit
from MedPromptLib.training.evaluation import evaluate
from MedPromptLib.training.metrics import mask_scores
from MedPromptLib.training.volume_augment import Volume, change_intensities, draw_patch
from MedPromptLib.training.volume_data import read_volumes
from MedPromptLib.training.volume_training import VolumeTraining

CPU = torch.device("cpu")
STILL = Augmentation(rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0)


def test_npz_axes_become_k_j_i_and_a_spacing_column_counts_if_it_fits_the_shape(tmp_path):
    known = write_npz_set(tmp_path / "a", {"train": 1}, ",spacing,modality|,1.5x2x3,CT")
    cases = read_volumes(known, "train", orientation="LPS")
    image, labels = a_phantom(0)
    assert np.array_equal(cases.image(0).array, image) and np.array_equal(cases.masks[0], labels)
    assert cases.image(0).spacing == (3, 2, 1.5) and cases.image(0).spacing_known
    assert np.array_equal(np.sign(np.diag(cases.image(0).ijk_to_ras)[:3]), [-1, -1, 1])
    assert cases.modalities == ("CT",)
    with pytest.raises(InvalidInput, match="no case with modality 'MR'"):
        read_volumes(known, "train", modality="MR")
    i, j, k = SHAPE[::-1]
    thinned = write_npz_set(tmp_path / "b", {"train": 1}, f",spacing,shape|,1.5x2x3,{2 * i}x{2 * j + 1}x{k}")
    assert read_volumes(thinned, "train").image(0).spacing == (3, 4, 3)
    cropped = write_npz_set(tmp_path / "c", {"train": 1}, f",spacing,shape|,1.5x2x3,{2 * i}x{2 * j}x{k + 7}")
    assert not read_volumes(cropped, "train").image(0).spacing_known
    wrong = write_npz_set(tmp_path / "d", {"train": 1}, ",spacing|,thin")
    with pytest.raises(InvalidInput, match="three numbers joined by x"):
        read_volumes(wrong, "train").image(0)


def _write_pair(folder, name, image, labels, spacing=(1.0, 1.0, 2.0), shift=0.0):
    for room, array in (("images", image), ("masks", labels)):
        (folder / room).mkdir(parents=True, exist_ok=True)
        picture = sitk.GetImageFromArray(array)
        picture.SetSpacing(spacing)
        picture.SetOrigin((shift if room == "masks" else 0.0, 0.0, 0.0))
        sitk.WriteImage(picture, folder / room / f"{name}{'.nii.gz' if room == 'images' else '.nrrd'}")


def test_pairs_of_nifti_and_nrrd_files_are_read_with_their_geometry(tmp_path):
    image, labels = a_phantom(3)
    _write_pair(tmp_path, "a", image.astype(np.int16) - 500, labels)
    (tmp_path / "split.csv").write_text("id,split\na,train\n")
    cases = read_volumes(tmp_path, "train", binary_mask=True)
    assert cases.image(0).spacing == pytest.approx((2, 1, 1))
    assert np.array_equal(cases.image(0).array, image.astype(np.int16) - 500)
    assert np.array_equal(cases.masks[0], labels > 0)
    assert len(cases.images[:]) == 1
    with pytest.raises(IndexError):
        cases.images[1]


def test_what_is_missing_or_does_not_fit_is_named(tmp_path):
    image, labels = a_phantom(3)
    _write_pair(tmp_path, "a", image, labels, shift=5.0)
    (tmp_path / "split.csv").write_text("id,split\na,train\nb,test\n")
    with pytest.raises(InvalidInput, match="does not lie on the grid of its image"):
        read_volumes(tmp_path, "train").masks[0]
    with pytest.raises(InvalidInput, match="lists 'b' in split.csv but images/ has no file"):
        read_volumes(tmp_path, "test")
    _write_pair(tmp_path, "c", image, labels)
    (tmp_path / "masks" / "c.nrrd").unlink()
    (tmp_path / "split.csv").write_text("id,split\na,train\nc,train\nc,unlabelled\nb,test\n")
    with pytest.raises(InvalidInput, match="lists 'c' in split.csv but masks/ has no file"):
        read_volumes(tmp_path, "train")
    assert read_volumes(tmp_path, "unlabelled").masks is None
    (tmp_path / "split.csv").write_text("id,split\na,train\nb,test\n")
    with pytest.raises(NoSuchSplit, match="it has: test, train"):
        read_volumes(tmp_path, "val")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "split.csv").write_text("id,split\na,train\n")
    with pytest.raises(InvalidInput, match="neither volumes"):
        read_volumes(tmp_path / "empty", "train")
    (tmp_path / "empty" / "volumes").mkdir()
    (tmp_path / "empty" / "volumes" / "a.npz").write_bytes(b"nothing")
    with pytest.raises(InvalidInput, match="no readable npz"):
        read_volumes(tmp_path / "empty", "train")


def _a_volume():
    image, labels = a_phantom(0)
    mask = torch.from_numpy(labels)
    return Volume(torch.from_numpy(image)[None], mask, tuple((mask == n).nonzero() for n in (1, 2)))


def test_a_patch_without_changes_is_a_part_of_the_volume():
    volume = _a_volume()
    x, mask = draw_patch(volume, (8, 12, 10), (1, 1, 1), STILL, 1.0, torch.Generator().manual_seed(0))
    assert x.shape == (1, 8, 12, 10) and mask.shape == (8, 12, 10)
    windows = volume.mask.unfold(0, 8, 1).unfold(1, 12, 1).unfold(2, 10, 1).flatten(0, 2)
    images = volume.x[0].unfold(0, 8, 1).unfold(1, 12, 1).unfold(2, 10, 1).flatten(0, 2) / 255
    where = (windows == mask).flatten(1).all(1)
    assert any(torch.allclose(images[n], x[0], atol=2e-3) for n in where.nonzero()[:, 0])


def test_image_and_labels_of_a_patch_move_together_and_mirroring_mirrors():
    moved = STILL.model_copy(update={"rotate": 30, "tilt": 20, "scale": 0.3, "shift": 0.1, "mirror": ("k", "j", "i")})
    image = torch.zeros(1, 24, 24, 24, dtype=torch.uint8)
    image[0, 4:16, 6:20, 8:18] = 255
    volume = Volume(image, (image[0] > 0).to(torch.uint8), ())
    generator = torch.Generator().manual_seed(5)
    for _ in range(6):
        x, mask = draw_patch(volume, (24, 24, 24), (2, 1, 1), moved, 0.0, generator)
        assert ((x[0] > 0.5).long() == mask).float().mean() > 0.99
    mirrored = STILL.model_copy(update={"mirror": ("i",)})
    found = [draw_patch(volume, (24, 24, 24), (1, 1, 1), mirrored, 0.0, generator)[1] for _ in range(12)]
    plain, flipped = volume.mask.long(), volume.mask.long().flip(2)
    kinds = {0 if torch.equal(m, plain) else 1 if torch.equal(m, flipped) else 2 for m in found}
    assert kinds == {0, 1}


def test_patches_lie_around_structures_as_often_as_asked():
    volume, generator = _a_volume(), torch.Generator().manual_seed(0)
    always = [draw_patch(volume, (6, 6, 6), (1, 1, 1), STILL, 1.0, generator)[1] for _ in range(30)]
    assert all((mask > 0).any() for mask in always)
    assert {1, 2} <= {int(v) for mask in always for v in mask.unique()}
    seldom = [draw_patch(volume, (6, 6, 6), (1, 1, 1), STILL, 0.0, generator)[1] for _ in range(30)]
    assert sum(bool((mask > 0).any()) for mask in seldom) < 30


def test_intensities_change_repeatably_and_stay_in_range():
    strong = Augmentation(noise=0.2, blur=1.0, gamma=1.0, contrast=0.5, brightness=0.5, low_resolution=3.0)
    x = torch.rand(1, 12, 12, 12)
    for seed in range(8):
        one, two = (change_intensities(x, strong, torch.Generator().manual_seed(seed)) for _ in range(2))
        assert torch.equal(one, two) and one.shape == x.shape
        assert float(one.min()) >= 0 and float(one.max()) <= 1 and not torch.equal(one, x)


def test_a_few_steps_of_training_find_both_structures_and_the_card_says_how_well(a_trained_volume_weight):
    weights, data = a_trained_volume_weight
    card = Catalog.load([weights]).card("phantom_seg_mri")
    assert card.dimension == 3 and card.calibration.split == "val"
    assert "as stored (int8)" in card.provenance.note
    weight = load_weight(weights / card.id, card, CPU)
    rows = {(m.metric, m.subject): m for m in evaluate(weight, data / "phantoms", "test", "the command").measurements}
    for subject in ("ball", "box", "all structures (mean)"):
        assert rows["Dice", subject].value > 0.8
        assert rows["Dice", subject].low <= rows["Dice", subject].value <= rows["Dice", subject].high
        assert rows["Dice of the mean shape", subject].value < rows["Dice", subject].value
        assert {("IoU", subject), ("HD95 (voxels)", subject)} <= rows.keys()
        assert rows["paper's soft Dice over background and foreground", subject].images == 3


def test_evaluating_from_the_command_line_fills_the_card_and_the_table(a_trained_volume_weight, capsys):
    weights, data = a_trained_volume_weight
    arguments = ["--weights", str(weights), "--device", "cpu"]
    assert main(["evaluate", "phantom_seg_mri", "--data", str(data / "phantoms"), "--split", "val", *arguments]) == 0
    assert "mean shape" in capsys.readouterr().out
    assert {m.split for m in Catalog.load([weights]).card("phantom_seg_mri").evaluation} == {"val"}


def test_a_run_that_was_stopped_continues_where_it_was(tmp_path):
    write_npz_set(tmp_path / "phantoms", {"train": 3, "val": 1})
    recipe = a_recipe("phantoms", schedule={"phases": [{"epochs": 3, "batch": 1}], "patches": 1, "bfloat16": True})

    def training(work, report=lambda line: None):
        return VolumeTraining(recipe, tmp_path, tmp_path / work, CPU, report=report)

    def stop(line):
        raise KeyboardInterrupt

    whole = training("whole").run()
    stopped = training("parts")
    stopped.report = lambda line: stop(line) if '"epoch": 2' in line else None
    with pytest.raises(KeyboardInterrupt):  # in the second epoch, of which nothing is kept
        stopped.run()
    again = training("parts")
    assert again.epoch == 1
    for one, other in zip(whole.values(), again.run().values(), strict=True):
        assert torch.equal(one, other)


def test_a_checkpoint_of_another_recipe_is_refused_and_one_from_before_a_new_setting_is_not(tmp_path):
    write_npz_set(tmp_path / "phantoms", {"train": 2, "val": 1})
    schedule = {"phases": [{"epochs": 1, "batch": 1}], "patches": 1}
    VolumeTraining(a_recipe("phantoms", schedule=schedule), tmp_path, tmp_path / "w", CPU, report=list).run()
    path = tmp_path / "w" / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    older = json.loads(state["recipe"])
    del older["schedule"]["bfloat16"]
    torch.save(state | {"recipe": json.dumps(older)}, path)
    assert VolumeTraining(a_recipe("phantoms", schedule=schedule), tmp_path, tmp_path / "w", CPU).epoch == 1
    other = a_recipe("phantoms", schedule=schedule | {"seed": 2})
    with pytest.raises(InvalidInput, match="another recipe"):
        VolumeTraining(other, tmp_path, tmp_path / "w", CPU)


def test_without_a_validation_split_a_fifth_of_the_training_volumes_chooses(tmp_path):
    write_npz_set(tmp_path / "phantoms", {"train": 5})
    said = []
    training = VolumeTraining(a_recipe("phantoms"), tmp_path, tmp_path / "work", CPU, report=said.append)
    assert [len(training.cases[split]) for split in ("train", "val")] == [4, 1]
    assert training.cases["val"].ids == ("p4",)
    assert "1 of its 5 training volumes" in said[0]


def test_a_mask_with_more_labels_than_the_recipe_is_refused(tmp_path):
    write_npz_set(tmp_path / "phantoms", {"train": 1, "val": 1})
    image, labels = a_phantom(0)
    np.savez(tmp_path / "phantoms" / "volumes" / "p0.npz", image=image.T, label=labels.T * 4)
    with pytest.raises(InvalidInput, match="has label 8, but the recipe has 2 structures"):
        VolumeTraining(a_recipe("phantoms"), tmp_path, tmp_path / "work", CPU)


def test_distances_are_in_mm_where_the_spacing_is_known():
    one, other = np.zeros((10, 10, 10), np.uint8), np.zeros((10, 10, 10), np.uint8)
    one[2:4, 4:6, 4:6], other[5:7, 4:6, 4:6] = 1, 1
    assert mask_scores([one], [other], 1).hd95[0, 0] == pytest.approx(3)
    assert mask_scores([one], [other], 1, [(5.0, 1.0, 1.0)]).hd95[0, 0] == pytest.approx(15)


def test_a_profile_tells_phantoms_from_other_volumes(a_trained_volume_weight, tmp_path, capsys):
    weights, data = a_trained_volume_weight
    random = np.random.default_rng(0)
    (data / "noise" / "volumes").mkdir(parents=True, exist_ok=True)
    rows = ["id,split"]
    for number in range(8):
        array = random.integers(0, 255, (40, 40, 40), dtype=np.uint8)
        np.savez(data / "noise" / "volumes" / f"n{number}.npz", image=array, label=array * 0)
        rows.append(f"n{number},{'train' if number < 6 else 'test'}")
    (data / "noise" / "split.csv").write_text("\n".join(rows) + "\n")
    assert main(["weights", "profile", "phantom_seg_mri", "--data", str(data), "--weights", str(weights)]) == 0
    assert "6 images of phantoms against noise" in capsys.readouterr().out
    assert main(["evaluate", "--input-check", "--data", str(data), "--weights", str(weights)]) == 0
    lines = capsys.readouterr().out
    assert "0.000 of 3" in lines and "0.000 of 2" in lines
    stored = json.loads((weights / "phantom_seg_mri" / "card.json").read_text())
    assert len(stored["input_profile"]["extent"]) == 3


def test_a_segmentation_is_on_the_images_own_grid(a_trained_volume_weight):
    weights, data = a_trained_volume_weight
    card = Catalog.load([weights]).card("phantom_seg_mri")
    weight = load_weight(weights / card.id, card, CPU)
    image = read_volumes(data / "phantoms", "test").image(0)
    labels, confidence = segment(weight, image, ("box",))
    assert labels.shape == image.shape and set(np.unique(labels)) == {0, 2}
    assert set(confidence) == {"box"} and 0.5 < confidence["box"] <= 1
