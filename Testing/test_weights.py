"""The weights that ship, and the demonstration on a real radiograph, from the prompt to a reopened scene."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from sklearn.datasets import load_sample_images

from MedPromptLib.catalog import Catalog, WeightCard, verify_file
from MedPromptLib.cli import main
from MedPromptLib.demo import DEMO_PROMPT
from MedPromptLib.images import MedicalImage, read_image
from MedPromptLib.inference.engine import classify, load_weight, segment
from MedPromptLib.inference.input_check import check_input
from MedPromptLib.plan import Intent
from MedPromptLib.planner import RulePlanner
from MedPromptLib.results import Provenance
from MedPromptLib.training.config import read_recipe
from MedPromptLib.training.data import as_image

ROOT = Path(__file__).resolve().parent.parent
CATALOG = Catalog.load([ROOT / "weights"])
CARDS = list(CATALOG)
OF_IMAGES = [card for card in CARDS if card.dimension == 2]
LARGEST_MB = 60


def test_the_first_four_weights_are_there_and_no_card_is_broken():
    wanted = {"chest_structures_seg_cxr", "pneumonia_cls_cxr", "breast_lesion_seg_us", "breast_lesion_cls_us"}
    assert wanted <= {card.id for card in CARDS}
    assert not CATALOG.problems


def test_all_weights_together_stay_small():
    assert sum(card.file.bytes for card in CARDS) < LARGEST_MB * 1e6


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_a_card_is_complete_and_its_file_whole(card):
    verify_file(CATALOG.folder(card.id), card)
    assert card.calibration.split == "val"
    assert {m.split for m in card.evaluation} >= {"val", "test"}
    assert all(m.command.startswith("medprompt evaluate") for m in card.evaluation)
    assert card.limitations
    assert "research use" in f"{card.licence} {card.intended_use}".lower()
    assert card.provenance.command == f"medprompt train MedPromptLib/training/recipes/{card.id}.toml --data DATA"
    recipe, _ = read_recipe(ROOT / "MedPromptLib" / "training" / "recipes" / f"{card.id}.toml")
    assert (card.network, card.preprocessing) == (recipe.network, recipe.preprocessing)
    assert (card.provenance.dataset, card.provenance.subgroups) == (recipe.data.folder, recipe.data.subgroups)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_a_card_holds_what_a_reviewer_asks_for(card):
    network = load_weight(CATALOG.folder(card.id), card, torch.device("cpu")).network
    assert card.file.parameters == sum(p.numel() for p in network.parameters())
    assert card.latency is not None
    assert card.latency.milliseconds > 0
    assert card.latency.threads >= 1
    assert {"train", "val", "test"} <= card.provenance.splits.keys()
    assert card.provenance.training is not None
    assert len(card.provenance.training.commit) == 40
    assert card.known_failures
    assert all("--split val --worst" in failure.command for failure in card.known_failures)
    quantities = {"foreground"} if card.intent is Intent.SEGMENTATION else {"answer", "finding"}
    assert {(r.quantity, r.split) for r in card.reliability} == {(q, s) for q in quantities for s in ("val", "test")}
    if card.provenance.subgroups:
        assert {m.split for m in card.subgroups} == {"val", "test"}
        assert {m.column for m in card.subgroups} == {card.provenance.subgroups}
        assert len({m.group for m in card.subgroups}) >= 2
        assert all(m.low <= m.value <= m.high for m in card.subgroups)


@pytest.mark.parametrize(
    "card", [card for card in CARDS if card.intent is Intent.CLASSIFICATION], ids=lambda card: card.id
)
def test_a_classifiers_operating_point_was_chosen_on_val_and_measured_on_both_splits(card):
    point = card.operating_point
    assert point is not None
    assert (point.dataset, point.split) == (card.provenance.dataset, "val")
    for split in ("val", "test"):
        rows = {m.metric: m for m in card.evaluation if (m.split, m.subject) == (split, "finding against none")}
        for metric in ("sensitivity", "specificity", "PPV", "NPV"):
            assert 0 <= rows[metric].low <= rows[metric].value <= rows[metric].high <= 1
            assert rows[metric].low < rows[metric].high
        # what was predicted and what is true count the same images
        assert rows["PPV"].images + rows["NPV"].images == rows["sensitivity"].images + rows["specificity"].images
    assert rows["prevalence"].value == pytest.approx(rows["sensitivity"].images / rows["prevalence"].images, abs=1e-4)
    assert point.images == card.provenance.splits["val"]


def fed_to(card: WeightCard, image: MedicalImage) -> MedicalImage:
    """The image as the weight takes it: three sequences are the three colours of one image."""
    if not card.preprocessing.sequences:
        return image
    grey = (255 * (image.array - image.array.min()) / np.ptp(image.array)).astype(np.uint8)
    return replace(image, array=np.repeat(grey[..., None], 3, axis=-1))


@pytest.mark.parametrize("card", OF_IMAGES, ids=lambda card: card.id)
def test_a_card_says_what_fits_and_what_something_trivial_reaches(card, a_radiograph):
    misfit = check_input(card, fed_to(card, a_radiograph))
    if card.id == "chest_structures_seg_cxr":
        assert misfit is None
    elif card.modality != "chest x-ray":
        assert misfit is not None
    photograph = as_image(load_sample_images().images[0], "china")
    assert check_input(card, photograph) is not None
    floor = "mean shape" if card.intent is Intent.SEGMENTATION else "thumbnail classifier"
    assert {m.split for m in card.evaluation if floor in m.metric} == {"val", "test"}


@pytest.mark.parametrize("card", OF_IMAGES, ids=lambda card: card.id)
def test_a_weight_runs_on_a_real_image(card, a_radiograph):
    weight = load_weight(CATALOG.folder(card.id), card, torch.device("cpu"))
    a_radiograph = fed_to(card, a_radiograph)
    if card.intent is Intent.SEGMENTATION:
        labels, confidence = segment(weight, a_radiograph)
        assert labels.shape == a_radiograph.shape
        assert all(0 < p <= 1 for p in confidence.values())
    else:
        assert sum(classify(weight, a_radiograph).values()) == pytest.approx(1, abs=1e-4)


@pytest.fixture(scope="module")
def the_demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    assert main(["demo", "--out", str(out)]) == 0
    return out


def test_the_demo_writes_a_scene_segmentations_a_table_a_record_and_a_picture(the_demo):
    names = {path.name for path in the_demo.iterdir()}
    assert {"scene.mrb", "1_chest_structures_seg_cxr.seg.nrrd", "results.tsv", "run.json", "overview.png"} <= names
    record = Provenance.model_validate_json((the_demo / "run.json").read_text())
    assert record.prompt == DEMO_PROMPT
    assert [task.state for task in record.tasks] == ["done", "done"]
    assert record.plan.pipeline[1].condition_on is not None
    with (the_demo / "results.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["structure"] for row in rows[:3]] == ["right lung", "left lung", "heart"]
    assert all(row["decision"] == "" for row in rows)


def test_the_demo_finds_lungs_and_heart_where_they_are(the_demo, a_radiograph):
    mask = sitk.GetArrayFromImage(sitk.ReadImage(the_demo / "1_chest_structures_seg_cxr.seg.nrrd"))
    height, width = a_radiograph.shape[1:]
    assert mask.shape[-2:] == (height, width), "the segmentation covers the whole film"
    centre, share = {}, {}
    for label, name in ((1, "right lung"), (2, "left lung"), (3, "heart")):
        j, i = np.nonzero(mask[0] == label)
        centre[name] = (j.mean() / height, i.mean() / width)
        share[name] = len(j) / (height * width)
    assert centre["right lung"][1] < 0.4 < 0.6 < centre["left lung"][1], "the patient's right is the picture's left"
    assert 0.4 < centre["heart"][1] < 0.65
    assert centre["heart"][0] > max(centre["right lung"][0], centre["left lung"][0]), "the heart lies low"
    assert 0.12 < share["right lung"] < 0.25
    assert 0.10 < share["left lung"] < 0.25
    assert 0.07 < share["heart"] < 0.16
    # the film's opacities lie inside the lungs: points chosen by looking at it
    for name, j, i in (("right lung", 0.30, 0.22), ("left lung", 0.30, 0.75), ("heart", 0.68, 0.60)):
        assert mask[0, int(j * height), int(i * width)] == {"right lung": 1, "left lung": 2, "heart": 3}[name]


REOPEN = """
import json, sys
import numpy as np
from MedPromptLib.headless import open_scene_bundle, slicer, vtk
opened = open_scene_bundle(sys.argv[1])
volume, node, table, text = (opened.scene.GetFirstNodeByClass(f"vtkMRML{kind}Node") for kind in
                             ("ScalarVolume", "Segmentation", "Table", "Text"))
segments = node.GetSegmentation()
seen = {"names": [], "codes": [], "pixels": []}
for segment_id in segments.GetSegmentIDs():
    code = vtk.reference("")
    segments.GetSegment(segment_id).GetTag("TerminologyEntry", code)
    seen["names"].append(segments.GetSegment(segment_id).GetName())
    seen["codes"].append(str(code))
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume)
    seen["pixels"].append(int(np.count_nonzero(mask)))
columns = table.GetTable()
rows = range(columns.GetNumberOfRows())
seen["structures"] = [columns.GetValueByName(row, "structure").ToString() for row in rows]
seen["prompt"] = json.loads(text.GetText())["prompt"]
print("RESULT" + json.dumps(seen))
"""


def test_the_demos_scene_holds_the_same_in_a_new_process(the_demo):
    done = subprocess.run(
        [sys.executable, "-c", REOPEN, the_demo / "scene.mrb"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    seen = json.loads(done.stdout.split("RESULT")[1])
    record = Provenance.model_validate_json((the_demo / "run.json").read_text())
    outlined = [f for f in record.findings if f.kind == "segmentation"]
    assert seen["names"] == [f.structure for f in outlined] == ["right lung", "left lung", "heart"]
    assert seen["pixels"] == [f.pixels for f in outlined]
    assert seen["structures"] == [f.structure for f in record.findings]
    assert all(code in tag for code, tag in zip(("39607008", "39607008", "80891009"), seen["codes"], strict=True))
    assert ["Right" in tag for tag in seen["codes"]] == [True, False, False]
    assert seen["prompt"] == DEMO_PROMPT


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ("if it is viral", "viral_pneumonia"),
        ("in case of bacterial pneumonia", "bacterial_pneumonia"),
        ("if present", "positive"),
    ],
)
def test_a_class_that_is_also_a_synonym_of_its_card_is_still_a_result_of_its_own(words, result):
    plan = RulePlanner().plan(f"Check the chest film for pneumonia; {words}, outline the left lung.", CATALOG.abilities)
    assert [task.condition_on and task.condition_on.expected_result for task in plan.pipeline] == [None, result]


def test_the_benchmark_reports_each_stage(capsys):
    assert main(["bench", "run", "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    assert all(stage in out for stage in ("plan and route", "networks", "nodes", "all"))


def test_a_radiograph_is_not_taken_for_an_ultrasound_image(a_radiograph_file, tmp_path, capsys):
    arguments = ["--prompt", "Segment the lesion on this breast ultrasound.", "--input", a_radiograph_file]
    assert main(["run", *map(str, arguments), "--out", str(tmp_path / "out")]) == 3
    assert "The image says it is chest x-ray" in capsys.readouterr().err
    assert read_image(a_radiograph_file).modality == "chest x-ray"
