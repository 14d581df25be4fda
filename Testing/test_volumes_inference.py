"""Volumes: turning, resampling and the way back, the sliding window, refusals, cards."""

from __future__ import annotations

import itertools
import json
import time

import numpy as np
import pytest
import SimpleITK as sitk
import torch
import torch.nn.functional as F
from volumes_for_tests import a_phantom, a_recipe
from weights_for_tests import a_card, write_weight

from MedPromptLib.catalog import Catalog, Network, Preprocessing, WeightCard
from MedPromptLib.cli import main
from MedPromptLib.errors import Cancelled, InvalidInput, WeightCorrupt
from MedPromptLib.execution import Executor
from MedPromptLib.images import MedicalImage
from MedPromptLib.inference import volumes
from MedPromptLib.inference.devices import BatchRunner
from MedPromptLib.inference.engine import ModelCache, Watch, load_weight, segment, segmentation_scores
from MedPromptLib.inference.input_check import check_input
from MedPromptLib.inference.volume_geometry import affine_for, grid_of, resample, resample_labels
from MedPromptLib.inference.volumes import SlidingWindow, prepare_volume, restore_volume, volume_scores
from MedPromptLib.installing import add_weight
from MedPromptLib.networks import build
from MedPromptLib.plan import Intent, Plan, Status, Task
from MedPromptLib.routing import Router

CPU = torch.device("cpu")
ORDERS = [(p, f) for p in itertools.permutations(range(3)) for f in itertools.product((False, True), repeat=3)]
RAS = Preprocessing(size=(16, 24, 24), orientation="RAS", mean=(0.4,), std=(0.25,))


def stored_otherwise(image, order, flips):
    """The same voxels at the same places, with other array axes and directions."""
    array, matrix = image.array.transpose(*order, *range(3, image.array.ndim)), image.ijk_to_ras.copy()
    columns = [matrix[:, 2 - axis].copy() for axis in order]
    for axis, flip in enumerate(flips):
        if flip:
            array = np.flip(array, axis)
            matrix[:3, 3] += columns[axis][:3] * (array.shape[axis] - 1)
            columns[axis] = -columns[axis]
    for axis in range(3):
        matrix[:, 2 - axis] = columns[axis]
    return MedicalImage(np.ascontiguousarray(array), matrix, image.name)


def moved_alike(labels, order, flips):
    return np.flip(labels.transpose(order), [axis for axis in range(3) if flips[axis]])


def dice(one, other, label):
    return 2 * ((one == label) & (other == label)).sum() / ((one == label).sum() + (other == label).sum())


@pytest.fixture
def a_weight(a_trained_volume_weight):
    weights, _ = a_trained_volume_weight
    card = Catalog.load([weights]).card("phantom_seg_mri")
    return load_weight(weights / card.id, card, CPU)


@pytest.fixture
def an_image():
    return MedicalImage(a_phantom(50)[0], affine_for((2.0, 2.0, 2.0), "RAS"), "phantom")


@pytest.mark.parametrize(("order", "flips"), ORDERS)
def test_every_storage_order_is_turned_to_the_cards_orientation_and_back(order, flips, an_oblique_image):
    wanted = grid_of(an_oblique_image, RAS).turn(an_oblique_image.array)
    other = stored_otherwise(an_oblique_image, order, flips)
    grid = grid_of(other, RAS)
    assert np.array_equal(grid.turn(other.array), wanted)
    assert np.array_equal(grid.unturn(grid.turn(other.array)), other.array)


def test_the_orientation_on_the_card_says_where_the_networks_axes_point():
    array = np.zeros((6, 5, 4), np.uint8)
    array[5, 4, 3] = 1  # the voxel furthest to the left, back and top
    image = MedicalImage(array, affine_for((1, 1, 1), "LPS"))
    for orientation, place in (("LPS", (5, 4, 3)), ("RAS", (5, 0, 0)), ("RAI", (0, 0, 0)), ("SLP", (4, 3, 5))):
        turned = grid_of(image, RAS.model_copy(update={"orientation": orientation})).turn(array)
        assert tuple(np.argwhere(turned)[0]) == place


def test_the_slice_axis_becomes_k_where_the_card_asks_for_it():
    array = np.zeros((30, 8, 40), np.uint8)
    sagittal = MedicalImage(array, affine_for((1.0, 9.0, 1.0), "PSL"))  # thick slices along j, which points up
    recipe = RAS.model_copy(update={"k_axis": "coarsest"})
    assert grid_of(sagittal, recipe).native[0] == 8
    coronal = MedicalImage(array, affine_for((1.0, 9.0, 1.0), "LAS"))
    assert grid_of(coronal, RAS).native == (30, 8, 40)
    assert grid_of(coronal, recipe).native[0] == 8
    isotropic = MedicalImage(array, affine_for((1.0, 1.0, 1.0), "LAS"))
    assert grid_of(isotropic, recipe) == grid_of(isotropic, RAS)
    unknown = MedicalImage(array, affine_for((1.0, 9.0, 1.0), "LAS"), spacing_known=False)
    assert grid_of(unknown, recipe).native[0] == 30


def test_known_spacings_are_resampled_and_unknown_ones_are_taken_as_they_are(an_oblique_image):
    recipe = RAS.model_copy(update={"spacing": (1.6, 2.2, 0.7)})
    assert grid_of(an_oblique_image, recipe).shape == (10, 6, 14)
    kept = RAS.model_copy(update={"spacing": (0.0, 2.2, 0.7)})
    assert grid_of(an_oblique_image, kept).shape == (5, 6, 14)
    unknown = MedicalImage(an_oblique_image.array, an_oblique_image.ijk_to_ras, spacing_known=False)
    assert grid_of(unknown, recipe).shape == grid_of(unknown, recipe).native


def test_resampling_keeps_places_and_does_not_alias():
    ramp = torch.linspace(0, 1, 40).view(1, 1, 1, 40).expand(1, 6, 8, 40)
    coarse = resample(ramp, (6, 8, 10))
    assert torch.allclose(coarse[0, 0, 0, 1:-1], ramp[0, 0, 0].view(10, 4).mean(1)[1:-1], atol=1e-3)
    stripes = (torch.arange(40) % 2).float().expand(1, 6, 8, 40)
    assert (resample(stripes, (6, 8, 10))[..., 1:-1] - 0.5).abs().max() < 0.05
    labels = np.repeat(np.arange(8, dtype=np.uint8), 5)[None, None].repeat(3, 0)
    assert resample_labels(labels, (6, 1, 8))[0, 0].tolist() == list(range(8))


def test_scores_return_to_the_volumes_grid_as_interpolated_whole(an_oblique_image, monkeypatch):
    recipe = RAS.model_copy(update={"spacing": (1.5, 1.5, 1.5)})
    grid = grid_of(an_oblique_image, recipe)
    scores = torch.rand(1, 3, *grid.shape)
    wanted = F.interpolate(scores, size=grid.native, mode="trilinear", align_corners=False)[0].numpy()
    monkeypatch.setattr("MedPromptLib.inference.volume_geometry.SLAB_VOXELS", 2 * 11 * 14)
    found = restore_volume(an_oblique_image, recipe, scores)
    assert found.shape == (3, *an_oblique_image.shape)
    assert np.allclose(np.stack([grid.turn(one) for one in found]), wanted, atol=1e-5)


@pytest.mark.parametrize(("order", "flips"), ORDERS[3::7])
def test_the_same_anatomy_stored_otherwise_is_segmented_alike(order, flips, a_weight, an_image):
    labels, confidence = segment(a_weight, an_image)
    truth = a_phantom(50)[1]
    assert min(dice(labels, truth, n) for n in (1, 2)) > 0.8
    other, other_confidence = segment(a_weight, stored_otherwise(an_image, order, flips))
    assert np.array_equal(other, moved_alike(labels, order, flips))
    assert other_confidence == pytest.approx(confidence)


def test_an_oblique_volume_is_segmented_like_a_straight_one(a_weight, an_image):
    angle = np.deg2rad(20)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    oblique = MedicalImage(an_image.array, turn @ an_image.ijk_to_ras, "oblique")
    assert np.array_equal(segment(a_weight, oblique)[0], segment(a_weight, an_image)[0])


def test_another_resolution_gives_the_same_shapes_on_its_own_grid(a_weight, an_image):
    labels, _ = segment(a_weight, an_image)
    x = torch.from_numpy(an_image.array).float()[None, None]
    fine = F.interpolate(x, size=(20, 56, 72), mode="trilinear", align_corners=False)[0, 0].numpy()
    matrix = an_image.ijk_to_ras @ np.diag([1 / 3, 1 / 2, 1, 1])
    found, _ = segment(a_weight, MedicalImage(fine.astype(np.int16) - 1000, matrix, "fine"))
    assert found.shape == (20, 56, 72)
    wanted = resample_labels(labels, (20, 56, 72))
    assert min(dice(found, wanted, n) for n in (1, 2)) > 0.9


class _Where(torch.nn.Module):
    """Scores that say where a voxel is bright, without any context; counts its windows."""

    def __init__(self):
        super().__init__()
        self.windows = 0

    def forward(self, x):
        self.windows += len(x)
        return torch.cat([1 - x, x], 1)


def test_the_window_sees_every_voxel_once_whatever_the_size():
    recipe = Preprocessing(size=(8, 8, 8), mean=(0.0,), std=(1.0,), overlap=0.25, mirror=("k", "i"))
    for shape in ((5, 8, 30), (17, 9, 11), (8, 8, 8)):
        x = torch.rand(1, *shape)
        said = []
        slide = SlidingWindow(_Where(), recipe, CPU, Watch(said.append))
        found = slide(x)
        assert torch.allclose(found[1], x[0], atol=1e-5) and torch.allclose(found[0], 1 - x[0], atol=1e-5)
        assert slide._done == slide._all, "what is reported as all windows are all windows"
    watch = Watch(advance=lambda share, line: said.append((share, line)))
    long = SlidingWindow(_Where(), recipe, CPU, watch, part=(0.5, 1.0))
    long(torch.rand(1, 40, 40, 8))
    assert said[-1] == (1.0, f"{long._all} of {long._all} windows")
    assert said[0][0] > 0.5 and len(said) == 10


def test_slabs_give_what_the_whole_volume_gives(a_weight, monkeypatch):
    image = MedicalImage(
        np.concatenate([a_phantom(n)[0] for n in range(5)]), affine_for((2.0, 2.0, 2.0), "RAS"), "long"
    )
    whole = volume_scores(a_weight, image, Watch())
    calls = []
    monkeypatch.setattr(volumes, "SLAB_SCORES", 3 * 28 * 24 * 60)
    slide = SlidingWindow.__call__
    monkeypatch.setattr(SlidingWindow, "__call__", lambda self, x: calls.append(x.shape[1]) or slide(self, x))
    parts = volume_scores(a_weight, image, Watch())
    assert len(calls) > 2 and max(calls) < 100
    assert (parts.argmax(1) == whole.argmax(1)).float().mean() > 0.98


def test_mirroring_makes_the_answer_independent_of_the_side(a_weight, an_image):
    card = a_weight.card
    mirrored = card.preprocessing.model_copy(update={"mirror": ("i",), "size": (16, 24, 24)})
    weight = type(a_weight)(card.model_copy(update={"preprocessing": mirrored}), a_weight.network, CPU)
    one = segmentation_scores(weight, an_image)
    flipped = MedicalImage(np.ascontiguousarray(an_image.array[..., ::-1]), an_image.ijk_to_ras, "flipped")
    assert torch.allclose(segmentation_scores(weight, flipped).flip(4).float(), one.float(), atol=5e-3)


def test_cancelling_is_noticed_before_every_window(a_weight):
    large = MedicalImage(np.zeros((60, 120, 120), np.uint8), affine_for((2.0, 2.0, 2.0), "RAS"), "large")
    asked = []

    def cancelled():
        asked.append(time.monotonic())
        return len(asked) > 6

    with pytest.raises(Cancelled):
        segment(a_weight, large, watch=Watch(cancelled=cancelled))
    assert max(np.diff(asked)) < 1


def test_what_was_learnt_about_memory_lasts_for_all_windows():
    class Small(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.batches = []

        def forward(self, x):
            self.batches.append(len(x))
            if len(x) > 1:
                raise torch.OutOfMemoryError("out of memory")
            return x

    network, said = Small(), []
    run = BatchRunner(network, CPU, batch=4, notice=said.append)
    x = torch.rand(4, 1, 2, 2, 2)
    assert torch.equal(run(x), x) and torch.equal(run(x), x)
    assert network.batches == [4, 2, 1, 1, 1, 1, 1, 1, 1, 1]
    assert len(said) == 2


def test_a_single_image_is_refused_in_one_sentence(a_weight, a_radiograph):
    for call in (segment, lambda weight, image: check_input(weight.card, image)):
        with pytest.raises(InvalidInput, match="takes volumes, but .* is a single image") as caught:
            call(a_weight, a_radiograph)
        assert str(caught.value).count(".") == 1 and len(str(caught.value)) < 200


def test_a_single_image_is_refused_before_anything_of_a_plan_runs(a_trained_volume_weight, a_radiograph):
    catalog = Catalog.load([a_trained_volume_weight[0]])
    plan = Plan(prompt="p", status=Status.OK, pipeline=(Task(id=1, intent=Intent.SEGMENTATION, target="phantom"),))
    with pytest.raises(InvalidInput, match="takes volumes"):
        Executor(catalog, ModelCache(catalog), "cpu").run(Router(catalog.abilities).route(plan), a_radiograph)


def test_a_volume_is_refused_by_a_weight_for_single_images(tmp_path, an_image):
    card = write_weight(tmp_path, a_card("lungs_seg_cxr"))
    with pytest.raises(InvalidInput, match="takes single images, but 'phantom' has 20 slices"):
        segment(load_weight(tmp_path / card.id, card, CPU), an_image)


def test_colours_become_grey_or_channels_as_the_card_says(an_image):
    colours = MedicalImage(np.stack([an_image.array] * 3, 3), an_image.ijk_to_ras, "colours")
    grid = grid_of(colours, RAS)
    assert torch.allclose(prepare_volume(colours, RAS, grid), prepare_volume(an_image, RAS, grid), atol=1e-3)
    three = RAS.model_copy(update={"channels": 3})
    assert prepare_volume(colours, three, grid).shape == (3, 20, 28, 24)
    card = _card(channels=3, mean=[0.0] * 3, std=[1.0] * 3)
    with pytest.raises(InvalidInput, match="three values per voxel"):
        volumes.must_be_a_volume(card, an_image)


def test_intensities_follow_the_cards_rule():
    array = np.linspace(-1000, 1000, 4 * 5 * 6).reshape(4, 5, 6).astype(np.int16)
    image = MedicalImage(array, np.eye(4))

    def prepared(image, **changes):
        recipe = Preprocessing(size=(4, 5, 6), mean=(0.0,), std=(1.0,), **changes)
        return prepare_volume(image, recipe, grid_of(image, recipe))[0].numpy()

    window = prepared(image, intensity="window", window=(-100, 300))
    assert np.allclose(window, ((array + 100) / 400).clip(0, 1), atol=1e-5)
    percentile = prepared(image)
    assert percentile.min() == 0 and percentile.max() == 1
    gained = MedicalImage(array.astype(np.float64) * 0.01 + 7, np.eye(4))
    assert np.allclose(prepared(gained), percentile, atol=1e-4)
    eight_bit = MedicalImage(np.full((2, 3, 4), 51, np.uint8), np.eye(4))
    assert np.allclose(prepared(eight_bit, intensity="uint8"), 0.2)


def _card(**preprocessing) -> WeightCard:
    recipe = a_recipe("none", preprocessing=preprocessing)
    text = recipe.card.model_dump(exclude={"data", "data_licence"})
    return a_card(text.pop("id"), **text, network=recipe.network, preprocessing=recipe.preprocessing)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tta_flip": True}, "preprocessing.tta_flip only makes sense with dimension 2"),
        ({"min_region_mm2": 3.0}, "preprocessing.min_region_mm2 only makes sense"),
        ({"size": (64, 64)}, "needs three numbers"),
        ({"orientation": "RLS"}, "one of R and L"),
        ({"mean": (0.4, 0.4), "std": (0.2, 0.2)}, "1 numbers"),
        ({"intensity": "raw255"}, "only makes sense with dimension 2"),
        ({"intensity": "window"}, "preprocessing.window belongs"),
        ({"intensity": "window", "window": (3, 1)}, "a lowest and a higher value"),
        ({"spacing": (1.0, -1.0, 1.0)}, "lengths in mm"),
    ],
)
def test_a_3d_card_with_fields_that_do_not_fit_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        _card(**change)


def test_fields_of_3d_cards_are_refused_on_2d_cards_and_the_other_way_round():
    with pytest.raises(ValueError, match="preprocessing.orientation needs dimension 3, or volumes = 'slices'"):
        a_card("x_seg_cxr", preprocessing=Preprocessing(size=(64, 64), orientation="RAS"))
    with pytest.raises(ValueError, match="'window' only makes sense with dimension 3"):
        a_card("x_seg_cxr", preprocessing=Preprocessing(size=(64, 64), intensity="window"))
    with pytest.raises(ValueError, match="dimension 3 must be a segmentation"):
        a_card("x_cls_mri", classes=("a", "b"), dimension=3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"preprocessing": {"tta_flip": True}}, "preprocessing.tta_flip only makes sense with dimension 2"),
        ({"augmentation": {"flip_horizontal": 0.5}}, "augmentation.flip_horizontal only makes sense with dimension 2"),
        ({"schedule": {"freeze_epochs": 3}}, "schedule.freeze_epochs only makes sense with dimension 2"),
        ({"schedule": {"phases": [{"epochs": 1, "batch": 1, "size": 64}]}}, "schedule.phases has no size"),
        ({"card": {"dimension": 2}}, "only makes sense with dimension 3"),
    ],
)
def test_recipes_are_held_to_the_same_rules(change, said):
    with pytest.raises(ValueError, match=said):
        a_recipe("none", **change)


def test_left_and_right_with_labels_of_their_own_forbid_mirroring_from_side_to_side():
    card = _card()
    structures = [structure.model_dump() for structure in card.structures]
    structures[0]["terminology"]["modifier"] = {"scheme": "SCT", "value": "24028007", "meaning": "Right"}
    assert a_recipe("none", card={"structures": structures}, augmentation={"mirror": ["j", "k"]})
    with pytest.raises(ValueError, match="mirror must not contain i, which swaps left and right"):
        a_recipe("none", card={"structures": structures}, augmentation={"mirror": ["i"]})
    values = card.model_dump() | {"structures": structures}
    values["preprocessing"]["mirror"] = ["i"]
    with pytest.raises(ValueError, match="mirror must not contain i"):
        WeightCard.model_validate(values)


def test_the_network_shows_its_bottleneck_and_takes_its_size_from_the_card():
    network = build(Network(name="vnet", options={"classes": 4, "width": 6, "levels": 4, "flat_levels": 2}))
    assert network.multiple == (2, 8, 8)
    x = torch.rand(1, 1, 4, 16, 24)
    features = network.features(x)
    assert [tuple(f.shape[1:]) for f in features] == [(6, 4, 16, 24), (12, 4, 8, 12), (24, 4, 4, 6), (48, 2, 2, 3)]
    assert torch.equal(network.decode(features), network(x))
    with pytest.raises(ValueError, match=r"must be a multiple of \(2, 8, 8\)"):
        network(torch.rand(1, 1, 3, 16, 24))
    with pytest.raises(WeightCorrupt, match="levels must be 2 or more"):
        build(Network(name="vnet", options={"classes": 4, "levels": 1}))


def test_a_3d_weight_is_added_after_a_trial_run_and_refused_if_its_window_does_not_fit(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDPROMPT_HOME", str(tmp_path / "home"))
    card = write_weight(tmp_path / "from", _card())
    assert add_weight(tmp_path / "from" / card.id, Catalog.load([])).dimension == 3
    odd = write_weight(tmp_path / "odd", _card(size=(15, 24, 24)))
    with pytest.raises(WeightCorrupt, match="must be a multiple of"):
        add_weight(tmp_path / "odd" / odd.id, Catalog.load([]), into=tmp_path / "elsewhere")


def test_a_prompt_on_a_volume_file_gives_a_segmentation_on_the_files_grid(a_trained_volume_weight, tmp_path, capsys):
    truth = a_phantom(60)
    picture = sitk.GetImageFromArray(truth[0])
    picture.SetSpacing((2.0, 2.0, 2.0))
    picture.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))  # RAS in ITK's LPS
    stored = sitk.DICOMOrient(picture, "PIR")
    sitk.WriteImage(stored, tmp_path / "scan.nii.gz")
    out = tmp_path / "out"
    arguments = ["--prompt", "Segment the phantom on this MRI.", "--input", str(tmp_path / "scan.nii.gz"), "--yes"]
    options = ["--planner", "rules", "--device", "cpu", "--weights", str(a_trained_volume_weight[0])]
    assert main(["run", *arguments, *options, "--accept-unusual-input", "--out", str(out)]) == 0, capsys.readouterr()
    found = sitk.ReadImage(str(next(out.glob("*.seg.nrrd"))))
    back = sitk.DICOMOrient(sitk.Resample(found, stored, sitk.Transform(), sitk.sitkNearestNeighbor), "LPS")
    wanted = sitk.DICOMOrient(_like(picture, truth[1]), "LPS")
    one, other = (sitk.GetArrayFromImage(image) for image in (back, wanted))
    assert min(dice(one, other, n) for n in (1, 2)) > 0.75
    record = json.loads((out / "run.json").read_text())
    assert all(finding["volume_ml"] > 0 for finding in record["findings"])


def _like(picture, labels):
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(picture)
    return image
