"""A plan as it is shown before it runs, its edits, completion of prompts, and free memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from MedPromptLib.catalog import Catalog
from MedPromptLib.completion import completions, terms
from MedPromptLib.errors import PlanRejected
from MedPromptLib.inference.memory import free_memory, in_words
from MedPromptLib.plan import Plan, Status
from MedPromptLib.planner import RulePlanner, Verdict
from MedPromptLib.preview import Times, agreement, dependents, steps, what, with_weight, without
from MedPromptLib.results import Provenance, TaskRecord

CATALOG = Catalog.load()


def planned(prompt: str) -> Plan:
    return RulePlanner().plan(prompt, CATALOG.abilities)


@pytest.fixture
def a_chain() -> Plan:
    """Segment, classify if found, and segment something unless that is positive."""
    plan = planned("Segment the lungs on this chest x-ray. If lungs are found, check for pneumonia.")
    heart = planned("Segment the heart on this chest x-ray.").pipeline[0]
    third = heart.model_copy(
        update={
            "id": 3,
            "condition_on": plan.pipeline[1].condition_on.model_copy(update={"task_id": 2, "execution": "Negative"}),  # type: ignore[union-attr]
        }
    )
    return plan.model_copy(update={"pipeline": (*plan.pipeline, third)})


def test_steps_say_what_on_what_with_what_and_when(a_chain: Plan) -> None:
    shown = steps(a_chain, CATALOG)
    assert [step.what for step in shown] == ["Segment right lung, left lung", "Classify pneumonia", "Segment heart"]
    assert {step.on for step in shown} == {"chest x-ray"}
    assert [step.weight for step in shown] == [
        "chest_structures_seg_cxr",
        "pneumonia_cls_cxr",
        "chest_structures_seg_cxr",
    ]
    assert [step.when for step in shown] == [
        "always",
        "if step 1 finds something",
        "unless step 2 says a positive result",
    ]
    assert all(step.score == pytest.approx(3.5) and step.seconds is None for step in shown)


def test_a_preview_imports_no_model(a_chain: Plan) -> None:
    import subprocess

    code = (
        "from MedPromptLib.preview import steps; from MedPromptLib.catalog import Catalog;"
        "from MedPromptLib.planner import RulePlanner; import sys; c = Catalog.load();"
        "steps(RulePlanner().plan('Segment the lungs on this chest film.', c.abilities), c);"
        "assert not {'torch', 'transformers', 'slicer', 'vtk'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parent.parent)


def test_an_image_of_another_kind_is_a_problem_of_the_step(a_chain: Plan) -> None:
    shown = steps(a_chain, CATALOG, image_modality="colonoscopy")
    assert all("The image says it is colonoscopy" in step.problem for step in shown)


def test_what_waits_for_a_step_goes_with_it(a_chain: Plan) -> None:
    assert dependents(a_chain, 1) == {2, 3}
    assert dependents(a_chain, 2) == {3}
    assert dependents(a_chain, 3) == frozenset()
    assert [task.id for task in without(a_chain, [2]).pipeline] == [1]
    assert [task.id for task in without(a_chain, [3]).pipeline] == [1, 2]
    assert without(a_chain, [1]).pipeline == ()
    assert without(a_chain, []) == a_chain
    told = without(a_chain, [2])
    assert told.status is Status.PARTIAL
    assert [(o.text, o.reason) for o in told.omissions] == [
        ("Classify pneumonia", "It was left out by hand."),
        ("Segment heart", "It waits for a step that was left out by hand."),
    ]


def test_another_weight_must_be_for_the_same_task(a_chain: Plan) -> None:
    same = with_weight(a_chain, 2, "pneumonia_cls_cxr", CATALOG)
    assert same.task(2).weight_name == "pneumonia_cls_cxr"
    with pytest.raises(PlanRejected, match="'polyp_seg_colonoscopy' is not for step 2"):
        with_weight(a_chain, 2, "polyp_seg_colonoscopy", CATALOG)
    assert what(same.task(2)) == "Classify pneumonia"


def record(weight: str, seconds: float, device: str = "cpu", state: str = "done") -> TaskRecord:
    return TaskRecord(task_id=1, state=state, weight_id=weight, device=device, seconds=seconds)  # type: ignore[arg-type]


def provenance(*tasks: TaskRecord) -> Provenance:
    return Provenance(
        prompt="",
        plan=planned("Segment the heart on this chest x-ray."),
        input_name="",
        input_sha256="",
        input_notes=(),
        tasks=tasks,
        findings=(),
        weights={},
        versions={},
        device="cpu",
        started="",
        seconds=1.0,
    )


def test_times_are_kept_per_weight_device_and_slice(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "times.json"
    times = Times(path)
    times.record(
        provenance(record("a", 6.0), record("b", 1.0, "cuda:1"), record("c", 9.0, state="skipped")), lambda weight: 3
    )
    again = Times(path)
    assert again.expected("a", "cpu") == pytest.approx(2.0)
    assert again.expected("a", "auto", 10) == pytest.approx(20.0)
    assert again.expected("a", "cuda") is None
    assert again.expected("b", "cuda:0") == pytest.approx(1 / 3, abs=1e-3)
    assert again.expected("c", "cpu") is None


def test_a_damaged_file_of_times_only_loses_estimates(tmp_path: Path) -> None:
    for text in ("{", "[1]", '{"a cpu": "x"}'):
        path = tmp_path / "times.json"
        path.write_text(text, encoding="utf-8")
        assert Times(path).expected("a", "cpu") is None
    assert Times(tmp_path).expected("a", "cpu") is None
    Times(tmp_path).record(provenance(record("a", 1.0)))


def test_agreement_in_one_sentence(a_chain: Plan) -> None:
    both = (a_chain, a_chain)
    assert agreement(Verdict(a_chain, "run", readings=both)) == "Both planners read the request alike."
    assert agreement(Verdict(a_chain, "run", readings=both[:1])) == "The planner has no doubts."
    assert agreement(Verdict(a_chain, "confirm", "They differ.", both, ("- a",))) == "They differ."
    assert agreement(Verdict(a_chain, "refuse", "No weight.", both)) == "No weight."


def test_completions_prefer_the_longest_match_and_stop_at_whole_terms() -> None:
    known = terms(CATALOG.abilities)
    assert completions("Segment the left lu", known) == (7, ("left lung",))
    assert completions("on this chest x", known) == (7, ("chest x-ray",))
    assert completions("Segment the heart", known) == (5, ())
    assert completions("", known) == (0, ())
    assert completions("Segment the ", known) == (0, ())
    assert completions("z", known) == (0, ())
    typed, found = completions("breast l", known)
    assert typed == len("breast l") and found[0].startswith("breast l")


def test_free_memory_is_known_for_the_processor_and_not_for_a_card_that_is_not_there() -> None:
    free = free_memory("cpu")
    assert free is not None and 10**8 < free < 10**13
    assert free_memory("cuda:7") is None
    assert in_words(None) == ""
    assert in_words(5 * 1024**3) == "5.0 GB free"
