"""Trivial floors beside a weight's figures, and the table of all weights."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from weights_for_tests import a_card, write_weight

from MedPromptLib.catalog import Catalog
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput
from MedPromptLib.inference.engine import load_weight
from MedPromptLib.training.data import read_cases
from MedPromptLib.training.evaluation import evaluate
from MedPromptLib.training.floors import mean_shape, otsu, segmentation_floors, thumbnail_probabilities
from MedPromptLib.training.summary import data_set_of, zoo_table

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def a_data_set(tmp_path):
    """Thirty pictures with a square in the middle: bright where the label is `tb`, else dark."""
    folder = tmp_path / "sets" / "squares"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    rng, rows = np.random.default_rng(0), []
    for index in range(30):
        picture, mask = rng.integers(90, 110, (64, 64)).astype(np.uint8), np.zeros((64, 64), np.uint8)
        j, i = rng.integers(14, 19, 2)
        mask[j : j + 32, i : i + 32] = 1
        picture[mask > 0] = 220 if index % 2 else 10
        Image.fromarray(picture).save(folder / "images" / f"{index}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{index}.png")
        split = "train" if index < 16 else "val" if index < 22 else "test"
        rows.append({"id": index, "split": split, "label": "tb" if index % 2 else "normal"})
    with (folder / "split.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "split", "label"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def one_structure(weight_id="squares_seg_cxr"):
    card = a_card(weight_id)
    network = card.network.model_copy(update={"options": {**card.network.options, "classes": 2}})
    return card.model_copy(update={"structures": card.structures[:1], "network": network})


def test_the_mean_shape_of_squares_is_a_square_and_scores_as_one(a_data_set):
    train, test = read_cases(a_data_set, "train"), read_cases(a_data_set, "test")
    shape = mean_shape(train, structures=1)
    assert shape.shape == (64, 64)
    assert shape[32, 32] == 1
    assert not shape[:10].any()
    floors = segmentation_floors(one_structure(), train, test)
    assert floors["Dice of the mean shape"].shape == (8, 1)
    assert 0.8 < floors["Dice of the mean shape"].mean() < 1


def test_otsus_threshold_takes_the_side_that_training_masks_are_on(a_data_set):
    train = read_cases(a_data_set, "train")
    bright = train.labels.index("tb")
    assert (otsu(train.images[bright], bright=True) == train.masks[bright]).all()
    assert (otsu(train.images[bright - 1], bright=False) == train.masks[bright - 1]).all()


def test_thumbnails_tell_bright_squares_from_dark_ones(a_data_set):
    train, test = read_cases(a_data_set, "train"), read_cases(a_data_set, "test")
    probabilities = thumbnail_probabilities(train, test, ("normal", "tb"))
    assert np.allclose(probabilities.sum(1), 1)
    assert [("normal", "tb")[n] for n in probabilities.argmax(1)] == list(test.labels)


def test_floors_stand_beside_the_figures_where_there_is_a_training_split(a_data_set, tmp_path):
    segmentation = write_weight(tmp_path / "weights", one_structure(), bias=[0, 1])
    weight = load_weight(tmp_path / "weights" / segmentation.id, segmentation, torch.device("cpu"))
    metrics = {m.metric: m for m in evaluate(weight, a_data_set, "test", "the command").measurements}
    assert {"Dice of the mean shape", "Dice of Otsu's threshold"} <= metrics.keys()
    assert metrics["Dice of the mean shape"].images == 8
    on_training = evaluate(weight, a_data_set, "train", "the command").measurements
    assert "Dice of the mean shape" not in {m.metric for m in on_training}
    card = write_weight(tmp_path / "weights", a_card("tb_cls_cxr", classes=("normal", "tb"), positive=("tb",)))
    weight = load_weight(tmp_path / "weights" / card.id, card, torch.device("cpu"))
    metrics = {m.metric: m.value for m in evaluate(weight, a_data_set, "test", "the command").measurements}
    assert metrics["accuracy of a thumbnail classifier"] == metrics["AUC of a thumbnail classifier"] == 1


def test_all_weights_are_measured_by_one_command_that_prints_the_table(a_data_set, tmp_path, capsys):
    card = one_structure()
    provenance = card.provenance.model_copy(update={"dataset": "squares"})
    write_weight(tmp_path / "weights", card.model_copy(update={"provenance": provenance}), bias=[0, 1])
    weights = ["--weights", str(tmp_path / "weights"), "--device", "cpu"]
    assert main(["evaluate", "--all", "--data", str(tmp_path), *weights]) == InvalidInput.exit_code
    assert "nothing was measured" in capsys.readouterr().err
    assert main(["evaluate", "--all", "--data", str(a_data_set.parent), *weights]) == 0
    table = capsys.readouterr().out.strip()
    assert table == zoo_table(list(Catalog.load([tmp_path / "weights"])), "test")
    row = table.splitlines()[-1]
    assert re.search(r"`squares`, 8 images \| Dice 0\.\d{3} \(0\.\d{3}–0\.\d{3}\)", row)
    assert re.search(r"mean shape Dice 0\.\d{3}; Otsu's threshold Dice 0\.\d{3} \|$", row)
    measured = Catalog.load([tmp_path / "weights"]).card(card.id).evaluation
    assert {m.command for m in measured} == {"medprompt evaluate squares_seg_cxr --data squares --split test"}


@pytest.mark.parametrize("what", [[], ["squares_seg_cxr", "--all"], ["--all", "--input-check"]])
def test_evaluate_wants_to_know_one_thing_to_measure(what, tmp_path, capsys):
    assert main(["evaluate", *what, "--data", str(tmp_path)]) == InvalidInput.exit_code
    assert "Say what to evaluate" in capsys.readouterr().err


def test_a_card_that_names_no_data_set_or_one_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InvalidInput, match="names no data set"):
        data_set_of(one_structure(), tmp_path)
    card = one_structure()
    card = card.model_copy(update={"provenance": card.provenance.model_copy(update={"dataset": "squares"})})
    with pytest.raises(InvalidInput, match="no data set 'squares'"):
        data_set_of(card, tmp_path)


def test_the_readme_holds_the_table_that_the_cards_give():
    assert zoo_table(list(Catalog.load([ROOT / "weights"])), "test") in (ROOT / "README.md").read_text()
