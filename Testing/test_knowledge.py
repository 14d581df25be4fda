"""The knowledge bank: what it knows, how it is asked, who wrote it, and the cache of its embeddings."""

import json
import tomllib

import numpy as np
import pytest
from conftest import ROOT

from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput
from MedPromptLib.knowledge import embedding
from MedPromptLib.knowledge.bank import ASPECTS, describe, descriptions, user_bank_file
from MedPromptLib.knowledge.embedding import cached, sentence_vectors, token_states
from MedPromptLib.knowledge.writing import whole_sentences, written


@pytest.fixture
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    return tmp_path


def recipes():
    return [
        tomllib.loads(path.read_text(encoding="utf-8"))["card"]
        for path in sorted((ROOT / "MedPromptLib/training/recipes").glob("*.toml"))
        if "card" in tomllib.loads(path.read_text(encoding="utf-8"))
    ]


def test_every_class_and_structure_of_the_recipes_and_shipped_cards_has_a_text(own_folders):
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "weights").glob("*/card.json")]
    for card in (*cards, *recipes()):
        for name in (*card.get("classes", ()), *(s["name"] for s in card.get("structures", ()))):
            found = describe(name, card["modality"])
            assert len(found.text()) > 120, (name, card["modality"])


@pytest.mark.parametrize(
    ("subject", "modality", "is_one"),
    [
        ("left atrium", "MR", ("left atrium", "mri")),
        ("kidney, left", "ct", ("left kidney", "ct")),
        ("liver", "mri", ("liver", "t2 mri")),
        ("brain tumour", "FLAIR", ("brain tumor", "flair mri")),
        ("brain tumor", "T1 MRI post contrast", ("brain tumor", "post-contrast t1 mri")),
        ("brain tumor", "mri", ("brain tumor", "mri")),
        ("mel", "dermoscopy", ("melanoma", "dermoscopy")),
        ("normal", "breast ultrasound", ("normal", "breast ultrasound")),
        ("Covid-19", "chest CT", ("COVID-19", "ct")),
    ],
)
def test_a_text_is_found_by_other_words_for_the_same(own_folders, subject, modality, is_one):
    found = describe(subject, modality)
    assert (found.subject, found.modality) == is_one


def test_texts_name_their_author_and_what_it_was_asked(own_folders):
    for one in descriptions():
        assert one.author and one.prompt and one.date
        assert all(getattr(one, aspect).endswith(".") for aspect in ASPECTS), one.subject
    identities = [(one.subject, one.modality) for one in descriptions()]
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize(
    ("subject", "modality", "says"),
    [
        ("liver", "T1 MRI", "it knows it on ct, t2 mri"),
        ("liver", "ultrasound", "it knows it on ct, t2 mri"),
        ("thyroid", "ct", "medprompt knowledge list"),
        ("normal", "brain mri", "it knows it on"),
        ("brain tumor", "t1 mri", "name one of them"),
    ],
)
def test_a_missing_or_unclear_text_is_an_error_that_says_what_there_is(own_folders, subject, modality, says):
    with pytest.raises(InvalidInput, match=says):
        describe(subject, modality)


def test_own_words_are_kept_and_stand_in_for_the_shipped_text(own_folders, capsys):
    assert main(["knowledge", "write", "spleen", "--modality", "CT", "--appearance", "Mine.", "--author", "me"]) == 0
    assert describe("spleen", "ct").appearance == "Mine."
    assert main(["knowledge", "show", "spleen", "--modality", "ct"]) == 0
    assert "Written by me" in capsys.readouterr().out
    user_bank_file().write_text("[{}]", encoding="utf-8")
    assert main(["knowledge", "list"]) == 2
    assert "correct it or delete it" in capsys.readouterr().err


def test_a_language_model_writes_a_missing_text_as_data(own_folders):
    class Model:
        name = "a model"

        def __init__(self):
            self.asked = []

        def answer(self, talk):
            self.asked.append(talk[-1]["content"])
            return "- **Round** and smooth.\n- It is bright. And it goes on without an e"

    model = Model()
    made = written("thyroid", "ultrasound", "structure", model)
    assert made.shape == "Round and smooth. It is bright."
    assert made.author == "a model" and all(question in made.prompt for question in model.asked)
    assert whole_sentences("no end") == ""


def test_the_cache_makes_an_array_once_and_survives_a_broken_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDPROMPT_CACHE", str(tmp_path))
    made = []

    def make():
        made.append(1)
        return np.arange(6, dtype=np.float32).reshape(2, 3)

    for _ in range(2):
        assert cached("text", "model", "layer", make).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(made) == 1
    cached("text", "model", "another layer", make)
    assert len(made) == 2
    files = sorted(tmp_path.rglob("*.*"))
    assert [path.suffix for path in files] == [".npy", ".npy"]
    for path in files:
        path.write_bytes(path.read_bytes()[:90])
    assert cached("text", "model", "layer", make).shape == (2, 3)
    assert len(made) == 3


def test_embeddings_of_real_models_have_their_shapes_and_come_from_the_cache(tmp_path, monkeypatch):
    home = embedding.smollm.model_folder()
    monkeypatch.setenv("MEDPROMPT_CACHE", str(tmp_path))
    monkeypatch.setattr(embedding.smollm, "model_folder", lambda: home)
    embedding._model.cache_clear()
    vectors = sentence_vectors(["right lung", "left lung", "a colon polyp"])
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    states = token_states("The right lung.", layer=12)
    assert states.shape[1] == 576 and 3 <= len(states) <= 6
    with pytest.raises(InvalidInput, match="has no layer 99"):
        token_states("The right lung.", layer=99)
    monkeypatch.setattr(embedding, "_model", lambda *a: pytest.fail("not from the cache"))
    assert (token_states("The right lung.", layer=12) == states).all()
