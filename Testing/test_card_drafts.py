"""Cards that people write: the template leads them, gaps are filled in, and what does not fit is named."""

from __future__ import annotations

import json
import tomllib

import pytest
from weights_for_tests import a_card, write_weight

from MedPromptLib.card_drafts import DRAFT_NAME, FILL_IN, read_draft
from MedPromptLib.card_template import WRITTEN_BY_COMMANDS, explanations, fields_to_fill, template, toml
from MedPromptLib.catalog import CARD_NAME, FILE_NAME, Preprocessing, WeightCard, parse_card, sha256_of
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput, WeightCorrupt
from MedPromptLib.plan import Intent


@pytest.mark.parametrize("intent", list(Intent))
@pytest.mark.parametrize("dimension", [2, 3])
def test_the_template_is_toml_and_names_every_field_that_a_person_writes(intent, dimension, capsys):
    assert main(["weights", "template", "--intent", intent.value, "--dimension", str(dimension)]) == 0
    text = capsys.readouterr().out
    values = tomllib.loads(text)
    assert (values["intent"], values["dimension"]) == (intent.value, dimension)
    other = {"classes", "positive"} if intent is Intent.SEGMENTATION else {"structures"}
    for name in set(WeightCard.model_fields) - set(WRITTEN_BY_COMMANDS) - other:
        assert f"\n{name} = " in text or f"\n# {name} = " in text or f"[{name}]" in text
    assert {"target", "modality", "provenance.data"} <= set(fields_to_fill(text))


def test_the_template_explains_in_the_schemas_words():
    text = " ".join(template(Intent.SEGMENTATION).replace("# ", "").split())
    for explanation in explanations(Preprocessing).values():
        assert (explanation in text) != explanation.startswith("3D:")
    assert "One of: crop, mask." in text
    assert "2D: how an image comes" not in template(Intent.SEGMENTATION, 3)


@pytest.mark.parametrize(
    "value", ['a "quoted" \\ line\nend', "é\x7f", True, 3, 0.1, [1, [2.5, "x"]], {"a b": {"c": [1]}, "d": False}, []]
)
def test_values_come_back_from_toml_as_they_were(value):
    assert tomllib.loads(f"x = {toml(value)}")["x"] == value


@pytest.fixture
def a_folder(tmp_path):
    """A weight's folder with a card.toml that leaves out all it may."""
    card = a_card("two_lungs_seg_cxr")
    write_weight(tmp_path, card)
    folder = tmp_path / card.id
    (folder / CARD_NAME).unlink()
    values = {
        **{name: getattr(card, name) for name in ("id", "title", "target", "modality", "intended_use", "licence")},
        "structures": [{"name": "right lung"}, {"name": "left lung"}],
        "network": card.network.model_dump(),
        "preprocessing": {"size": [64, 64]},
        "provenance": {"data": "none", "data_licence": "none", "command": "none"},
    }
    (folder / DRAFT_NAME).write_text(template(Intent.SEGMENTATION, 2, values))
    return folder


def change(folder, old, new):
    path = folder / DRAFT_NAME
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_a_computer_knows_is_filled_in(a_folder):
    card = read_draft(a_folder)
    assert (card.file.name, card.file.sha256) == (FILE_NAME, sha256_of(a_folder / FILE_NAME))
    assert [s.label for s in card.structures] == [1, 2]
    assert card.structures[0].terminology.type.value == "39607008"
    assert card.structures[1].terminology.modifier.meaning == "Left"
    assert card.structures[0].color != card.structures[1].color


def test_a_structure_without_a_known_code_asks_for_one(a_folder):
    change(a_folder, '"left lung"', '"thingamajig"')
    with pytest.raises(InvalidInput, match="No SNOMED CT code is known for the structure 'thingamajig'"):
        read_draft(a_folder)


def test_fields_that_are_still_to_be_filled_in_are_named(a_folder):
    change(a_folder, 'target = "lungs"', f'target = "{FILL_IN}"')
    change(a_folder, '"left lung"', f'"{FILL_IN}: which?"')
    with pytest.raises(InvalidInput, match=r"is not complete; fill in: target, structures.1.name\."):
        read_draft(a_folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "two_lungs_seg_cxr"', 'id = "../../etc/passwd"', r"id: String should match.*; found '../../etc/passwd'"),
        (
            '# name = "model.safetensors"',
            'name = "../model.safetensors"',
            r"file.name: .*; found '../model.safetensors'",
        ),
        ('# name = "model.safetensors"', 'name = "/etc/passwd"', r"file.name: .*; found '/etc/passwd'"),
        ('# name = "model.safetensors"', 'name = "other.safetensors"', "other.safetensors is missing"),
        ("size = [64, 64]", 'size = "large"', "preprocessing.size: Input should be a valid array; found 'large'"),
        ("size = [64, 64]", "sise = [64, 64]", r"preprocessing.sise: Extra inputs.*\(is 'size' meant\?\)"),
        ("# mean = [0.485, 0.456, 0.406]", "mean = [0.5]", "mean has 1 numbers and std 3; they need as many"),
        ("dimension = 2", "dimension = 4", "dimension: Input should be 2 or 3; found 4"),
        ("# synonyms = []", 'synonyms = "a, b"', "synonyms: Input should be a valid array; found 'a, b'"),
        ("[network]", "[network", "cannot be read"),
    ],
)
def test_each_problem_is_named_with_what_was_found_and_expected(a_folder, old, new, said):
    change(a_folder, old, new)
    with pytest.raises(WeightCorrupt, match=said):
        read_draft(a_folder)


def test_two_cards_in_one_folder_are_one_too_many(a_folder):
    (a_folder / CARD_NAME).write_text("{}")
    with pytest.raises(InvalidInput, match="remove the one that is not meant"):
        read_draft(a_folder)


@pytest.mark.parametrize("content", ["[]", "3", '"card"', "null"])
def test_json_that_is_no_card_is_said_to_be_none(tmp_path, content):
    (tmp_path / CARD_NAME).write_text(content)
    with pytest.raises(WeightCorrupt, match="is not valid: the document"):
        read_draft(tmp_path)


def test_a_card_whose_file_lies_elsewhere_is_refused_by_the_catalogue_too(tmp_path):
    card = a_card("x_seg_ct")
    path = tmp_path / CARD_NAME
    values = card.model_dump(mode="json")
    values["file"]["name"] = "../../secret"
    path.write_text(json.dumps(values))
    with pytest.raises(WeightCorrupt, match="file.name"):
        parse_card(path)
