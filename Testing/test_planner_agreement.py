"""What the agreement planner decides on two readings, and what it tells the user; one reading is hand-written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planner_for_tests import CARDS, drafted, steps

from MedPromptLib.errors import EndpointFailed, InvalidInput
from MedPromptLib.plan import Plan, Status
from MedPromptLib.planner import (
    AgreementPlanner,
    EndpointPlanner,
    Policy,
    RulePlanner,
    Verdict,
    decided,
    explain,
    question,
)
from MedPromptLib.planner.agreement import _alone, weighed
from MedPromptLib.planner.rules import Draft

POLICY = Policy(
    agreed=0.2,
    prefer_model=0.7,
    prefer_clear=0.7,
    ask_on=("may be a condition",),
    ask_less_on=("may be taken back",),
    run_partial=False,
)

SPLEEN = "Segment the spleen on this abdominal CT."
STONE = "Check for a kidney stone; if there is one, segment the spleen."
STONE_LINES = "cls kidney stone\nseg spleen if 1 yes"


def verdict_on(prompt: str, lines: str, certainty: float = 1.0, policy: Policy = POLICY) -> Verdict:
    """The rules' own reading against a hand-written one."""
    return weighed(RulePlanner().draft(prompt, CARDS), drafted(prompt, lines, certainty), CARDS, policy)


def test_the_rules_read_the_prompts_of_these_tests_without_doubt() -> None:
    for prompt, count in ((SPLEEN, 1), (STONE, 2)):
        draft = RulePlanner().draft(prompt, CARDS)
        assert (len(draft.plan.pipeline), draft.doubts) == (count, ())


def test_what_both_read_alike_runs() -> None:
    verdict = verdict_on(STONE, STONE_LINES, certainty=0.25)
    assert (verdict.decision, verdict.reason, verdict.difference) == ("run", "", ())
    assert verdict.plan.planner == RulePlanner.name
    assert (len(verdict.readings), verdict.certainty) == (2, 0.25)


def test_what_both_read_alike_is_confirmed_if_the_model_was_not_certain() -> None:
    verdict = verdict_on(STONE, STONE_LINES, certainty=0.1)
    assert (verdict.decision, verdict.reason) == ("confirm", "The reading is not certain.")


@pytest.mark.parametrize("doubtful", ["rules", "model"])
def test_a_doubt_of_either_planner_is_told(doubtful: str) -> None:
    ruled, read = RulePlanner().draft(SPLEEN, CARDS), drafted(SPLEEN, "seg spleen", 0.9)
    if doubtful == "rules":
        ruled = ruled._replace(doubts=("something is odd",))
    else:
        read = read._replace(doubts=("something is odd",))
    verdict = weighed(ruled, read, CARDS, POLICY)
    assert verdict.decision == "run"
    assert verdict.doubts == ("something is odd",)
    assert "(something is odd)" in replace(verdict, reason="Not sure.").question()


@pytest.mark.parametrize("certainty", [0.1, 1.0])
def test_where_they_differ_both_readings_are_shown_and_nothing_runs_unasked(certainty: float) -> None:
    verdict = verdict_on(STONE, "cls kidney stone\nseg spleen if 1 no", certainty)
    assert verdict.decision == "confirm"
    assert [p.planner for p in verdict.readings] == ["rules", "language model:by hand"]
    assert verdict.plan is verdict.readings[0]
    marked = {line[0]: line for line in verdict.difference if line[0] != " "}
    assert marked["-"].endswith("is stone") and marked["+"].endswith("is no stone")


def test_the_model_is_preferred_only_where_the_rules_found_nothing_and_it_is_certain() -> None:
    prompt = "Zorvane me up with the spleen thing."
    nothing = RulePlanner().draft("Hello there.", CARDS)
    read = drafted(prompt, "seg spleen", 0.9)
    assert weighed(nothing, read, CARDS, POLICY).plan.planner == read.plan.planner
    assert weighed(nothing, read, CARDS, POLICY).decision == "confirm"
    assert weighed(nothing, read._replace(certainty=0.6), CARDS, POLICY).plan.planner == "rules"


def test_a_model_that_takes_words_to_somebody_else_for_a_request_is_not_preferred() -> None:
    prompt = "Write a poem in which a spleen is segmented on CT."
    ruled = RulePlanner().draft(prompt, CARDS)
    assert ruled.plan.status is Status.REFUSED
    verdict = weighed(ruled, drafted(prompt, "seg spleen @ CT", 0.97), CARDS, POLICY)
    assert (verdict.decision, verdict.plan.pipeline) == ("refuse", ())


@pytest.mark.parametrize("doubtful", ["rules", "model"])
def test_a_doubt_about_how_the_request_hangs_together_always_asks(doubtful: str) -> None:
    ruled, read = RulePlanner().draft(SPLEEN, CARDS), drafted(SPLEEN, "seg spleen")
    doubts = ("'when large' may be a condition",)
    if doubtful == "rules":
        ruled = ruled._replace(doubts=doubts)
    else:
        read = read._replace(doubts=doubts)
    assert weighed(ruled, read, CARDS, POLICY).decision == "confirm"


def test_a_reading_without_doubts_is_proposed_before_one_with() -> None:
    ruled = RulePlanner().draft(STONE, CARDS)._replace(doubts=("'there is one' was not understood",))
    read = drafted(STONE, "cls kidney stone\nseg spleen if 1 no", 0.8)
    assert weighed(ruled, read, CARDS, POLICY).plan is read.plan
    assert weighed(ruled, read._replace(certainty=0.6), CARDS, POLICY).plan is ruled.plan
    assert weighed(ruled._replace(doubts=()), read, CARDS, POLICY).plan is ruled.plan
    fewer = drafted(STONE, "cls kidney stone", 0.8)
    assert weighed(ruled, fewer, CARDS, POLICY).plan is ruled.plan, "a reading with less in it is no clearer one"


def test_where_something_may_be_taken_back_the_reading_that_holds_less_is_proposed() -> None:
    both = RulePlanner().draft("Segment the spleen and check for a kidney stone on this abdominal CT.", CARDS)
    ruled, less = both._replace(doubts=("what is asked for may be taken back",)), drafted(SPLEEN, "seg spleen", 0.8)
    verdict = weighed(ruled, less, CARDS, POLICY)
    assert verdict.plan is less.plan and verdict.decision == "confirm"
    spleen, more = RulePlanner().draft(SPLEEN, CARDS), drafted(SPLEEN, "seg spleen\ncls kidney stone", 0.8)
    doubted = spleen._replace(doubts=("what is asked for may be taken back",))
    assert weighed(doubted, more, CARDS, POLICY).plan is doubted.plan


def test_of_two_like_readings_the_one_that_leaves_nothing_out_is_proposed() -> None:
    ruled = RulePlanner().draft("Segment the spleen and the zorvane.", CARDS)
    assert ruled.plan.status is Status.PARTIAL
    verdict = weighed(ruled, drafted(SPLEEN, "seg spleen"), CARDS, POLICY)
    assert verdict.plan.status is Status.OK and verdict.decision == "confirm"
    assert verdict.readings[0] is verdict.plan


def test_a_condition_that_one_planner_dropped_is_never_run_unasked() -> None:
    for certainty in (0.0, 0.5, 1.0):
        assert verdict_on(STONE, "cls kidney stone\nseg spleen", certainty).decision == "confirm"


@pytest.mark.parametrize(("run_partial", "decision"), [(False, "confirm"), (True, "run")])
def test_a_plan_that_leaves_something_out_runs_only_if_the_policy_says_so(run_partial: bool, decision: str) -> None:
    prompt = "Segment the spleen on this abdominal CT and book me a flight to Lisbon."
    verdict = verdict_on(
        prompt, "seg spleen @ abdominal CT\nskip book me a flight", 1.0, replace(POLICY, run_partial=run_partial)
    )
    assert verdict.decision == decision
    assert verdict.plan.status is Status.PARTIAL
    assert ("left out" in verdict.reason) is not run_partial


def test_a_weight_for_other_images_is_left_out_only_after_asking() -> None:
    prompt = "Segment the spleen and the heart on this abdominal CT."
    policy = replace(POLICY, run_partial=True)
    verdict = verdict_on(prompt, "seg spleen @ abdominal CT\nseg heart @ abdominal CT", 1.0, policy)
    assert verdict.plan.status is Status.PARTIAL and verdict.decision == "confirm"


def test_nothing_to_run_is_refused_or_asked_back() -> None:
    refused = verdict_on("Segment the appendix.", "seg appendix")
    assert (refused.decision, refused.reason) == ("refuse", refused.plan.message)
    assert "appendix" in refused.reason
    asked = verdict_on("Hello there.", "ask")
    assert (asked.decision, asked.plan.pipeline) == ("clarify", ())


def test_a_model_that_reads_nothing_leaves_the_rules_plan_to_be_confirmed() -> None:
    verdict = verdict_on(SPLEEN, "ask", 1.0)
    assert verdict.decision == "confirm" and verdict.plan.planner == "rules"
    assert any("spleen_seg_ct" in line for line in verdict.difference)


def test_the_rules_alone_run_what_they_do_not_doubt() -> None:
    draft = RulePlanner().draft(SPLEEN, CARDS)
    assert _alone(draft, ("a note",)).decision == "run"
    assert _alone(draft, ("a note",)).notes == ("a note",)
    doubted = _alone(draft._replace(doubts=("odd",)), ())
    assert (doubted.decision, doubted.reason) == ("confirm", "The reading is not certain.")
    assert "(odd)" in doubted.question()
    partial = Draft(draft.plan.model_copy(update={"status": Status.PARTIAL}), ())
    assert _alone(partial, ()).decision == "confirm"
    assert _alone(RulePlanner().draft("Segment the appendix.", CARDS), ()).decision == "refuse"
    assert _alone(RulePlanner().draft("Hello there.", CARDS), ()).decision == "clarify"


def test_the_shipped_policy_has_levels_between_0_and_1() -> None:
    shipped = Policy.shipped()
    assert 0 < shipped.agreed <= shipped.prefer_model < 1


def test_every_planner_gets_a_verdict() -> None:
    assert decided(RulePlanner(), SPLEEN, CARDS).decision == "run"
    assert decided(AgreementPlanner(note="a note"), SPLEEN, CARDS).notes == ("a note",)

    class Fixed:
        name = "fixed"

        def plan(self, prompt: str, abilities: object) -> Plan:
            return Plan(prompt=prompt, status=Status.REFUSED, message="No.", planner=self.name)

    verdict = decided(Fixed(), SPLEEN, CARDS)
    assert (verdict.decision, verdict.reason, verdict.plan.planner) == ("refuse", "No.", "fixed")
    for planner in (RulePlanner(), AgreementPlanner()):
        with pytest.raises(InvalidInput):
            decided(planner, "  ", CARDS)


def test_an_endpoint_that_is_down_is_an_error_of_its_own() -> None:
    planner = AgreementPlanner(model=EndpointPlanner("http://127.0.0.1:9/v1", "a-model", timeout=2))
    with pytest.raises(EndpointFailed, match="could not be reached"):
        decided(planner, SPLEEN, CARDS)


# ------------------------------------------------------------------------------------------------------------- in words


def test_an_agreed_plan_is_explained_step_by_step() -> None:
    told = explain(verdict_on(STONE, STONE_LINES), CARDS)
    assert "step 1: “kidney stone” → stone_cls_ct: names the card's target “kidney stone”" in told
    assert "step 2: “spleen” → spleen_seg_ct: names the card's target “spleen”" in told
    assert "Decision: run (runs without asking: the planners agree)." in told
    assert "Certainty of the language model: 1.00" in told


def test_a_disagreement_is_explained_with_both_readings() -> None:
    verdict = verdict_on(STONE, "cls kidney stone\nseg spleen if 1 no")
    told = explain(verdict, CARDS).splitlines()
    at = told.index("- rules (proposed)")
    assert told[at + 1] == "+ language model:by hand"
    assert tuple(told[at + 2 : at + 2 + len(verdict.difference)]) == verdict.difference
    asked = question(verdict, CARDS)
    assert "only if step 1 says positive" in asked
    assert "Read otherwise: segment spleen on abdominal ct (spleen_seg_ct), if “kidney stone” is no stone" in asked


def test_the_rules_alone_are_not_said_to_agree_with_anybody() -> None:
    told = explain(decided(RulePlanner(), SPLEEN, CARDS), CARDS)
    assert "Decision: run (runs without asking: the planner has no doubts)." in told
    assert "agree" not in told and "Certainty" not in told


def test_doubts_omissions_and_notes_are_told() -> None:
    draft = drafted("spleen, and write a report", "any spleen\nskip write a report")
    told = explain(_alone(Draft(draft.plan, draft.doubts), ("The rules planned alone.",)), CARDS)
    for part in (
        "Left out: “write a report”",
        "Doubt: no verb says what to do.",
        "The rules planned alone.",
        "confirm",
    ):
        assert part in told
    assert "Not sure: no verb says what to do." in question(_alone(Draft(draft.plan, draft.doubts), ()), CARDS)


def test_a_refusal_is_explained_once() -> None:
    verdict = verdict_on("Segment the appendix.", "seg appendix")
    assert explain(verdict, CARDS).count(verdict.plan.message) == 1
    assert steps(verdict.plan) == []
