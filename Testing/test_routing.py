"""Routing: by identity first, by similarity only between equals, and the paper's rule exactly."""

from __future__ import annotations

import pytest

from MedPromptLib.catalog import Ability
from MedPromptLib.errors import NoMatchingWeight, PlanRejected
from MedPromptLib.plan import Condition, Intent, Plan, Status, Task
from MedPromptLib.routing import PAPER_THRESHOLD, Router, modality_fits


def an_ability(weight_id, intent, target, modality, **more):
    return Ability(id=weight_id, intent=intent, target=target, modality=modality, **more)


CATALOG = (
    an_ability("lungs_seg_cxr", "segmentation", "lungs", "chest x-ray", synonyms=("lung fields",)),
    an_ability("left_atrium_seg_mri", "segmentation", "left atrium", "cardiac mri"),
    an_ability(
        "tb_cls_cxr", "classification", "tuberculosis", "chest x-ray", classes=("normal", "tb"), positive=("tb",)
    ),
    an_ability("kidney_seg_ct", "segmentation", "kidney", "abdominal ct"),
    an_ability("kidney_seg_mri", "segmentation", "kidney", "abdominal mri"),
)


def a_plan(target, modality=None, intent=Intent.SEGMENTATION, weight=None, condition=None):
    tasks = [Task(id=1, intent=intent, target=target, modality=modality, weight_name=weight, condition_on=condition)]
    if condition:
        tasks.append(Task(id=2, intent=Intent.CLASSIFICATION, target="tuberculosis", modality="chest x-ray"))
    return Plan(prompt="a prompt", status=Status.OK, pipeline=tuple(tasks))


class NoModel:
    """Fails the test if a similarity is asked for."""

    def similarity(self, a, b):
        raise AssertionError(f"compared {a} with {b}")


@pytest.mark.parametrize("target", ["lungs", "Lung", "lung  fields"])
def test_a_target_is_found_by_name_or_synonym_without_a_model(target):
    route = Router(CATALOG, encoder=NoModel()).route(a_plan(target, "chest x-ray")).route(1)
    assert (route.weight_id, route.score, route.margin) == ("lungs_seg_cxr", 3.5, None)


def test_the_similar_is_not_the_same():
    with pytest.raises(NoMatchingWeight) as caught:
        Router(CATALOG).route(a_plan("right atrium", "cardiac mri"))
    assert "No installed weight is for segmenting right atrium on cardiac mri" in str(caught.value)
    assert "the nearest is segmenting left atrium on cardiac mri ('left_atrium_seg_mri')" in str(caught.value)


def test_a_modality_the_target_is_not_installed_for_is_refused():
    with pytest.raises(NoMatchingWeight, match="installed for chest x-ray, not for chest ct"):
        Router(CATALOG, encoder=NoModel()).route(a_plan("lungs", "chest ct"))


def test_an_image_that_says_it_is_something_else_is_refused():
    with pytest.raises(NoMatchingWeight, match="The image says it is brain mri"):
        Router(CATALOG, encoder=NoModel()).route(a_plan("lungs"), image_modality="brain mri")


def test_the_image_decides_between_two_weights_of_one_target():
    router = Router(CATALOG, encoder=NoModel())
    assert router.route(a_plan("kidney"), image_modality="mri").route(1).weight_id == "kidney_seg_mri"
    assert router.route(a_plan("kidney", "ct")).route(1).weight_id == "kidney_seg_ct"


def test_two_weights_that_fit_equally_are_not_chosen_between_silently():
    with pytest.raises(PlanRejected, match="fit 'kidney' equally well; name the modality"):
        Router(CATALOG, encoder=NoModel()).route(a_plan("kidney"))
    chosen = Router(CATALOG).route(a_plan("kidney", weight="kidney_seg_ct")).route(1)
    assert chosen.weight_id == "kidney_seg_ct"


def test_a_proposed_weight_does_not_override_what_is_asked_for():
    with pytest.raises(NoMatchingWeight):
        Router(CATALOG).route(a_plan("pancreas", weight="kidney_seg_ct"))


def test_a_plan_without_tasks_is_answered_with_its_message():
    plan = Plan(prompt="help", status=Status.CLARIFY, message="Which organ should be segmented?")
    with pytest.raises(PlanRejected, match="Which organ"):
        Router(CATALOG).route(plan)


@pytest.mark.parametrize(
    ("own", "asked", "fits"),
    [
        ("brain mri", "mri", True),
        ("chest x-ray", "x-ray", True),
        ("chest x-ray", "chest ct", False),
        ("fundus", "oct", False),
        ("abdominal ct", None, True),
    ],
)
def test_a_more_specific_modality_fits_a_less_specific_one(own, asked, fits):
    assert modality_fits(own, asked) is fits


# The paper's rule, with the real all-MiniLM-L6-v2.


def test_the_papers_score_of_an_exact_match_is_3_5():
    route = Router(CATALOG, "paper").route(a_plan("lungs", "chest x-ray")).route(1)
    assert route.weight_id == "lungs_seg_cxr"
    assert route.score == pytest.approx(3.5, abs=1e-6)


def test_the_papers_score_is_one_plus_both_weighted_cosines():
    from MedPromptLib.knowledge.minilm import sentence_encoder

    encoder = sentence_encoder()
    route = Router(CATALOG, "paper").route(a_plan("hepatic", "mri")).route(1)
    ability = next(a for a in CATALOG if a.id == route.weight_id)
    expected = 1 + 1.5 * encoder.similarity("hepatic", ability.target) + encoder.similarity("mri", ability.modality)
    assert route.score == pytest.approx(expected, abs=1e-6)
    assert route.score >= PAPER_THRESHOLD


def test_the_papers_rule_accepts_what_the_default_refuses():
    assert (
        Router(CATALOG, "paper").route(a_plan("right atrium", "cardiac mri")).route(1).weight_id
        == "left_atrium_seg_mri"
    )


def test_the_papers_threshold_refuses():
    with pytest.raises(NoMatchingWeight, match=r"threshold 1\.8"):
        Router(CATALOG, "paper").route(a_plan("sofa", "photograph"))


def test_weights_trained_on_segmented_input_need_a_condition_that_names_them():
    regional = an_ability("segclass_tuberculosis_cls_cxr", "classification", "tuberculosis", "chest x-ray")
    router = Router((*CATALOG, regional), "paper")
    free = router.route(a_plan("tuberculosis", "chest x-ray", Intent.CLASSIFICATION))
    assert free.route(1).weight_id == "tb_cls_cxr"
    bound = a_plan("tuberculosis", "chest x-ray", Intent.CLASSIFICATION, condition=Condition(task_id=2))
    assert router.route(bound).route(1).weight_id == "segclass_tuberculosis_cls_cxr"


def test_the_encoder_knows_synonyms_and_its_file_is_the_pinned_one():
    from MedPromptLib.knowledge.minilm import sentence_encoder

    encoder = sentence_encoder()
    assert encoder.similarity("lung", "lungs") > 0.9 > encoder.similarity("lung", "polyp")
    assert encoder.encode(["liver"]).shape == (1, 384)
