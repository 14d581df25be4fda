"""The lexicon: what a catalogue's words mean, what counts as a typing error, and that a new card is enough."""

from __future__ import annotations

import pytest

from MedPromptLib.catalog import Ability
from MedPromptLib.plan import Status
from MedPromptLib.planner import RulePlanner
from MedPromptLib.planner.lexicon import Lexicon, Modality, lexicon_for
from MedPromptLib.planner.text import distance, edit_limit, singular, tokenize
from MedPromptLib.planner.vocabulary import vocabulary


def card(name: str, intent: str, target: str, modality: str, **more: object) -> Ability:
    return Ability.model_validate({"id": name, "intent": intent, "target": target, "modality": modality, **more})


LIVER = card("liver", "segmentation", "liver", "abdominal ct")
LEFT_ATRIUM = card("atrium", "segmentation", "left atrium", "cardiac mri")
SKIN = card("skin", "segmentation", "skin lesion", "dermoscopy")
ODD = card("odd", "segmentation", "zygotic lamina", "brain mri", synonyms=["lamina quux", "QX"])
BROCK = card(
    "brock",
    "classification",
    "brockosis",
    "chest x-ray",
    classes=["normal", "brockosis"],
    positive=["brockosis"],
    synonyms=["brock syndrome"],
)


@pytest.fixture
def a_lexicon() -> Lexicon:
    return lexicon_for([LIVER, LEFT_ATRIUM, SKIN, ODD, BROCK], "en")


def weights(prompt: str, *cards: Ability) -> list[str | None]:
    return [t.weight_name for t in RulePlanner().plan(prompt, cards).pipeline]


@pytest.mark.parametrize("words", ["hepatic parenchyma", "hígado", "Leber", "foie", "fígado", "肝脏", "肝臓"])
def test_a_known_target_is_understood_in_every_language(words: str) -> None:
    assert weights(f"segment {words}", LIVER) == ["liver"]


@pytest.mark.parametrize("words", ["zygotic lamina", "Zygotic Laminas", "lamina quux", "QX", "zygotc lamina"])
def test_a_card_with_an_unknown_target_is_understood_by_its_own_words(words: str) -> None:
    assert weights(f"Segment the {words} on this brain MRI.", ODD) == ["odd"]


def test_an_unknown_finding_works_in_conditions_too() -> None:
    plan = RulePlanner().plan("If the chest film shows brock syndrome, segment the liver.", [LIVER, BROCK])
    assert [t.weight_name for t in plan.pipeline] == ["brock", "liver"]
    assert plan.pipeline[1].condition_on is not None


def test_left_never_means_right() -> None:
    assert weights("Segment the left atrium.", LEFT_ATRIUM) == ["atrium"]
    assert RulePlanner().plan("Segment the right atrium.", [LEFT_ATRIUM]).status is Status.REFUSED
    assert RulePlanner().plan("Segment the left ventricle.", [LEFT_ATRIUM]).status is Status.REFUSED


@pytest.mark.parametrize(
    "prompt",
    [
        "Segment the kidney stones.",
        "Segment the kidney cyst.",
        "Segment the renal artery.",
        "Segment the kidney tumour.",
        "Segment the adrenal gland.",
    ],
)
def test_a_finding_or_neighbour_of_an_organ_is_not_the_organ(prompt: str) -> None:
    kidney = card("kidney", "segmentation", "kidney", "abdominal ct")
    assert RulePlanner().plan(prompt, [kidney]).status is Status.REFUSED


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("livr", "liver"),
        ("tuberclosis", "tuberculosis"),
        ("pnuemonia", "pneumonia"),
        ("sgement", "segment"),
        ("leision", "lesion"),
        ("malignent", "malignant"),
    ],
)
def test_a_typing_error_is_corrected(a_lexicon: Lexicon, wrong: str, right: str) -> None:
    found = a_lexicon.correct(wrong)
    assert found is not None
    assert found[0] == right


@pytest.mark.parametrize(
    "word",
    [
        "skip",
        "live",
        "lesson",
        "river",
        "heartbeat",
        "not",
        "without",
        "cancel",
        "lover",
        "beast",
        "grain",
        "retain",
        "injection",
        "module",
        "chess",
    ],
)
def test_an_ordinary_word_is_never_taken_for_a_typing_error(a_lexicon: Lexicon, word: str) -> None:
    assert a_lexicon.is_known(word)


def test_skip_is_not_skin() -> None:
    assert weights("Skip the lesion, segment the liver.", LIVER, SKIN) == ["liver"]


def test_a_form_in_capitals_needs_capitals() -> None:
    assert weights("Segment the LA on the cardiac MRI.", LEFT_ATRIUM) == ["atrium"]
    assert weights("Segmenta la imagen.", LEFT_ATRIUM) == []


def test_short_forms_need_their_body_region() -> None:
    disc = card("disc", "segmentation", "optic disc", "fundus")
    assert weights("Segment the disc on the fundus photo.", disc) == ["disc"]
    assert weights("Segment the disc on the spine MRI.", disc) == []


def test_a_modality_is_read_from_the_cards_words(a_lexicon: Lexicon) -> None:
    assert a_lexicon.read_modality("abdominal ct") == Modality("ct", "abdomen")
    assert a_lexicon.read_modality("cardiac mri") == Modality("mri", "heart")
    assert a_lexicon.read_modality("quantum imaging").name == "quantum imaging"


def test_compatible_places_contain_each_other() -> None:
    words = vocabulary()
    assert words.together("lung", "chest")
    assert words.together("", "chest")
    assert not words.together("lung", "liver")


def test_every_concept_hangs_on_known_ones() -> None:
    words = vocabulary()
    for concept in words.concepts.values():
        for key in (concept.parent, concept.is_a):
            assert not key or key in words.concepts or ":" in key, concept.id
        assert concept.canonical, concept.id


def test_a_lexicon_is_built_once_per_catalogue() -> None:
    assert lexicon_for([LIVER], "en") is lexicon_for((LIVER,), "en")


@pytest.mark.parametrize(
    ("one", "other", "steps"), [("abcd", "abcd", 0), ("abcd", "abdc", 1), ("abcd", "abc", 1), ("abcd", "wxyz", 3)]
)
def test_distance_counts_up_to_its_limit(one: str, other: str, steps: int) -> None:
    assert distance(one, other, 2) == steps


def test_short_words_are_not_corrected() -> None:
    assert edit_limit("tb") == 0
    assert edit_limit("lung") == 1
    assert edit_limit("tuberculosis") == 2


def test_tokens_keep_their_place() -> None:
    prompt = "Don't outline the mole's X-ray。肺"
    for token in tokenize(prompt):
        assert prompt[token.start : token.end].lower().startswith(token.raw.lower()[:1])


@pytest.mark.parametrize(
    ("many", "one"), [("lungs", "lung"), ("arteries", "artery"), ("masses", "mass"), ("pelvis", "pelvis")]
)
def test_plurals_meet_their_singular(many: str, one: str) -> None:
    assert singular(many) == singular(one)


GLOMERULI = card(
    "glomeruli",
    "segmentation",
    "glomeruli",
    "kidney biopsy slide",
    structures=["normal glomerulus", "sclerotic glomerulus"],
)
WOUND = card("wound", "segmentation", "wound bed", "wound photo", structures=["granulation tissue", "slough"])
RIDGE = card("ridge", "segmentation", "quuxian ridge", "frobnoscopy", synonyms=["FRB"])
MENISCI = card("labra", "segmentation", "labrum", "hip mri", structures=["medial labrum", "lateral labrum"])
PANORAMIC = card("opg", "segmentation", "tooth root", "panoramic x-ray")
CONE_BEAM = card("cbct", "segmentation", "tooth root", "cone-beam ct")
DISC_TEAR = card(
    "triangle",
    "classification",
    "triangular cartilage tear",
    "wrist mri",
    classes=["no tear", "tear"],
    positive=["tear"],
)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Segment the ridge.", ["ridge"]),
        ("Segment the quuxain ridge on the frobnoscopy.", ["ridge"]),
        ("Segment the FRB.", ["ridge"]),
        ("Segment the ridge of the ear.", []),
        ("Segment the ear ridge.", []),
        ("Segment the ridge on the CT.", []),
        ("Segment the slough.", ["wound"]),
    ],
)
def test_a_telling_word_of_a_card_is_enough_where_nothing_speaks_against_it(words: str, found: list[str]) -> None:
    assert weights(words, RIDGE, WOUND, LIVER) == found


def test_a_word_of_one_structure_picks_it() -> None:
    plan = RulePlanner().plan("Only the sclerotic glomeruli, please, on the biopsy slide.", [GLOMERULI])
    assert [t.structures for t in plan.pipeline] == [("sclerotic glomerulus",)]


@pytest.mark.parametrize(
    ("prompt", "structures"),
    [
        ("Outline both labra on the hip MRI.", ()),
        ("Outline the labrum on the hip MRI.", ()),
        ("Outline the inner labrum.", ("medial labrum",)),
        ("Outline the lateral labrum.", ("lateral labrum",)),
    ],
)
def test_sides_are_more_than_left_and_right(prompt: str, structures: tuple[str, ...]) -> None:
    plan = RulePlanner().plan(prompt.replace("labra ", "labrums "), [MENISCI])
    assert [t.structures for t in plan.pipeline] == [structures]


def test_a_special_modality_counts_only_where_a_card_is_made_for_it() -> None:
    assert lexicon_for([LIVER], "en").read_modality("cone-beam ct").name == "ct"
    assert lexicon_for([PANORAMIC, CONE_BEAM], "en").read_modality("cone-beam ct").name == "cbct"
    assert weights("Segment the tooth roots on the CBCT.", PANORAMIC, CONE_BEAM) == ["cbct"]
    assert weights("Segment the tooth roots on the CT.", PANORAMIC, CONE_BEAM) == ["cbct"]
    assert weights("Segment the tooth roots on the panoramic film.", PANORAMIC, CONE_BEAM) == ["opg"]
    assert weights("Segment the liver on the cone-beam CT.", LIVER, CONE_BEAM) == []


def test_a_modality_only_a_card_knows_is_an_image() -> None:
    assert weights("Segment the ridge on this frobnoscopy image.", RIDGE) == ["ridge"]
    assert weights("Segment the liver on this frobnoscopy image.", RIDGE, LIVER) == []


@pytest.mark.parametrize("word", ["torn", "ruptured", "snapped"])
def test_participles_are_findings(word: str) -> None:
    assert weights(f"Is the triangular cartilage {word} on this wrist MRI?", DISC_TEAR) == ["triangle"]


def test_diseases_that_share_a_line_are_told_apart() -> None:
    flutter = card(
        "flutter", "classification", "atrial flutter", "ecg", classes=["no", "flutter"], positive=["flutter"]
    )
    assert weights("Is there atrial flutter on this ECG?", flutter) == ["flutter"]
    assert weights("Is there tachycardia on this ECG?", flutter) == []


def test_short_words_with_one_slip_are_corrected_towards_the_cards() -> None:
    assert weights("segmnet teh ridgee", RIDGE) == ["ridge"]
    assert lexicon_for([MENISCI], "en").correct("labrun") == ("labrum", 1)
