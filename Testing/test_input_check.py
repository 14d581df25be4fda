"""The input check: profiles from real pictures, the refusal and its confirmation, and its measured rates."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images
from weights_for_tests import a_card, write_weight

from MedPromptLib.catalog import Catalog, Preprocessing, WeightCard
from MedPromptLib.cli import main
from MedPromptLib.errors import UnusualInput
from MedPromptLib.execution import Executor
from MedPromptLib.images import MedicalImage
from MedPromptLib.inference.engine import ModelCache
from MedPromptLib.inference.input_check import LENGTH, check_input, describe, describe_image, fits, pack, unpack
from MedPromptLib.plan import Intent, Plan, Status, Task
from MedPromptLib.routing import Router
from MedPromptLib.training.data import as_image
from MedPromptLib.training.input_profile import (
    fit_profile,
    measure_pairs,
    measure_unseen,
    profile_from_sets,
    rates_table,
    unseen_table,
)

PHOTOGRAPHS = [np.asarray(picture) for picture in load_sample_images().images]


def crops(picture, count, seed, share=0.8):
    """Random parts of a picture, as other pictures of its kind."""
    rng = np.random.default_rng(seed)
    height, width = (int(share * n) for n in picture.shape[:2])
    corners = [(rng.integers(picture.shape[0] - height), rng.integers(picture.shape[1] - width)) for _ in range(count)]
    return [picture[j : j + height, i : i + width] for j, i in corners]


@pytest.fixture(scope="module")
def a_film(a_radiograph):
    """The radiograph as an 8-bit picture, a quarter of its size."""
    film = a_radiograph.array[0, ::4, ::4].astype(np.float64)
    return ((film - film.min()) / np.ptp(film) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def a_profile(a_film):
    """Chest films against photographs."""
    own = np.stack([describe(part) for part in crops(a_film, 60, seed=1)])
    others = np.stack([describe(part) for photo in PHOTOGRAPHS for part in crops(photo, 30, seed=2, share=0.5)])
    return fit_profile(own, others, dataset="films", counter_examples=["photographs"])


@pytest.fixture
def a_checked_weight(tmp_path, a_profile):
    """A weight for chest films whose card carries the profile."""
    card = a_card("lungs_seg_cxr", input_profile=a_profile)
    return write_weight(tmp_path / "weights", card, bias=[0, 1, 0])


def an_image(picture, name="picture"):
    return MedicalImage(picture[None], np.diag([-1.0, -1.0, 1.0, 1.0]), name=name, spacing_known=False)


def test_a_descriptor_hardly_depends_on_resolution_and_not_on_the_range_of_intensities(a_radiograph, a_film):
    full, small = describe(a_radiograph.array[0]), describe(a_film)
    assert full.shape == (LENGTH,)
    assert np.abs(full - small).max() < 0.12
    assert np.allclose(describe(a_film.astype(np.uint16) * 16), small, atol=1e-4)


def test_a_volume_is_described_by_its_middle_slices(a_film):
    volume = np.stack([np.zeros_like(a_film), *[a_film] * 6, np.zeros_like(a_film)])
    image = MedicalImage(volume, np.eye(4))
    assert np.allclose(describe_image(image), describe(a_film))


def test_vectors_survive_the_card():
    rows = np.random.default_rng(0).normal(size=(4, LENGTH))
    assert np.allclose(unpack(pack(rows)), rows, rtol=2e-3, atol=1e-4)


def test_new_films_fit_and_photographs_do_not(a_profile, a_film):
    films = np.stack([describe(part) for part in crops(a_film, 40, seed=7)])
    photos = np.stack([describe(part) for photo in PHOTOGRAPHS for part in crops(photo, 20, seed=8, share=0.6)])
    assert fits(a_profile, films).mean() >= 0.95
    assert not fits(a_profile, photos).any()


def test_a_misfit_says_why(a_checked_weight, a_film):
    assert check_input(a_checked_weight, an_image(crops(a_film, 1, seed=7)[0])) is None
    photo = check_input(a_checked_weight, an_image(PHOTOGRAPHS[0], "china"))
    assert "'china' does not look like the images 'lungs_seg_cxr' was made for" in str(photo)
    assert "in colour, they are grey" in str(photo)
    assert photo.distance > 1
    flat = check_input(a_checked_weight, an_image(np.full((90, 90), 7, np.uint8)))
    assert "every pixel has the same value" in str(flat)
    coarse = check_input(a_checked_weight, an_image(a_film[::20, ::20]))
    assert "pixels where about 64 × 64" in str(coarse)


def test_a_card_without_a_profile_takes_everything():
    assert check_input(a_card("lungs_seg_cxr"), an_image(PHOTOGRAPHS[0])) is None


def test_an_unusual_image_runs_only_when_that_is_accepted_and_the_record_says_so(tmp_path, a_checked_weight):
    catalog = Catalog.load([tmp_path / "weights"])
    task = Task(id=1, intent=Intent.SEGMENTATION, target="lungs", modality="chest x-ray")
    routed = Router(catalog.abilities).route(Plan(prompt="x", status=Status.OK, pipeline=(task,)))
    executor, photo = Executor(catalog, ModelCache(catalog), "cpu"), an_image(PHOTOGRAPHS[1], "flower")
    with pytest.raises(UnusualInput, match="'flower' does not look like") as caught:
        executor.run(routed, photo)
    assert [misfit.weight_id for misfit in caught.value.misfits] == [a_checked_weight.id]
    told = []
    run = executor.run(routed, photo, accept_unusual_input=True, progress=lambda event: told.append(event.message))
    assert run.segmentations[0].labels.any()
    assert any(note.startswith("Accepted as unusual input: 'flower'") for note in run.provenance.input_notes)
    assert any(line.startswith("Unusual input, accepted") for line in told)


def test_the_command_line_asks_for_its_option(tmp_path, a_checked_weight, capsys):
    Image.fromarray(PHOTOGRAPHS[0]).save(tmp_path / "china.png")
    command = ["run", "--planner", "rules", "--prompt", "Segment the lungs on this chest x-ray."]
    command += ["--input", str(tmp_path / "china.png"), "--weights", str(tmp_path / "weights")]
    command += ["--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(command) == UnusualInput.exit_code
    assert "--accept-unusual-input" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())
    assert main([*command, "--accept-unusual-input"]) == 0
    assert (tmp_path / "out" / "scene.mrb").is_file()


def write_set(folder, pictures):
    """A data set whose last pictures are its test split."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / "images" / f"{index}.png")
        rows.append({"id": str(index), "split": "test" if index >= 0.75 * len(pictures) else "train"})
    with (folder / "split.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "split"])
        writer.writeheader()
        writer.writerows(rows)


def a_film_card(**changes):
    card = a_card("lungs_seg_cxr")
    provenance = card.provenance.model_copy(update={"dataset": "films", **changes})
    return card.model_copy(update={"provenance": provenance})


@pytest.fixture
def some_sets(tmp_path, a_film):
    """Films, more films and photographs, each in splits."""
    root = tmp_path / "sets"
    write_set(root / "films", crops(a_film, 40, seed=3))
    write_set(root / "other_films", crops(a_film, 8, seed=4))
    write_set(root / "photographs", [part for photo in PHOTOGRAPHS for part in crops(photo, 16, seed=5, share=0.5)])
    return root


def test_rates_are_measured_over_all_pairs(some_sets):
    profile = profile_from_sets(some_sets, a_film_card(), like=["other_films"])
    assert (profile.dataset, profile.images, profile.counter_examples) == ("films", 30, ("photographs",))
    card = a_card("lungs_seg_cxr", input_profile=profile)
    assert WeightCard.model_validate_json(card.model_dump_json()) == card
    rates = measure_pairs([card], some_sets, "test")
    relations = {rate.dataset: (rate.relation, rate.images) for rate in rates}
    assert relations == {"films": ("own", 10), "other_films": ("same", 2), "photographs": ("other", 8)}
    assert next(rate for rate in rates if rate.relation == "other").accepted == 0
    text = rates_table(rates)
    assert "0.000 of 8" in text
    assert "same kind: lungs_seg_cxr accepts" in text


def test_what_a_weight_refuses_outright_counts_as_noticed(some_sets):
    three = Preprocessing(size=(64, 64), channels=3, sequences=("t1", "flair", "t1ce"), volumes="slices")
    profile = profile_from_sets(some_sets, a_film_card(), like=["other_films"])
    card = a_card("tumor_seg_mri", preprocessing=three, input_profile=profile)
    rates = measure_pairs([card], some_sets, "test")
    assert {rate.dataset: rate.accepted for rate in rates}["films"] == 0


def test_further_and_unlabelled_sets_of_the_training_fit_as_well(some_sets):
    profile = profile_from_sets(some_sets, a_film_card(unlabelled=("other_films",)))
    assert (profile.images, profile.also, profile.counter_examples) == (36, ("other_films",), ("photographs",))
    rates = measure_pairs([a_film_card().model_copy(update={"input_profile": profile})], some_sets, "test")
    assert {rate.dataset for rate in rates if rate.relation == "own"} == {"films", "other_films"}
    assert "of 12" in rates_table(rates), "both sets count as its own"


def test_kinds_that_no_counter_example_showed_are_measured_apart(some_sets, a_film):
    write_set(some_sets / "negatives", [255 - part for part in crops(a_film, 12, seed=6)])
    profile = profile_from_sets(some_sets, a_film_card(), like=["other_films"])
    card = a_card("lungs_seg_cxr", input_profile=profile)
    rates = measure_unseen([card], some_sets, "test")
    assert {(rate.dataset, rate.relation, rate.images) for rate in rates} == {
        ("negatives", "unseen", 3),
        ("photographs", "unseen", 8),
    }
    assert all(0 <= rate.accepted <= 1 for rate in rates)
    assert "of 11" in unseen_table(rates)
    assert not measure_unseen([card], some_sets, "test", kin=[["negatives", "photographs"]]), "nothing would be left"


def test_a_profile_is_written_onto_a_card_by_a_command(tmp_path, some_sets, capsys):
    changes = {"dataset": "films"}
    card = a_card("lungs_seg_cxr")
    card = card.model_copy(update={"provenance": card.provenance.model_copy(update=changes)})
    write_weight(tmp_path / "weights", card)
    weights = ["--weights", str(tmp_path / "weights")]
    command = ["weights", "profile", card.id, "--data", str(some_sets), "--like", "other_films"]
    assert main([*command, *weights]) == 0
    written = Catalog.load([tmp_path / "weights"]).card(card.id).input_profile
    assert written.command == "medprompt weights profile lungs_seg_cxr --data DATA --like other_films"
    capsys.readouterr()
    assert main(["evaluate", "--input-check", "--data", str(some_sets), *weights]) == 0
    assert "false alarms" in capsys.readouterr().out


def test_a_film_read_as_a_data_sets_picture_fits_as_it_does_from_a_file(a_profile, a_film):
    card = a_card("lungs_seg_cxr", input_profile=a_profile)
    assert check_input(card, as_image(crops(a_film, 1, seed=7)[0], "film")) is None
