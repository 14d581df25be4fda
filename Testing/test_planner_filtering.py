"""Filters before an analysis: how they are asked for in words, and what becomes of them in a run."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from planner_for_tests import CARDS, steps
from test_cli import a_picture, assert_one_sentence, medprompt, some_weights  # noqa: F401

from MedPromptLib.filter_steps import Clahe, CurvatureFlow, Window
from MedPromptLib.images import read_image
from MedPromptLib.plan import Intent, Plan, Preprocessing, Status, Task, load_plan
from MedPromptLib.planner import RulePlanner, describe
from MedPromptLib.results import Provenance

DENOISE, CONTRAST, BIAS = "curvature-flow", "clahe", "n4"
HEART = ["1 heart_seg_cxr"]


def planned(prompt: str) -> tuple[list[str], list[str], Plan]:
    plan = RulePlanner().plan(prompt, CARDS)
    return [s.filter.name for s in plan.preprocessing], steps(plan), plan


@pytest.mark.parametrize(
    ("prompt", "filters"),
    [
        ("Denoise, then segment the heart on this chest x-ray.", [DENOISE]),
        ("Denoise the chest x-ray, then segment the heart.", [DENOISE]),
        ("Segment the heart on this chest x-ray after noise reduction.", [DENOISE]),
        ("Can you smooth the image and outline the heart on the chest radiograph?", [DENOISE]),
        ("Denoise with non-local means, then segment the heart on the chest x-ray.", ["non-local-means"]),
        ("Apply CLAHE to the chest x-ray and segment the heart.", [CONTRAST]),
        ("Segment the heart on this chest x-ray, but enhance the contrast first.", [CONTRAST]),
        ("Correct the bias field and segment the heart on the chest film.", [BIAS]),
        ("Remove the noise, apply CLAHE, then segment the heart on the chest x-ray.", [DENOISE, CONTRAST]),
        ("Standardise the intensities, then segment the heart on this chest x-ray.", ["standardise"]),
        ("Entrausche das Bild und segmentiere dann das Herz auf dem Röntgenthorax.", [DENOISE]),
        ("Elimina el ruido y segmenta el corazón en la radiografía de tórax.", [DENOISE]),
        ("Débruitez l'image puis segmentez le cœur sur la radiographie thoracique.", [DENOISE]),
        ("Reduza o ruído e depois segmente o coração na radiografia de tórax.", [DENOISE]),
        ("先去噪，然后分割胸片上的心脏。", [DENOISE]),
        ("ノイズを除去してから、胸部X線で心臓をセグメンテーションしてください。", [DENOISE]),
    ],
)
def test_filters_are_read_before_the_rest(prompt: str, filters: list[str]) -> None:
    found, tasks, plan = planned(prompt)
    assert (found, tasks, plan.status, plan.omissions) == (filters, HEART, Status.OK, ())


@pytest.mark.parametrize(
    ("prompt", "window"),
    [
        ("Use the abdominal window, then segment the spleen on the abdominal CT.", Window(preset="abdomen")),
        ("Segment the spleen on the abdominal CT with a bone window.", Window(preset="bone")),
        ("Set window level 40 width 400 and segment the spleen on the abdominal CT.", Window(level=40, width=400)),
        ("Wende das Leberfenster an und segmentiere die Milz im Abdomen-CT.", Window(preset="liver")),
        ("用骨窗，然后分割腹部CT上的脾脏。", Window(preset="bone")),
    ],
)
def test_windows_have_their_numbers(prompt: str, window: Window) -> None:
    _, tasks, plan = planned(prompt)
    assert ([s.filter for s in plan.preprocessing], tasks) == ([window], ["1 spleen_seg_ct"])


@pytest.mark.parametrize(
    "prompt",
    [
        "Segment the heart on this chest x-ray without denoising.",
        "Do not denoise; segment the heart on this chest x-ray.",
        "Segment the heart on this denoised chest x-ray.",
        "Segment the heart on the bias-corrected chest x-ray.",
        "Segmentiere das Herz auf dem Röntgenthorax ohne Rauschunterdrückung.",
    ],
)
def test_what_is_denied_or_only_described_is_no_filter(prompt: str) -> None:
    assert planned(prompt)[:2] == ([], HEART)


def test_a_filter_that_hangs_on_something_is_not_planned() -> None:
    assert planned("If it is noisy, denoise it. Segment the heart on the chest x-ray.")[0] == []


def test_a_filter_alone_is_refused_with_what_to_do() -> None:
    found, tasks, plan = planned("Denoise the ultrasound image.")
    assert (found, tasks, plan.status) == ([], [], Status.REFUSED) and "`medprompt filter`" in plan.message


def test_a_plan_says_its_filters_and_one_without_them_is_written_as_before() -> None:
    plan = planned("Remove the noise, apply CLAHE, then segment the heart on the chest x-ray.")[2]
    assert describe(plan, CARDS).startswith(
        "First: denoise by curvature flow.\nFirst: enhance local contrast (CLAHE).\n1."
    )
    assert load_plan(plan.model_dump_json()) == plan
    assert plan.preprocessing == (
        Preprocessing(filter=CurvatureFlow(), span="Remove the noise"),
        Preprocessing(filter=Clahe(), span="CLAHE"),
    )
    assert "preprocessing" not in planned("Segment the heart on the chest x-ray.")[2].model_dump()


def test_a_run_looks_at_the_filtered_image_and_keeps_both(medprompt, a_picture, tmp_path) -> None:  # noqa: F811
    out = tmp_path / "run"
    prompt = "Denoise, apply CLAHE, then segment the lungs on this chest x-ray and check for tuberculosis."
    code, shown, err = medprompt("run", "--prompt", prompt, "--input", a_picture, "--out", out)
    assert code == 0, err
    assert str(out / "filtered.nrrd") in shown and "Filter: curvature-flow" in err
    record = Provenance.model_validate_json((out / "run.json").read_text())
    assert [step.filter.name for step in record.preprocessing] == [DENOISE, CONTRAST]
    assert record.preprocessing[0].after == record.preprocessing[1].before
    before, after = read_image(a_picture), read_image(out / "filtered.nrrd")
    assert after.array.std() != before.array.std() and after.shape == before.shape
    lungs = next(f for f in record.findings if f.pixels)
    assert lungs.mean_intensity == pytest.approx(before.array.mean(), rel=1e-3), "measured in the image as it was read"
    with zipfile.ZipFile(out / "scene.mrb") as bundle:
        scene = next(bundle.read(n).decode() for n in bundle.namelist() if n.endswith(".mrml"))
    assert 'name="film filtered"' in scene and "MedPrompt.Filtered" in scene
    code, _, err = medprompt("report", out, "--prose", "template")
    assert code == 0, err


def test_a_filter_that_does_not_fit_the_image_stops_the_run(medprompt, a_picture, tmp_path) -> None:  # noqa: F811
    plan = Plan(
        prompt="x",
        status=Status.OK,
        preprocessing=(Preprocessing(filter=Window(preset="lung")),),
        pipeline=(Task(id=1, intent=Intent.SEGMENTATION, target="lungs", modality="chest x-ray"),),
    )
    (tmp_path / "plan.json").write_text(json.dumps(plan.model_dump(mode="json")))
    command = ("run", "--plan", tmp_path / "plan.json", "--input", a_picture, "--modality", "chest x-ray")
    code, _, err = medprompt(*command, "--out", tmp_path / "out")
    assert_one_sentence(code, err, 2, "is in HU")
    assert not np.any([p.name == "run.json" for p in (tmp_path / "out").iterdir()])
