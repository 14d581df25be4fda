"""Inference: preparation of every kind of image, exact return to its grid, devices, memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from weights_for_tests import a_card, write_weight

from MedPromptLib.catalog import Calibration, Catalog, Preprocessing
from MedPromptLib.errors import Cancelled, InvalidInput
from MedPromptLib.images import MedicalImage
from MedPromptLib.inference.devices import resolve_device, run_in_batches
from MedPromptLib.inference.engine import ModelCache, calibrated, load_weight, regional, segment, tidy
from MedPromptLib.inference.preprocessing import prepare, restore
from MedPromptLib.inference.windows import ReversedAxes, tiled

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_any_pixel_type_becomes_three_channels_between_0_and_1(dtype):
    slices = (np.random.default_rng(0).random((2, 40, 30)) * 200).astype(dtype)
    x = prepare(slices, Preprocessing(size=(64, 96)))
    assert x.shape == (2, 3, 64, 96)
    assert x.dtype == torch.float32
    assert float(x.min()) == 0 and float(x.max()) == 1


def test_percentile_intensities_do_not_depend_on_gain_and_offset():
    slices = np.random.default_rng(0).integers(0, 200, (1, 64, 64)).astype(np.float32)
    recipe = Preprocessing(size=(32, 32))
    assert torch.allclose(prepare(slices, recipe), prepare(slices * 17 - 1000, recipe), atol=1e-4)


def test_a_constant_image_is_no_division_by_zero():
    assert torch.isfinite(prepare(np.full((1, 20, 20), 7, np.uint8), Preprocessing(size=(32, 32)))).all()


def test_colour_becomes_luminance_for_a_grey_weight_and_stays_for_a_colour_one():
    red = np.zeros((1, 8, 8, 3), np.uint8)
    red[..., 0] = 255
    grey = prepare(red, Preprocessing(size=(8, 8), intensity="uint8"))
    assert torch.allclose(grey, torch.full_like(grey, 0.299), atol=1e-3)
    assert prepare(red, Preprocessing(size=(8, 8), channels=3, intensity="uint8"))[0, :, 0, 0].tolist() == [1, 0, 0]


def test_eight_bit_rules_leave_contrast_alone_and_map_wider_images_from_their_range():
    dim = np.full((1, 8, 8), 100, np.uint8)
    raw = Preprocessing(size=(8, 8), intensity="raw255")
    assert float(prepare(dim, raw).max()) == 100
    wide = np.linspace(0, 4095, 64).reshape(1, 8, 8).astype(np.int16)
    assert float(prepare(wide, raw).max()) == 255


@pytest.mark.parametrize("shape", [(50, 80), (301, 97), (64, 64)])
def test_scores_return_to_the_grid_they_came_from_without_a_shift(shape):
    ramp = torch.linspace(0, 1, shape[1]).expand(1, 1, *shape).numpy()
    x = prepare(ramp[0], Preprocessing(size=(64, 64), intensity="uint8"))
    back = restore(x[:, :1], shape)
    inner = slice(4, -4)
    assert np.abs(back.numpy()[..., inner] - prepare_range(ramp)[..., inner]).max() < 0.03


def prepare_range(ramp):
    low, high = np.quantile(ramp, [0.005, 0.995])
    return np.clip((ramp - low) / (high - low), 0, 1)


def test_small_components_go_and_holes_are_filled_as_the_card_says():
    labels = np.zeros((20, 20), np.uint8)
    labels[0:6, 0:6], labels[10:12, 10:12], labels[15:20, 0:3] = 1, 1, 2
    labels[2, 2], labels[3, 3] = 0, 2
    kept = tidy(labels, Preprocessing(largest_component=True), 1.0)
    assert [int((kept == v).sum()) for v in (1, 2)] == [34, 15]
    assert int((tidy(labels, Preprocessing(min_region_mm2=2), 0.5) == 1).sum()) == 34 + 4
    assert int((tidy(labels, Preprocessing(min_region_mm2=3), 0.5) == 1).sum()) == 34
    filled = tidy(labels, Preprocessing(fill_holes=True), 1.0)
    assert filled[2, 2] == 1 and filled[3, 3] == 2, "a hole that is another structure stays that structure"
    both = tidy(labels, Preprocessing(fill_holes=True, largest_component=True), 1.0)
    assert both[3, 3] == 1, "unless that structure lies elsewhere"
    assert tidy(labels, Preprocessing(), 1.0) is labels


def test_a_region_is_cropped_with_a_margin_or_masked():
    array = np.arange(400, dtype=np.int16).reshape(1, 20, 20)
    region = np.zeros((1, 20, 20), bool)
    region[0, 5:15, 8:18] = True
    assert regional(array, region, "crop").shape == (1, 12, 12)
    masked = regional(array, region, "mask")
    assert masked.shape == array.shape and masked[0, 0, 0] == 0 and masked[0, 6, 9] == array[0, 6, 9]


def test_mirroring_an_image_mirrors_the_mask_when_the_card_asks_for_it(tmp_path):
    card = a_card("lungs_seg_cxr")
    card = card.model_copy(update={"preprocessing": card.preprocessing.model_copy(update={"tta_flip": True})})
    card = write_weight(tmp_path, card)
    weight = load_weight(tmp_path / card.id, card, CPU)
    array = np.random.default_rng(1).integers(0, 255, (1, 64, 64), dtype=np.uint8)
    one, _ = segment(weight, MedicalImage(array, np.eye(4)))
    two, _ = segment(weight, MedicalImage(array[..., ::-1].copy(), np.eye(4)))
    assert (one == two[..., ::-1]).mean() > 0.999


def test_a_weight_is_loaded_once_and_the_oldest_leaves(tmp_path):
    for name in ("a", "b", "c"):
        write_weight(tmp_path, a_card(f"{name}_seg_cxr"))
    cache = ModelCache(Catalog.load([tmp_path]), size=2)
    first = cache.get("a_seg_cxr", CPU)
    assert cache.get("a_seg_cxr", CPU) is first
    cache.get("b_seg_cxr", CPU)
    cache.get("c_seg_cxr", CPU)
    assert cache.get("a_seg_cxr", CPU) is not first


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", ""])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(InvalidInput, match="expected auto, cpu, cuda"):
        resolve_device(name)


def test_a_device_that_is_not_there_is_refused_and_auto_always_works():
    with pytest.raises(InvalidInput, match="CUDA devices found"):
        resolve_device(f"cuda:{torch.cuda.device_count()}")
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")


class Greedy(torch.nn.Module):
    """Runs out of memory above a batch size, as a small GPU does."""

    def __init__(self, most):
        super().__init__()
        self.most, self.batches = most, []

    def forward(self, x):
        self.batches.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return x.mean(dim=(2, 3))


def test_running_out_of_memory_halves_the_batch_and_says_so():
    network, said = Greedy(2), []
    x = torch.rand(5, 3, 4, 4)
    out = run_in_batches(network, x, CPU, batch=8, notice=said.append)
    assert torch.allclose(out, x.mean(dim=(2, 3)))
    assert network.batches == [5, 4, 2, 2, 1]
    assert said[-1] == "cpu ran out of memory; continuing with 2 images at a time."


def test_one_image_too_many_for_a_gpu_continues_on_the_cpu():
    class Device(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.on_gpu = True

        def to(self, device):
            self.on_gpu = torch.device(device).type != "cpu"
            return self

        def forward(self, x):
            if self.on_gpu:
                raise torch.OutOfMemoryError("out of memory")
            return x

    said = []
    # the meta device stands for a GPU: moving there works on every machine, and nothing is computed on it
    x = torch.rand(1, 3, 4, 4)
    assert torch.equal(run_in_batches(Device(), x, torch.device("meta"), batch=1, notice=said.append), x)
    assert said == ["meta has too little memory for one image; continuing on the CPU."]


def test_memory_that_the_processor_does_not_have_halves_the_batch_and_ends_in_a_sentence():
    class Vast(torch.nn.Module):
        def __init__(self, most):
            super().__init__()
            self.most = most

        def forward(self, x):
            if len(x) > self.most:
                torch.empty(1 << 62, dtype=torch.uint8)  # the allocator itself refuses it
            return x

    said, x = [], torch.rand(4, 3, 2, 2)
    assert torch.equal(run_in_batches(Vast(1), x, CPU, batch=4, notice=said.append), x)
    assert len(said) == 2
    with pytest.raises(InvalidInput, match="needs more memory than this computer has free"):
        run_in_batches(Vast(0), x, CPU)


def test_cancelling_is_noticed_between_batches():
    calls = iter([False, True])
    with pytest.raises(Cancelled):
        run_in_batches(Greedy(9), torch.rand(4, 3, 4, 4), CPU, batch=2, cancelled=lambda: next(calls))


def test_calibration_divides_by_the_temperature_and_adds_the_bias():
    card = a_card("x_cls_cxr", classes=("a", "b"), calibration=Calibration(temperature=2.0, bias=(1.0, -1.0)))
    p = calibrated(torch.tensor([[4.0, 0.0]]), card)
    assert torch.allclose(p, torch.tensor([[3.0, -1.0]]).softmax(1))
    with pytest.raises(ValueError, match="one number for each of the 2 classes"):
        a_card("x_cls_cxr", classes=("a", "b"), calibration=Calibration(bias=(1.0,)))


def test_a_zscore_is_of_the_whole_image_before_it_is_resized():
    array = np.random.default_rng(0).normal(500, 40, (2, 30, 40, 3)).astype(np.float32)
    recipe = Preprocessing(size=(16, 16), channels=3, intensity="zscore", fit="tile", mean=(0,) * 3, std=(1,) * 3)
    x = prepare(array, recipe)
    assert x.shape == (2, 3, 30, 40)
    assert torch.allclose(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(x.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4)
    assert torch.isfinite(prepare(np.full((1, 20, 20), 7, np.uint8), recipe.model_copy(update={"channels": 1}))).all()


def test_the_lowest_and_highest_value_become_0_and_1():
    array = np.random.default_rng(0).normal(500, 40, (2, 30, 40)).astype(np.float32)
    x = prepare(array, Preprocessing(intensity="minmax", fit="tile", mean=(0.0,), std=(1.0,)))
    assert x.shape == (2, 1, 30, 40)
    assert (x.amin((1, 2, 3)).tolist(), x.amax((1, 2, 3)).tolist()) == ([0, 0], [1, 1])


@pytest.mark.parametrize("shape", [(40, 60), (20, 30), (41, 97), (32, 48)])
def test_windows_join_to_the_scores_of_a_network_without_neighbourhood(shape):
    x = torch.rand(2, 3, *shape)
    scores = tiled(lambda batch: batch.flip(1) * 2, x, (32, 48))
    assert torch.allclose(scores, x.flip(1) * 2, atol=1e-5)


def test_a_network_with_reversed_axes_sees_the_transposed_image():
    seen = []
    network = ReversedAxes(torch.nn.Identity())
    network.network.register_forward_hook(lambda _, inputs, out: seen.append(inputs[0]))
    x = torch.rand(1, 2, 3, 4, 5)
    assert torch.equal(network(x), x)
    assert torch.equal(seen[0], x.permute(0, 1, 4, 3, 2))
