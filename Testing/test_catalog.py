"""Cards and weight files: what is accepted, and what is said about what is not."""

from __future__ import annotations

import json

import pytest
import torch
from weights_for_tests import a_card, write_weight

from MedPromptLib.catalog import Catalog, verify_file
from MedPromptLib.errors import WeightCorrupt
from MedPromptLib.inference.engine import load_weight
from MedPromptLib.inference.storage import expand, pack, quantise, save_state, unpack
from MedPromptLib.networks import build

CPU = torch.device("cpu")


@pytest.fixture
def a_catalog(tmp_path):
    write_weight(tmp_path, a_card("lungs_seg_cxr"))
    return Catalog.load([tmp_path])


def test_adding_a_folder_adds_an_ability(a_catalog, tmp_path):
    assert [a.id for a in a_catalog.abilities] == ["lungs_seg_cxr"]
    write_weight(tmp_path, a_card("tb_cls_cxr", target="tuberculosis", classes=("normal", "tb"), positive=("tb",)))
    assert [a.id for a in Catalog.load([tmp_path]).abilities] == ["lungs_seg_cxr", "tb_cls_cxr"]


def test_a_weight_loads_after_its_file_was_verified(a_catalog):
    card = a_catalog.card("lungs_seg_cxr")
    weight = load_weight(a_catalog.folder(card.id), card, CPU)
    assert not weight.network.training


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "bytes where its card says"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x7f"), "differs from the SHA-256"),
        (lambda path: path.unlink(), "is missing"),
    ],
    ids=["truncated", "altered", "missing"],
)
def test_a_damaged_file_is_refused(a_catalog, damage, said):
    card = a_catalog.card("lungs_seg_cxr")
    folder = a_catalog.folder(card.id)
    damage(folder / card.file.name)
    with pytest.raises(WeightCorrupt, match=said):
        verify_file(folder, card)


def test_tensors_of_another_shape_are_refused(tmp_path):
    card = write_weight(tmp_path, a_card("lungs_seg_cxr"))
    wider = card.model_copy(
        update={"network": card.network.model_copy(update={"options": {**card.network.options, "width": 24}})}
    )
    with pytest.raises(WeightCorrupt, match="does not fit its network"):
        load_weight(tmp_path / card.id, wider, CPU)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"surprise": 1}, "surprise"),
        ({"id": "other"}, "they must agree"),
        ({"structures": []}, "at least one structure"),
        ({"intent": "classification"}, "at least two classes"),
        ({"network": {"name": "unheard_of"}}, None),
    ],
)
def test_a_card_that_is_wrong_hides_no_other(tmp_path, change, said):
    write_weight(tmp_path, a_card("good_seg_cxr"))
    write_weight(tmp_path, a_card("lungs_seg_cxr"))
    path = tmp_path / "lungs_seg_cxr" / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    catalog = Catalog.load([tmp_path])
    assert "good_seg_cxr" in catalog
    if said is None:
        card = catalog.card("lungs_seg_cxr")
        with pytest.raises(WeightCorrupt, match="names a network 'unheard_of'"):
            load_weight(catalog.folder(card.id), card, CPU)
    else:
        assert [said in str(problem) for problem in catalog.problems] == [True]


def test_an_unknown_weight_is_answered_with_what_there_is(a_catalog):
    with pytest.raises(WeightCorrupt, match="installed are: lungs_seg_cxr"):
        a_catalog.card("kidney_seg_ct")


def test_int8_storage_is_within_half_a_step_of_each_channel():
    tensor = torch.randn(8, 16, 3, 3) * torch.logspace(-3, 1, 8).view(-1, 1, 1, 1)
    values, scale = quantise(tensor)
    error = (expand(values, scale) - tensor).abs().flatten(1).amax(1)
    assert values.dtype == torch.int8
    assert bool((error <= scale / 2 + 1e-7).all())


def test_packing_keeps_small_tensors_exact_and_names_unchanged(tmp_path):
    state = build(a_card("x_seg_cxr").network).state_dict()
    restored = unpack(pack(state, "int8"))
    assert restored.keys() == {name for name in state if not name.endswith("num_batches_tracked")}
    assert torch.equal(restored["low_level.0.1.running_var"], state["low_level.0.1.running_var"])
    for storage in ("float32", "int8"):
        save_state(state, tmp_path / storage, storage)
    assert (tmp_path / "int8").stat().st_size < 0.35 * (tmp_path / "float32").stat().st_size
