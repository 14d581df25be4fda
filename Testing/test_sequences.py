"""Several images of one examination: which is which, whether they lie together, and one result in one geometry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from heads_for_tests import TUMOR_CENTER, RightAndInFront, a_head, the_tumor, turned, write_tumor_weight
from pydantic import ValidationError
from pydicom import Dataset
from pydicom.data import get_testdata_file

from MedPromptLib.catalog import Preprocessing
from MedPromptLib.cli import main
from MedPromptLib.errors import Cancelled, InvalidInput, NoMatchingWeight, UnusualInput
from MedPromptLib.images import MedicalImage, read_image
from MedPromptLib.images_writing import write_volume
from MedPromptLib.inputs import on_one_grid
from MedPromptLib.planner import RulePlanner, decided, explain
from MedPromptLib.results import Provenance
from MedPromptLib.scene import SEQUENCE, image_to_volume, volume_to_image
from MedPromptLib.sequences import appearance
from MedPromptLib.sequences.dicom_tags import sequence_of
from MedPromptLib.sequences.examination import Examination, Needs, assigned, examination, stacked
from MedPromptLib.sequences.guessing import guesses
from MedPromptLib.sequences.names import mentions, named_in_file
from MedPromptLib.sequences.registration import align, lies_apart, moved
from MedPromptLib.session import Session
from MedPromptLib.training.config import read_recipe

ROOT = Path(__file__).resolve().parent.parent
WANTED = ("t1", "flair", "t1ce")
NEEDS = Needs(("brain_tumor_seg_mri",), WANTED, frozenset(WANTED))
ANY = Needs(("union",), WANTED, frozenset())


@pytest.fixture(autouse=True)
def _own_agreements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("MEDPROMPT_HOME", str(tmp_path / "home"))


@pytest.fixture
def a_session(tmp_path: Path) -> Session:
    """With a weight that needs three sequences."""
    write_tumor_weight(tmp_path / "weights")
    return Session([tmp_path / "weights"], planner=RulePlanner())


@pytest.fixture
def three_images() -> list[MedicalImage]:
    """T1 on oblique, FLAIR on axial and contrast-enhanced T1 on sagittal slices."""
    return [a_head("t1", 0, name="pre"), a_head("flair", 1), a_head("t1ce", 2, name="post")]


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


# ------------------------------------------------------------------------------------------------------- names and tags


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("BraTS20_001_t1ce", "t1ce"), ("BraTS-GLI-00001-t1n", "t1"), ("sub-01_ce-gadolinium_T1w", "t1ce"),
        ("5: AX T2 FLAIR", "flair"), ("T1 without contrast", "t1"), ("3D T1 MPRAGE +C", "t1ce"), ("SAG MPRAGE", "t1"),
        ("pre", "t1"), ("post", "t1ce"), ("ax t2 tse", "t2"), ("ep2d_diff ADC", "adc"), ("patient 12", None),
        ("T1 and FLAIR", None), ("postop flair", "flair"),
    ],
)  # fmt: skip
def test_a_files_name_tells_its_sequence(name: str, sequence: str | None) -> None:
    assert named_in_file(name) == sequence


def test_a_request_names_sequences_and_denies_some() -> None:
    found = mentions("Use FLAIR and the contrast series, not the T2, to outline the tumour.")
    assert [(m.name, m.denied) for m in found] == [("flair", False), ("t1ce", False), ("t2", True)]
    assert not mentions("Segment the liver on the contrast series."), "that may be a CT"


@pytest.mark.parametrize(
    ("tags", "sequence"),
    [
        ({"SeriesDescription": "AX FLAIR", "EchoTime": 90}, "flair"),
        ({"SeriesDescription": "AX T1", "ContrastBolusAgent": "Gadavist"}, "t1ce"),
        ({"SeriesDescription": "AX T1", "ContrastBolusAgent": "NONE"}, "t1"),
        ({"EchoTime": 120, "RepetitionTime": 9000, "InversionTime": 2500}, "flair"),
        ({"EchoTime": 10, "RepetitionTime": 550}, "t1"),
        ({"EchoTime": 3, "RepetitionTime": 2200, "InversionTime": 900, "ContrastBolusAgent": "Dotarem"}, "t1ce"),
        ({"EchoTime": 100, "RepetitionTime": 4500}, "t2"),
        ({"EchoTime": 40, "RepetitionTime": 1500}, ""),
        ({"Modality": "CT", "SeriesDescription": "T1"}, ""),
    ],
)
def test_dicom_tags_tell_a_sequence(tags: dict[str, object], sequence: str) -> None:
    header, notes = Dataset(), []
    header.Modality = "MR"
    for keyword, value in tags.items():
        setattr(header, keyword, value)
    assert sequence_of(header, notes) == sequence
    assert bool(notes) == bool(sequence)
    assert not any("AX" in note for note in notes), "a description may hold names"


def test_a_dicom_file_is_read_with_its_sequence(tmp_path: Path) -> None:
    from pydicom import dcmread

    header = dcmread(str(get_testdata_file("MR_small.dcm")))
    header.SeriesDescription, header.ContrastBolusAgent = "COR T1 SE", "Magnevist"
    header.save_as(tmp_path / "image.dcm")
    image = read_image(tmp_path / "image.dcm")
    assert image.sequence == "t1ce"
    assert "contrast-enhanced T1 (SeriesDescription and contrast agent)" in " ".join(image.notes)


def test_a_volume_loaded_from_dicom_files_tells_its_sequence(
    tmp_path: Path, a_slicer_scene: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer
    from pydicom import dcmread

    header = dcmread(str(get_testdata_file("MR_small.dcm")))
    header.SeriesDescription = "AX FLAIR"
    header.save_as(tmp_path / "image.dcm")
    files = {"1.2.3": str(tmp_path / "image.dcm")}
    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(fileForInstance=files.get), raising=False)
    node = image_to_volume(a_head("flair", name="volume"), a_slicer_scene)
    assert volume_to_image(node).sequence == ""
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    assert volume_to_image(node).sequence == "flair"
    node.SetAttribute(SEQUENCE, "t2")
    assert volume_to_image(node).sequence == "t2", "what a person chose comes first"


# ------------------------------------------------------------------------------------------------------------- guessing


def test_grey_values_order_what_names_leave_open(three_images: list[MedicalImage]) -> None:
    unnamed = [replace(image, name=f"series {n}") for n, image in enumerate(three_images)]
    for order in ((0, 1, 2), (2, 0, 1)):
        found = guesses([unnamed[n] for n in order], WANTED)
        assert [g.sequence for g in found] == [WANTED[n] for n in order]
        assert all(g.probability is not None and "grey values" in g.reason for g in found)


def test_the_look_of_an_image_does_not_depend_on_its_axes_or_scale() -> None:
    image = a_head("flair")
    turned_about = replace(image, array=(image.array.transpose(0, 2, 1)[::-1, :, ::-1] * 3 + 100).astype(np.int32))
    assert np.allclose(appearance.features(image), appearance.features(turned_about), atol=0.03)
    assert appearance.features(replace(image, array=np.zeros((9, 9, 9)))) is None


def test_what_is_missing_extra_doubled_or_unsure_is_said_in_one_sentence(three_images: list[MedicalImage]) -> None:
    pre, flair, post = three_images
    with pytest.raises(InvalidInput, match=r"takes T1, FLAIR and contrast-enhanced T1, but T1 is missing: 'flair' is"):
        assigned([flair, post], NEEDS)
    with pytest.raises(InvalidInput, match="'flair' and 'flair 2' are both taken for FLAIR; say which is which"):
        assigned([pre, flair, replace(flair, name="flair 2"), post], NEEDS)
    found = assigned([pre, flair, post, a_head("t2")], NEEDS)
    assert [g.sequence for g in found] == ["t1", "flair", "t1ce", ""]
    assert "it is T2" in found[3].reason
    noise = replace(flair, array=np.random.default_rng(0).integers(0, 999, flair.shape), name="series 7")
    with pytest.raises(InvalidInput, match="missing|not sure enough"):
        assigned([noise, post], NEEDS)


def test_exchanged_names_are_noticed_and_may_be_accepted(three_images: list[MedicalImage]) -> None:
    pre, flair, post = three_images
    exchanged = [replace(flair, name="pre"), replace(pre, name="flair"), post]
    with pytest.raises(UnusualInput, match="'pre' was taken for T1 because its name says so, but its grey values look"):
        assigned(exchanged, NEEDS)
    found = assigned(exchanged, NEEDS, accept_unusual_input=True)
    assert [g.sequence for g in found] == ["t1", "flair", "t1ce"]
    assert found[0].doubt


def test_what_the_user_says_comes_first(three_images: list[MedicalImage]) -> None:
    pre, flair, post = three_images
    odd = [replace(pre, name="a"), replace(flair, name="t2"), replace(post, name="b")]
    found = assigned(odd, NEEDS, {0: "t1", 1: "flair", 2: "t1ce"})
    assert [(g.sequence, g.reason) for g in found] == [(name, "you said so") for name in WANTED]


# --------------------------------------------------------------------------------------------------------- registration


@pytest.mark.parametrize(("grids", "flat"), [((1, 2), False), ((0, 1), False), ((1, 1), True)])
def test_images_on_different_grids_that_lie_together_are_left_alone(grids: tuple[int, int], flat: bool) -> None:
    reference, image = a_head("flair", grids[0]), a_head("t1", grids[1])
    if flat:
        reference, image = (replace(i, array=i.array[17:18]) for i in (reference, image))
    alignment = align(image, reference)
    assert alignment.displacement < 2.5
    assert not lies_apart(alignment)


@pytest.mark.parametrize("flat", [False, True])
def test_a_moved_image_is_found_and_brought_back(flat: bool) -> None:
    motion = turned(2, 7, (6, -5, 0)) if flat else turned(0, 8, (5, -6, 4))
    reference, image = a_head("flair", 1), a_head("t1", 1 if flat else 2, motion)
    if flat:
        reference, image = (replace(i, array=i.array[17:18]) for i in (reference, image))
    found = align(image, reference, fine=flat)
    assert lies_apart(found)
    corner = np.array([40.0, 60.0, float(reference.ijk_to_ras[2, 3]) if flat else 20.0, 1.0])
    assert np.linalg.norm(found.to_reference @ motion @ corner - corner) < 3.0
    assert not lies_apart(align(moved(image, found.to_reference), reference))


def test_unregistered_images_are_refused_or_registered() -> None:
    motion = turned(2, 6, (8, 5, 0))
    apart = [a_head("flair", 1), a_head("t1ce", 2, motion, "post")]
    with pytest.raises(InvalidInput, match=r"'post' does not lie over 'flair': moving it by \d+ mm would fit better"):
        examination(apart, ANY)
    together = examination(apart, ANY, register=True)
    record = together.records[1]
    assert record.motion is not None
    assert np.linalg.norm((np.array(record.motion) @ motion @ (*TUMOR_CENTER, 1))[:3] - TUMOR_CENTER) < 3
    assert together.records[0].motion is None
    assert "registered, moved by" in together.lines[1]


def test_a_search_can_be_cancelled_on_the_way(three_images: list[MedicalImage]) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Cancelled):
        examination(three_images, NEEDS, register=True, cancelled=cancelled)
    assert len(asked) <= 4


def test_images_of_different_places_are_refused(three_images: list[MedicalImage]) -> None:
    far = three_images[1].ijk_to_ras.copy()
    far[:3, 3] += 1000
    with pytest.raises(InvalidInput, match="'flair' does not overlap 'pre'"):
        examination([three_images[0], replace(three_images[1], ijk_to_ras=far), three_images[2]], NEEDS)
    part = replace(three_images[1], array=three_images[1].array[:9])
    with pytest.raises(InvalidInput, match="covers only"):
        examination([three_images[0], part, three_images[2]], NEEDS)


def test_channels_come_in_the_cards_order_and_missing_ones_are_empty(three_images: list[MedicalImage]) -> None:
    recipe = Preprocessing(channels=3, sequences=WANTED, missing="zero", white=0.5)
    made = stacked(examination(three_images[:0:-1], ANY), recipe)
    assert made.channels == ("flair", "t1ce")
    assert made.shape == three_images[2].shape
    assert not made.array[..., 0].any()
    assert np.percentile(made.array[..., 2], 99.9) == pytest.approx(127.5, abs=1.5)


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        ({"channels": 3, "sequences": ("t1", "t1", "flair")}, "two or more different names"),
        ({"channels": 3, "sequences": ("t1", "flair")}, "2 sequences need channels = 2"),
        ({"channels": 2}, "without sequences it is 1"),
        ({"missing": "zero"}, "only make sense with sequences"),
    ],
)
def test_a_cards_sequences_must_fit_its_channels(recipe: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Preprocessing(**recipe)


def test_the_brain_tumour_recipe_names_its_sequences() -> None:
    recipe, _ = read_recipe(ROOT / "MedPromptLib" / "training" / "recipes" / "brain_tumor_seg_mri.toml")
    assert recipe.preprocessing.sequences == WANTED
    assert recipe.preprocessing.orientation == "LPS"


# ------------------------------------------------------------------------------------------------------- plan to result


def test_a_request_gets_the_sequences_it_names(a_session: Session) -> None:
    prompt = "segment the tumour using FLAIR and the contrast series"
    verdict = a_session.decide(prompt)
    (task,) = verdict.plan.pipeline
    assert (task.target, task.sequences, verdict.plan.prompt) == ("brain tumor", ("flair", "t1ce"), prompt)
    assert str(a_session.needs(verdict.plan)).startswith("'brain_tumor_seg_mri' takes T1, FLAIR and contrast")
    told = explain(verdict, a_session.catalog.abilities)
    assert (
        "step 1 takes T1, FLAIR and contrast-enhanced T1 of one examination together; the request names FLAIR" in told
    )
    refused = a_session.decide("outline the brain tumour on the T2 and the FLAIR")
    with pytest.raises(NoMatchingWeight, match="takes T1, FLAIR and contrast-enhanced T1, but the request names T2"):
        a_session.route(refused.plan)


def test_images_say_what_a_request_leaves_open(a_session: Session) -> None:
    abilities = a_session.catalog.abilities
    assert decided(RulePlanner(), "outline the tumour", abilities).decision == "clarify"
    verdict = decided(RulePlanner(), "outline the tumour", abilities, images=("flair", "t1ce"))
    assert verdict.plan.pipeline[0].target == "brain tumor"
    assert verdict.plan.prompt == "outline the tumour"
    assert "FLAIR and T1ce MRI" in verdict.notes[-1]


def test_an_examination_on_three_grids_gives_one_outline_on_the_firsts(
    a_session: Session, three_images: list[MedicalImage]
) -> None:
    said: list[str] = []
    run = a_session.analyze(three_images, "outline the tumour", progress=lambda event: said.append(event.message))
    (segmentation,) = run.segmentations
    assert segmentation.labels.shape == three_images[0].shape
    assert dice(segmentation.labels > 0, the_tumor(three_images[0])) > 0.8
    assert "'post' is contrast-enhanced T1: its name says so; resampled to the reference." in said
    records = Provenance.model_validate_json(run.provenance.model_dump_json()).inputs
    assert [(r.sequence, r.reference, r.resampled) for r in records] == [
        ("t1", True, False), ("flair", False, True), ("t1ce", False, True),
    ]  # fmt: skip
    assert np.allclose(records[1].ijk_to_ras, three_images[1].ijk_to_ras)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_slices_reach_the_network_as_it_was_trained_however_they_are_stored(
    tmp_path: Path, three_images: list[MedicalImage], first: int
) -> None:
    write_tumor_weight(tmp_path / "turned", program=RightAndInFront())
    session = Session([tmp_path / "turned"], planner=RulePlanner())
    plan = session.decide("outline the brain tumour on the mri").plan
    reference = three_images[first]
    here = on_one_grid([reference, *three_images])[1:]
    run = session.run(session.route(plan), Examination(reference, dict(zip(WANTED, here, strict=True)), ()))
    assert run.segmentations[0].labels.shape == reference.shape
    found = np.argwhere(run.segmentations[0].labels)[:, ::-1]
    ras = found @ run.image.ijk_to_ras[:3, :3].T + run.image.ijk_to_ras[:3, 3]
    assert 0.2 < len(found) / run.image.array.size < 0.3
    assert (ras.mean(0)[:2] > 20).all()
    assert abs(ras.mean(0)[2]) < 25


def test_a_network_for_any_subset_runs_on_two_or_one(tmp_path: Path, three_images: list[MedicalImage]) -> None:
    write_tumor_weight(tmp_path / "any", any_subset=True)
    session = Session([tmp_path / "any"], planner=RulePlanner())
    flair, post = three_images[1:]
    run = session.analyze([post, flair], "segment the tumour using FLAIR and the contrast series")
    assert dice(run.segmentations[0].labels > 0, the_tumor(post)) > 0.75
    plan = run.provenance.plan
    chosen = session.examine(plan, [flair, post], reference="t1ce")
    assert (chosen.reference, [r.reference for r in chosen.records]) == (post, [False, True])
    plan = session.decide("segment the brain tumour using the flair").plan
    alone = session.run(session.route(plan), session.examine(plan, [post, flair, three_images[0]]))
    assert [r.sequence for r in alone.provenance.inputs] == ["", "flair", ""]
    assert alone.image is flair


def test_one_grey_image_is_refused_where_three_are_needed(a_session: Session, three_images: list[MedicalImage]) -> None:
    with pytest.raises(InvalidInput, match="together, but only 'flair' was given; give all of them"):
        a_session.analyze(three_images[1], "outline the brain tumour on the flair")


def test_the_command_line_takes_three_files(
    tmp_path: Path, three_images: list[MedicalImage], capsys: pytest.CaptureFixture[str]
) -> None:
    write_tumor_weight(tmp_path / "weights")
    files = [write_volume(image, tmp_path / f"{image.name}.nii.gz") for image in three_images]
    start = ["run", "--weights", str(tmp_path / "weights"), "--planner", "rules", "--yes", "--device", "cpu"]
    start += ["--prompt", "outline the tumour", "--out", str(tmp_path / "out")]
    assert main([*start, *(f"--input={file}" for file in files)]) == 0
    said = capsys.readouterr()
    assert "'flair' is FLAIR: its name says so; resampled to the reference." in said.err
    assert "brain tumor: outlined" in said.out
    mask = read_image(next((tmp_path / "out").glob("*.seg.nrrd")))
    assert mask.shape == three_images[0].shape or mask.array.any()
    written = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [record["sequence"] for record in written["inputs"]] == ["t1", "flair", "t1ce"]

    assert main([*start, f"--input={files[1]}", f"--input={files[2]}"]) == 2
    assert "but T1 is missing" in capsys.readouterr().err
    odd = ["--input", f"t1={files[1]}", "--input", f"flair={files[0]}", "--input", f"t1ce={files[2]}"]
    assert main([*start, *odd]) == 2
    assert "if images are swapped, say which is which" in capsys.readouterr().err
    assert main([*start, "--input", f"t1x={files[0]}"]) == 2
    assert "'t1x' in --input" in capsys.readouterr().err
    bad = ["--reference", "t2", *(f"--input={file}" for file in files)]
    assert main([*start, *bad]) == 2
    assert "The reference T2 is none of the images that are used: T1, FLAIR and" in capsys.readouterr().err
