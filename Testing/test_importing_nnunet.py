"""nnU-Net's results become drafts that answer as nnU-Net's own network does; what a card cannot say is refused."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import nn

from MedPromptLib.card_drafts import DRAFT_NAME, read_draft
from MedPromptLib.catalog import FILE_NAME, Catalog, Network
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput, WeightCorrupt
from MedPromptLib.images import read_image
from MedPromptLib.importing_nnunet import import_nnunet
from MedPromptLib.inference.engine import load_weight, segmentation_scores
from MedPromptLib.networks import build

CPU = torch.device("cpu")
PATCH = (32, 48)
DATASET = {
    "channel_names": {"0": "ultrasound"},
    "labels": {"background": 0, "spleen": 1, "liver": 2},
    "numTraining": 10,
    "file_ending": ".png",
    "licence": "CC BY 4.0",
    "description": "Ten pictures",
}


def arguments(dimension: int = 2, **changes):
    """`arch_kwargs` as nnU-Net 2.3 and later writes them into plans."""
    kernel = [3] * dimension
    values = {
        "n_stages": 3,
        "features_per_stage": [4, 8, 8],
        "conv_op": f"torch.nn.modules.conv.Conv{dimension}d",
        "kernel_sizes": [kernel] * 3,
        "strides": [[1] * dimension, [2] * dimension, [2] * dimension],
        "n_conv_per_stage": [1, 1, 1],
        "n_conv_per_stage_decoder": [1, 1],
        "conv_bias": True,
        "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dimension}d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    return values | changes


def a_network(kind=PlainConvUNet, **values):
    """The network as nnU-Net builds it for training, with deep supervision, and random parameters."""
    torch.manual_seed(0)
    dimension = 3 if "3d" in values["conv_op"] else 2
    made = {
        "conv_op": getattr(nn, f"Conv{dimension}d"),
        "norm_op": getattr(nn, f"InstanceNorm{dimension}d"),
        "nonlin": nn.LeakyReLU,
    }
    network = kind(input_channels=1, num_classes=3, deep_supervision=True, **(values | made))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network.eval()


def plans_of(dimension: int = 2, kind: str = "PlainConvUNet", values=None, **changes):
    name = "2d" if dimension == 2 else "3d_fullres"
    configuration = {
        "patch_size": list(PATCH) if dimension == 2 else [16, 24, 32],
        "spacing": [1.0, 1.0] if dimension == 2 else [3.0, 0.8, 0.8],
        "normalization_schemes": ["ZScoreNormalization" if dimension == 2 else "CTNormalization"],
        "use_mask_for_norm": [False],
        "architecture": {
            "network_class_name": f"dynamic_network_architectures.architectures.unet.{kind}",
            "arch_kwargs": values or arguments(dimension),
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
    }
    return {
        "dataset_name": "Dataset123_Abdomen",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "NaturalImage2DIO" if dimension == 2 else "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "foreground_intensity_properties_per_channel": {
            "0": {"mean": 100.0, "std": 40.0, "percentile_00_5": -50.0, "percentile_99_5": 250.0}
        },
        "configurations": {name: configuration | changes},
    }


def results(tmp_path, network, plans, dataset=None, configuration: str | None = None, folds=("0",)):
    """A results folder as nnUNetv2_train leaves it, with what its checkpoints hold besides tensors."""
    folder = tmp_path / "Dataset123_Abdomen" / "nnUNetTrainer__nnUNetPlans__x"
    dataset = dataset or DATASET
    for fold in folds:
        (folder / f"fold_{fold}").mkdir(parents=True)
        name = configuration or next(iter(plans["configurations"]))
        optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.99, nesterov=True)
        checkpoint = {
            "network_weights": network.state_dict(),
            "optimizer_state": optimizer.state_dict(),
            "grad_scaler_state": None,
            "logging": {
                "mean_fg_dice": [np.float64(0.5)],
                "ema_fg_dice": [np.float32(0.25)],
                "train_losses": [np.float32(1)],
            },
            "_best_ema": np.float64(0.5),
            "current_epoch": 1000,
            "init_args": {
                "plans": plans,
                "configuration": name,
                "fold": fold,
                "dataset_json": dataset,
                "device": torch.device("cuda"),
            },
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": (0, 1) if name == "2d" else (0, 1, 2),
        }
        torch.save(checkpoint, folder / f"fold_{fold}" / "checkpoint_final.pth")
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (folder / "plans.json").write_text(json.dumps(plans))
    return folder


@pytest.fixture(autouse=True)
def a_user(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDPROMPT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("MEDPROMPT_WEIGHTS", raising=False)
    return tmp_path / "home" / "weights"


def the_rest(tmp_path):
    """What results do not say about themselves."""
    path = tmp_path / "rest.toml"
    path.write_text('target = "abdominal organs"\nintended_use = "x"\nprovenance = { data_licence = "none" }')
    return path


def a_picture(tmp_path, rows: int, columns: int):
    path = tmp_path / "scan.png"
    coarse = np.random.default_rng(0).integers(0, 255, (9, 9), dtype=np.uint8)
    Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC).save(path)
    return path


def starts(side: int, window: int) -> list[int]:
    """Where nnU-Net's windows begin: evenly spaced, at most half a window apart."""
    count = int(np.ceil((side - window) / (window * 0.5))) + 1
    return [round(i * (side - window) / max(count - 1, 1)) for i in range(count)]


def as_nnunet_does(network, array):
    """Probabilities of (rows, columns) by nnU-Net's rules: z-score, windows half a window apart, Gaussian weights."""
    network.decoder.deep_supervision = False
    array = array.astype(np.float32)
    x = torch.from_numpy((array - array.mean()) / max(array.std(), 1e-8))[None, None]
    weight = np.zeros(PATCH)
    weight[PATCH[0] // 2, PATCH[1] // 2] = 1
    weight = torch.from_numpy(gaussian_filter(weight, [side / 8 for side in PATCH], mode="constant")).float()
    weight = (weight / weight.max()).clamp_min(weight[weight > 0].min())
    total, weights = torch.zeros(1, 3, *array.shape), torch.zeros(array.shape)
    with torch.inference_mode():
        for j in starts(array.shape[0], PATCH[0]):
            for i in starts(array.shape[1], PATCH[1]):
                place = (slice(j, j + PATCH[0]), slice(i, i + PATCH[1]))
                total[(..., *place)] += network(x[(..., *place)]) * weight
                weights[place] += weight
    return (total / weights).softmax(1)


def residual(dimension: int = 2):
    values = arguments(dimension, n_blocks_per_stage=[1, 2, 2])
    del values["n_conv_per_stage"]
    return values


@pytest.mark.parametrize("kind", [PlainConvUNet, ResidualEncoderUNet])
def test_a_picture_of_one_window_gets_exactly_nnunets_probabilities(tmp_path, a_user, kind, capsys):
    values = arguments() if kind is PlainConvUNet else residual()
    network = a_network(kind, **values)
    folder = results(tmp_path, network, plans_of(kind=kind.__name__, values=values))
    into = ["--into", str(tmp_path / "drafts"), "--card", str(the_rest(tmp_path))]
    assert main(["weights", "import", str(folder), *into]) == 0
    assert "nnU-Net also averages over mirrored images" in capsys.readouterr().err
    sample = a_picture(tmp_path, *PATCH)
    assert main(["weights", "add", str(tmp_path / "drafts" / "abdomen_seg"), "--sample", str(sample)]) == 0
    catalog = Catalog.load()
    card = catalog.card("abdomen_seg")
    assert ([s.name for s in card.structures], card.licence) == (["spleen", "liver"], "CC BY 4.0")
    weight = load_weight(catalog.folder(card.id), card, CPU)
    image = read_image(sample)
    assert torch.allclose(segmentation_scores(weight, image), as_nnunet_does(network, image.array[0]), atol=1e-5)


def test_a_large_picture_gets_nnunets_probabilities_and_a_small_one_is_padded(tmp_path):
    network = a_network(**arguments())
    draft = import_nnunet(results(tmp_path, network, plans_of()), tmp_path / "drafts", the_rest(tmp_path))
    weight = load_weight(draft.folder, read_draft(draft.folder), CPU)
    image = read_image(a_picture(tmp_path, 90, 130))
    ours, wanted = segmentation_scores(weight, image), as_nnunet_does(network, image.array[0])
    assert ours.shape == (1, 3, 90, 130)
    assert len(wanted.argmax(1).unique()) > 1
    assert torch.allclose(ours, wanted, atol=1e-4)
    small = read_image(a_picture(tmp_path, 20, 30))
    assert segmentation_scores(weight, small).shape == (1, 3, 20, 30)


def test_a_weight_holds_each_tensor_once(tmp_path):
    network = a_network(**arguments())
    draft = import_nnunet(results(tmp_path, network, plans_of()), tmp_path / "drafts")
    own = sum(parameter.numel() for parameter in network.parameters()) * 4
    assert own <= (draft.folder / FILE_NAME).stat().st_size < own * 1.6


def test_volumes_become_a_card_in_hounsfield_units(tmp_path):
    dataset = {**DATASET, "channel_names": {"0": "CT"}, "file_ending": ".nii.gz"}
    folder = results(tmp_path, a_network(**arguments(3)), plans_of(3), dataset, folds=("1", "0", "all"))
    draft = import_nnunet(folder, tmp_path / "drafts")
    values = tomllib.loads((draft.folder / DRAFT_NAME).read_text())
    recipe = values["preprocessing"]
    assert (values["dimension"], values["modality"]) == (3, "ct")
    assert (recipe["size"], recipe["spacing"], recipe["mirror"]) == ([16, 24, 32], [3.0, 0.8, 0.8], ["k", "j", "i"])
    assert (recipe["intensity"], recipe["window"]) == ("window", [-50.0, 250.0])
    for value in (-50.0, 0.0, 250.0):  # to 0 and 1 by the window, then mean and std, is nnU-Net's clip, mean and std
        ours = ((value + 50) / 300 - recipe["mean"][0]) / recipe["std"][0]
        assert ours == pytest.approx((value - 100) / 40)
    assert "fold_all" in values["provenance"]["note"]
    assert any("averages all 3 folds" in note for note in draft.notes)
    assert "'all'" not in str(import_nnunet(folder, tmp_path / "second", fold="1").notes)
    network = build(Network(**{k: v for k, v in values["network"].items() if k != "axes"}))
    assert network.eval()(torch.rand(1, 1, 16, 24, 32)).shape == (1, 3, 16, 24, 32)
    with pytest.raises(InvalidInput, match="There is no fold '4'.*there are: 0, 1, all"):
        import_nnunet(folder, tmp_path / "drafts", fold="4")


def test_plans_of_earlier_versions_are_read_too(tmp_path):
    plans = plans_of(
        UNet_class_name="PlainConvUNet",
        UNet_base_num_features=4,
        unet_max_num_features=8,
        n_conv_per_stage_encoder=[1, 1, 1],
        n_conv_per_stage_decoder=[1, 1],
        pool_op_kernel_sizes=arguments()["strides"],
        conv_kernel_sizes=arguments()["kernel_sizes"],
    )
    del plans["configurations"]["2d"]["architecture"]
    import_nnunet(results(tmp_path, a_network(**arguments()), plans), tmp_path / "drafts")


class Unpleasant:
    """What a pickle could do at load."""

    def __reduce__(self):
        return (print, ("code of the file ran",))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            {"network_weights": {}, "logging": Unpleasant()},
            "so it is not loaded .it names print.; in an environment with nnU-Net",
        ),
        ({"state_dict": {}}, "it has no network_weights"),
        (b"PK cut short", "cut short or of another kind"),
    ],
)
def test_a_checkpoint_that_cannot_be_read_safely_is_refused_with_a_way_out(tmp_path, capsys, content, said):
    folder = results(tmp_path, a_network(**arguments()), plans_of())
    path = folder / "fold_0" / "checkpoint_final.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(InvalidInput, match=said) as caught:
        import_nnunet(folder, tmp_path / "drafts")
    assert "torch.jit.save" in str(caught.value)
    assert "code of the file ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("plans", "dataset", "said"),
    [
        (plans_of(spacing=[0.7, 0.7]), {}, r"slices of volumes resampled to 0.7 × 0.7 mm"),
        (plans_of() | {"transpose_forward": [2, 0, 1]}, {}, "reorders the axes"),
        (plans_of(use_mask_for_norm=[True]), {}, "inside their non-zero region only"),
        (plans_of(3, normalization_schemes=["ZScoreNormalization"]), {}, "ZScoreNorm.*a card with dimension 3 cannot"),
        (plans_of(normalization_schemes=["Mine", "CTNormalization"]), {}, r"mixed \(CTNormalization, Mine\)"),
        (plans_of(kind="PrimusM"), {}, "name the network 'PrimusM'"),
        (plans_of(values=arguments(conv_op="os.system")), {}, "name the class 'os.system'"),
        (plans_of(values=arguments(nonlin="torch.nn.Module")), {}, "name the class 'torch.nn.Module'"),
        (plans_of(values=arguments(n_stages=2)), {}, "do not fit"),
        (plans_of(values=arguments(features_per_stage=[4, 8, 16])), {}, "the network of the plans: size mismatch"),
        (plans_of(patch_size="large"), {}, "not of the form of nnU-Net v2"),
        (plans_of(), {"channel_names": {"0": "T1", "1": "T2"}}, r"takes 2 images at once \(T1, T2\)"),
        (plans_of(), {"labels": {"background": 0, "whole": [1, 2], "core": 2}}, "regions that may overlap"),
        (plans_of(), {"labels": {"background": 0, "spleen": 3}}, "not 0 .background., 1, 2"),
        (plans_of(), {"labels": {"background": 0, "spleen": 1}}, "does not fit the network of the plans"),
    ],
)  # fmt: skip
def test_what_a_card_cannot_say_is_refused_in_a_sentence(tmp_path, plans, dataset, said):
    dimension = 2 if "2d" in plans["configurations"] else 3
    folder = results(tmp_path, a_network(**arguments(dimension)), plans, {**DATASET, **dataset})
    with pytest.raises((InvalidInput, WeightCorrupt), match=said):
        import_nnunet(folder, tmp_path / "drafts")
    assert not list(tmp_path.glob("drafts/*"))


def test_other_configurations_and_missing_folds_are_named(tmp_path):
    network = a_network(**arguments())
    plans = plans_of()
    plans["configurations"]["3d_lowres"] = plans["configurations"]["2d"]
    folder = results(tmp_path, network, plans, configuration="3d_lowres")
    with pytest.raises(InvalidInput, match="only 2d and 3d_fullres"):
        import_nnunet(folder, tmp_path / "drafts")
    (folder / "fold_0" / "checkpoint_final.pth").unlink()
    with pytest.raises(InvalidInput, match="no fold_X/checkpoint_final.pth"):
        import_nnunet(folder, tmp_path / "drafts")


def test_a_colour_picture_is_normalised_channel_by_channel(tmp_path):
    dataset = {**DATASET, "channel_names": {"0": "R", "1": "G", "2": "B"}}
    network = PlainConvUNet(3, num_classes=3, deep_supervision=True, **(
        arguments() | {"conv_op": nn.Conv2d, "norm_op": nn.InstanceNorm2d, "nonlin": nn.LeakyReLU}
    ))  # fmt: skip
    plans = plans_of(normalization_schemes=["ZScoreNormalization"] * 3, use_mask_for_norm=[False] * 3)
    draft = import_nnunet(results(tmp_path, network, plans, dataset), tmp_path / "drafts", the_rest(tmp_path))
    text = (draft.folder / DRAFT_NAME).read_text().replace('modality = "FILL IN"', 'modality = "colonoscopy"')
    (draft.folder / DRAFT_NAME).write_text(text)
    card = read_draft(draft.folder)
    colours = np.random.default_rng(0).integers(0, 255, (*PATCH, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "colour.png")
    x = colours.astype(np.float32)
    x = torch.from_numpy((x - x.mean((0, 1))) / x.std((0, 1))).permute(2, 0, 1)[None]
    network.decoder.deep_supervision = False
    with torch.inference_mode():
        wanted = network.eval()(x).softmax(1)
    scores = segmentation_scores(load_weight(draft.folder, card, CPU), read_image(tmp_path / "colour.png"))
    assert torch.allclose(scores, wanted, atol=1e-5)
