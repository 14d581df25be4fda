"""Ontology: whole terms to concepts, sides, verified SNOMED CT codes, and routing by them."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files

import pytest
from pydicom.sr._concepts_dict import concepts as dicom_concepts

from MedPromptLib.catalog import Ability
from MedPromptLib.errors import NoMatchingWeight
from MedPromptLib.ontology import SIDE_CODES, concept, normalise
from MedPromptLib.plan import Intent, Plan, Status, Task
from MedPromptLib.planner.vocabulary import vocabulary
from MedPromptLib.routing import Router, is_for

DATA = json.loads((files("MedPromptLib") / "ontology_codes.json").read_text(encoding="utf-8"))
CODES = {key: entry["code"] for key, entry in DATA["codes"].items()}


def named(term, language="en"):
    """Id with side, or None."""
    found = normalise(term, language)
    return found and found.key


@pytest.mark.parametrize(
    ("term", "key"),
    [
        ("liver", "liver"),
        ("Livers", "liver"),
        ("  HEPATIC ", "liver"),
        ("hígado", "liver"),
        ("higado", "liver"),
        ("Leber", "liver"),
        ("foie", "liver"),
        ("fígado", "liver"),
        ("肝脏", "liver"),
        ("肝臓", "liver"),
        ("gall-bladder", "gallbladder"),
        ("oesophagus", "esophagus"),
        ("esophagus", "esophagus"),
        ("gray matter", "grey matter"),
        ("brain tumour", "brain:lesion"),
        ("brain tumors", "brain:lesion"),
        ("tumeur cérébrale", "brain:lesion"),
        ("pulmonary embolism", "pulmonary embolism"),
        ("PE", "pulmonary embolism"),
        ("lens", "lens"),
    ],
)
def test_synonyms_of_all_languages_and_spellings_are_one_concept(term, key):
    assert named(term) == key


@pytest.mark.parametrize(
    "term",
    [
        "left kidney",
        "Left Kidneys",
        "kidney, left",
        "kidney (left)",
        "riñón izquierdo",
        "linke Niere",
        "左肾",
        "左侧肾脏",
    ],
)
def test_a_side_is_read_wherever_it_stands(term):
    found = normalise(term)
    assert (found.id, found.name, found.laterality) == ("kidney", "left kidney", "left")
    assert found != normalise("kidney") and found != normalise("right kidney")


@pytest.mark.parametrize("term", ["left atrium", "LA", "aurícula izquierda", "oreillette gauche", "左心房"])
def test_a_listed_side_is_the_base_concept_with_its_side(term):
    found = normalise(term)
    assert (found.id, found.key, found.laterality) == ("atrium", "atrium@left", "left")
    assert found.parents[0] == "heart"


def test_a_side_with_its_own_code_has_it_and_any_other_the_bases_with_a_modifier():
    own, general = normalise("right atrium"), normalise("right kidney")
    assert (own.code.value, own.code.meaning, own.modifier) == (CODES["atrium@right"], "Right atrium", None)
    assert own.code != normalise("left atrium").code
    assert (general.code, general.modifier) == (normalise("kidney").code, SIDE_CODES["right"])
    assert normalise("kidney").modifier is None
    without = normalise("right lung nodule")
    assert (without.key, without.code, without.modifier) == ("lung:lesion@right", None, None)


@pytest.mark.parametrize(
    "term",
    ["", " ", "left", "左", "?", "sofa", "disc", "cup", "la", "left and right kidney", "lung and liver", "left sofa"],
)
def test_an_unknown_or_ambiguous_term_is_no_concept(term):
    assert normalise(term) is None


def test_a_word_of_one_language_counts_only_in_that_language():
    assert (named("rate", "fr"), named("rate")) == ("spleen", None)
    assert (named("rein gauche", "fr"), named("rein gauche")) == ("kidney@left", None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("right atrium", "left atrium"),
        ("atrium", "left atrium"),
        ("lung", "lung nodule"),
        ("lung", "lung lobe"),
        ("lung", "left lung"),
        ("optic disc", "intervertebral disc"),
        ("ventricle", "brain ventricle"),
        ("prostate", "prostate cancer"),
        ("kidney", "renal artery"),
    ],
)
def test_a_term_inside_another_is_something_else(one, other):
    assert normalise(one) is not None and normalise(other) is not None
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize(
    ("term", "beside"),
    [
        ("fibula", "tibia"),
        ("asthma", "bronchiectasis"),
        ("mitral valve", "heart valve"),
        ("SVC", "vena cava"),
        ("lower lobe", "lung lobe"),
        ("herzschrittmacher", "implant"),
    ],
)
def test_what_is_only_filed_beside_a_concept_is_not_a_synonym_of_it(term, beside):
    assert normalise(beside) is not None
    assert normalise(term) != normalise(beside)


def test_parents_are_given_from_near_to_far():
    assert normalise("left ventricle").parents == ("heart", "chest")
    assert normalise("pulmonary nodule").parents == ("lung", "chest")
    assert normalise("hippocampal head").parents == ("hippocampus", "brain", "head")
    assert normalise("lung").kind == "anatomy"
    assert normalise("lung nodule").kind == "finding"
    assert normalise("thorax").kind == "region"


def test_every_concept_is_found_by_its_id_and_by_its_name():
    wrong = []
    for key in vocabulary().concepts:
        found = concept(key)
        if found is None or found.key != key or normalise(found.name) != found:
            wrong.append(key)
    assert not wrong


def test_composed_ids_are_known_and_made_up_ones_are_not():
    assert concept("spleen:cyst").parents[0] == "spleen"
    assert concept("kidney@right") == normalise("right kidney")
    assert [concept(key) for key in ("", "sofa", "sofa@left", "kidney@anterior", "kidney:sofa", "sofa:cyst")] == [
        None
    ] * 6


# The codes.

_DIHEDRAL = [
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
]
_STEP = "1576283094"


def has_valid_check_digit(code: str) -> bool:
    """Verhoeff's check, by which the last digit of every SNOMED CT identifier is made."""
    total = 0
    for place, digit in enumerate(reversed(code)):
        value = int(digit)
        for _ in range(place % 8):
            value = int(_STEP[value])
        total = int(_DIHEDRAL[total][value])
    return total == 0


def test_the_check_digit_test_tells_right_from_wrong():
    assert has_valid_check_digit("39607008") and has_valid_check_digit("73211009")
    assert not any(has_valid_check_digit(code) for code in ("39607009", "36907008", "39670008"))


def test_every_code_is_a_valid_snomed_identifier():
    codes = [*CODES.values(), *(code.value for code in SIDE_CODES.values())]
    assert [c for c in codes if not (c.isdigit() and 6 <= len(c) <= 18 and has_valid_check_digit(c))] == []


def test_no_two_concepts_share_a_code():
    assert len(set(CODES.values())) == len(CODES)


def test_every_code_has_its_meaning_in_the_source():
    listed: dict[str, set[str]] = {}
    for entries in dicom_concepts["SCT"].values():
        for code, (meaning, _) in entries.items():
            listed.setdefault(code, set()).add(meaning)
    taken = {entry["code"]: entry["meaning"] for entry in DATA["codes"].values()}
    taken |= {code.value: code.meaning for code in SIDE_CODES.values()}
    assert {code: meaning for code, meaning in taken.items() if meaning not in listed.get(code, ())} == {}


def test_every_id_of_the_data_is_in_the_vocabulary():
    known = vocabulary().concepts
    assert [key for key in (*CODES, *DATA["not_synonyms"]) if key.partition("@")[0] not in known] == []
    assert [key for key in CODES if concept(key).code.value != CODES[key]] == []


# Use.


def an_ability(target, *synonyms, structures=()):
    return Ability(
        id="a_weight",
        intent="segmentation",
        target=target,
        modality="ct",
        synonyms=synonyms,
        structures=tuple({"name": name} for name in structures),
    )


def a_task(target):
    return Task(id=1, intent=Intent.SEGMENTATION, target=target)


@pytest.mark.parametrize(
    ("ability", "target"),
    [
        (an_ability("kidney"), "renal parenchyma"),
        (an_ability("urinary bladder"), "vesical"),
        (an_ability("brain neoplasm"), "intracranial tumour"),
        (an_ability("organs", structures=("left atrium", "myocardium")), "left atrial cavity"),
        (an_ability("widget"), "Widgets"),
    ],
)
def test_routing_takes_synonyms_of_one_concept_for_the_same(ability, target):
    assert is_for(ability, a_task(target))


@pytest.mark.parametrize(
    ("ability", "target"),
    [
        (an_ability("left atrium"), "right atrium"),
        (an_ability("lung"), "lung nodule"),
        (an_ability("lung"), "left lung"),
        (an_ability("tibia"), "fibula"),
        (an_ability("aortic valve"), "mitral valve"),
        (an_ability("breast lesion", "lesion"), "tumor"),
        (an_ability("widget"), "gadget"),
    ],
)
def test_routing_does_not_take_different_things_for_the_same(ability, target):
    assert not is_for(ability, a_task(target))


def test_a_plan_is_routed_by_concept_and_not_by_similarity():
    class AllAlike:
        def similarity(self, a, b):
            return 1.0

    def a_plan(target):
        return Plan(prompt="a prompt", status=Status.OK, pipeline=(a_task(target),))

    router = Router((an_ability("spleen"),), encoder=AllAlike())
    assert router.route(a_plan("lien")).route(1).weight_id == "a_weight"
    with pytest.raises(NoMatchingWeight, match="No installed weight is for segmenting liver"):
        router.route(a_plan("liver"))


def test_importing_it_is_cheap_and_routing_imports_it_only_when_needed():
    code = (
        "import sys, MedPromptLib.routing\n"
        "assert 'MedPromptLib.ontology' not in sys.modules\n"
        "import MedPromptLib.ontology\n"
        "MedPromptLib.ontology.normalise('liver')\n"
        "print({'torch', 'transformers', 'slicer', 'vtk'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "set()"), done.stderr
