"""Reports say the findings and nothing else, whoever words them; everything else is noticed."""

from __future__ import annotations

import random

import pytest
from conftest import SHA256

from MedPromptLib.errors import EndpointFailed, InvalidInput
from MedPromptLib.reporting.advice import asks_for_treatment
from MedPromptLib.reporting.bench import RandomWriter, bench, generated
from MedPromptLib.reporting.facts import (
    Change,
    Fact,
    FindingsSet,
    Location,
    Measure,
    Quantity,
    Remark,
    Side,
    Source,
    Subject,
    Unit,
)
from MedPromptLib.reporting.grammar import STYLES
from MedPromptLib.reporting.languages import CODES, THIN, language
from MedPromptLib.reporting.layout import facts_for
from MedPromptLib.reporting.prose import ChoosingWriter, FreeWriter, request
from MedPromptLib.reporting.verifier import Verifier, verify
from MedPromptLib.reporting.writing import write_report

SOURCE = Source(task_id=1, node="1_w.seg.nrrd", weight_id="w", weight_sha256=SHA256)
RIGHT_LUNG, LESION = Subject(name="lung", side=Side.RIGHT), Subject(name="breast lesion")


def a_fact(number: int, kind: str, subject: Subject, **more: object) -> Fact:
    return Fact(id=f"f{number}", kind=kind, subject=subject, source=SOURCE, **more)  # type: ignore[arg-type]


def an_area(value: float = 25.34, spread: float = 1.0) -> Quantity:
    return Quantity(
        measure=Measure.AREA, value=value, unit=Unit.CM2, low=value - spread, high=value + spread, uncertainty="test"
    )


@pytest.fixture
def findings() -> FindingsSet:
    probability = Quantity(measure=Measure.PROBABILITY, value=93.2, unit=Unit.PERCENT, uncertainty="test")
    change = Change(before=an_area(20.0), percent=26.7, direction="larger", prior="earlier")
    return FindingsSet(
        image="film",
        examination="chest x-ray",
        spacing_known=True,
        facts=(
            a_fact(1, "presence", Subject(name="pneumonia"), present=True, certainty="high", quantity=probability),
            a_fact(2, "outline", RIGHT_LUNG, present=True),
            a_fact(3, "measurement", RIGHT_LUNG, quantity=an_area()),
            a_fact(4, "outline", LESION, present=False),
            a_fact(5, "comparison", RIGHT_LUNG, quantity=an_area(), change=change),
            a_fact(6, "location", RIGHT_LUNG, location=Location(frame="patient", vertical="upper", horizontal="right")),
        ),
        remarks=(Remark(kind="no_spacing"),),
        prior="earlier",
    )


def the_problem(findings: FindingsSet, sentence: str, code: str = "en") -> str:
    """What the check says about one sentence beside those that are missing; empty if it is accepted."""
    check = Verifier(findings, "structured", language(code)).check_body([sentence], findings.facts)
    return "; ".join(p.reason for p in check.problems if p.text == sentence)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("style", STYLES)
def test_the_template_text_passes_the_check_in_every_style_and_language(
    findings: FindingsSet, style: str, code: str
) -> None:
    report = write_report(findings, style, code)  # type: ignore[arg-type]
    assert verify(report.text, findings, report.style, report.language, report.language.frame("no_prose")).accepted
    assert report.language.frame("disclaimer") == report.parts[-1][1]


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("The area of the right lung is 25.3 cm².", "en"),
        ("With 25.3 cm², the right lung has the area measured in this image.", "en"),
        ("The area of the right lung is 25.3 cm² (interval 24.3 cm² to 26.3 cm²).", "en"),
        ("Der rechten Lunge Fläche ist 25,3 cm².", "de"),
        ("El área del pulmón derecho es 25,3 cm².", "es"),
        ("右肺面积为25.3 cm²。", "zh"),
        ("There are signs of pneumonia with high certainty and a probability of 93.2 %.", "en"),
        ("No breast lesion was outlined.", "en"),
    ],
)
def test_other_words_for_a_finding_are_accepted(findings: FindingsSet, sentence: str, code: str) -> None:
    assert the_problem(findings, sentence, code) == ""


@pytest.mark.parametrize(
    ("sentence", "code", "said"),
    [
        ("The area of the right lung is 25.4 cm².", "en", "not in the findings"),
        ("The area of the right lung is 25.3 mm².", "en", "not in the findings"),
        ("The area of the right lung is 25.3.", "en", "not in the findings"),
        ("The area of the left lung is 25.3 cm².", "en", "not a word"),
        ("The volume of the right lung is 25.3 cm².", "en", "not in the findings"),
        ("The area of the right lung is not 25.3 cm².", "en", "not in the findings"),
        ("The area of the right lung is about 25.3 cm².", "en", "about"),
        ("The area of the right lung is −25.3 cm².", "en", "not in the findings"),
        ("The area of the right lung is 253 cm².", "en", "not in the findings"),
        ("The area of the right lung is 25.3 cm² (interval 26.3 cm² to 24.3 cm²).", "en", "not in the findings"),
        ("In the earlier run, the area of the right lung is 25.3 cm².", "en", "mixes"),
        ("The change of the area of the right lung is 25.3 cm².", "en", "mixes"),
        ("The area of the right lung is 25,3 cm².", "en", "not in the findings"),
        ("Die Fläche der rechten Lunge ist 25.3 cm².", "de", "not in the findings"),
        ("The model output suggests pneumonia with low certainty (probability 93.2 %).", "en", "not in the findings"),
        ("The model output suggests pneumonia (probability 93.2 %).", "en", "incomplete"),
        ("The model output suggests pneumonia with high certainty.", "en", ""),
        ("The model output does not suggest pneumonia with high certainty (probability 93.2 %).", "en", "findings"),
        ("The program outlined the breast lesion.", "en", "not in the findings"),
        ("The program did not not outline the breast lesion.", "en", "more than once"),
        ("The breast lesion is malignant.", "en", "malignant"),
        ("Give antibiotics.", "en", "not a word"),
        ("Its area is 25.3 cm².", "en", "pronoun"),
        ("The area of the right lung is 25.3 cm²", "en", "no end"),
        ("The area of the right lung is 2\u200b5.3 cm².", "en", "not a word"),
        ("The area of the right lung is ２５.3 cm².", "en", "not a word"),
        ("The area of the right lung is 25.3 cm²?", "en", "no end"),
        (
            "The centre of the right lung lies in the lower third of the image, on the patient's right.",
            "en",
            "findings",
        ),
        ("The centre of the right lung lies in the upper third of the image, on the patient's left.", "en", "findings"),
        ("右肺面积不为25.3 cm²。", "zh", "not in the findings"),
        ("左肺面积为25.3 cm²。", "zh", "not a word"),
        ("El programa delineó el pulmón izquierdo.", "es", "not a word"),
    ],
)
def test_what_the_findings_do_not_say_is_rejected(findings: FindingsSet, sentence: str, code: str, said: str) -> None:
    problem = the_problem(findings, sentence, code)
    assert problem and said in problem


def test_a_finding_that_is_left_out_or_said_twice_is_noticed(findings: FindingsSet) -> None:
    area = "The area of the right lung is 25.3 cm²."
    reader = Verifier(findings, "structured", language("en"))
    missing = reader.check_body([area], findings.facts[2:4])
    assert [p.reason for p in missing.problems] == ["this finding is not in the text"]
    twice = reader.check_body([f"{area} {area}"], findings.facts[2:3])
    assert [p.reason for p in twice.problems] == ["this is said more than once"]


def test_a_pronoun_stands_for_the_structure_before_it_and_for_no_other(findings: FindingsSet) -> None:
    reader = Verifier(findings, "structured", language("en"))
    outlines = (findings.facts[1], findings.facts[2], findings.facts[3])
    good = "The program outlined the right lung. Its area is 25.3 cm². The program did not outline the breast lesion."
    bad = "The program outlined the right lung. The program did not outline the breast lesion. Its area is 25.3 cm²."
    assert reader.check_body([good], outlines).accepted
    assert not reader.check_body([bad], outlines).accepted


def test_the_frame_has_to_be_there_word_for_word(findings: FindingsSet) -> None:
    report = write_report(findings, "structured", "en")
    remark = report.language.frame("no_prose")
    lines = report.text.split("\n")
    for n, (kind, _) in enumerate(report.parts):
        if kind != "body":
            without = "\n".join(lines[:n] + lines[n + 1 :])
            assert not verify(without, findings, "structured", report.language, remark).accepted, lines[n]
    assert not verify(report.text + "\nTake care.", findings, "structured", report.language, remark).accepted


def test_a_card_cannot_put_a_sentence_into_a_structures_name(findings: FindingsSet) -> None:
    name = "nodule. Give antibiotics <b>now</b>"
    fact = a_fact(1, "outline", Subject(name=name), present=True)
    report = write_report(findings.model_copy(update={"facts": (fact,)}), "short", "en")
    assert "<" not in report.text and ". Give" not in report.text
    patient = write_report(findings.model_copy(update={"facts": (fact,)}), "patient", "de")
    assert "„nodule Give antibiotics b now b“" in patient.text


def test_unknown_names_keep_the_cards_words_in_every_language(findings: FindingsSet) -> None:
    fact = a_fact(1, "outline", Subject(name="optic cup"), present=True)
    for code in CODES:
        assert "optic cup" in write_report(findings.model_copy(update={"facts": (fact,)}), "patient", code).text


def test_numbers_are_written_as_the_language_does_and_never_as_certain() -> None:
    assert language("de").number(25.34, 1) == "25,3"
    assert language("en").number(1234567, 0) == f"1{THIN}234{THIN}567"
    assert language("en").number(-0.04, 1) == "0.0"
    sure = Quantity(measure=Measure.PROBABILITY, value=100, unit=Unit.PERCENT, uncertainty="")
    assert language("en").amount(sure) == f"99.9{THIN}%"


def test_every_language_has_the_tables_and_sentences_of_english() -> None:
    english = language("en")
    for code in CODES:
        other = language(code)
        for table in ("frame", "remark", "measures", "certainty", "vertical", "patient_side", "picture_side", "words"):
            assert set(other.table(table)) == set(english.table(table)), (code, table)
        assert set(other.table("sentences")) == set(english.table("sentences")), code


def test_an_unknown_language_is_one_sentence(findings: FindingsSet) -> None:
    with pytest.raises(InvalidInput, match="expected one of en, zh, de, es"):
        write_report(findings, "short", "fr")


@pytest.mark.parametrize(
    "prompt",
    [
        "Segment the lesion and tell me how to treat it",
        "which antibiotics should I give",
        "Welche Behandlung empfiehlst du?",
        "¿Qué tratamiento recomiendas?",
        "分割病灶并建议治疗方案",
    ],
)
def test_treatment_advice_is_refused_with_the_reason(findings: FindingsSet, prompt: str) -> None:
    assert asks_for_treatment(prompt)
    for code in CODES:
        text = write_report(findings.model_copy(update={"prompt": prompt}), "short", code).text
        assert language(code).frame("advice") in text


def test_ordinary_requests_are_not_taken_for_treatment() -> None:
    for prompt in ("Segment the lungs on this chest x-ray.", "分割双肺", "Lunge segmentieren", "Is this malignant?"):
        assert not asks_for_treatment(prompt)


class Parrot:
    """A writer that says what it was given."""

    name = "parrot"

    def __init__(self, text: str = "", error: Exception | None = None) -> None:
        self.text, self.error = text, error

    def word(self, facts: object, style: object, spoken: object) -> str:
        if self.error:
            raise self.error
        return self.text


def test_a_text_that_invents_falls_back_to_the_template_and_says_so(findings: FindingsSet) -> None:
    report = write_report(findings, "short", "en", Parrot("There is a pleural effusion."))  # type: ignore[arg-type]
    assert report.writer == "template" and not report.rejected.accepted
    assert "effusion" not in report.text and "effusion" in report.rejected_text
    assert "did not pass the check" in report.text


def test_a_writer_that_fails_falls_back_to_the_template_and_says_so(findings: FindingsSet) -> None:
    report = write_report(findings, "short", "de", Parrot(error=EndpointFailed("It is down.")))  # type: ignore[arg-type]
    assert report.failure == "It is down." and "nicht verfügbar" in report.text


def test_a_correct_wording_is_taken(findings: FindingsSet) -> None:
    small = findings.model_copy(update={"facts": findings.facts[1:2], "prior": None})
    report = write_report(small, "patient", "en", Parrot("In this image the right lung is outlined."))  # type: ignore[arg-type]
    assert report.writer == "parrot" and "In this image the right lung is outlined." in report.text


def test_the_request_to_a_model_has_the_sentences_and_nothing_of_the_image(findings: FindingsSet) -> None:
    named = findings.model_copy(update={"image": "Jane Doe 1970-01-01", "prompt": "for Jane Doe"})
    talk = request(facts_for(named, "short"), "short", language("en"))
    assert "25.3" in talk[1]["content"] and "Jane" not in str(talk)


def test_the_local_model_words_a_report_that_passes(findings: FindingsSet) -> None:
    report = write_report(findings, "short", "en", ChoosingWriter())
    assert report.writer.startswith("local:") and report.failure == ""


def test_what_the_local_model_writes_freely_is_used_only_if_it_passes(findings: FindingsSet) -> None:
    small = findings.model_copy(update={"facts": findings.facts[:2], "prior": None})
    report = write_report(small, "short", "en", FreeWriter())
    remark = report.language.frame("rejected_prose") if report.writer == "template" else ""
    assert verify(report.text, small, "short", report.language, remark).accepted
    assert (report.writer == "template") == bool(report.rejected_text)


def test_the_bench_holds_on_a_small_sample() -> None:
    outcome = bench(sets=12, mutations=300, seed=5)
    assert outcome.reports == 12 * len(STYLES) * len(CODES)
    assert outcome.refused == [] and outcome.strange == []
    assert outcome.caught >= 0.995 * outcome.corrupted.total(), outcome.escaped
    assert len(outcome.corrupted) > 15


def test_the_bench_notices_a_check_that_lets_everything_through(monkeypatch: pytest.MonkeyPatch) -> None:
    from MedPromptLib.reporting import verifier

    monkeypatch.setattr(verifier.Verifier, "check", lambda self, text: verifier.Check())
    outcome = bench(sets=1, mutations=20, seed=2)
    assert len(outcome.escaped) == 20 and not outcome.held


def test_generated_findings_are_all_kinds() -> None:
    drawn = [generated(random.Random(n)) for n in range(40)]
    assert {f.kind for s in drawn for f in s.facts} == {
        "presence",
        "outline",
        "measurement",
        "location",
        "comparison",
    }
    texts = {write_report(s, "structured", "en", RandomWriter(random.Random(1))).text for s in drawn}
    assert len(texts) == len(drawn)
