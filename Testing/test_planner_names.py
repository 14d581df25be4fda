"""Names of cards that a prompt says in pieces, by an image, or by a class."""

from __future__ import annotations

import pytest
from planner_for_tests import ability, drafted, steps

from MedPromptLib.planner import RulePlanner

CARDS = (
    ability(
        "cartilage_seg_mri",
        "segmentation",
        "knee cartilage",
        "knee mri",
        structures=["femoral cartilage", "tibial cartilage", "patellar cartilage"],
    ),
    ability("acl_cls_mri", "classification", "ACL tear", "knee mri", classes=["intact", "torn"]),
    ability("nuclei_seg_histology", "segmentation", "cell nuclei", "histopathology", synonyms=["nuclei"]),
    ability(
        "cervix_cls_cytology",
        "classification",
        "cervical dysplasia",
        "cervical cytology",
        classes=["normal", "lsil", "hsil", "squamous cell carcinoma"],
    ),
    ability(
        "hip_cls_xray",
        "classification",
        "hip fracture",
        "hip x-ray",
        classes=["no fracture", "femoral neck fracture", "intertrochanteric fracture"],
    ),
    ability(
        "retinopathy_cls_fundus",
        "classification",
        "diabetic retinopathy",
        "fundus",
        synonyms=["DR"],
        classes=["no", "yes"],
    ),
    ability("stone_cls_ct", "classification", "kidney stone", "abdominal ct", classes=["no stone", "kidney stone"]),
    ability("lungs_seg_cxr", "segmentation", "lungs", "chest x-ray"),
    ability("lungs_seg_ct", "segmentation", "lungs", "chest ct"),
    ability("ulcer_seg_photo", "segmentation", "foot ulcer", "foot photograph", synonyms=["diabetic foot wound"]),
    ability("polyp_seg_colonoscopy", "segmentation", "polyp", "colonoscopy"),
)


def planned(prompt: str) -> list[str]:
    return steps(RulePlanner().plan(prompt, CARDS))


@pytest.mark.parametrize(
    "prompt",
    [
        "knee MRI -> cartilage segmentation",
        "Delineate the articular cartilage of the knee on the MR sequence.",
        "膝のMRIから軟骨をセグメンテーションしてください。",
    ],
)
def test_a_name_may_be_said_apart(prompt: str) -> None:
    assert planned(prompt) == ["1 cartilage_seg_mri"]


def test_a_name_said_apart_is_read_from_lines_too() -> None:
    assert steps(drafted("knee MRI: cartilage mask", "seg cartilage @ knee MRI", cards=CARDS).plan) == [
        "1 cartilage_seg_mri"
    ]


def test_the_end_of_a_name_is_taken_for_it_with_a_doubt() -> None:
    dog = ability(
        "hip_cls_dog", "classification", "canine hip dysplasia", "pelvic x-ray", classes=["normal", "dysplastic"]
    )
    draft = RulePlanner().draft("Does the pelvic x-ray of this Labrador show hip dysplasia?", (*CARDS, dog))
    assert steps(draft.plan) == ["1 hip_cls_dog"]
    assert any("canine hip dysplasia" in doubt for doubt in draft.doubts)


def test_what_the_user_does_alone_is_shown_before_it_runs() -> None:
    draft = RulePlanner().draft("Only outline the polyp. I'll look for kidney stones myself.", CARDS)
    assert any("taken back" in doubt for doubt in draft.doubts)


def test_words_of_another_term_complete_no_name() -> None:
    # "ACL" and "tear" are both said, but the tear is the meniscus's
    assert planned("Check the knee MRI for an ACL tear and a meniscus tear.") == ["1 acl_cls_mri"]


@pytest.mark.parametrize(
    ("prompt", "result"),
    [
        ("Check the smear for cervical dysplasia; if it says HSIL, segment the nuclei on the histology slide.", "hsil"),
        ("Check the smear for cervical dysplasia; if LSIL, segment the nuclei on the histology slide.", "lsil"),
    ],
)
def test_classes_that_are_kinds_of_the_target_stay_apart(prompt: str, result: str) -> None:
    assert planned(prompt)[1] == f"2 nuclei_seg_histology <1={result}"


def test_a_class_named_as_a_part_of_the_targets_organ_is_that_class() -> None:
    draft = RulePlanner().draft(
        "If the hip film shows a fracture of the femoral neck, segment the lungs on the chest x-ray.", CARDS
    )
    assert steps(draft.plan) == ["1 hip_cls_xray", "2 lungs_seg_cxr <1=femoral neck fracture"]


def test_capitals_before_a_full_stop_are_no_title() -> None:
    assert planned("Look for DR. Check the abdominal CT for kidney stones.") == [
        "1 retinopathy_cls_fundus",
        "2 stone_cls_ct",
    ]


@pytest.mark.parametrize(
    "prompt", ["Please use the chest CT, not the x-ray, to segment the lungs.", "Lungs, segmented: on CT, not x-ray."]
)
def test_images_that_are_denied_are_not_the_requests(prompt: str) -> None:
    assert planned(prompt) == ["1 lungs_seg_ct"]


def test_an_image_asked_for_means_its_only_classifier_and_is_shown_first() -> None:
    draft = RulePlanner().draft("Classify the Pap smear and segment the nuclei on the histology slide.", CARDS)
    assert steps(draft.plan) == ["1 cervix_cls_cytology", "2 nuclei_seg_histology"]
    assert any("was taken to mean cervical dysplasia" in doubt for doubt in draft.doubts)
    lines = drafted("Grade the Pap smear.", "cls Pap smear", cards=CARDS)
    assert steps(lines.plan) == ["1 cervix_cls_cytology"] and lines.doubts


def test_a_result_is_read_in_the_prompts_language() -> None:
    cards = (
        ability("nodule_seg_ct", "segmentation", "lung nodule", "chest ct"),
        ability("nodule_cls_ct", "classification", "lung nodule", "chest ct", classes=["benign", "malignant"]),
    )
    prompt = "Nur wenn der Lungenrundherd im CT bösartig ist, soll er konturiert werden."
    lines = "malig Lungenrundherd @ CT\nseg Lungenrundherd if 1 is bösartig"
    assert steps(drafted(prompt, lines, cards=cards).plan) == ["1 nodule_cls_ct", "2 nodule_seg_ct <1=positive"]


def test_a_place_of_a_finding_is_not_asked_for() -> None:
    assert planned("Demarcate the wound on the sole of this diabetic patient's foot.") == ["1 ulcer_seg_photo"]


def test_a_finding_that_is_only_outlined_can_be_the_condition_of_lines() -> None:
    prompt = "If there is a polyp in the colonoscopy frame, segment the nuclei on the slide."
    lines = "cls polyp @ colonoscopy\nseg nuclei @ slide if 1 yes"
    assert steps(drafted(prompt, lines, cards=CARDS).plan) == [
        "1 polyp_seg_colonoscopy",
        "2 nuclei_seg_histology <1=positive",
    ]


def test_a_part_may_be_excluded_by_the_word_that_tells_it_apart() -> None:
    wanted = ["1 cartilage_seg_mri[femoral cartilage, tibial cartilage]"]
    assert planned("Segment the cartilage of the knee on MRI, minus the patellar one.") == wanted
    lines = "seg cartilage of the knee @ MRI\nnot seg patellar"
    prompt = "Segment the cartilage of the knee on MRI, minus the patellar one."
    assert steps(drafted(prompt, lines, cards=CARDS).plan) == wanted


def test_an_excluded_image_leaves_nothing_out() -> None:
    draft = drafted("No fundus grading. Outline the foot ulcer.", "not seg fundus\nseg foot ulcer", cards=CARDS)
    assert steps(draft.plan) == ["1 ulcer_seg_photo"] and not draft.plan.omissions
