"""Instructions: measured, deterministic, kept by the image's hash, and honest about a wrong image."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from test_planner_endpoint import Server
from weights_for_tests import a_card, write_weight

from MedPromptLib.catalog import Catalog, Instructing, Network, Preprocessing
from MedPromptLib.cli import main
from MedPromptLib.images import MedicalImage
from MedPromptLib.inference.engine import SLICES_AT_ONCE, ModelCache, Watch, segmentation_scores
from MedPromptLib.instructions import writing
from MedPromptLib.instructions.kinds import KINDS, see
from MedPromptLib.instructions.knowing import known_sentences
from MedPromptLib.instructions.observing import observe
from MedPromptLib.instructions.telling import changed_wording
from MedPromptLib.instructions.vectors import SentenceVectors
from MedPromptLib.instructions.vision import mirrored, sentences_of
from MedPromptLib.instructions.wording import observed_sentences
from MedPromptLib.instructions.writing import write_instructions
from MedPromptLib.networks import build
from MedPromptLib.planner import EndpointPlanner
from MedPromptLib.planner.consent import Consents

RULE = Instructing(text="measured", kinds=("mr_head_t1", "mr_head_flair", "mr_head_t1ce"))


def a_head(bright=True, side=160):
    """A round head taller than wide, with a spot in its lower left third."""
    j, i = np.meshgrid(*[np.linspace(-1, 1, side)] * 2, indexing="ij")
    random = np.random.default_rng(0)
    picture = np.where((j / 0.9) ** 2 + (i / 0.7) ** 2 < 1, 100.0, 4.0) + random.normal(0, 3, (side, side))
    spot = ((j - 0.4) / 0.14) ** 2 + ((i + 0.32) / 0.14) ** 2 < 1
    return np.where(spot, 200.0 if bright else 20.0, picture).clip(0, 255).astype(np.uint8)


def test_what_stands_out_is_found_in_its_place_and_the_mirrored_picture_has_it_on_the_other_side():
    seen = observe(a_head())
    assert (seen.brightest.row, seen.brightest.column) == (2, 0) and seen.darkest is None
    assert seen.aspect < 0.87 and 0.3 < seen.extent < 0.65
    assert (seen.difference.row, seen.difference.column) == (2, 0) and seen.difference.steps > 0
    text = " ".join(observed_sentences(seen))
    assert "bright region that stands out most lies in the lower part on the left of the picture" in text
    assert "No inner region stands out dark." in text
    mirrored, told = observe(a_head()[:, ::-1]), seen.mirrored()
    assert (told.brightest.row, told.brightest.column) == (mirrored.brightest.row, mirrored.brightest.column) == (2, 2)
    assert observed_sentences(told) == observed_sentences(mirrored)


def test_a_dark_spot_is_said_to_be_dark_and_an_empty_slice_to_be_empty():
    seen = observe(a_head(bright=False))
    assert seen.darkest is not None and seen.darkest.steps < 0 and seen.difference.steps < 0
    assert observed_sentences(observe(np.zeros((40, 50)))) == ("There is next to nothing on this slice.",)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_the_type_and_range_of_the_numbers_do_not_matter(dtype):
    scaled = a_head().astype(np.float32) * (1 if dtype is np.uint8 else 7) - (0 if dtype is np.uint8 else 1000)
    assert observed_sentences(observe(scaled.astype(dtype))) == observed_sentences(observe(a_head()))


def test_the_same_image_has_the_same_instruction_which_is_written_once(tmp_path, monkeypatch):
    slices = np.stack([a_head(), a_head(bright=False)])
    first = write_instructions(slices, RULE, ["brain tumor"], "flair", folder=tmp_path / "a")
    again = write_instructions(slices.copy(), RULE, ["brain tumor"], "flair", folder=tmp_path / "b")
    assert first == again and first[0].text != first[1].text
    assert first[0].sentences[-1] == "Outline the brain tumor."
    monkeypatch.setattr(writing, "observe", None)  # nothing is measured again
    assert write_instructions(slices, RULE, ["brain tumor"], "flair", folder=tmp_path / "a") == first
    (kept,) = (tmp_path / "a").glob("*.json")
    kept.write_text("[{")
    monkeypatch.undo()
    assert write_instructions(slices, RULE, ["brain tumor"], "flair", folder=tmp_path / "a") == first
    assert json.loads(kept.read_text())[0]["sequence"] == "flair"


def test_an_image_of_another_kind_gives_an_instruction_that_says_so(a_radiograph, tmp_path):
    (told,) = write_instructions(a_radiograph.array, RULE, ["brain tumor"], "flair", folder=tmp_path)
    assert told.sentences[0] == (
        "Warning: this should be an axial FLAIR MR image of the head, but it looks like a frontal chest radiograph."
    )
    assert not any("hyperintense" in sentence for sentence in told.sentences)  # what holds for FLAIR is not said
    right = Instructing(text="label", kinds=("cxr",))
    (label,) = write_instructions(a_radiograph.array, right, ["right lung", "heart"], folder=tmp_path)
    assert label.text == "This is a frontal chest radiograph. Outline the right lung and the heart."
    assert see(list(a_radiograph.array)).kind == KINDS["cxr"]


def test_what_is_known_depends_on_the_kind_of_image():
    ct, mr = (known_sentences(["spleen", "liver"], KINDS[name]) for name in ("ct_abdomen", "mr_abdomen_t2"))
    assert len(ct) == len(mr) == 4 and ct[0].startswith("Spleen: ") and ct[1] != mr[1]
    assert all(known_sentences(["brain tumor"], KINDS[name]) for name in RULE.kinds)
    assert known_sentences(["no such thing"], KINDS["cxr"]) == () and known_sentences(["liver"], None) == ()


def test_a_vision_language_model_writes_it_only_after_its_own_agreement(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MEDPROMPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    options = {"network": Network(name="union_segmentation", options={"classes": 2, "vector": 384, "width": 16})}
    recipe = Preprocessing(size=(64, 64), mean=(0.3,), std=(0.2,), instruction=RULE)
    weights = tmp_path / "weights"
    write_weight(
        weights, a_card("head_seg_mri", structures=a_card("x").structures[:1], preprocessing=recipe, **options)
    )
    Image.fromarray(a_head()).save(tmp_path / "Jane Doe.png")
    server = Server("1. A bright mass lies on the LEFT of the picture.\n\n- Its right edge is sharp. ###")
    command = ["instruct", "head_seg_mri", "--weights", str(weights), "--input", str(tmp_path / "Jane Doe.png")]
    asking = [*command, "--endpoint-sees-image", "--endpoint", server.url, "--model", "seer"]
    try:
        assert main(command) == 0 and "slice 0 (measured): " in capsys.readouterr().out
        assert main(asking) == 2 and not server.requests
        assert "you have not agreed" in capsys.readouterr().err
        assert main([*asking, "--agree-to-send-pixels"]) == 0
        assert main(asking) == 0  # the agreement is remembered
    finally:
        server.close()
    told = capsys.readouterr().out
    assert "slice 0 (endpoint:seer): " in told
    assert "A bright mass lies on the LEFT of the picture. Its right edge is sharp. Outline the right lung." in told
    sent = json.dumps(server.requests)
    assert sent.count("data:image/png;base64,") == 2 and "Jane" not in sent
    assert not Consents().given(EndpointPlanner(server.url, "seer"))  # of prompts, which is another agreement
    assert main(command) == 0 and "(endpoint:seer)" in capsys.readouterr().out  # what later runs are told
    assert main([*command, "--forget"]) == 0 and "(measured)" in capsys.readouterr().out


def test_an_answer_becomes_few_short_sentences_and_sides_change_with_the_picture():
    answer = "* The liver is on the left-hand side.\n2) " + "x" * 500 + ".\n---\n" + "More. " * 50
    found = sentences_of(answer)
    assert found[0] == "The liver is on the left-hand side." and len(found[1]) == 240 and len(found) == 12
    assert mirrored("Left kidney, right of the spine; leftover.") == "Right kidney, left of the spine; leftover."


def test_a_weight_says_when_it_is_told_other_words_than_in_training():
    rule = RULE.model_copy(update={"wording_sha256": writing.wording_sha256(RULE, ["right lung", "left lung"])})
    card = a_card("a_seg_mri", preprocessing=Preprocessing(instruction=rule))
    assert changed_wording(card) == ""
    other = Preprocessing(instruction=rule.model_copy(update={"wording_sha256": "0" * 64}))
    assert "trained with other wording" in changed_wording(a_card("a_seg_mri", preprocessing=other))


def test_a_sentence_is_the_same_vector_in_any_company_and_is_kept(tmp_path):
    sentences = ["Outline the liver.", "Left and right are nearly alike, and this sentence is much longer than that."]
    together = SentenceVectors(tmp_path / "a")(sentences)
    alone = SentenceVectors(tmp_path / "b")(sentences[:1])
    assert np.abs(together[0] - alone[0]).max() <= 2e-4
    assert np.array_equal(SentenceVectors(tmp_path / "a")(sentences), together)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    for path in (tmp_path / "a").iterdir():
        path.write_bytes(b"broken")
    assert np.array_equal(SentenceVectors(tmp_path / "a")(sentences), together)


def test_a_long_stack_is_told_once_and_answered_as_its_slices_are_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDPROMPT_CACHE", str(tmp_path / "cache"))
    preprocessing = Preprocessing(
        size=(64, 64), mean=(0.5,), std=(0.2,), volumes="slices", instruction=RULE, tta_flip=True
    )
    options = {"classes": 3, "vector": 384, "width": 16}
    network = Network(name="union_segmentation", options=options)
    torch.manual_seed(0)
    made = build(network).train()
    with torch.no_grad():
        for silent in (made.film.weight, made.listening.gate):  # zero, so that training begins without words
            silent.normal_()
        for _ in range(20):
            made(torch.rand(8, 1, 64, 64) * 4 - 2)
    card = a_card("a_seg_mri", network=network, preprocessing=preprocessing)
    write_weight(tmp_path, card, state=made.state_dict())
    weight = ModelCache(Catalog.load([tmp_path])).get(card.id, torch.device("cpu"))
    assert weight.engine is None  # it takes words beside the picture
    stack = np.stack([a_head(bright=number != 36, side=48) for number in range(SLICES_AT_ONCE + 8)])
    told = []
    whole = segmentation_scores(weight, MedicalImage(stack, np.eye(4), "stack"), Watch(told=told.append))
    (records,) = told
    assert [(r.first, r.last) for r in records] == [(0, 35), (36, 36), (37, 39)]
    for number in (0, 36):
        alone = segmentation_scores(weight, MedicalImage(stack[number : number + 1], np.eye(4), "slice"))
        assert torch.allclose(whole[number : number + 1], alone, atol=1e-4)
    assert not torch.allclose(whole[0], whole[36], atol=1e-4)
