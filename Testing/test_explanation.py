"""Saliency and uncertainty maps on real weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from MedPromptLib.catalog import Catalog
from MedPromptLib.errors import Cancelled, InvalidInput
from MedPromptLib.images import MedicalImage
from MedPromptLib.inference.engine import LoadedWeight, Watch, load_weight, segment
from MedPromptLib.inference.explanation import saliency, uncertainty
from MedPromptLib.inference.preprocessing import prepare, standardise
from MedPromptLib.training.volume_data import read_volumes


@pytest.fixture(scope="module")
def weights() -> dict[str, LoadedWeight]:
    catalog = Catalog.load()
    names = ("pneumonia_cls_cxr", "chest_structures_seg_cxr", "breast_lesion_cls_us")
    return {n: load_weight(catalog.folder(n), catalog.card(n), torch.device("cpu")) for n in names}


def test_saliency_has_the_images_geometry_and_changes_with_the_class(
    weights: dict[str, LoadedWeight], a_radiograph: MedicalImage
) -> None:
    weight = weights["pneumonia_cls_cxr"]
    maps = {name: saliency(weight, a_radiograph, name) for name in weight.card.classes}
    for found in maps.values():
        assert found.shape == a_radiograph.shape
        assert found.dtype == np.float32
        assert found.min() >= 0 and found.max() in (0, pytest.approx(1))
    normal, bacterial = maps["normal"], maps["bacterial_pneumonia"]
    assert np.abs(normal - bacterial).max() > 0.3


def test_saliency_is_the_class_activation_of_a_network_that_ends_in_a_mean_and_one_layer(
    weights: dict[str, LoadedWeight], a_radiograph: MedicalImage
) -> None:
    """For such a network Grad-CAM is the older CAM (Zhou et al. 2016): the last layer's weights over its features."""
    weight = weights["pneumonia_cls_cxr"]
    recipe = weight.card.preprocessing
    with torch.inference_mode():
        _, _, features = weight.network.features(standardise(prepare(a_radiograph.array, recipe), recipe))
        row = weight.network.classifier[-1].weight[weight.card.classes.index("normal")]
        cam = torch.relu((row[:, None, None] * features[0]).sum(0)).numpy()
    found = saliency(weight, a_radiograph, "normal")
    j, i = (np.array(found.shape[1:]) / np.array(cam.shape)).astype(int)
    centres = found[0, j // 2 :: j, i // 2 :: i][: cam.shape[0], : cam.shape[1]]
    assert np.corrcoef(centres.ravel(), cam.ravel())[0, 1] > 0.99


def test_saliency_of_a_region_is_nothing_outside_the_region(
    weights: dict[str, LoadedWeight], a_radiograph: MedicalImage
) -> None:
    region = np.zeros(a_radiograph.shape, bool)
    region[0, 400:1200, 300:900] = True
    found = saliency(weights["pneumonia_cls_cxr"], a_radiograph, "normal", region)
    assert found.shape == a_radiograph.shape
    assert found.max() > 0
    j, i = np.nonzero(found[0])
    # `crop` leaves a margin of a tenth
    assert j.min() >= 320 and j.max() <= 1280 and i.min() >= 240 and i.max() <= 960


def test_uncertainty_lies_between_0_and_1_and_is_highest_at_outlines(
    weights: dict[str, LoadedWeight], a_radiograph: MedicalImage
) -> None:
    weight = weights["chest_structures_seg_cxr"]
    found = uncertainty(weight, a_radiograph)
    assert found.map is not None
    assert found.map.shape == a_radiograph.shape
    assert found.map.min() >= 0 and found.map.max() <= 1
    assert found.variants == ("as it is", "gamma 0.8", "gamma 1.25", "noise"), "lungs are left and right: no mirroring"
    labels, _ = segment(weight, a_radiograph)
    change = (labels[0, 1:, 1:] != labels[0, :-1, 1:]) | (labels[0, 1:, 1:] != labels[0, 1:, :-1])
    assert found.map[0, 1:, 1:][change].mean() > 4 * found.map.mean()


def test_uncertainty_of_a_classification_is_the_entropy_of_the_mean(
    weights: dict[str, LoadedWeight], a_radiograph: MedicalImage
) -> None:
    sure = uncertainty(weights["pneumonia_cls_cxr"], a_radiograph)
    assert sure.map is None
    assert 0 < sure.value < 1
    noise = np.random.default_rng(0).integers(0, 255, (1, 256, 256), dtype=np.uint8)
    mirrored = uncertainty(weights["breast_lesion_cls_us"], MedicalImage(noise, np.eye(4)))
    expected = weights["breast_lesion_cls_us"].card.preprocessing.tta_flip
    assert ("mirrored" in mirrored.variants) is expected


def test_saliency_of_a_structure_lies_in_its_half_of_the_image(
    weights: dict[str, LoadedWeight], a_radiograph: MedicalImage
) -> None:
    weight = weights["chest_structures_seg_cxr"]
    labels, _ = segment(weight, a_radiograph)
    for structure in weight.card.structures[:2]:
        found = saliency(weight, a_radiograph, structure.name)
        assert found.shape == a_radiograph.shape and found.max() == pytest.approx(1)
        inside = labels == structure.label
        assert found[inside].mean() > 2 * found[~inside].mean()


def test_a_volumes_maps_lie_on_its_own_grid_however_it_is_stored(a_trained_volume_weight: tuple[Path, Path]) -> None:
    folder, data = a_trained_volume_weight
    catalog = Catalog.load([folder])
    weight = load_weight(catalog.folder("phantom_seg_mri"), catalog.card("phantom_seg_mri"), torch.device("cpu"))
    image = read_volumes(data / "phantoms", "test", orientation="RAS").image(0)
    name, shares = weight.card.structures[0].name, []
    watch = Watch(advance=lambda share, line: shares.append(share))
    found, doubt = saliency(weight, image, name, watch=watch), uncertainty(weight, image)
    assert found.shape == doubt.map.shape == image.shape
    assert found.max() == pytest.approx(1) and 0 <= doubt.map.min() < doubt.map.max() <= 1
    assert shares == sorted(shares) and shares[-1] == 1
    labels, _ = segment(weight, image)
    inside = labels == weight.card.structures[0].label
    assert found[inside].mean() > 2 * found[~inside].mean()
    turned = image.ijk_to_ras @ np.array([[-1, 0, 0, image.shape[2] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    other = dataclasses.replace(image, array=np.ascontiguousarray(image.array[..., ::-1]), ijk_to_ras=turned)
    assert np.allclose(saliency(weight, other, name), found[..., ::-1], atol=1e-4)
    assert uncertainty(weight, other).map[..., ::-1].mean() == pytest.approx(doubt.map.mean(), rel=0.1)


def test_what_cannot_be_explained_says_why(weights: dict[str, LoadedWeight], a_radiograph: MedicalImage) -> None:
    with pytest.raises(InvalidInput, match="has no structure 'liver'; it has: right lung"):
        saliency(weights["chest_structures_seg_cxr"], a_radiograph, "liver")
    with pytest.raises(InvalidInput, match="has no class 'cat'; it has: normal"):
        saliency(weights["pneumonia_cls_cxr"], a_radiograph, "cat")
    weight = weights["chest_structures_seg_cxr"]
    volumes = dataclasses.replace(weight, card=weight.card.model_copy(update={"dimension": 3}))
    for explain in (uncertainty, lambda *given: saliency(*given, "heart")):
        with pytest.raises(InvalidInput, match="'chest_structures_seg_cxr' takes volumes"):
            explain(volumes, a_radiograph)
    with pytest.raises(Cancelled):
        saliency(weights["pneumonia_cls_cxr"], a_radiograph, "normal", watch=Watch(cancelled=lambda: True))
    with pytest.raises(Cancelled):
        uncertainty(weights["pneumonia_cls_cxr"], a_radiograph, watch=Watch(cancelled=lambda: True))
