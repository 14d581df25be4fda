"""A user's own weights: added only when whole, tried first, routable at once, removed again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from weights_for_tests import a_card, write_weight

from MedPromptLib.catalog import CARD_NAME, FILE_NAME, Catalog
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput, OutputFailed, WeightCorrupt
from MedPromptLib.installing import a_pattern, add_weight, remove_weight
from MedPromptLib.planner import RulePlanner
from MedPromptLib.session import Session


@pytest.fixture(autouse=True)
def a_home(tmp_path, monkeypatch):
    """The user's folder of weights, empty."""
    monkeypatch.setenv("MEDPROMPT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MEDPROMPT_WEIGHTS", raising=False)
    return tmp_path / "home" / "weights"


@pytest.fixture
def a_folder(tmp_path):
    """A weight that somebody has made, outside any catalogue."""
    card = a_card("spleen_seg_ct", target="spleen", modality="ct")
    card = card.model_copy(update={"structures": (card.structures[0].model_copy(update={"name": "spleen"}),)})
    network = card.network.model_copy(update={"options": {**card.network.options, "classes": 2}})
    write_weight(tmp_path / "made", card.model_copy(update={"network": network}))
    return tmp_path / "made" / card.id


def change_card(folder, **changes):
    """Write other values into a card, valid or not."""
    path = folder / CARD_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_added_weight_is_routable_at_once_and_can_be_removed(a_folder, a_home, capsys):
    prompt = "Segment the spleen on this CT."
    before = Session(planner=RulePlanner())
    assert "spleen_seg_ct" not in before.catalog
    assert main(["weights", "add", str(a_folder)]) == 0
    shown = capsys.readouterr()
    assert str(a_home / "spleen_seg_ct") in shown.out
    assert "no figures" in shown.err
    after = Session(planner=RulePlanner())
    assert after.route(after.plan(prompt)).route(1).weight_id == "spleen_seg_ct"
    assert {card.id for card in before.catalog} < {card.id for card in after.catalog}
    assert main(["weights", "verify"]) == 0
    assert main(["weights", "remove", "spleen_seg_ct"]) == 0
    assert "spleen_seg_ct" not in Catalog.load()


def test_every_problem_of_a_card_is_named(a_folder, a_home):
    change_card(a_folder, intent="guess", colour="red", structures=[], title=3)
    with pytest.raises(WeightCorrupt) as caught:
        add_weight(a_folder, Catalog.load())
    for words in ("intent: Input should be", "colour: Extra inputs", "title: Input should be a valid string"):
        assert words in str(caught.value)
    assert not a_home.exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / CARD_NAME).unlink(), "no card.json"),
        (lambda folder: (folder / CARD_NAME).write_text("{"), "is not valid: the document"),
        (lambda folder: (folder / FILE_NAME).unlink(), "is missing"),
        (lambda folder: (folder / FILE_NAME).write_bytes(b"x"), "has 1 bytes where its card says"),
        (lambda folder: change_card(folder, network={"name": "resnet"}), "names a network 'resnet'; this version has"),
        (
            lambda folder: change_card(
                folder,
                network={"name": "lean_fusion_lab", "options": {"task": "segmentation", "classes": 3, "width": 16}},
            ),
            "does not fit its network",
        ),
    ],
    ids=["no card", "no JSON", "no file", "a truncated file", "an unknown network", "other options"],
)
def test_what_is_not_whole_is_not_added(a_folder, a_home, spoil, message):
    spoil(a_folder)
    with pytest.raises((InvalidInput, WeightCorrupt), match=message):
        add_weight(a_folder, Catalog.load())
    assert not a_home.exists()


def test_the_trial_run_compares_the_output_with_the_card(a_folder):
    card = json.loads((a_folder / CARD_NAME).read_text())
    second = card["structures"][0] | {"name": "liver", "label": 2}
    change_card(a_folder, structures=[*card["structures"], second])
    with pytest.raises(WeightCorrupt, match="scores 2 labels where its card has 2 structures"):
        add_weight(a_folder, Catalog.load())


def test_the_trial_run_uses_a_sample_that_lies_beside_the_card(a_folder, a_home):
    (a_folder / "sample.png").write_bytes(b"no picture")
    with pytest.raises(InvalidInput, match="sample.png"):
        add_weight(a_folder, Catalog.load())
    Image.fromarray(np.tile(np.arange(80, dtype=np.uint8), (70, 1))).save(a_folder / "sample.png")
    add_weight(a_folder, Catalog.load())
    assert {path.name for path in (a_home / "spleen_seg_ct").iterdir()} == {CARD_NAME, FILE_NAME}


def test_the_pattern_has_the_size_and_colour_that_the_card_asks_for():
    grey = a_card("x_seg_ct")
    colour = grey.model_copy(update={"preprocessing": grey.preprocessing.model_copy(update={"channels": 3})})
    assert a_pattern(grey).array.shape == (1, 64, 64)
    assert a_pattern(colour).array.shape == (1, 64, 64, 3)


def test_an_id_is_added_once(a_folder):
    add_weight(a_folder, Catalog.load())
    with pytest.raises(InvalidInput, match="already a weight 'spleen_seg_ct'"):
        add_weight(a_folder, Catalog.load())


def test_a_folder_that_cannot_be_written_to_is_named(a_folder, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputFailed, match="nothing was added"):
        add_weight(a_folder, Catalog.load(), into=tmp_path / "taken")


def test_a_copy_that_breaks_off_leaves_nothing(a_folder, a_home, monkeypatch):
    def half(source, target):
        target.write_bytes(source.read_bytes()[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("MedPromptLib.installing.shutil.copyfile", half)
    with pytest.raises(OutputFailed, match="No space left on device.*nothing was added"):
        add_weight(a_folder, Catalog.load())
    assert list(a_home.iterdir()) == []


def test_a_copy_that_is_not_whole_is_not_added(a_folder, a_home, monkeypatch):
    monkeypatch.setattr(
        "MedPromptLib.installing.shutil.copyfile", lambda source, target: target.write_bytes(source.read_bytes()[:1000])
    )
    with pytest.raises(WeightCorrupt, match="has 1000 bytes where its card says"):
        add_weight(a_folder, Catalog.load())
    assert list(a_home.iterdir()) == []


def test_what_an_interrupted_copy_left_is_no_weight_and_is_replaced(a_folder, a_home):
    left = a_home / "spleen_seg_ct.part"
    left.mkdir(parents=True)
    (left / CARD_NAME).write_bytes((a_folder / CARD_NAME).read_bytes())
    assert Catalog.load([a_home]).problems == ()
    add_weight(a_folder, Catalog.load())
    assert [path.name for path in a_home.iterdir()] == ["spleen_seg_ct"]


def test_a_folder_in_the_way_is_not_overwritten(a_folder, a_home):
    (a_home / "spleen_seg_ct").mkdir(parents=True)
    (a_home / "spleen_seg_ct" / CARD_NAME).write_text("a broken card")
    with pytest.raises(InvalidInput, match="already a folder"):
        add_weight(a_folder, Catalog.load())
    assert (a_home / "spleen_seg_ct" / CARD_NAME).read_text() == "a broken card"


@pytest.mark.parametrize("weight_id", ["../outside", "/etc/x", "a/b", "..", "A", "a\n", ""])
def test_an_id_that_is_a_path_is_refused(a_folder, a_home, weight_id):
    change_card(a_folder, id=weight_id)
    with pytest.raises(WeightCorrupt, match="id: String should match pattern"):
        add_weight(a_folder, Catalog.load())
    assert not a_home.exists()


def test_weights_that_came_with_medprompt_are_not_removed():
    catalog = Catalog.load()
    with pytest.raises(InvalidInput, match="it is left alone"):
        remove_weight("chest_structures_seg_cxr", catalog)
    assert (catalog.folder("chest_structures_seg_cxr") / FILE_NAME).is_file()
    with pytest.raises(WeightCorrupt, match="no weight 'unheard_of'"):
        remove_weight("unheard_of", catalog)
