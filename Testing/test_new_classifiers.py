"""The small vision-language model, ways to adapt it, their bench, and new classifiers from labelled folders."""

import json
import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from MedPromptLib.catalog import Catalog
from MedPromptLib.cli import main
from MedPromptLib.cli_classifiers import ALIGNMENT_RECIPE
from MedPromptLib.errors import InvalidInput
from MedPromptLib.inference.biomedclip import load_biomedclip
from MedPromptLib.inference.vision_language import load_vision_language, read_own
from MedPromptLib.knowledge.minilm import sentence_encoder
from MedPromptLib.training.alignment.captions import subject_captions
from MedPromptLib.training.alignment.recipe import read_alignment_recipe, without_sets
from MedPromptLib.training.alignment.train import contrastive_loss
from MedPromptLib.training.classifier_bench import Cell, cells, tables
from MedPromptLib.training.labelled_folder import find_files, read_pictures, split_of
from MedPromptLib.training.new_classifier import parse_classes
from MedPromptLib.training.prompt_tuning import METHODS

SPOTS = ("normal", "nodule")


def a_picture(rng, spot, size=48):
    """A grey field; with a bright disc if there is a spot."""
    picture = rng.normal(90, 8, (size, size))
    if spot:
        k, j = rng.integers(14, size - 14, 2)
        rows, columns = np.ogrid[:size, :size]
        picture[(rows - k) ** 2 + (columns - j) ** 2 < 64] += 90
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def class_folders(root, count=10, classes=SPOTS):
    rng = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True)
        for n in range(count):
            a_picture(rng, name != classes[0]).save(root / name / f"{n}.png")
    return root


@pytest.fixture(scope="module")
def an_aligned_model(tmp_path_factory):
    """Weights folder with a vision-language model aligned for seconds on pictures of spots, and the data's folder."""
    root = tmp_path_factory.mktemp("aligned")
    folder = root / "data" / "spots"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(1)
    rows = ["id,split,label"]
    for split, count in (("train", 24), ("val", 8), ("test", 12)):
        for n in range(count):
            label = SPOTS[n % 2]
            a_picture(rng, label == "nodule").save(folder / "images" / f"{split}{n}.png")
            rows.append(f"{split}{n},{split},{label}")
    (folder / "split.csv").write_text("\n".join(rows), encoding="utf-8")
    recipe = root / "spots.toml"
    recipe.write_text(
        'id = "vision_language"\ntitle = "Spots"\nlicence = "none"\nlimitations = []\n'
        "[schedule]\nsteps = 6\nsize = 32\nsmall_size = 32\nsets = 1\neach = 8\nlearning_rate = 2e-3\nfeatures = 16\n"
        '[[sets]]\nfolder = "spots"\nmodality = "chest x-ray"\n',
        encoding="utf-8",
    )
    line = ["train-vision-language", "--recipe", str(recipe), "--data", str(root / "data"), "--device", "cpu"]
    line += ["--work", str(root / "work"), "--out", str(root / "weights")]
    assert main([*line, "--steps", "4"]) == 0
    assert not (root / "weights").exists()
    assert main(line) == 0
    log = [json.loads(one) for one in (root / "work/vision_language/log.jsonl").read_text("utf-8").splitlines()]
    assert [one["step"] for one in log] == [4, 6]
    return root / "weights", root / "data"


@pytest.fixture
def with_model(an_aligned_model, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDPROMPT_WEIGHTS", str(an_aligned_model[0]))
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    load_vision_language.cache_clear()
    yield an_aligned_model
    load_vision_language.cache_clear()


def test_positives_of_the_contrastive_loss_are_all_pairs_of_one_kind():
    image, text = (F.normalize(torch.randn(4, 6, generator=torch.manual_seed(n)), dim=1) for n in (1, 2))
    found = contrastive_loss(image, text, torch.tensor(5.0), torch.tensor([0, 1, 0, 2]))
    rows, columns = (5 * image @ text.T).log_softmax(1), (5 * text @ image.T).log_softmax(1)
    expected = 0.0
    for log in (rows, columns):
        per_row = [(log[0, 0] + log[0, 2]) / 2, log[1, 1], (log[2, 0] + log[2, 2]) / 2, log[3, 3]]
        expected = expected - sum(per_row) / 4
    torch.testing.assert_close(found, expected / 2)


def test_captions_are_many_different_and_start_with_the_plainest():
    captions = subject_captions("bacterial_pneumonia", "chest x-ray")
    assert captions[0] == "chest x-ray showing bacterial pneumonia"
    assert len(set(captions)) == len(captions) >= 30
    assert subject_captions("bacterial_pneumonia", "chest x-ray") == captions


def test_the_recipe_leaves_sets_out_by_name():
    recipe, _ = read_alignment_recipe(ALIGNMENT_RECIPE)
    assert len(recipe.sets) == 16
    kept = without_sets(recipe, ["ct_covid"], "other")
    assert len(kept.sets) == 15 and kept.id == "other"
    with pytest.raises(InvalidInput, match="leave out some of these, not moon"):
        without_sets(recipe, ["moon"], "other")


def test_the_aligned_model_is_small_verified_and_the_same_when_loaded(with_model):
    folder = with_model[0] / "vision_language"
    about = read_own(folder)
    assert about.bytes < 4_500_000 and about.data == ("spots",)
    model = load_vision_language(None)
    texts = model.encode_texts(["chest x-ray showing lung nodule", "a normal chest x-ray"])
    assert texts.shape == (2, 16)
    wanted = model.text.projection(torch.from_numpy(sentence_encoder().encode(["a normal chest x-ray"])))
    torch.testing.assert_close(texts[1:], F.normalize(wanted, dim=1), atol=1e-4, rtol=1e-3)


def test_the_bench_writes_each_cell_once_and_goes_on_after_a_broken_line(with_model, tmp_path, monkeypatch, capsys):
    recipe = tmp_path / "bench.toml"
    recipe.write_text(
        'id = "x"\ntitle = "x"\nlicence = "x"\nlimitations = []\n[schedule]\nsteps = 1\n'
        '[[sets]]\nfolder = "spots"\nmodality = "chest x-ray"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr("MedPromptLib.cli_classifiers.ALIGNMENT_RECIPE", recipe)
    for name, method in METHODS.items():
        monkeypatch.setitem(METHODS, name, method.__class__(**{**vars(method), "epochs": 1, "rates": method.rates[:1]}))
    line = ["bench", "classifiers", "--data", str(with_model[1]), "--work", str(tmp_path), "--device", "cpu"]
    line += ["--sets", "spots", "--shots", "4", "--seeds", "1"]
    assert main(line) == 0
    printed = capsys.readouterr().out
    rows = [json.loads(one) for one in (tmp_path / "cells.jsonl").read_text("utf-8").splitlines()]
    assert {row["method"] for row in rows} == set(METHODS) and len(rows) == len(METHODS)
    assert all(f"| {name} |" in printed for name in METHODS)
    assert all(0 <= row["accuracy"] <= 1 and row["ms_per_image"] > 0 for row in rows)
    trained = {row["method"]: row["trainable"] for row in rows}
    assert trained["zero-shot"] == 0 and trained["CILMP"] > trained["CILMP unconditional"] > trained["CoOp"] > 0
    kept = (tmp_path / "cells.jsonl").read_text("utf-8").splitlines()
    (tmp_path / "cells.jsonl").write_text("\n".join([*kept[1:], kept[0][:40]]), encoding="utf-8")
    assert main(line) == 0
    again = (tmp_path / "cells.jsonl").read_text("utf-8").splitlines()
    assert len(again) == len(kept) + 1 and json.loads(again[-1])["method"] == rows[0]["method"]


def test_cells_are_three_draws_of_few_images_and_one_of_all():
    found = list(cells(("a",), (4, 0), (1, 2, 3), ("zero-shot", "CILMP")))
    assert found == [
        Cell("a", 0, 1, "zero-shot"),
        *(Cell("a", 4, seed, "CILMP") for seed in (1, 2, 3)),
        Cell("a", 0, 1, "CILMP"),
    ]
    with pytest.raises(InvalidInput, match="There are no methods"):
        list(cells(methods=("magic",)))
    assert tables([])[0].startswith("| images per class")


def test_a_folder_of_images_becomes_a_classifier_that_a_prompt_calls(with_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(METHODS, "CILMP", METHODS["CILMP"].__class__(**{**vars(METHODS["CILMP"]), "epochs": 4}))
    images = class_folders(tmp_path / "images")
    out = tmp_path / "weights" / "spots_cls_us"
    line = [
        "train-classifier",
        "--images",
        str(images),
        "--modality",
        "thyroid ultrasound",
        "--target",
        "thyroid nodule",
    ]
    line += ["--classes", "normal: even grey tissue; nodule: a bright round disc", "--work", str(tmp_path / "work")]
    assert main([*line, "--out", str(out), "--device", "cpu"]) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "a bright round disc" in said.err and "medprompt run --prompt" in said.out
    monkeypatch.setenv("MEDPROMPT_WEIGHTS", os.pathsep.join(map(str, (with_model[0], tmp_path / "weights"))))
    card = Catalog.load(None).card("spots_cls_us")
    assert card.classes == SPOTS and card.positive == ("nodule",) and card.input_profile is not None
    assert card.calibration.split == "val" and card.network.name == "cilmp"
    picture = images / "nodule" / "0.png"
    run = ["run", "--prompt", "Classify thyroid nodule on this thyroid ultrasound.", "--input", str(picture)]
    assert main([*run, "--planner", "rules", "--out", str(tmp_path / "out"), "--yes", "--accept-unusual-input"]) == 0
    assert "thyroid nodule: n" in capsys.readouterr().out
    assert main([*line, "--out", str(out), "--device", "cpu"]) == 2
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda root: None, ""),
        (
            lambda root: [p.unlink() for p in (root / "nodule").iterdir()],
            "at least two classes, and there is only normal",
        ),
        (lambda root: (root / "nodule/3.png").write_bytes(b"no image"), "1 of 20 images cannot be used (3.png"),
        (
            lambda root: (root / "nodule/3.png").write_bytes((root / "normal/3.png").read_bytes()),
            "The same picture lies in two classes 1 times (nodule/3.png = normal/3.png)",
        ),
        (
            lambda root: [(root / f"nodule/{n}.png").unlink() for n in range(7)],
            "too few different images of nodule (3)",
        ),
    ],
)
def test_images_that_cannot_be_learned_from_are_answered_clearly(tmp_path, spoil, says):
    root = class_folders(tmp_path / "images")
    spoil(root)
    if not says:
        pictures = read_pictures(find_files(root, None, ()), print)
        splits = split_of([one for one, _ in pictures])
        assert sorted({(one.label, split) for (one, _), split in zip(pictures, splits, strict=True)}) == [
            ("nodule", "train"),
            ("nodule", "val"),
            ("normal", "train"),
            ("normal", "val"),
        ]
        assert splits.count("val") == 6
        return
    with pytest.raises(InvalidInput) as error:
        read_pictures(find_files(root, None, ()), print)
    assert says in str(error.value)


def test_classes_are_matched_with_folders_and_patients_stay_together(tmp_path):
    root = class_folders(tmp_path / "images", classes=("Normal", "lung_nodule"))
    assert {f.label for f in find_files(root, None, ("normal", "Lung nodule"))} == {"normal", "Lung nodule"}
    with pytest.raises(InvalidInput, match="no images of mass"):
        find_files(root, None, ("normal", "mass"))
    table = tmp_path / "labels.csv"
    rows = [f"{name}/{n}.png,{name},p{n // 2}" for name in ("Normal", "lung_nodule") for n in range(10)]
    table.write_text("\n".join(["file,label,group", *rows]), encoding="utf-8")
    files = find_files(root, table, ())
    by_group = {}
    for one, split in zip(files, split_of(files), strict=True):
        by_group.setdefault(one.group, set()).add(split)
    assert all(len(splits) == 1 for splits in by_group.values()) and len(by_group) == 5
    assert parse_classes("a: b; c") == (("a", "b"), ("c", ""))


def test_biomedclip_s_layout_is_read_from_open_clip_s_names(tmp_path):
    torch.manual_seed(0)
    width, heads = 64, 2
    state = {"logit_scale": torch.tensor(4.6), "visual.head.proj.weight": torch.randn(16, width)}
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 1, "intermediate_size": 32}
    bert = BertModel(BertConfig(max_position_embeddings=64, **sizes), add_pooling_layer=False).eval()
    state |= {f"text.transformer.{name}": tensor for name, tensor in bert.state_dict().items()}
    state |= {"text.proj.0.weight": torch.randn(20, width), "text.proj.2.weight": torch.randn(16, 20)}
    shapes = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 5, width),
        "patch_embed.proj.weight": (width, 3, 16, 16),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for n in range(heads):
        for part, shape in {
            "norm1.weight": (width,),
            "norm1.bias": (width,),
            "norm2.weight": (width,),
            "norm2.bias": (width,),
            "attn.qkv.weight": (3 * width, width),
            "attn.qkv.bias": (3 * width,),
            "attn.proj.weight": (width, width),
            "attn.proj.bias": (width,),
            "mlp.fc1.weight": (48, width),
            "mlp.fc1.bias": (48,),
            "mlp.fc2.weight": (width, 48),
            "mlp.fc2.bias": (width,),
        }.items():
            shapes[f"blocks.{n}.{part}"] = shape
    trunk = {name: torch.randn(shape) * 0.1 for name, shape in shapes.items()}
    state |= {f"visual.trunk.{name}": tensor for name, tensor in trunk.items()}
    config = {
        "model_cfg": {"vision_cfg": {"image_size": 32}, "text_cfg": {"context_length": 48}},
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.save(state, tmp_path / "open_clip_pytorch_model.bin")
    sentence_encoder().tokenizer.save_pretrained(tmp_path)
    model = load_biomedclip(tmp_path)
    x = torch.randn(1, 3, 32, 32)
    tokens = F.conv2d(x, trunk["patch_embed.proj.weight"], trunk["patch_embed.proj.bias"], 16).flatten(2).mT
    h = torch.cat([trunk["cls_token"], tokens], dim=1) + trunk["pos_embed"]
    for n in range(2):
        b = {name.removeprefix(f"blocks.{n}."): t for name, t in trunk.items() if name.startswith(f"blocks.{n}.")}
        y = F.layer_norm(h, (width,), b["norm1.weight"], b["norm1.bias"], 1e-6)
        q, k, v = F.linear(y, b["attn.qkv.weight"], b["attn.qkv.bias"]).chunk(3, dim=-1)
        h = h + F.linear((q @ k.mT / 8).softmax(-1) @ v, b["attn.proj.weight"], b["attn.proj.bias"])
        y = F.layer_norm(h, (width,), b["norm2.weight"], b["norm2.bias"], 1e-6)
        y = F.gelu(F.linear(y, b["mlp.fc1.weight"], b["mlp.fc1.bias"]))
        h = h + F.linear(y, b["mlp.fc2.weight"], b["mlp.fc2.bias"])
    h = F.layer_norm(h, (width,), trunk["norm.weight"], trunk["norm.bias"], 1e-6)
    with torch.no_grad():
        torch.testing.assert_close(model.image(x), h[:, 0] @ state["visual.head.proj.weight"].T, atol=1e-3, rtol=1e-3)
        words = sentence_encoder().tokenizer(["a lung"], return_tensors="pt")
        first = bert(**words).last_hidden_state[:, 0]
        wanted = F.gelu(first @ state["text.proj.0.weight"].T) @ state["text.proj.2.weight"].T
        torch.testing.assert_close(model.encode_texts(["a lung"]), F.normalize(wanted, dim=1), atol=1e-4, rtol=1e-3)
    (tmp_path / "open_clip_pytorch_model.bin").unlink()
    with pytest.raises(InvalidInput):
        load_biomedclip(tmp_path)
