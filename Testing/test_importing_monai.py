"""MONAI bundles become drafts; nothing that a bundle's configuration says is run."""

from __future__ import annotations

import copy
import json
import tomllib

import numpy as np
import pytest
import torch
from monai.networks.nets import UNet
from PIL import Image
from safetensors.torch import save_file

from MedPromptLib.card_drafts import DRAFT_NAME, FILL_IN, read_draft
from MedPromptLib.card_template import template
from MedPromptLib.catalog import FILE_NAME, Catalog
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput, WeightCorrupt
from MedPromptLib.images import read_image
from MedPromptLib.importing_monai import NotPlain, import_bundle, network_definition
from MedPromptLib.inference.engine import load_weight, segmentation_scores
from MedPromptLib.installing import add_weight
from MedPromptLib.networks import build
from MedPromptLib.networks.monai_networks import MONAI_NETWORKS
from MedPromptLib.plan import Intent

CPU = torch.device("cpu")
OPTIONS = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2], "norm": "batch"}
METADATA = {
    "version": "0.2.0",
    "task": "Spleen segmentation",
    "description": "A model for the spleen",
    "authors": "Somebody",
    "copyright": "Copyright (c) Somebody",
    "data_source": "Forty slices",
    "intended_use": "An example",
    "references": ["A paper"],
    "network_data_format": {
        "inputs": {"image": {"type": "image", "modality": "CT", "num_channels": 1, "spatial_shape": [64, 48]}},
        "outputs": {
            "pred": {"format": "segmentation", "num_channels": 2, "channel_def": {"0": "background", "1": "spleen"}}
        },
    },
}
CONFIG = {
    "imports": ["$import os"],
    "network_def": {"_target_": "UNet", **OPTIONS},
    "network": "$@network_def.to(@device)",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "monai.transforms.ScaleIntensityd", "keys": "image"},
            {"_target_": "EnsureTyped", "keys": "image", "device": "@device"},
        ],
    },
}
VOLUME = {
    **CONFIG,
    "classes": 2,
    "network_def": {**CONFIG["network_def"], "spatial_dims": 3, "out_channels": "@classes"},
    "preprocessing": {
        "transforms": [
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.5, 2.0]},
            {"_target_": "ScaleIntensityRanged", "a_min": -57, "a_max": 164, "b_min": 0, "b_max": 1, "clip": True},
            {"_target_": "GaussianSmoothd", "keys": "image"},
        ]
    },
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [96, 80, 64]},
}


@pytest.fixture(autouse=True)
def a_user(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDPROMPT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("MEDPROMPT_WEIGHTS", raising=False)
    return tmp_path / "home" / "weights"


def a_network(spatial_dims: int = 2):
    torch.manual_seed(0)
    return UNet(**{**OPTIONS, "spatial_dims": spatial_dims}).eval()


def a_bundle(tmp_path, config=CONFIG, metadata=METADATA, state=None, name="Spleen CT"):
    folder = tmp_path / name
    for part in ("configs", "models", "docs"):
        (folder / part).mkdir(parents=True)
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    (folder / "configs" / "inference.json").write_text(json.dumps(config))
    (folder / "docs" / "license.txt").write_text("\nApache License 2.0\n")
    torch.save(a_network().state_dict() if state is None else state, folder / "models" / "model.pt")
    return folder


def the_rest(tmp_path):
    """What the bundle does not say about itself."""
    path = tmp_path / "rest.toml"
    path.write_text('provenance = { data_licence = "none" }')
    return path


def with_network(**changes):
    return {**CONFIG, "network_def": {**CONFIG["network_def"], **changes}}


def with_pred(**changes):
    metadata = copy.deepcopy(METADATA)
    metadata["network_data_format"]["outputs"]["pred"] |= changes
    return metadata


def test_a_bundle_becomes_a_weight_that_answers_as_monai_does(tmp_path, a_user, capsys):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8)).save(tmp_path / "scan.png")
    into = ["--into", str(tmp_path / "drafts"), "--card", str(the_rest(tmp_path))]
    assert main(["weights", "import", str(a_bundle(tmp_path)), *into]) == 0
    shown = capsys.readouterr()
    assert "spleen_ct, a draft" in shown.out
    assert "medprompt weights add" in shown.err
    draft = tmp_path / "drafts" / "spleen_ct"
    card = read_draft(draft)
    assert (card.target, card.modality, card.version) == ("spleen", "ct", "0.2.0")
    assert (card.preprocessing.size, card.preprocessing.intensity) == ((48, 64), "minmax")
    assert card.licence.startswith("Apache License 2.0")
    assert "Authors: Somebody" in card.provenance.note
    assert main(["weights", "add", str(draft), "--sample", str(tmp_path / "scan.png")]) == 0
    catalog = Catalog.load()
    image = read_image(tmp_path / "scan.png")
    weight = load_weight(catalog.folder("spleen_ct"), catalog.card("spleen_ct"), CPU)
    from monai.transforms import Compose, EnsureChannelFirst, LoadImage, ScaleIntensity

    x = Compose([LoadImage(), EnsureChannelFirst(), ScaleIntensity()])(tmp_path / "scan.png")
    assert x.shape == (1, 64, 48)  # MONAI reads a picture as columns, rows
    with torch.inference_mode():
        wanted = a_network()(torch.as_tensor(np.asarray(x))[None]).softmax(1)
    assert torch.allclose(segmentation_scores(weight, image), wanted.permute(0, 1, 3, 2), atol=1e-5)


def test_a_bundle_for_volumes_becomes_a_card_for_volumes(tmp_path):
    metadata = json.loads(json.dumps(METADATA).replace("[64, 48]", "[32, 32, 32]"))
    draft = import_bundle(a_bundle(tmp_path, VOLUME, metadata, a_network(3).state_dict()), tmp_path / "drafts")
    values = tomllib.loads((draft.folder / DRAFT_NAME).read_text())
    assert values["dimension"] == 3
    assert values["network"]["options"]["out_channels"] == 2
    assert values["network"]["axes"] == "ijk"
    recipe = values["preprocessing"]
    assert (recipe["size"], recipe["mean"], recipe["std"]) == ([64, 80, 96], [0.0], [1.0])
    assert recipe["intensity"] == "window"
    assert any("GaussianSmoothd" in text for text in values["limitations"])
    text = (draft.folder / DRAFT_NAME).read_text()
    for line in ("spacing = [2.0, 1.5, 1.5]", 'orientation = "RAS"', "window = [-57, 164]"):
        assert line in text


def test_what_a_bundle_does_not_say_is_left_to_a_person_who_may_say_it_beforehand(tmp_path):
    bare = with_pred(channel_def={})
    del bare["data_source"], bare["intended_use"]
    draft = import_bundle(a_bundle(tmp_path, metadata=bare), tmp_path / "drafts")
    assert {"target", "intended_use", "structures.name", "provenance.data"} <= set(draft.to_fill)
    with pytest.raises(InvalidInput, match="fill in: .*target"):
        read_draft(draft.folder)
    given = tmp_path / "mine.json"
    values = {"id": "my_spleen", "target": "spleen", "intended_use": "x", "structures": [{"name": "spleen"}]}
    given.write_text(json.dumps(values | {"provenance": {"data": "y", "data_licence": "z"}}))
    draft = import_bundle(tmp_path / "Spleen CT", tmp_path / "drafts", given)
    assert draft.to_fill == ()
    assert read_draft(draft.folder).id == "my_spleen"


def test_a_classifying_bundle_keeps_its_classes_in_order(tmp_path):
    network = {"_target_": "DenseNet121", "spatial_dims": 2, "in_channels": 3, "out_channels": 2, "pretrained": False}
    metadata = with_pred(format="labels", channel_def={"1": "large", "0": "normal"})
    metadata["network_data_format"]["inputs"]["image"]["num_channels"] = 3
    from monai.networks.nets import DenseNet121

    state = {"model": DenseNet121(2, 3, 2).state_dict()}
    draft = import_bundle(a_bundle(tmp_path, {**CONFIG, "network_def": network}, metadata, state), tmp_path / "drafts")
    values = tomllib.loads((draft.folder / DRAFT_NAME).read_text())
    assert (values["intent"], values["classes"], values["positive"]) == (
        "classification",
        ["normal", "large"],
        [FILL_IN],
    )


@pytest.mark.parametrize(
    ("network_def", "said"),
    [
        ({"_target_": "UNet", "channels": "$__import__('os').system('touch ran')"}, "an expression, which is code"),
        ({"_target_": "UNet", "channels": ["$print('ran')"]}, "an expression, which is code"),
        ({"_target_": "os.system", "command": "touch ran"}, "'os.system', which is none of MONAI's"),
        ({"_target_": "evil.monai.networks.nets.UNet"}, "none of MONAI's"),
        ({"_target_": "monai.networks.nets.../UNet"}, "none of MONAI's"),
        ({"_target_": "UNet", "act": {"_target_": "builtins.exec", "source": "ran"}}, "another object to be made"),
        ({"_target_": "UNet", "channels": "@code"}, "an expression, which is code"),
        ({"_target_": "UNet", "channels": "@gone::1"}, "refers to '@gone::1', which is not there"),
        ({"_target_": "UNet", "channels": "@loop"}, "refers to itself"),
        ({"_target_": "UNet", "channels": "%other.json"}, "an expression, which is code"),
        ({"_target_": "UNet", "_mode_": "debug"}, "gives MONAI a command"),
        ("$torch.load('x')", "no network by a plain _target_"),
        (None, "no network by a plain _target_"),
    ],
)
def test_a_definition_that_is_more_than_names_and_values_is_not_taken(tmp_path, monkeypatch, network_def, said, capsys):
    monkeypatch.chdir(tmp_path)
    config = {**CONFIG, "network_def": network_def, "code": "$open('ran', 'w')", "loop": "@loop"}
    with pytest.raises(NotPlain, match=said):
        network_definition(config)
    bundle = a_bundle(tmp_path, config)
    assert main(["weights", "import", str(bundle), "--into", str(tmp_path / "drafts")]) == 2
    assert "python -m monai.bundle ckpt_export" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "drafts").exists()


def test_code_elsewhere_in_the_configuration_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {**CONFIG, "imports": ["$import os", "$open('ran', 'w')"], "initialize": ["$open('ran', 'w')"]}
    import_bundle(a_bundle(tmp_path, config), tmp_path / "drafts")
    assert not (tmp_path / "ran").exists()


def test_a_bundle_with_its_own_code_is_taken_as_torchscript(tmp_path, a_user):
    bundle = a_bundle(tmp_path, with_network(_target_="scripts.mine.Net"))
    torch.jit.save(torch.jit.trace(a_network(), torch.rand(1, 1, 64, 48)), bundle / "models" / "model.ts")
    draft = import_bundle(bundle, tmp_path / "drafts", the_rest(tmp_path))
    assert any("'scripts.mine.Net', which is none of MONAI's" in note for note in draft.notes)
    assert read_draft(draft.folder).network.name == "torchscript"
    assert main(["weights", "add", str(draft.folder)]) == 2
    assert main(["weights", "add", str(draft.folder), "--trust-program"]) == 0
    assert (a_user / "spleen_ct" / "model.ts").is_file()


class Unpleasant:
    """What a pickle could do at load."""

    def __reduce__(self):
        return (print, ("code of the file ran",))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Unpleasant(), r"not a plain PyTorch state dict.*\(it names print\); if you trust the bundle, export"),
        ({"a": torch.zeros(1)}, "does not fit the bundle's network monai:UNet: "),
        ({"epoch": 3}, "holds no state dict"),
    ],
)
def test_other_checkpoints_are_refused_and_their_code_never_runs(tmp_path, capsys, state, said):
    with pytest.raises(InvalidInput, match=said):
        import_bundle(a_bundle(tmp_path, state=state), tmp_path / "drafts")
    assert "code of the file ran" not in capsys.readouterr().out
    assert not list((tmp_path / "drafts").iterdir())


@pytest.mark.parametrize(
    ("config", "metadata", "said"),
    [
        (CONFIG, with_pred(channel_def={"0": "a"}, num_channels=1), "a single channel"),
        (CONFIG, with_pred(num_channels=3), "has 3 channels, but its channel_def names 2"),
        (CONFIG, with_pred(channel_def={"first": "a", "x": "b"}), "keys that are no numbers: first, x"),
        (CONFIG, with_pred(format="magnitude"), "answers with 'magnitude'"),
        (CONFIG, {**METADATA, "network_data_format": {}}, "exactly one of network_data_format.inputs; it has none"),
        (
            {**CONFIG, "postprocessing": {"transforms": [{"_target_": "Activationsd", "sigmoid": True}]}},
            METADATA,
            "labels may overlap",
        ),
        (with_network(strides="many"), METADATA, "options for the network 'monai:UNet' do not fit"),
        (with_network(surprise=1), METADATA, "options for the network 'monai:UNet' do not fit"),
    ],
)
def test_what_a_card_cannot_describe_is_refused_in_a_sentence(tmp_path, config, metadata, said):
    with pytest.raises((InvalidInput, WeightCorrupt), match=said):
        import_bundle(a_bundle(tmp_path, config, metadata), tmp_path / "drafts")


def test_a_broken_or_missing_configuration_is_named(tmp_path):
    bundle = a_bundle(tmp_path)
    (bundle / "configs" / "inference.json").write_text("{")
    with pytest.raises(InvalidInput, match="inference.json cannot be read"):
        import_bundle(bundle, tmp_path / "drafts")
    assert main(["weights", "import", str(tmp_path)]) == 2


def test_an_id_that_leads_elsewhere_is_refused(tmp_path):
    given = tmp_path / "mine.json"
    given.write_text(json.dumps({"id": "../../elsewhere"}))
    with pytest.raises(InvalidInput, match="expected small letters, digits and underscores"):
        import_bundle(a_bundle(tmp_path), tmp_path / "drafts", given)
    assert not (tmp_path / "drafts").exists()
    import_bundle(a_bundle(tmp_path, name="..."), tmp_path / "drafts")
    assert (tmp_path / "drafts" / "weight" / FILE_NAME).is_file()


def test_a_state_dict_that_somebody_saved_as_safetensors_is_added_with_the_networks_name(tmp_path, a_user):
    folder = tmp_path / "own"
    folder.mkdir()
    save_file(a_network().state_dict(), folder / FILE_NAME)
    values = {
        **{"id": "own_seg_ct", "title": "Own", "target": "spleen", "modality": "ct", "intended_use": "x"},
        **{
            "licence": "none",
            "structures": [{"name": "spleen"}],
            "network": {"name": "monai:UNet", "options": OPTIONS},
        },
        "preprocessing": {"size": [32, 32], "mean": [0.0], "std": [1.0]},
        "provenance": {"data": "x", "data_licence": "x", "command": "x"},
    }
    (folder / DRAFT_NAME).write_text(template(Intent.SEGMENTATION, 2, values))
    assert main(["weights", "add", str(folder)]) == 0
    torch.save(a_network().state_dict(), folder / FILE_NAME)
    (folder / DRAFT_NAME).write_text(template(Intent.SEGMENTATION, 2, values | {"id": "other_seg_ct"}))
    with pytest.raises(WeightCorrupt, match="write the network's state dict with safetensors.torch.save_file"):
        add_weight(folder, Catalog.load())


def test_every_network_on_the_list_is_monais(tmp_path):
    from monai.networks import nets

    assert [name for name in MONAI_NETWORKS if not hasattr(nets, name)] == []


def test_a_card_may_name_only_networks_on_the_list_and_download_nothing():
    from MedPromptLib.catalog import Network

    for name in ("monai:torch", "monai:ViT", "monai:", "monai:__builtins__", "other:UNet"):
        with pytest.raises(WeightCorrupt, match="allowed are|this version has"):
            build(Network(name=name))
    options = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, "pretrained": True}
    with pytest.raises(WeightCorrupt, match="would download"):
        build(Network(name="monai:DenseNet121", options=options))
    network = build(Network(name="monai:EfficientNetBN", options={"model_name": "efficientnet-b0", "num_classes": 2}))
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 2)
