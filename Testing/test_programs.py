"""TorchScript weights: run only after a yes, through the same preprocessing, and refused where they do not fit."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from MedPromptLib.agreements import agreed_programs
from MedPromptLib.card_drafts import DRAFT_NAME
from MedPromptLib.catalog import CARD_NAME, Catalog
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput, WeightCorrupt
from MedPromptLib.images import read_image
from MedPromptLib.inference.engine import classify, load_weight, segmentation_scores
from MedPromptLib.installing import add_weight
from MedPromptLib.planner import RulePlanner
from MedPromptLib.session import Session

CPU = torch.device("cpu")
CARD = """
id = "spleen_seg_ct"
title = "Spleen"
intent = "segmentation"
target = "spleen"
modality = "ct"
intended_use = "Tests."
licence = "Apache-2.0"
structures = [{ name = "spleen" }]
network = { name = "torchscript" }
preprocessing = { size = [48, 64], intensity = "minmax", mean = [0.0], std = [1.0] }
provenance = { data = "none", data_licence = "none", command = "none", date = "2026-01-01" }
file = { name = "model.ts" }
"""
CLASSES = (
    CARD.replace('structures = [{ name = "spleen" }]', 'classes = ["normal", "large"]\npositive = ["large"]')
    .replace('"segmentation"', '"classification"')
    .replace("seg_ct", "cls_ct")
)


class Plain(nn.Module):
    """A small network of somebody's own, made of PyTorch's parts alone."""

    def __init__(self, channels: int = 1, labels: int = 2, pooled: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(channels, 6, 3, padding=1), nn.Conv2d(6, labels, 1)
        self.norm, self.pooled = nn.BatchNorm2d(6), pooled

    def forward(self, x):
        scores = self.last(torch.relu(self.norm(self.first(x))))
        return scores.mean((2, 3)) if self.pooled else scores


class Pair(Plain):
    def forward(self, x):
        scores = self.last(torch.relu(self.first(x)))
        return scores, scores


class Refusing(Plain):
    def forward(self, x):
        if x.shape[2] != 512:
            raise ValueError("only 512 rows")
        return self.last(torch.relu(self.first(x)))


class NoNumbers(Plain):
    def forward(self, x):
        return self.last(torch.relu(self.first(x))) / 0 * 0


@pytest.fixture(autouse=True)
def a_user(tmp_path, monkeypatch):
    """A user with empty folders; the folder of the weights."""
    monkeypatch.setenv("MEDPROMPT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("MEDPROMPT_WEIGHTS", raising=False)
    return tmp_path / "home" / "weights"


def export(model: nn.Module, path, channels: int = 1) -> None:
    model.eval()
    scripted = isinstance(model, Refusing)
    torch.jit.save(
        torch.jit.script(model) if scripted else torch.jit.trace(model, torch.rand(1, channels, 48, 64)), path
    )


def a_folder(tmp_path, model: nn.Module, card: str = CARD, channels: int = 1):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / DRAFT_NAME).write_text(card)
    export(model, folder / "model.ts", channels)
    return folder


@pytest.fixture
def a_sample(tmp_path):
    path = tmp_path / "scan.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8)).save(path)
    return path


def test_a_program_becomes_a_routable_weight_that_answers_as_the_model_does(tmp_path, a_user, a_sample, capsys):
    model = Plain()
    assert main(["weights", "add", str(a_folder(tmp_path, model)), "--sample", str(a_sample), "--trust-program"]) == 0
    assert "runs on this computer with your rights" in capsys.readouterr().err
    assert {path.name for path in (a_user / "spleen_seg_ct").iterdir()} == {CARD_NAME, "model.ts"}
    session = Session(planner=RulePlanner())
    assert session.route(session.plan("Segment the spleen on this CT.")).route(1).weight_id == "spleen_seg_ct"
    catalog = Catalog.load()
    image = read_image(a_sample)
    weight = load_weight(catalog.folder("spleen_seg_ct"), catalog.card("spleen_seg_ct"), CPU)
    x = torch.from_numpy(image.array.astype(np.float32))[None]
    x = (x - x.min()) / (x.max() - x.min())
    with torch.inference_mode():
        wanted = model(x).softmax(1)
    assert torch.allclose(segmentation_scores(weight, image), wanted, atol=1e-5)
    assert main(["weights", "verify"]) == 0


def test_a_classifier_program_gives_a_probability_for_each_class(tmp_path, a_sample):
    add_weight(
        a_folder(tmp_path, Plain(pooled=True), CLASSES), Catalog.load(), sample=a_sample, agree=lambda text: True
    )
    catalog = Catalog.load()
    weight = load_weight(catalog.folder("spleen_cls_ct"), catalog.card("spleen_cls_ct"), CPU)
    answer = classify(weight, read_image(a_sample))
    assert list(answer) == ["normal", "large"]
    assert sum(answer.values()) == pytest.approx(1)


def test_without_a_yes_nothing_of_a_program_runs_and_nothing_is_added(tmp_path, a_user, capsys, monkeypatch):
    folder = a_folder(tmp_path, Plain())
    monkeypatch.setattr(torch.jit, "load", lambda *a, **k: pytest.fail("the program was loaded"))
    assert main(["weights", "add", str(folder)]) == 2
    assert "you have not agreed to it; repeat the command with --trust-program" in capsys.readouterr().err
    assert not a_user.exists()
    assert not agreed_programs().path.exists()


def test_a_program_that_lies_in_a_shared_folder_runs_only_after_a_yes(tmp_path, a_user, capsys, monkeypatch):
    add_weight(a_folder(tmp_path, Plain()), Catalog.load(), into=tmp_path / "shared", agree=lambda text: True)
    agreed_programs().path.unlink()
    monkeypatch.setenv("MEDPROMPT_WEIGHTS", str(tmp_path / "shared"))
    catalog = Catalog.load()
    with pytest.raises(InvalidInput, match="nobody has agreed to run here.*medprompt weights trust spleen_seg_ct"):
        load_weight(catalog.folder("spleen_seg_ct"), catalog.card("spleen_seg_ct"), CPU)
    assert main(["weights", "trust", "spleen_seg_ct"]) == 2
    assert main(["weights", "trust", "spleen_seg_ct", "--trust-program"]) == 0
    load_weight(catalog.folder("spleen_seg_ct"), catalog.card("spleen_seg_ct"), CPU)
    assert main(["weights", "trust", "chest_structures_seg_cxr", "--trust-program"]) == 2
    assert "holds no program" in capsys.readouterr().err


def test_removing_a_program_takes_the_agreement_back(tmp_path):
    card = add_weight(a_folder(tmp_path, Plain()), Catalog.load(), agree=lambda text: True)
    assert agreed_programs().given(card.file.sha256)
    assert main(["weights", "remove", card.id]) == 0
    assert not agreed_programs().given(card.file.sha256)


def test_a_program_saved_on_a_graphics_card_loads_on_the_cpu(tmp_path):
    folder = a_folder(tmp_path, Plain())
    with zipfile.ZipFile(folder / "model.ts") as archive:
        parts = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(folder / "model.ts", "w", zipfile.ZIP_STORED) as archive:
        for info, content in parts:
            if info.filename.endswith("/data.pkl"):
                assert b"X\x03\x00\x00\x00cpu" in content
            archive.writestr(info.filename, content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    add_weight(folder, Catalog.load(), agree=lambda text: True)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-200])


def another_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no model")


def damaged_inside(path):
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = max((i for i in archive.infolist() if not i.compress_type), key=lambda i: i.file_size)
    data[info.header_offset + 200 : info.header_offset + 240] = b"\0" * 40
    path.write_bytes(data)


def an_export(path):
    torch.export.save(torch.export.export(Plain().eval(), (torch.rand(1, 1, 48, 64),)), path.with_suffix(".pt2"))
    path.with_suffix(".pt2").rename(path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut_short, "is not TorchScript .*cut short or of another kind; export it with torch.jit.save"),
        (lambda path: path.write_bytes(b"x" * 900), "is not TorchScript"),
        (another_zip, "it is a zip archive of another kind"),
        (damaged_inside, "is damaged inside"),
        (lambda path: torch.save(Plain().state_dict(), path), "written by torch.save"),
        (an_export, "it is a torch.export program, whose loader may run an unrestricted pickle"),
    ],
    ids=["cut short", "no zip", "another zip", "damaged", "a checkpoint", "torch.export"],
)
def test_a_file_that_is_no_torchscript_is_refused_before_it_is_loaded(tmp_path, a_user, monkeypatch, spoil, said):
    folder = a_folder(tmp_path, Plain())
    spoil(folder / "model.ts")
    monkeypatch.setattr(torch.jit, "load", lambda *a, **k: pytest.fail("it was loaded"))
    with pytest.raises(WeightCorrupt, match=said):
        add_weight(folder, Catalog.load(), agree=lambda text: pytest.fail("it was asked about"))
    assert not a_user.exists()


@pytest.mark.parametrize(
    ("model", "channels", "card", "said"),
    [
        (Plain(labels=4), 1, CARD, "scores 4 labels where its card has 1 structures and the background"),
        (Plain(labels=4, pooled=True), 1, CLASSES, "scores 4 labels where its card has 2 classes"),
        (Plain(), 1, CLASSES, r"scores of shape \(1, 2, 48, 64\); \(1, 2\) was expected"),
        (Plain(pooled=True), 1, CARD, r"scores of shape \(1, 2\); \(1, 2, 48, 64\) was expected"),
        (Plain(channels=3), 3, CARD, "expected input.* to have 3 channels, but got 1 channels"),
        (Refusing(), 1, CARD, r"fails on an input of shape \(1, 1, 48, 64\) .*only 512 rows"),
        (Pair(), 1, CARD, "answers with a tuple of 2 where one tensor of scores was expected"),
        (NoNumbers(), 1, CARD, "answers with values that are not numbers"),
    ],
    ids=[
        "labels",
        "classes",
        "a map for a class",
        "a class for a map",
        "channels",
        "an error",
        "a tuple",
        "no numbers",
    ],
)
def test_a_program_that_does_not_fit_its_card_is_not_added(tmp_path, a_user, model, channels, card, said):
    folder = a_folder(tmp_path, model, card, channels)
    with pytest.raises(WeightCorrupt, match=said):
        add_weight(folder, Catalog.load(), agree=lambda text: True)
    assert not a_user.exists()
    assert not agreed_programs().path.exists() or agreed_programs().path.read_text().strip() == "[]"


def test_an_altered_program_is_not_run_in_spite_of_the_agreement(tmp_path, a_user):
    card = add_weight(a_folder(tmp_path, Plain()), Catalog.load(), agree=lambda text: True)
    export(Plain(labels=3), a_user / card.id / "model.ts")
    with pytest.raises(WeightCorrupt, match="bytes where its card says|differs from the SHA-256"):
        load_weight(a_user / card.id, card, CPU)
