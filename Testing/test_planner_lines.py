"""The line format, and the way from lines to a plan: what a line means, and what happens to one that means nothing."""

from __future__ import annotations

import random

import pytest
from planner_for_tests import CARDS, ability, drafted, steps

from MedPromptLib.plan import Plan, Status
from MedPromptLib.planner.comparing import deeds, differences
from MedPromptLib.planner.lines import (
    REMARK_VERBS,
    TASK_VERBS,
    Line,
    LineCondition,
    LinesRejected,
    parse_line,
    parse_lines,
)

# ----------------------------------------------------------------------------------------------------------- the format


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("seg lungs @ chest x-ray", Line("seg", ("lungs",), "chest x-ray")),
        ("seg left + kidney", Line("seg", ("left", "kidney"))),
        ("cls tumour in 2", Line("cls", ("tumour",), within=2)),
        ("seg liver if 1 yes", Line("seg", ("liver",), conditions=(LineCondition(1, "yes"),))),
        (
            "seg liver if 1 is grade 2 or 3",
            Line("seg", ("liver",), conditions=(LineCondition(1, "is", "grade 2 or 3"),)),
        ),
        (
            "seg liver @ CT in 1 if 1 > 2 ml / 2 no",
            Line("seg", ("liver",), "CT", 1, (LineCondition(1, ">", "2 ml"), LineCondition(2, "no")), every=False),
        ),
        (
            "seg a if 1 yes & 2 not b",
            Line("seg", ("a",), "", 0, (LineCondition(1, "yes"), LineCondition(2, "not", "b"))),
        ),
        ("not seg heart", Line("not", ("heart",), scope="seg")),
        ("all cls @ fundus", Line("all", image="fundus", scope="cls")),
        ("all", Line("all")),
        ("skip if you can, write @ once", Line("skip", ("if you can, write @ once",))),
        ("ask", Line("ask")),
    ],
)
def test_a_line_is_read_and_written_alike(text: str, line: Line) -> None:
    assert parse_line(text) == line
    assert str(line) == text


def test_any_line_survives_being_written_and_read() -> None:
    draw = random.Random(0)
    for lines in (_random_lines(draw) for _ in range(500)):
        assert parse_lines("\n".join(map(str, lines))) == lines


def _random_lines(draw: random.Random) -> tuple[Line, ...]:
    words = ("spleen", "left kidney", "肝臓", "a/b", "T2 (axial)", "no stone", "2 ml", "in", "if")
    relations = ("yes", "no", "is", "not", ">", "<")
    lines: list[Line] = []
    tasks = 0
    for _ in range(draw.randint(1, 6)):
        verb = draw.choice((*TASK_VERBS, *TASK_VERBS, *REMARK_VERBS))
        span = draw.choice(words)
        if verb not in TASK_VERBS:
            lines.append(Line(verb, () if verb == "ask" else (span,), scope="cls" if verb == "not" else ""))
            continue
        made = draw.sample(relations, draw.randint(0, 3)) if tasks else []
        conditions = tuple(
            LineCondition(draw.randint(1, tasks), r, "" if r in ("yes", "no") else draw.choice(words)) for r in made
        )
        every = len(conditions) < 2 or draw.random() < 0.5
        within = draw.randint(0, tasks)
        spans = () if verb == "all" else tuple(draw.sample(words, draw.randint(1, 2)))
        scope = draw.choice(("", "seg", "cls")) if verb == "all" else ""
        lines.append(Line(verb, spans, draw.choice(("", "CT")), within, conditions, every, scope))
        tasks += 1
    return tuple(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("segment lungs", "'segment' is no verb"),
        ("Seg lungs", "'Seg' is no verb"),
        ("seg", "no words for its target"),
        ("seg @ CT", "no words for its target"),
        ("cls if 1 yes", "no words for its target"),
        ("skip", "no words after 'skip'"),
        ("ask what", "words after 'ask'"),
        ("not heart", "does not say what is not wanted"),
        ("not seg", "does not say what is not wanted"),
        ("not all seg", "does not say what is not wanted"),
        ("all lungs", "names a target after 'all'"),
        ("seg a\nseg b if 2 yes", "refers to line 2, which does not come before it"),
        ("seg a if 1 yes", "refers to line 1, which does not come before it"),
        ("seg a\nseg b in 3", "refers to line 3"),
        ("skip hello\nseg b if 1 yes", "refers to line 1"),
        ("seg a\nseg b if 1 yes & 2 no", "refers to line 2"),
    ],
)
def test_what_is_not_in_the_format_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(LinesRejected, match=said):
        parse_lines(text)


def test_remarks_are_not_counted() -> None:
    lines = parse_lines("on CT\nseg a\nnot seg b\nskip c\nseg d if 1 yes\nseg e if 2 no")
    assert [line.is_task for line in lines] == [False, True, False, False, True, True]


# ------------------------------------------------------------------------------------------------------ lines to a plan


@pytest.mark.parametrize(
    ("prompt", "lines", "expected"),
    [
        ("the spleen", "seg spleen", ["1 spleen_seg_ct"]),
        ("left kidney please", "seg left kidney", ["1 kidney_seg_ct[left kidney]"]),
        (
            "kidney stone? then the spleen, else the left kidney",
            "cls kidney stone\nseg spleen if 1 yes\nseg left kidney if 1 no",
            ["1 stone_cls_ct", "2 spleen_seg_ct <1=positive", "3 kidney_seg_ct[left kidney] <1=negative"],
        ),
        (
            "kidney stone or kidney cyst: spleen",
            "cls kidney stone\ncls kidney cyst\nseg spleen if 1 yes / 2 yes",
            ["1 stone_cls_ct", "2 cyst_cls_ct", "3 spleen_seg_ct <1=positive", "4 spleen_seg_ct <2=positive"],
        ),
        (
            "kidney stone and kidney cyst: spleen",
            "cls kidney stone\ncls kidney cyst\nseg spleen if 1 yes & 2 yes",
            ["1 stone_cls_ct", "2 cyst_cls_ct <1=positive", "3 spleen_seg_ct <2=positive"],
        ),
        (
            "breast lesion: outline it if malignant",
            "malig breast lesion\nseg breast lesion if 1 is malignant",
            ["1 lesion_cls_us", "2 lesion_seg_us <1=malignant"],
        ),
        (
            "breast lesion: outline it unless benign",
            "cls breast lesion\nseg breast lesion if 1 not benign",
            ["1 lesion_cls_us", "2 lesion_seg_us <1≠benign"],
        ),
        (
            "breast lesion larger than 2 ml: classify",
            "seg breast lesion\ncls breast lesion if 1 > 2 ml",
            ["1 lesion_seg_us", "2 lesion_cls_us <1=positive 2"],
        ),
        (
            "breast lesion larger than 2,5 cm²: classify",
            "seg breast lesion\ncls breast lesion if 1 > 2,5 cm²",
            ["1 lesion_seg_us", "2 lesion_cls_us <1=positive 2.5"],
        ),
        (
            "breast lesion: outline, classify inside",
            "seg breast lesion\ncls breast lesion in 1",
            ["1 lesion_seg_us", "2 lesion_cls_us in 1"],
        ),
        ("not the left kidney but kidneys", "not seg left kidney\nseg kidneys", ["1 kidney_seg_ct[right kidney]"]),
        ("all masks of abdominal CT", "all seg @ abdominal CT", ["1 kidney_seg_ct", "2 spleen_seg_ct"]),
        ("spleen, and again the spleen", "seg spleen\nseg spleen", ["1 spleen_seg_ct"]),
    ],
)
def test_lines_become_their_tasks(prompt: str, lines: str, expected: list[str]) -> None:
    draft = drafted(prompt, lines)
    assert steps(draft.plan) == expected
    assert draft.plan.status is Status.OK


GRADED = (
    *CARDS,
    ability(
        "dr_cls", "classification", "diabetic retinopathy", "fundus", classes=["no dr", "mild", "moderate", "severe"]
    ),
    ability("amd_cls", "classification", "macular degeneration", "fundus", classes=["none", "mild", "severe"]),
    ability("disc_seg", "segmentation", "optic disc", "fundus"),
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("1 is severe & 2 is severe", ["2 amd_cls <1=severe", "3 disc_seg <2=severe"]),
        ("1 is severe / 2 is severe", ["2 amd_cls", "3 disc_seg <1=severe", "4 disc_seg <2=severe"]),
        ("1 is moderate or worse", ["2 amd_cls", "3 disc_seg <1=moderate", "4 disc_seg <1=severe"]),
        ("1 is moderate / 1 is severe", ["2 amd_cls", "3 disc_seg <1=moderate", "4 disc_seg <1=severe"]),
        ("1 not severe", ["2 amd_cls", "3 disc_seg <1≠severe"]),
    ],
)
def test_a_named_grade_is_a_class_of_the_card_and_both_stays_both(condition: str, expected: list[str]) -> None:
    prompt = "Grade diabetic retinopathy and macular degeneration; optic disc if severe, moderate or worse"
    draft = drafted(
        prompt, f"grade diabetic retinopathy\ngrade macular degeneration\nseg optic disc if {condition}", cards=GRADED
    )
    assert steps(draft.plan) == ["1 dr_cls", *expected]


@pytest.mark.parametrize("condition", ["1 yes", "1 no", "1 yes & 2 yes"])
def test_a_task_whose_condition_nothing_can_check_is_left_out(condition: str) -> None:
    draft = drafted(
        "Look for glaucoma and a kidney stone, then spleen",
        f"cls glaucoma\ncls kidney stone\nseg spleen if {condition}",
    )
    assert steps(draft.plan) == ["1 stone_cls_ct"]
    assert any(o.text == "spleen" and "glaucoma" in o.reason for o in draft.plan.omissions)


def test_words_that_nothing_knows_are_left_out_with_what_waits_for_them() -> None:
    draft = drafted("zorvane and kidney stone: spleen", "cls zorvane\ncls kidney stone\nseg spleen if 1 yes & 2 yes")
    assert steps(draft.plan) == ["1 stone_cls_ct"]
    assert {o.text for o in draft.plan.omissions} == {"zorvane", "spleen"}
    assert "zorvane" in next(o.reason for o in draft.plan.omissions if o.text == "spleen")


@pytest.mark.parametrize(
    ("prompt", "lines", "doubt"),
    [
        ("breast lesion, purple", "cls breast lesion\nseg breast lesion if 1 is purple", "'purple' was not understood"),
        ("breast lesion > a walnut", "seg breast lesion\ncls breast lesion if 1 > a walnut", "'a walnut' was not"),
        ("spleen", "any spleen", "no verb says what to do"),
        ("spleen on frobnicogram", "seg spleen @ frobnicogram", "'frobnicogram' were not understood"),
        (
            "kidney stone, no kidney cyst: spleen",
            "cls kidney stone\ncls kidney cyst\nseg spleen if 1 yes & 2 no",
            "two opposite parts",
        ),
    ],
)
def test_what_is_only_guessed_is_doubted(prompt: str, lines: str, doubt: str) -> None:
    draft = drafted(prompt, lines)
    assert draft.plan.pipeline
    assert any(doubt in d for d in draft.doubts), draft.doubts


def test_a_remark_that_is_no_order_is_left_out_and_says_so() -> None:
    plan = drafted("spleen, and write a report", "seg spleen\nskip write a report").plan
    assert (plan.status, [o.text for o in plan.omissions]) == (Status.PARTIAL, ["write a report"])


def test_a_request_without_a_target_is_asked_back() -> None:
    assert drafted("hello", "ask").plan.status is Status.CLARIFY
    assert drafted("everything please", "all").plan.status is Status.CLARIFY


def test_an_image_no_weight_was_made_for_is_refused() -> None:
    plan = drafted("spleen on the knee MRI", "seg spleen @ knee MRI").plan
    assert (plan.status, plan.pipeline) == (Status.REFUSED, ())


def test_a_span_is_taken_from_the_words_and_not_from_within_a_word() -> None:
    plan = drafted("hearty greetings; the heart, and the heart", "seg heart").plan
    assert plan.pipeline[0].span == "heart"
    draft = drafted("asplenia? spleen", "seg spleen")
    assert steps(draft.plan) == ["1 spleen_seg_ct"]


def test_any_lines_at_all_become_a_valid_plan() -> None:
    prompt = "kidneys kidney stone kidney cyst breast lesion benign 2 ml spleen heart abdominal CT chest x-ray"
    spans = ("kidneys", "kidney stone", "kidney cyst", "breast lesion", "benign", "2 ml", "spleen", "heart")
    draw = random.Random(5)
    for _ in range(60):
        lines, tasks = [], 0
        for _ in range(draw.randint(1, 5)):
            verb = draw.choice((*TASK_VERBS, "not seg", "skip", "on"))
            text = verb if verb == "all" else f"{verb} {draw.choice(spans)}"
            if verb in TASK_VERBS:
                text += draw.choice(("", " @ abdominal CT", " @ chest x-ray"))
                if tasks and draw.random() < 0.3:
                    text += f" in {draw.randint(1, tasks)}"
                if tasks and draw.random() < 0.6:
                    relation = draw.choice(("yes", "no", "is benign", "not 2 ml", "> 2 ml", "< spleen"))
                    text += f" if {draw.randint(1, tasks)} {relation}"
                tasks += 1
            lines.append(text)
        plan = drafted(prompt, "\n".join(lines)).plan
        assert Plan.model_validate_json(plan.model_dump_json()) == plan, lines
        plan.ordered()
        assert bool(plan.pipeline) == (plan.status in (Status.OK, Status.PARTIAL)), lines


# ------------------------------------------------------------------------------------------------------ comparing plans


ORDER = "cls kidney stone\nseg spleen if 1 yes\nseg heart"


def test_plans_that_differ_in_order_and_numbers_do_the_same() -> None:
    prompt = "kidney stone spleen heart"
    first = drafted(prompt, ORDER).plan
    second = drafted(prompt, "seg heart\ncls kidney stone\nseg spleen if 2 yes").plan
    assert steps(first) != steps(second)
    assert deeds(first, CARDS) == deeds(second, CARDS)
    assert all(line.startswith("  ") for line in differences(first, second, CARDS))


@pytest.mark.parametrize(
    ("lines", "only_second"),
    [
        ("cls kidney stone\nseg spleen if 1 no\nseg heart", "if “kidney stone” is no stone"),
        ("cls kidney stone\nseg spleen\nseg heart", "segment spleen on abdominal ct (spleen_seg_ct)"),
        ("cls kidney stone\nseg left kidney if 1 yes\nseg heart", "segment left kidney of kidneys"),
    ],
)
def test_plans_that_differ_in_one_step_are_told_apart_by_it(lines: str, only_second: str) -> None:
    prompt = "kidney stone spleen heart left kidney"
    first, second = drafted(prompt, ORDER).plan, drafted(prompt, lines).plan
    assert deeds(first, CARDS) != deeds(second, CARDS)
    told = differences(first, second, CARDS)
    assert [line[:2] for line in told].count("- ") == [line[:2] for line in told].count("+ ") == 1
    assert only_second in next(line for line in told if line.startswith("+ "))


def test_the_same_result_said_two_ways_is_the_same_condition() -> None:
    prompt = "kidney stone no stone spleen"
    positive = drafted(prompt, "cls kidney stone\nseg spleen if 1 yes").plan
    not_negative = drafted(prompt, "cls kidney stone\nseg spleen if 1 not no stone").plan
    assert deeds(positive, CARDS) == deeds(not_negative, CARDS)


def test_a_plan_of_nothing_is_told_as_nothing() -> None:
    something, nothing = drafted("spleen", "seg spleen").plan, drafted("spleen", "ask").plan
    assert differences(something, nothing, CARDS) == (
        "- segment spleen on abdominal ct (spleen_seg_ct)",
        "+ nothing (clarify)",
    )
