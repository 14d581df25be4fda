"""Training's parts: recipes, data sets, augmentation, metrics, calibration. Nothing is trained here."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from weights_for_tests import a_card, write_weight

from MedPromptLib.errors import InvalidInput
from MedPromptLib.inference.engine import load_weight
from MedPromptLib.training.augment import augment
from MedPromptLib.training.config import Augmentation, Borrowed, DataSource, Schedule, read_recipe
from MedPromptLib.training.consistency import consistency_loss, ramp
from MedPromptLib.training.data import read_cases, training_cases
from MedPromptLib.training.evaluation import evaluate
from MedPromptLib.training.metrics import (
    bootstrap,
    calibration_error_by_chance,
    expected_calibration_error,
    fit_calibration,
    mask_scores,
    paper_soft_dice,
    pooled_dice,
)
from MedPromptLib.training.supervised import sample_beta

ROOT = Path(__file__).resolve().parent.parent
RECIPES = sorted((ROOT / "MedPromptLib" / "training" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_is_complete_and_bears_its_weights_name(path):
    recipe, digest = read_recipe(path)
    assert recipe.card.id == path.stem
    assert len(digest) == 64
    if recipe.card.modality == "chest x-ray" and recipe.card.structures:
        assert recipe.augmentation.flip_horizontal == recipe.augmentation.flip_vertical == 0, "a chest has a left side"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[schedule]", "[schedule]\nwarmth = 1"), "schedule.warmth"),
        (("classes = 4", "classes = 2"), "the card needs 4"),
        (("[card]", "[card"), "cannot be read"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_sentence(tmp_path, change, said):
    text = (ROOT / "MedPromptLib/training/recipes/chest_structures_seg_cxr.toml").read_text()
    (tmp_path / "wrong.toml").write_text(text.replace(*change, 1))
    with pytest.raises(InvalidInput) as caught:
        read_recipe(tmp_path / "wrong.toml")
    assert said in str(caught.value)


@pytest.fixture
def a_data_set(tmp_path):
    """Six films; a bright square is the right lung, a dark one the left; two films of one patient."""
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = ["id,split,label,group"]
    for number in range(6):
        image, mask = np.full((64, 64), 100, np.uint8), np.zeros((64, 64), np.uint8)
        image[8:24, 8 + number : 24], mask[8:24, 8 + number : 24] = 200, 1
        image[40:56, 40:56], mask[40:56, 40:56] = 20, 2
        Image.fromarray(image).save(folder / "images" / f"f{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"f{number}.png")
        rows.append(f"f{number},{'test' if number < 4 else 'val'},{'tb' if number % 2 else 'normal'},p{number // 2}")
    (folder / "split.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_a_split_is_read_with_masks_labels_and_patients(a_data_set):
    cases = read_cases(a_data_set, "test")
    assert cases.ids == ("f0", "f1", "f2", "f3")
    assert cases.labels == ("normal", "tb", "normal", "tb")
    assert cases.groups == ("p0", "p0", "p1", "p1")
    assert set(np.unique(cases.masks[0])) == {0, 1, 2}
    assert set(np.unique(read_cases(a_data_set, "test", binary_mask=True).masks[0])) == {0, 1}


def test_a_missing_split_or_image_is_named(a_data_set):
    with pytest.raises(InvalidInput, match="no split 'train'; it has: test, val"):
        read_cases(a_data_set, "train")
    (a_data_set / "images" / "f1.png").unlink()
    with pytest.raises(InvalidInput, match="lists 'f1'"):
        read_cases(a_data_set, "test")
    with pytest.raises(InvalidInput, match="no readable split.csv"):
        read_cases(a_data_set / "images", "test")


def test_images_and_masks_move_together():
    x = torch.zeros(8, 3, 64, 64)
    x[:, :, 16:40, 20:36] = 1
    masks = (x[:, 0] > 0).long()
    still = Augmentation(
        gamma=0, contrast=0, brightness=0, noise=0, rotate=30, scale=0.3, shift=0.1, flip_horizontal=0.5
    )
    moved, moved_masks = augment(x, masks, still, torch.Generator().manual_seed(3))
    assert not torch.equal(moved, x)
    assert ((moved[:, 0] > 0.5).long() == moved_masks).float().mean() > 0.995


def test_quarter_turns_turn_images_and_masks_alike():
    x = torch.zeros(16, 3, 32, 32)
    x[:, :, :8, :16] = 1
    none = Augmentation(rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0, quarter_turns=True)
    turned, masks = augment(x, (x[:, 0] > 0).long(), none, torch.Generator().manual_seed(1))
    wanted = [torch.rot90(x[0, 0], turns) for turns in range(4)]
    found = [next(n for n in range(4) if torch.allclose(image[0], wanted[n], atol=1e-3)) for image in turned]
    assert set(found) == {0, 1, 2, 3}
    assert torch.equal((turned[:, 0] > 0.5).long(), masks)


def test_colour_gains_change_the_channels_differently():
    x = torch.full((4, 3, 16, 16), 0.5)
    still = Augmentation(rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0, colour=0.2)
    changed, _ = augment(x, None, still, torch.Generator().manual_seed(1))
    gains = changed[:, :, 0, 0] / 0.5
    assert (gains - 1).abs().max() <= 0.2 + 1e-5
    assert (gains[:, 0] - gains[:, 1]).abs().min() > 1e-4


def test_augmentation_is_repeatable_and_stays_in_range():
    x = torch.rand(4, 3, 32, 32)
    strong = Augmentation(noise=0.2, blur=1.0, gamma=1.0, contrast=0.5, brightness=0.5, flip_vertical=0.5)
    one, two = (augment(x, None, strong, torch.Generator().manual_seed(1))[0] for _ in range(2))
    assert torch.equal(one, two)
    assert float(one.min()) >= 0 and float(one.max()) <= 1


def test_mask_scores_of_known_shapes():
    truth, shifted = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    truth[10:20, 10:20], shifted[10:20, 15:25] = 1, 1
    nothing = np.zeros_like(truth)
    scores = mask_scores([shifted, nothing, shifted, nothing], [truth, truth, nothing, nothing], 1)
    assert scores.dice[:2, 0] == pytest.approx([0.5, 0.0])
    assert scores.iou[0, 0] == pytest.approx(1 / 3)
    assert scores.hd95[0, 0] == pytest.approx(5.0)
    assert np.isnan(scores.dice[2:]).all() and np.isnan(scores.hd95[1:]).all()
    assert scores.false_alarm[2:, 0].tolist() == [1.0, 0.0] and np.isnan(scores.false_alarm[:2]).all()


def test_the_papers_metric_is_flattered_by_the_background():
    truth = np.zeros((100, 100), bool)
    truth[:5, :5] = True
    assert paper_soft_dice(np.zeros((100, 100)), truth) == pytest.approx(0.4994, abs=1e-3)
    assert paper_soft_dice(truth.astype(float), truth) == pytest.approx(1.0)


def test_calibration_error_of_known_cases():
    right = np.array([True] * 8 + [False] * 2)
    assert expected_calibration_error(np.full(10, 0.8), right) == pytest.approx(0)
    assert expected_calibration_error(np.full(10, 1.0), right) == pytest.approx(0.2)


def test_a_perfectly_calibrated_classifier_shows_an_error_on_few_images_only():
    assert calibration_error_by_chance(np.full(40, 0.8)) > 0.04
    assert calibration_error_by_chance(np.full(40_000, 0.8), rounds=20) < 0.004


def test_the_fitted_calibration_undoes_overconfidence_and_shifted_classes():
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3)) * 1.5
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([random.choice(3, p=row) for row in p])
    assert fit_calibration(logits * 4, truth, with_bias=False) == (pytest.approx(4, rel=0.1), ())
    shifted = (logits + np.array([1.0, 0.0, -1.0])) * 2
    temperature, bias = fit_calibration(shifted, truth, with_bias=True)
    assert temperature == pytest.approx(2, rel=0.1)
    assert bias == pytest.approx([-1, 0, 1], abs=0.15)
    few = fit_calibration(np.array([[3.0, 0.0], [0.0, 3.0]]), np.array([0, 1]), with_bias=True)
    assert few[0] > 0.5, "two right answers are no reason for full confidence"


def test_the_bootstrap_draws_patients_not_images():
    values = np.array([0.0] * 50 + [1.0] * 50)
    by_image = bootstrap([str(i) for i in range(100)], lambda c: float(values[c].mean()))
    by_patient = bootstrap(["a"] * 50 + ["b"] * 50, lambda c: float(values[c].mean()))
    assert by_image.value == by_patient.value == 0.5
    assert by_image.high - by_image.low < 0.25
    assert by_patient.high - by_patient.low == 1.0


def test_evaluating_a_segmentation_gives_every_metric_with_an_interval(a_data_set, tmp_path):
    card = write_weight(tmp_path / "weights", a_card("lungs_seg_cxr"))
    found = evaluate(
        load_weight(tmp_path / "weights" / card.id, card, torch.device("cpu")), a_data_set, "test", "the command"
    )
    rows = {(m.metric, m.subject): m for m in found.measurements}
    for metric in ("Dice", "IoU", "paper's soft Dice over background and foreground"):
        for subject in ("right lung", "left lung", "all structures (mean)"):
            row = rows[metric, subject]
            assert 0 <= row.low <= row.value <= row.high <= 1
            assert (row.dataset, row.split, row.images, row.command) == ("set", "test", 4, "the command")
    assert ("Dice", "both lungs as one") in rows


def test_evaluating_a_classification_gives_every_metric_and_replaces_older_numbers(a_data_set, tmp_path):
    card = write_weight(
        tmp_path / "weights", a_card("tb_cls_cxr", classes=("normal", "tb"), positive=("tb",)), bias=[1, 0]
    )
    weight = load_weight(tmp_path / "weights" / card.id, card, torch.device("cpu"))
    found = evaluate(weight, a_data_set, "test", "the command")
    rows = {(m.metric, m.subject): m.value for m in found.measurements}
    assert rows["accuracy", "all classes"] == 0.5
    assert rows["recall", "normal"] == 1.0 and rows["recall", "tb"] == 0.0
    assert rows["ECE", "all classes"] == pytest.approx(np.e / (1 + np.e) - 0.5, abs=1e-3)
    assert {("macro F1", "all classes"), ("AUC", "finding against none"), ("F1", "tb")} <= rows.keys()
    both = [evaluate(weight, a_data_set, split, "the command") for split in ("test", "val", "test")]
    once = both[1].on(both[0].on(card))
    assert len(both[2].on(once).evaluation) == len(both[0].measurements) + len(both[1].measurements)
    assert [(r.split, r.quantity) for r in once.reliability] == [
        (split, quantity) for split in ("test", "val") for quantity in ("answer", "finding")
    ]


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_that_occur(a_data_set, tmp_path):
    card = write_weight(
        tmp_path / "weights", a_card("x_cls_cxr", classes=("normal", "tb", "else"), positive=("tb",)), bias=[1, 0, 0]
    )
    weight = load_weight(tmp_path / "weights" / card.id, card, torch.device("cpu"))
    rows = {(m.metric, m.subject): m.value for m in evaluate(weight, a_data_set, "test", "").measurements}
    recalls = [rows["recall", name] for name in ("normal", "tb")]
    assert rows["balanced accuracy", "all classes"] == np.mean(recalls) == 0.5


def test_labels_a_weight_does_not_know_are_named(a_data_set, tmp_path):
    card = write_weight(tmp_path / "weights", a_card("x_cls_cxr", classes=("a", "b"), positive=("b",)))
    with pytest.raises(InvalidInput, match=r"labels \['normal', 'tb'\], but 'x_cls_cxr' knows a, b"):
        evaluate(load_weight(tmp_path / "weights" / card.id, card, torch.device("cpu")), a_data_set, "test", "")


def test_the_learning_rate_warms_up_falls_and_restarts():
    phases = ({"epochs": 6, "size": 64, "batch": 4}, {"epochs": 4, "size": 96, "batch": 4})
    plain = Schedule(phases=phases)
    assert plain.rate(0) < 0.1 < plain.rate(1) <= 1
    assert plain.rate(5) == pytest.approx(0.5)
    assert plain.rate(10) == pytest.approx(0.01)
    again = Schedule(phases=(*phases, {"epochs": 8, "size": 96, "batch": 4, "restart": 0.5}))
    assert [again.rate(p) for p in (1, 5, 9.9)] == [plain.rate(p) for p in (1, 5, 9.9)]
    assert again.rate(10) == pytest.approx(0.5)
    assert again.rate(14) == pytest.approx(0.25)


def test_dice_of_a_patient_counts_the_pixels_of_all_its_images():
    found = [np.array([[1, 0]]), np.array([[1, 1]]), np.array([[1, 1]])]
    truth = [np.array([[1, 1]]), np.array([[0, 0]]), np.array([[0, 0]])]
    by_patient = pooled_dice(found, truth, ["a", "a", "b"], 1)
    assert by_patient["a"] == pytest.approx(2 * 1 / (3 + 2))
    assert np.isnan(by_patient["b"]).all(), "a patient without the structure has no Dice"


def test_a_set_without_validation_split_holds_out_the_cases_the_recipe_names(a_data_set):
    source = DataSource(folder=a_data_set.name, held_out=("f1", "f3"))
    table = a_data_set / "split.csv"
    table.write_text(table.read_text().replace(",test,", ",train,").replace(",val,", ",train,"))
    cases = training_cases(a_data_set.parent, source)
    assert cases["val"].ids == ("f1", "f3")
    assert set(cases["train"].ids).isdisjoint(cases["val"].ids)
    with pytest.raises(InvalidInput, match="holds out \\['f9'\\]"):
        training_cases(a_data_set.parent, DataSource(folder=a_data_set.name, held_out=("f9",)))


def test_further_sets_join_the_training(a_data_set, tmp_path):
    shutil.copytree(a_data_set, tmp_path / "second")
    for folder in (a_data_set, tmp_path / "second"):
        table = folder / "split.csv"
        table.write_text(table.read_text().replace(",test,", ",train,"))
    cases = training_cases(tmp_path, DataSource(folder=a_data_set.name, also=("second",)))
    assert len(cases["train"]) == 8
    assert len(cases["train"].masks) == 8
    assert len(set(cases["train"].groups)) == 4, "patients of different sets are different patients"


def test_a_borrowed_set_joins_the_training_alone_and_under_the_weights_own_labels(a_data_set, tmp_path):
    shutil.copytree(a_data_set, tmp_path / "other")
    for folder in (a_data_set, tmp_path / "other"):
        table = folder / "split.csv"
        table.write_text(table.read_text().replace(",test,", ",train,"))
    other = tmp_path / "other" / "split.csv"
    other.write_text(other.read_text().replace(",tb,", ",flu,"))
    source = DataSource(
        folder=a_data_set.name, borrowed=(Borrowed(folder="other", labels={"flu": "tb", "normal": "normal"}),)
    )
    cases = training_cases(tmp_path, source)
    assert len(cases["train"]) == 8
    assert set(cases["train"].labels) == {"tb", "normal"}
    assert len(cases["val"]) == 2
    part = Borrowed(folder="other", labels={"flu": "tb"})
    alone = training_cases(tmp_path, DataSource(folder=a_data_set.name, borrowed=(part,), borrowed_only=True))
    assert set(alone["train"].labels) == {"tb"}, "labels that are not named stay out, and so does the set itself"
    wrong = Borrowed(folder="other", labels={"cold": "tb"})
    with pytest.raises(InvalidInput, match="borrows images labelled"):
        training_cases(tmp_path, DataSource(folder=a_data_set.name, borrowed=(wrong,)))


def test_disturbances_change_the_picture_and_leave_the_outline_alone():
    x = torch.full((4, 3, 96, 96), 0.3)
    masks = torch.zeros(4, 96, 96, dtype=torch.long)
    masks[:, 30:60, 30:60] = 1
    recipe = Augmentation(
        rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0, opacity=1.0, lines=1.0
    )
    changed, kept = augment(x, masks, recipe, torch.Generator().manual_seed(0))
    assert torch.equal(kept, masks)
    inside, far = (changed - x)[:, :, 30:60, 30:60].abs(), (changed - x)[:, :, :8, :8].abs()
    assert inside.mean() > 5 * far.mean(), "clouds gather in and around the structure"
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_collimation_hides_a_surround_and_its_labels():
    x, masks = torch.full((8, 3, 96, 96), 0.5), torch.ones(8, 96, 96, dtype=torch.long)
    recipe = Augmentation(rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0, collimate=1.0)
    changed, kept = augment(x, masks, recipe, torch.Generator().manual_seed(0))
    hidden = kept == 0
    assert 0 < hidden.float().mean() < 0.5
    assert (changed.permute(0, 2, 3, 1)[~hidden] == 0.5).all()


def test_grey_value_bends_keep_the_order_of_grey_values():
    x = torch.linspace(0, 1, 64).expand(4, 3, 64, 64).contiguous()
    recipe = Augmentation(
        rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0, curve=0.8, equalise=0.5
    )
    changed, _ = augment(x, None, recipe, torch.Generator().manual_seed(0))
    assert (changed.diff(dim=3) >= -1e-6).all()
    assert not torch.allclose(changed, x, atol=0.02)


def test_a_crop_is_a_window_of_the_moved_image_and_its_mask():
    x = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(1)).expand(-1, 3, -1, -1).contiguous()
    still = Augmentation(rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0)
    masks = (x[:, 0] > 0.5).long()
    part, part_masks = augment(x, masks, still, torch.Generator().manual_seed(2), crop=32)
    assert part.shape == (3, 3, 32, 32)
    assert part_masks.shape == (3, 32, 32)
    for image, window in zip(x[:, 0], part[:, 0], strict=True):
        assert image.min() - 1e-6 <= window.min()
        assert window.max() <= image.max() + 1e-6
    ramp = torch.linspace(0, 1, 64).expand(3, 3, 64, 64).contiguous()
    window, _ = augment(ramp, None, still, torch.Generator().manual_seed(2), crop=32)
    assert torch.allclose(window.diff(dim=3), ramp.diff(dim=3)[:, :, :32, :31], atol=1e-5), "at the image's own scale"


def test_the_consistency_loss_falls_when_the_student_agrees_with_the_teacher():
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    still = Augmentation(rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0, noise=0)

    def teacher(images):
        return torch.stack([-20 * (images[:, 0] - 0.5), 20 * (images[:, 0] - 0.5)], dim=1)

    def loss(student):
        return float(consistency_loss(x, student, teacher, still, torch.Generator().manual_seed(0)))

    assert loss(teacher) < 0.1 < 1.0 < loss(lambda images: -teacher(images))
    assert ramp(0.0) < 0.01
    assert ramp(0.5) == 1.0


def test_beta_samples_lie_between_0_and_1_and_are_symmetric():
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([sample_beta(0.4, generator) for _ in range(2000)])
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(drawn.var()) == pytest.approx(0.25 / 1.8, abs=0.02), "the variance of Beta(0.4, 0.4)"
