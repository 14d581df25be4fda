"""Union networks from data to a weight: stacks, sequences left out, continued runs, provenance, the table."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from volumes_for_tests import a_phantom, write_npz_set

from MedPromptLib.catalog import Catalog, TrainingRun
from MedPromptLib.errors import InvalidInput
from MedPromptLib.execution import Executor
from MedPromptLib.images import MedicalImage
from MedPromptLib.inference.engine import LoadedWeight, ModelCache, label_map, load_weight, segment
from MedPromptLib.plan import Intent, Plan, Status, Task
from MedPromptLib.planner import RulePlanner
from MedPromptLib.routing import Router, modality_fits
from MedPromptLib.training import union_bench
from MedPromptLib.training.config import Recipe
from MedPromptLib.training.evaluation import evaluate
from MedPromptLib.training.publish import draft_card, publish
from MedPromptLib.training.stacks import read_stacks
from MedPromptLib.training.union_bench import all_rows, measure, read_results, run_rows, subsets, table
from MedPromptLib.training.union_training import UnionTraining, leave_out

CPU = torch.device("cpu")


def small(recipe, folder, **schedule):
    """A recipe of the table for phantoms of 64 pixels."""
    values = recipe.model_dump(mode="json")
    values["data"]["folder"] = folder
    values["network"]["options"] |= {"width": 16, "detail": 0}
    values["preprocessing"]["size"] = [64, 64]
    phase = {"epochs": 2, "size": 64, "batch": 4}
    values["schedule"] |= {"phases": [phase], "freeze_epochs": 0, "ema": 0.5, **schedule}
    return Recipe.model_validate(values)


def row(name):
    return next(r for r in all_rows() if r.name == name).recipe


def write_brains(folder, counts):
    """Slices of phantoms as pictures of three sequences; the tumour is bright on the second."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    lines, number = ["id,split,group"], 0
    for split, patients in counts.items():
        for _ in range(patients):
            image, labels = a_phantom(number)
            for k in range(6, 18, 4):
                flair = image[k]
                picture = np.stack([255 - flair, flair, flair // 2], -1)
                Image.fromarray(picture).save(folder / "images" / f"{number}_{k}.png")
                Image.fromarray(((labels[k] == 1) * 255).astype(np.uint8)).save(folder / "masks" / f"{number}_{k}.png")
                lines.append(f"{number}_{k},{split},p{number}")
            number += 1
    (folder / "split.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def a_data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_brains(root / "brains", {"train": 2, "val": 1, "test": 1})
    write_npz_set(root / "organs", {"train": 1, "val": 1, "test": 1}, ",modality|,CT")
    return root


@pytest.fixture(scope="module")
def a_brain_weight(a_data_root, tmp_path_factory):
    """Folder of weights, the card and the training that made it, straight through."""
    root = tmp_path_factory.mktemp("weights")
    recipe = small(row("brain_early_measured"), "brains")
    training = UnionTraining(recipe, a_data_root, root / "work", CPU, report=lambda line: None)
    state = training.run()
    made = {"command": "medprompt train", "config_sha256": "", "training": TrainingRun(seconds=training.seconds)}
    card = publish(recipe, state, training.cases["val"], root / "weights", **made)
    return root / "weights", card, state


def test_stacks_are_patients_and_a_subset_of_sequences_leaves_zeros(a_data_root):
    recipe = small(row("brain_early_none"), "brains")
    stacks = read_stacks(a_data_root, recipe, "train")
    assert [s.image.name for s in stacks] == ["p0", "p1"] and stacks[0].image.array.shape == (3, 28, 24, 3)
    only = stacks[0].only(recipe, ("flair",))
    assert only.image.channels == ("flair",) and not only.image.array[..., [0, 2]].any()
    assert np.array_equal(only.image.array[..., 1], stacks[0].image.array[..., 1])
    other = small(row("brain_flair_only"), "organs")
    named = other.model_copy(update={"data": other.data.model_copy(update={"binary_mask": False})})
    with pytest.raises(InvalidInput, match="have label 2, but the recipe has 1"):
        read_stacks(a_data_root, named, "train")


def test_sequences_are_left_out_at_random_but_never_all():
    x = leave_out(torch.ones(2000, 3, 1, 1), 0.5, torch.Generator().manual_seed(0)).flatten(1)
    there = x.sum(1)
    assert there.min() == 1 and 0.05 < (there == 3).float().mean() < 0.2 and 0.5 < x.mean() < 0.65
    assert leave_out(torch.ones(5, 1, 1, 1), 0.9, torch.Generator()).all()


def test_a_run_that_was_stopped_continues_to_the_same_parameters(a_data_root, a_brain_weight, tmp_path):
    recipe = small(row("brain_early_measured"), "brains")
    first = UnionTraining(recipe, a_data_root, tmp_path, CPU, report=lambda line: None)
    save, first._save = first._save, lambda: (save(), (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        first.run()
    state = UnionTraining(recipe, a_data_root, tmp_path, CPU, report=lambda line: None).run()
    assert all(torch.equal(state[name], tensor) for name, tensor in a_brain_weight[2].items())


def test_what_the_network_was_told_is_in_the_provenance_and_a_missing_sequence_is_not_spoken_of(a_brain_weight):
    weights, card, _ = a_brain_weight
    catalog = Catalog.load([weights])
    image, _ = a_phantom(7)
    both = np.stack([np.zeros_like(image), image, image // 2], -1)
    examined = MedicalImage(both, np.diag([-1.0, -1.0, 3.0, 1.0]), "case", channels=("flair", "t1ce"))
    plan = Plan(
        prompt="outline the tumor",
        status=Status.OK,
        pipeline=(Task(id=1, intent=Intent.SEGMENTATION, target="brain tumor"),),
    )
    routed = Router(catalog.abilities).route(plan)
    run = Executor(catalog, ModelCache(catalog), "cpu").run(routed, examined)
    told = run.provenance.tasks[0].instructions
    assert {record.sequence for record in told} == {"flair", "t1ce"}
    covered = [k for record in told if record.sequence == "flair" for k in range(record.first, record.last + 1)]
    assert covered == list(range(len(image)))
    assert all(record.text.endswith("Outline the brain tumor.") for record in told)
    again = Executor(catalog, ModelCache(catalog), "cpu").run(routed, examined)
    assert again.provenance.tasks[0].instructions == told
    assert np.array_equal(again.segmentations[0].labels, run.segmentations[0].labels)
    assert run.segmentations[0].labels.shape == image.shape and card.calibration.split == "val"


def test_the_weight_is_measured_on_every_subset_and_by_the_ordinary_command(a_brain_weight, a_data_root):
    weights, card, _ = a_brain_weight
    weight = load_weight(weights / card.id, card, CPU)
    recipe = small(row("brain_early_measured"), "brains")
    found = measure(weight, recipe, read_stacks(a_data_root, recipe, "test"))
    assert list(found) == ["t1+flair+t1ce", "t1+flair", "t1+t1ce", "flair+t1ce", "t1", "flair", "t1ce"]
    assert all(0 <= f["brain tumor"]["dice"] <= 1 and f["brain tumor"]["patients"] == 1 for f in found.values())
    names = {m.metric for m in evaluate(weight, a_data_root / "brains", "test", "medprompt evaluate").measurements}
    assert "Dice over all images of a patient" in names


def test_the_table_is_made_row_by_row_and_goes_on_where_it_stopped(a_data_root, tmp_path, monkeypatch):
    recipe = small(row("abdomen_union_label"), "organs", phases=[{"epochs": 1, "size": 64, "batch": 4}])
    rows = (union_bench.Row("abdomen_union_label", recipe), union_bench.Row("abdomen_ct_only", recipe))
    monkeypatch.setattr(union_bench, "all_rows", lambda: rows)
    run_rows(a_data_root, tmp_path, CPU, only=["abdomen_union"], report=lambda line: None)
    with (tmp_path / union_bench.RESULTS).open("a") as stream:
        stream.write('{"row": "abdomen_ct_on')  # a line that a power cut left
    begun = []
    run_rows(a_data_root, tmp_path, CPU, report=begun.append)
    assert [line for line in begun if line.startswith("row")] == ["row 2 of 2: abdomen_ct_only_seed1"]
    first, second = read_results(tmp_path)
    assert list(first["test"]) == ["CT"] and set(first["test"]["CT"]) >= {"liver", "spleen", "mean"}
    assert first["test"] == second["test"] and "`abdomen_ct_only` | 1 |" in table(tmp_path)
    changed = small(recipe, "organs", learning_rate=1e-5)
    monkeypatch.setattr(union_bench, "all_rows", lambda: (union_bench.Row("abdomen_union_label", changed),))
    with pytest.raises(InvalidInput, match="was made with another recipe"):
        run_rows(a_data_root, tmp_path, CPU)
    with pytest.raises(InvalidInput, match="No row begins with lungs"):
        run_rows(a_data_root, tmp_path, CPU, only=["lungs"])


def test_the_table_has_every_comparison_with_three_seeds_where_it_decides():
    names = [r.id for r in all_rows()]
    assert len(names) == len(set(names)) == len({json.dumps(r.recipe.model_dump(mode="json")) for r in all_rows()})
    for name in ("abdomen_union", "brain_early"):
        for text in ("none", "label", "measured"):
            assert {f"{name}_{text}_seed{n}" for n in (1, 2, 3)} <= set(names)
    assert subsets(()) == ((),)


def test_a_stack_keeps_the_largest_component_of_the_whole_and_not_of_each_slice(a_data_root):
    recipe = small(row("abdomen_union_none"), "organs")
    training = UnionTraining(recipe, a_data_root, a_data_root / "untrained", CPU, report=lambda line: None)
    weight = LoadedWeight(draft_card(recipe, "", ""), training.ema, CPU)
    image = read_stacks(a_data_root, recipe, "test")[0].image
    scores = torch.zeros(len(image.array), 5, 64, 64)
    scores[:, 0] = 0.5
    scores[2:12, 1, 10:30, 10:30] = 1.0
    scores[15:17, 1, 40:60, 40:60] = 1.0  # smaller in all, as large on its slices
    labels, _ = label_map(weight.card, image, scores)
    assert labels[2:12].any((1, 2)).all() and not labels[12:].any()
    assert segment(weight, image)[0].shape == image.shape


def test_a_weight_for_several_modalities_takes_each_of_them():
    assert modality_fits("ct or mri", "ct") and modality_fits("ct or mri", "t2 mri")
    assert modality_fits("ct or mri", "abdominal ct") and not modality_fits("ct or mri", "ultrasound")
    abilities = (draft_card(row("abdomen_union_measured"), "", "").ability,)
    for image in ("CT", "abdominal MRI", "T2 MR"):
        plan = RulePlanner().plan(f"Segment the spleen on this {image}.", abilities)
        assert [task.structures for task in plan.pipeline] == [("spleen",)], image
    assert not RulePlanner().plan("Segment the spleen on this ultrasound.", abilities).pipeline
