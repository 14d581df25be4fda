"""What is measured about a weight and how its card tells it: operating point, subgroups, reliability, speed, sheet."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from weights_for_tests import a_card, a_state_that_tells_images_apart, write_weight

from MedPromptLib.catalog import Catalog, KnownFailure, TrainingRun, WeightCard
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput
from MedPromptLib.inference.engine import load_weight
from MedPromptLib.measured import OperatingPoint
from MedPromptLib.networks import build
from MedPromptLib.training.across_sources import pure_sources
from MedPromptLib.training.case_record import Evaluation, count_splits
from MedPromptLib.training.config import CardText, DataSource, OperatingRule, Recipe, Schedule
from MedPromptLib.training.data import read_cases
from MedPromptLib.training.evaluation import evaluate
from MedPromptLib.training.metrics import rate
from MedPromptLib.training.operating_point import choose_threshold, operating_point
from MedPromptLib.training.origin import code_version, processor_name
from MedPromptLib.training.publish import publish
from MedPromptLib.training.subgroups import subgroup_values
from MedPromptLib.training.summary import zoo_table
from MedPromptLib.weight_sheet import WIDTH, sheet

ROOT = Path(__file__).resolve().parent.parent
CPU = torch.device("cpu")
TB = {"target": "tuberculosis", "classes": ("normal", "tb"), "positive": ("tb",)}


@pytest.fixture
def a_data_set(tmp_path):
    """Forty films of two hospitals, ten each of both labels a hospital; half are for validation, half for testing."""
    folder, rows = tmp_path / "sets" / "films", ["id,split,label,source,group"]
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(40):
        picture, mask = np.random.default_rng(index).integers(0, 90, (64, 64), np.uint8), np.zeros((64, 64), np.uint8)
        label = "tb" if index % 2 else "normal"
        if label == "tb":
            mask[20:40, 10 : 30 + index % 7] = 1
        picture[mask > 0] = 220
        Image.fromarray(picture).save(folder / "images" / f"{index}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{index}.png")
        rows.append(f"{index},{'val' if index < 20 else 'test'},{label},{'AB'[index // 2 % 2]},p{index}")
    (folder / "split.csv").write_text("\n".join(rows) + "\n")
    return folder


def loaded(root, card, bias=None):
    card = write_weight(root, card, bias)
    return load_weight(root / card.id, card, CPU)


def one_structure(weight_id):
    card = a_card(weight_id, provenance={**a_card("x").provenance.model_dump(), "dataset": "films"})
    network = card.network.model_copy(update={"options": {**card.network.options, "classes": 2}})
    return card.model_copy(update={"structures": card.structures[:1], "network": network})


# The operating point


def test_the_threshold_is_a_half_where_a_half_is_as_good_as_the_best():
    score, finding = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9]), np.array([False, False, False, True, True, True])
    threshold, rule = choose_threshold(score, finding)
    assert threshold == 0.5
    assert "within one standard error" in rule


def test_the_threshold_moves_from_a_half_as_little_as_its_figures_allow():
    score = np.concatenate([np.linspace(0.01, 0.19, 60), np.linspace(0.21, 0.49, 60)])
    finding = np.arange(120) >= 60
    threshold, _ = choose_threshold(score, finding)
    assert 0.2 < threshold < 0.3, "near the gap between the scores, on the side of a half"
    called = score >= threshold
    assert called[finding].mean() > 0.9
    assert not called[~finding].any()


@pytest.mark.parametrize(("minimum", "threshold"), [(1.0, 0.15), (0.6, 0.5), (0.3, 0.85)])
def test_a_minimal_sensitivity_takes_the_most_specific_threshold_that_reaches_it(minimum, threshold):
    score = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 0.9])
    finding = np.array([False, True, False, True, False, True])
    found, rule = choose_threshold(score, finding, minimum)
    assert found == pytest.approx(threshold)
    assert f"at least {minimum:g}" in rule
    assert (score >= found)[finding].mean() >= minimum


@pytest.mark.parametrize(
    ("score", "finding", "minimum", "said"),
    [
        ([0.1, 0.9], [True, True], None, "with and without a finding"),
        ([0.5, 0.5], [True, False], None, "probabilities that differ"),
        ([0.1, 0.9], [True, False], 1.0, "No threshold reaches a sensitivity of 1"),
    ],
)
def test_what_gives_no_operating_point_says_why(score, finding, minimum, said):
    with pytest.raises(InvalidInput, match=said):
        choose_threshold(np.array(score), np.array(finding), minimum)


def test_a_classifier_whose_classes_are_all_of_one_side_has_none(a_data_set):
    card = a_card("x_cls_cxr", classes=("normal", "tb"), positive=())
    assert operating_point(card, np.full((20, 2), 0.5), read_cases(a_data_set, "val"), "") is None


@pytest.mark.parametrize("changes", [{}, {"classes": ("a", "b")}, {"classes": ("a", "b"), "positive": ("a", "b")}])
def test_a_card_with_an_operating_point_needs_two_sides(changes):
    point = OperatingPoint(
        threshold=0.5, rule="", dataset="", split="val", images=1, positives=1, date="2026-01-01", command=""
    )
    with pytest.raises(ValidationError, match="operating point"):
        a_card("x", operating_point=point, **changes)


def test_the_command_chooses_on_val_and_removes_figures_of_the_rule_before(a_data_set, tmp_path, capsys):
    card = a_card("tb_cls_cxr", **TB, provenance={**a_card("x").provenance.model_dump(), "dataset": "films"})
    root = tmp_path / "weights"
    write_weight(root, card, state=a_state_that_tells_images_apart(card))
    places = ["--weights", str(root)]
    assert main(["evaluate", card.id, "--data", str(a_data_set), "--device", "cpu", *places]) == 0
    before = Catalog.load([root]).card(card.id)
    assert before.evaluation
    assert before.provenance.splits == {"val": 20, "test": 20}
    words = ["weights", "operating-point", card.id, "--data", str(a_data_set.parent), *places]
    assert main(words) == 0
    told = capsys.readouterr()
    after = Catalog.load([root]).card(card.id)
    assert f"a finding from {after.operating_point.threshold:.4f} on" in told.out
    assert "were removed; measure again" in told.err
    assert not after.evaluation and not after.reliability
    assert (after.operating_point.split, after.operating_point.positives) == ("val", 10)
    assert main(["evaluate", card.id, "--data", str(a_data_set), "--split", "val", "--device", "cpu", *places]) == 0
    assert main(words) == 0
    assert Catalog.load([root]).card(card.id).evaluation, "the same threshold keeps what was measured with it"
    assert main([*words, "--minimal-sensitivity", "0.9"]) == 0
    card = Catalog.load([root]).card(card.id)
    assert card.operating_point.command.endswith("--data DATA --minimal-sensitivity 0.9")
    rows = {
        m.metric: m.value for m in evaluate(load_weight(root / card.id, card, CPU), a_data_set, "val", "").measurements
    }
    assert rows["sensitivity"] >= 0.9
    with pytest.raises(SystemExit):
        main([*words, "--minimal-sensitivity", "1.5"])


def test_measurements_count_what_the_operating_point_decides(a_data_set, tmp_path):
    point = OperatingPoint(
        threshold=0.2, rule="", dataset="films", split="val", images=20, positives=10, date="2026-01-01", command=""
    )
    weight = loaded(tmp_path, a_card("tb_cls_cxr", **TB, operating_point=point), bias=[1, 0])
    rows = {(m.metric, m.subject): m for m in evaluate(weight, a_data_set, "test", "").measurements}
    finding = "finding against none"
    assert rows["sensitivity", finding].value == 1 and rows["specificity", finding].value == 0
    assert rows["recall", "tb"].value == 1
    assert rows["PPV", finding].value == rows["prevalence", finding].value == 0.5
    assert ("NPV", finding) not in rows, "nothing was called negative"
    assert rows["sensitivity", finding].low == pytest.approx(0.025 ** (1 / 10), abs=1e-3)
    card = weight.card.model_copy(update={"operating_point": None})
    rows = {(m.metric, m.subject): m for m in evaluate(replace(weight, card=card), a_data_set, "test", "").measurements}
    assert rows["sensitivity", finding].value == 0 and rows["specificity", finding].value == 1


def test_a_share_of_all_or_none_has_the_exact_interval_over_patients():
    groups, all_of_them = ["a", "a", "b", "c"], np.ones(4, bool)
    assert rate(groups, all_of_them, all_of_them).low == pytest.approx(0.025 ** (1 / 3))
    assert rate(groups, ~all_of_them, all_of_them).high == pytest.approx(1 - 0.025 ** (1 / 3))
    assert np.isnan(rate(groups, all_of_them, ~all_of_them).value)
    half = rate(["a", "b", "c", "d"], np.array([True, True, False, False]), all_of_them)
    assert half.low < half.value == 0.5 < half.high


# Subgroups, reliability, worst cases


def test_subgroups_have_rows_of_their_own_and_patients_are_none(a_data_set, tmp_path):
    weight = loaded(tmp_path, a_card("tb_cls_cxr", **TB), bias=[1, 0])
    found = evaluate(weight, a_data_set, "test", "the command", subgroups="source")
    rows = {(m.group, m.metric): m for m in found.subgroups}
    assert {group for group, _ in rows} == {"A", "B"}
    assert rows["A", "accuracy"].images == 10 and rows["A", "sensitivity"].images == 5
    assert rows["A", "specificity"].value == 1
    assert {m.column for m in found.subgroups} == {"source"}
    with pytest.raises(InvalidInput, match="Patients are no subgroups"):
        evaluate(weight, a_data_set, "test", "", subgroups="group")
    with pytest.raises(InvalidInput, match="has no column 'hospital'"):
        subgroup_values(a_data_set, "hospital", ("0",))


def test_sources_that_hold_one_label_each_are_measured_in_pairs_beside_their_frames(a_data_set, tmp_path):
    table = a_data_set / "split.csv"
    lines = [line.split(",") for line in table.read_text().splitlines()]
    for index, line in enumerate(lines[1:]):
        line[1] = "test" if index % 4 < 2 else "train"
        line[3] = f"{'with' if line[2] == 'tb' else 'without'}{index % 3 % 2}"
    table.write_text("\n".join(map(",".join, lines)) + "\n")
    for index in range(40):  # films without the finding have a bright frame
        path = a_data_set / "images" / f"{index}.png"
        picture = np.array(Image.open(path))
        if lines[index + 1][3].startswith("without"):
            picture[:4] = 255
        Image.fromarray(picture).save(path)
    weight = loaded(tmp_path, a_card("tb_cls_cxr", **TB), bias=[1, 0])
    found = evaluate(weight, a_data_set, "test", "", subgroups="source").subgroups
    pairs = {m.group for m in found if m.metric == "AUC between two sources"}
    assert pairs == {f"with{i} against without{j}" for i in (0, 1) for j in (0, 1)}
    frames = {m.group: m.value for m in found if m.metric == "AUC of the frame alone between two sources"}
    assert frames == dict.fromkeys(pairs, 1.0), "the frame gives the films away"
    card = weight.card.model_copy(update={"subgroups": found})
    card = Evaluation(measurements=evaluate(weight, a_data_set, "test", "").measurements, subgroups=found).on(card)
    line = zoo_table([card], "test").splitlines()[-1]
    assert line.index("worst pair of sources") < line.index("accuracy"), "the worst figure comes first"
    assert "frame of the image alone on that pair" in line


def test_cases_held_out_of_the_training_are_its_validation_split(a_data_set, tmp_path):
    table = a_data_set / "split.csv"
    table.write_text(table.read_text().replace(",val,", ",train,"))
    weight = loaded(tmp_path, one_structure("spot_seg_cxr"))
    with pytest.raises(InvalidInput, match="has no split 'val'"):
        evaluate(weight, a_data_set, "val", "")
    origin = weight.card.provenance.model_copy(update={"dataset": a_data_set.name, "held_out": ("1", "3", "4")})
    weight = replace(weight, card=weight.card.model_copy(update={"provenance": origin}))
    found = {m.metric: m.images for m in evaluate(weight, a_data_set, "val", "").measurements}
    assert (found["Dice"], found["Dice of the mean shape"]) == (2, 2), "two of the three have the structure"
    assert count_splits(a_data_set, origin.held_out) == {"train": 17, "val": 3, "test": 20}


def test_sources_that_hold_both_labels_are_not_paired():
    finding = np.array([True, False, True, False])
    assert pure_sources(["a", "a", "b", "b"], finding) == ([], [])
    assert pure_sources(["a", "b", "c", "b"], finding) == (["a", "c"], ["b"])


def test_a_group_column_of_subgroups_is_not_resampled_as_patients(a_data_set, tmp_path):
    table = a_data_set / "split.csv"
    table.write_text(re.sub(r"p(\d+)$", lambda m: "xy"[int(m[1]) % 3 == 0], table.read_text(), flags=re.M))
    weight = loaded(tmp_path, one_structure("spot_seg_cxr"))
    found = evaluate(weight, a_data_set, "test", "", subgroups="group")
    plain = evaluate(weight, a_data_set, "test", "")
    assert {m.group for m in found.subgroups} == {"x", "y"}
    by_image, by_group = (next(m for m in e.measurements if m.metric == "Dice") for e in (found, plain))
    assert (by_image.low, by_image.high) != (by_group.low, by_group.high)


def test_a_segmentations_pixels_are_all_counted_once(a_data_set, tmp_path):
    weight = loaded(tmp_path, one_structure("spot_seg_cxr"), bias=[0, 0.5])
    (diagram,) = evaluate(weight, a_data_set, "test", "the command").reliability
    said = np.exp(0.5) / (1 + np.exp(0.5))
    truth = np.mean([mask > 0 for mask in read_cases(a_data_set, "test").masks])
    assert (diagram.quantity, diagram.split, len(diagram.bins)) == ("foreground", "test", 1)
    assert diagram.bins[0].count == 20 * 64 * 64
    assert diagram.bins[0].predicted == pytest.approx(said, abs=1e-3)
    assert diagram.bins[0].observed == pytest.approx(truth, abs=1e-3)
    assert diagram.ece == pytest.approx(said - truth, abs=2e-3)


def test_the_worst_cases_are_named_worst_first(a_data_set, tmp_path, capsys):
    root = tmp_path / "weights"
    write_weight(root, one_structure("spot_seg_cxr"), bias=[9, 0])
    write_weight(root, a_card("tb_cls_cxr", **TB), bias=[1, 0])
    options = ["--data", str(a_data_set), "--split", "val", "--weights", str(root), "--device", "cpu", "--worst", "10"]
    assert main(["evaluate", "spot_seg_cxr", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("worst cases, val"))
    assert len(lines) - start == 11
    assert all("tb: right lung Dice 0.000" in line for line in lines[start + 1 :]), "nothing is ever outlined"
    assert main(["evaluate", "tb_cls_cxr", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all("is tb, was called normal" in line for line in lines[-10:])
    assert all(float(line.split()[1]) == pytest.approx(0.269, abs=2e-3) for line in lines[-10:])


# Publishing, speed, origin


def test_a_published_weight_bears_its_operating_point_and_its_training_run(a_data_set, tmp_path):
    card = a_card("tb_cls_cxr", **TB)
    recipe = Recipe(
        card=CardText(
            **{name: getattr(card, name) for name in ("id", "title", "intent", "target", "modality", "classes")},
            positive=card.positive,
            **dict.fromkeys(("intended_use", "licence", "data", "data_licence"), "Tests."),
        ),
        data=DataSource(folder="films", subgroups="source"),
        network=card.network,
        preprocessing=card.preprocessing,
        schedule=Schedule(phases=({"epochs": 1, "size": 64, "batch": 2},)),
        operating_point=OperatingRule(minimal_sensitivity=0.8),
    )
    origin = TrainingRun(commit="a" * 40, tree_clean=False, seconds=12.5, hardware="a processor", threads=1)
    state = a_state_that_tells_images_apart(card)
    made = publish(
        recipe, state, read_cases(a_data_set, "val"), tmp_path / "out", command="c", config_sha256="0", training=origin
    )
    stored = Catalog.load([tmp_path / "out"]).card("tb_cls_cxr")
    assert stored == made
    assert stored.provenance.training == origin
    assert stored.provenance.splits == {"val": 20, "test": 20}
    assert stored.provenance.subgroups == "source"
    assert stored.file.parameters == sum(p.numel() for p in build(card.network).parameters())
    rows = {
        m.metric: m.value
        for m in evaluate(load_weight(tmp_path / "out" / made.id, made, CPU), a_data_set, "val", "").measurements
    }
    assert stored.operating_point.minimal_sensitivity == 0.8
    assert rows["sensitivity"] >= 0.8


def test_timing_writes_speed_and_size_onto_the_card(tmp_path, capsys):
    write_weight(tmp_path, a_card("lungs_seg_cxr"))
    words = ["bench", "weights", "--weights", str(tmp_path), "--rounds", "2"]
    threads = torch.get_num_threads()
    assert main([*words, "--no-card"]) == 0
    assert Catalog.load([tmp_path]).card("lungs_seg_cxr").latency is None
    assert main([*words, "lungs_seg_cxr"]) == 0
    assert torch.get_num_threads() == threads
    card = Catalog.load([tmp_path]).card("lungs_seg_cxr")
    assert (card.latency.rounds, card.latency.threads, card.latency.size) == (2, 1, (1, 64, 64))
    assert 0 < card.latency.milliseconds <= card.latency.slowest
    assert card.latency.cpu == processor_name()
    assert card.file.parameters == sum(p.numel() for p in build(card.network).parameters())
    assert "lungs_seg_cxr" in capsys.readouterr().out
    assert main(["bench", "weights", "--weights", str(tmp_path), "--rounds", "0"]) == InvalidInput.exit_code


def test_the_codes_version_is_the_commit_of_its_repository(monkeypatch, tmp_path):
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert code_version()[0] == done.stdout.strip()
    monkeypatch.setattr("MedPromptLib.training.origin.LIBRARY", tmp_path / "MedPromptLib")
    assert code_version() == ("", None)


# The sheet


@pytest.mark.parametrize("card", list(Catalog.load([ROOT / "weights"])), ids=lambda card: card.id)
def test_the_sheet_of_a_shipped_weight_says_all_of_its_card_within_its_width(card, capsys, tmp_path):
    picture = tmp_path / "reliability.png"
    assert main(["weights", "show", card.id, "--weights", str(ROOT / "weights"), "--figure", str(picture)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= WIDTH
    flat = " ".join(text.split())
    for words in (
        card.intended_use,
        *card.limitations,
        card.provenance.data,
        card.provenance.data_licence,
        card.licence,
    ):
        assert " ".join(words.split()) in flat
    for failure in card.known_failures:
        assert failure.text in flat and f"$ {failure.command}" in flat
    for m in card.evaluation:
        assert f"{m.value:.3f}" in text and m.command in flat
    for m in card.subgroups:
        assert m.group in text and f"{m.value:.3f} ({m.low:.3f}–{m.high:.3f})" in text
    assert all(f"ECE {diagram.ece:.3f}" in text for diagram in card.reliability)
    assert f"{card.latency.milliseconds:.1f} ms" in text and card.provenance.training.commit in text
    if card.operating_point:
        assert f"{card.operating_point.threshold:.4f}" in text
    assert Image.open(picture).size[0] > 400


def test_a_card_that_holds_little_is_shown_too_and_has_no_picture(tmp_path, capsys):
    write_weight(tmp_path, a_card("tb_cls_cxr", **TB))
    words = ["weights", "show", "tb_cls_cxr", "--weights", str(tmp_path)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "not measured" in text and "the most probable class is reported" in text
    assert main([*words, "--figure", str(tmp_path / "x.png")]) == InvalidInput.exit_code
    assert not (tmp_path / "x.png").exists()
    assert main([*words, "--json"]) == 0
    assert WeightCard.model_validate_json(capsys.readouterr().out) == Catalog.load([tmp_path]).card("tb_cls_cxr")


def test_a_known_failure_is_written_once(tmp_path, capsys):
    write_weight(tmp_path, a_card("tb_cls_cxr", **TB))
    words = ["weights", "failure", "tb_cls_cxr", "--weights", str(tmp_path)]
    assert main([*words, "Takes scars for disease."]) == 0
    assert main([*words, "Takes scars  for disease.", "--shown-by", "medprompt evaluate tb_cls_cxr"]) == 0
    wanted = KnownFailure(text="Takes scars for disease.", command="medprompt evaluate tb_cls_cxr")
    assert Catalog.load([tmp_path]).card("tb_cls_cxr").known_failures == (wanted,)
    assert main([*words, "  "]) == InvalidInput.exit_code
    assert "$ medprompt evaluate tb_cls_cxr" in sheet(Catalog.load([tmp_path]).card("tb_cls_cxr"))


def test_the_schema_of_a_card_names_what_it_may_hold(capsys):
    assert main(["schema", "card"]) == 0
    fields = json.loads(capsys.readouterr().out)["properties"].keys()
    assert {"operating_point", "reliability", "subgroups", "known_failures", "latency"} <= fields
