"""Few labelled and many unlabelled volumes: the losses by hand, the switches, and runs that are killed and go on."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from volumes_for_tests import a_recipe, write_npz_set

from MedPromptLib.errors import Cancelled, InvalidInput
from MedPromptLib.inference.storage import load_state, save_state
from MedPromptLib.networks import build
from MedPromptLib.networks.text_vnet import TextVNet
from MedPromptLib.networks.vnet import VNet
from MedPromptLib.training import semi_bench
from MedPromptLib.training.config import Recipe
from MedPromptLib.training.metrics import average_surface_distance
from MedPromptLib.training.semi_losses import Box, mean_teacher_loss, pseudo_label_loss, unified_segmentation_loss
from MedPromptLib.training.semi_training import SemiTraining
from MedPromptLib.training.volume_data import read_volumes

CPU = torch.device("cpu")


def _voxels(*probabilities: float) -> torch.Tensor:
    """(1, 2, 1, 1, n): the probability of class 1 in each voxel."""
    p = torch.tensor(probabilities)
    return torch.stack([1 - p, p])[None, :, None, None]


def test_the_unified_loss_is_a_likelihood_where_the_peer_is_sure_and_a_square_where_it_is_not():
    own, peer = _voxels(0.25, 0.4), _voxels(0.9, 0.6)
    # voxel 1: the peer says class 1 with 0.9 of at least 0.8: -log 0.25; voxel 2: (0.6 - 0.4)² twice
    expected = (-math.log(0.25) + 2 * 0.2**2) / 2
    assert float(unified_segmentation_loss(own.log(), peer, 0.8)) == pytest.approx(expected, abs=1e-6)
    both_sure = (-math.log(0.25) - math.log(0.4)) / 2
    assert float(unified_segmentation_loss(own.log(), peer, 0.55)) == pytest.approx(both_sure, abs=1e-6)
    assert float(pseudo_label_loss(own.log(), peer)) == pytest.approx(both_sure, abs=1e-6)


def test_a_sure_voxel_at_exactly_the_confidence_counts_as_sure():
    own, peer = _voxels(0.5), torch.tensor([0.25, 0.75]).view(1, 2, 1, 1, 1)
    assert float(unified_segmentation_loss(own.log(), peer, 0.75)) == pytest.approx(math.log(2), abs=1e-6)


def test_the_mean_teacher_counts_only_voxels_it_is_certain_of():
    own, teacher = _voxels(0.2, 0.9), _voxels(0.95, 0.5)
    # the entropy of 0.5 is the largest there is, so voxel 2 counts only when the limit has risen to it
    assert float(mean_teacher_loss(own.log(), teacher, 0.0)) == pytest.approx(2 * 0.75**2, abs=1e-5)
    assert float(mean_teacher_loss(own.log(), teacher, 1.0)) == pytest.approx((2 * 0.75**2 + 2 * 0.4**2) / 2, abs=1e-5)


def test_a_mixed_view_is_one_volume_with_a_box_of_the_other_and_labels_mix_alike():
    generator = torch.Generator().manual_seed(0)
    x = torch.stack([torch.zeros(1, 8, 10, 12), torch.ones(1, 8, 10, 12)])
    for _ in range(20):
        box = Box.draw((8, 10, 12), generator)
        mixed = box.mix(x)
        share = float(mixed[0].mean())
        assert 0.15 < share < 0.6 and float(mixed[1].mean()) == pytest.approx(1 - share)
        assert bool(mixed[0, 0, box.k, box.j, box.i].all())
    assert torch.equal(box.mix(x[:, 0]), box.mix(x)[:, 0])


def test_the_text_changes_what_the_network_says_and_stays_with_its_parameters(tmp_path):
    torch.manual_seed(0)
    network = TextVNet(classes=2, text_size=6, width=4, levels=2).eval()
    network.read(torch.tensor([1.0, 2, 3, 4, 5, 6]))
    assert float(network.text.mean()) == pytest.approx(0, abs=1e-6)
    assert float(network.text.std()) == pytest.approx(1, abs=1e-5)
    x = torch.rand(1, 1, 4, 4, 4)
    before = network(x)
    save_state(network.state_dict(), tmp_path / "model.safetensors", "int8")
    again = TextVNet(classes=2, text_size=6, width=4, levels=2).eval()
    load_state(again, tmp_path / "model.safetensors")
    assert torch.allclose(again(x), before, atol=1e-5)
    network.read(torch.tensor([6.0, 1, 5, 2, 4, 3]))
    assert not torch.allclose(network(x), before)
    network.balance.data.fill_(50.0)  # λ = 1: the image alone
    alone = VNet(classes=2, width=4, levels=2).eval()
    alone.load_state_dict({n: t for n, t in network.state_dict().items() if n in alone.state_dict()})
    assert torch.allclose(network(x), alone(x), atol=1e-5)
    with pytest.raises(ValueError, match="takes"):
        network.read(torch.rand(7))


def test_a_coarse_network_answers_at_the_inputs_resolution():
    network = VNet(classes=3, width=4, levels=2, coarse=True)
    assert network.multiple == (4, 4, 4)
    assert network(torch.rand(1, 1, 8, 12, 4)).shape == (1, 3, 8, 12, 4)
    with pytest.raises(ValueError, match="multiple of"):
        network(torch.rand(1, 1, 8, 12, 6))


def _recipe(epochs: int = 2, **semi) -> Recipe:
    recipe = a_recipe("phantoms", schedule={"phases": [{"epochs": epochs, "batch": 1}], "select": "last"})
    return Recipe.model_validate(recipe.model_dump() | {"semi": {"steps": 2, **semi}})


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """The folder of a data set, and its cases: two labelled, three unlabelled."""
    root = tmp_path_factory.mktemp("few")
    write_npz_set(root / "phantoms", {"train": 5, "test": 2})
    train = read_volumes(root / "phantoms", "train", orientation="RAS")
    return root, {"train": train.part(range(2), "train"), "unlabelled": train.part(range(2, 5), "train")}


def _training(phantoms, work, recipe=None, **options):
    return SemiTraining(recipe or _recipe(), phantoms[1], work, CPU, report=lambda line: None, **options)


def test_each_switch_changes_which_networks_learn_and_from_what(phantoms, tmp_path, monkeypatch):
    from MedPromptLib.training import semi_training

    called = []
    for name in ("unified_segmentation_loss", "pseudo_label_loss", "mean_teacher_loss"):
        inner = getattr(semi_training, name)
        monkeypatch.setattr(semi_training, name, lambda *a, inner=inner, name=name: called.append(name) or inner(*a))
    mix = Box.mix
    monkeypatch.setattr(Box, "mix", lambda self, x: called.append("mix") or mix(self, x))

    def run(name, **semi):
        called.clear()
        training = _training(phantoms, tmp_path / name, _recipe(epochs=1, **{"steps": 1, **semi}))
        training.run()
        return len(list(training.model)), set(called)

    assert run("none", teacher="none") == (1, set())
    assert run("average", teacher="average") == (1, {"mean_teacher_loss"})
    assert run("cps", cutmix=False, unified=False) == (2, {"pseudo_label_loss"})
    assert run("no-usl", unified=False) == (2, {"pseudo_label_loss", "mix"})
    assert run("full") == (2, {"unified_segmentation_loss", "mix"})
    assert run("present", labels="present") == (2, {"unified_segmentation_loss", "mix"})


def test_the_masks_of_unlabelled_volumes_are_never_read(phantoms, tmp_path):
    class Never:
        def __getitem__(self, index):
            raise AssertionError("a mask that training has no right to see was read")

    from dataclasses import replace

    cases = phantoms[1] | {"unlabelled": replace(phantoms[1]["unlabelled"], masks=Never())}
    SemiTraining(_recipe(epochs=1), cases, tmp_path, CPU, report=lambda line: None).run()


def test_what_cannot_be_trained_is_said_before_anything_is(phantoms, tmp_path):
    train = phantoms[1]["train"]
    with pytest.raises(InvalidInput, match="at least two"):
        SemiTraining(_recipe(), {"train": train, "unlabelled": train.part([0], "train")}, tmp_path, CPU)
    recipe = Recipe.model_validate(_recipe().model_dump() | {"schedule": {"phases": [{"epochs": 1, "batch": 1}]}})
    with pytest.raises(InvalidInput, match="select the last one"):
        _training(phantoms, tmp_path, recipe)
    taking = semi_bench.with_text(_recipe(), torch.rand(8))
    with pytest.raises(InvalidInput, match="takes a text"):
        _training(phantoms, tmp_path, taking)
    assert isinstance(build(taking.network), TextVNet)


def _curve(work):
    records = [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]
    return [(record["epoch"], record["loss"]) for record in records]


def test_a_run_that_is_cut_anywhere_goes_on_with_the_same_curve(phantoms, tmp_path):
    whole = _training(phantoms, tmp_path / "whole").run()
    stopped = _training(phantoms, tmp_path / "parts", cancelled=lambda: stopped.step == 3)
    with pytest.raises(Cancelled, match="after epoch 1"):
        stopped.run()
    log = tmp_path / "parts" / "log.jsonl"
    # a line that the checkpoint does not know of, and half a line: both are what a killed process leaves
    log.write_text(log.read_text() + '{"epoch": 2, "loss": 9.0, "seconds": 1}\n{"epoch": 3, "lo')
    again = _training(phantoms, tmp_path / "parts")
    assert again.epoch == 1
    for one, other in zip(whole.values(), again.run().values(), strict=True):
        assert torch.equal(one, other)
    assert _curve(tmp_path / "whole") == _curve(tmp_path / "parts")


def test_the_surface_distance_is_in_mm():
    one, other = np.zeros((9, 9, 9), np.uint8), np.zeros((9, 9, 9), np.uint8)
    one[2:5, 2:7, 2:7], other[3:6, 2:7, 2:7] = 1, 1
    thin = average_surface_distance([one], [other], 1, [(1.0, 1.0, 1.0)])[0, 0]
    thick = average_surface_distance([one], [other], 1, [(4.0, 1.0, 1.0)])[0, 0]
    assert 0 < thin < 1 < thick
    assert np.isnan(average_surface_distance([one], [other * 0], 1)[0, 0])


def _phantom_bench(monkeypatch):
    one = semi_bench.BenchSet("", {"10 %": 2}, (2.0, 1.0, 1.0), (), (1,))
    monkeypatch.setattr(semi_bench, "SETS", {"phantoms": one})

    def recipe_of(row):
        changes = dict(semi_bench.PARTS[row.method])
        return _recipe(**{n: v for n, v in changes.items() if n != "text"}), bool(changes.get("text"))

    monkeypatch.setattr(semi_bench, "recipe_of", recipe_of)


def test_the_bench_trains_each_row_once_and_its_table_names_every_method(phantoms, tmp_path, monkeypatch):
    _phantom_bench(monkeypatch)
    said = []
    rows = [r for r in semi_bench.rows(["phantoms"]) if r.method in ("supervised only", "LLM-SegNet")]
    for _ in range(2):
        for row in rows:
            semi_bench.run_row(row, phantoms[0], tmp_path, CPU, lambda recipe: torch.rand(8), said.append)
    assert len([line for line in said if '"epoch": 2' in line]) == len(rows) == 2
    results = semi_bench.finished(tmp_path)
    assert [len(r["cases"]["Dice"]) for r in results] == [2, 2]
    text = "\n".join(semi_bench.table(results))
    assert "| 10 % (2) | supervised only |" in text and "LLM-SegNet against supervised only, 10 % labelled" in text
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 2


def test_the_real_table_has_every_method_at_both_shares_and_three_seeds_where_it_decides():
    rows = list(semi_bench.rows())
    assert len({row.folder for row in rows}) == len(rows)
    for data, seeds in (("hippocampus", 3), ("left atrium", 1)):
        for method in semi_bench.PARTS:
            own = [r for r in rows if (r.data, r.method) == (data, method)]
            decisive = method in semi_bench.SETS[data].decisive
            shares = 1 if method == semi_bench.CEILING else 2
            shares += data == "hippocampus" and method in (semi_bench.SUPERVISED, semi_bench.FULL)
            assert len(own) == shares * (3 if decisive else seeds)
    for row in rows:
        recipe, _ = semi_bench.recipe_of(row)
        assert recipe.schedule.select == "last" and recipe.schedule.seed == row.seed
