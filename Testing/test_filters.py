"""Filters: what they do to real images, what they keep, what can be undone and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput
from MedPromptLib.filter_steps import FILTERS, Window
from MedPromptLib.filters import apply_filter, apply_steps, parse_filter, undo
from MedPromptLib.images import MedicalImage, read_image


@pytest.fixture(scope="module")
def a_mr_slice() -> MedicalImage:
    """A shoulder or abdomen MR slice of pydicom's samples, cut to its middle."""
    from pydicom.data import get_testdata_file

    image = read_image(str(get_testdata_file("examples_overlay.dcm", download=False)))
    return replace(image, array=np.ascontiguousarray(image.array[:, 100:180, 140:220]))


def noisy(image: MedicalImage) -> MedicalImage:
    noise = np.random.default_rng(1).normal(0, image.array.std() * 0.3, image.array.shape)
    return replace(image, array=(image.array + noise).astype(np.float32))


@pytest.mark.parametrize("name", ["curvature-flow", "non-local-means"])
def test_denoising_brings_a_noisy_slice_nearer_to_the_clean_one(a_mr_slice: MedicalImage, name: str) -> None:
    before = noisy(a_mr_slice)
    after, _ = apply_filter(before, parse_filter(name, {}))
    clean = a_mr_slice.array.astype(np.float64)
    assert np.abs(after.array - clean).mean() < 0.8 * np.abs(before.array - clean).mean()


@pytest.mark.parametrize("name", [n for n in FILTERS if n != "window"])
def test_a_filter_keeps_the_grid_leaves_its_input_alone_and_repeats(a_mr_slice: MedicalImage, name: str) -> None:
    before = a_mr_slice.array.copy()
    chosen = parse_filter(name, {"iterations": "5x5"} if name == "n4" else {})
    first, step = apply_filter(a_mr_slice, chosen)
    again, repeated = apply_filter(a_mr_slice, step.filter)
    assert np.array_equal(a_mr_slice.array, before)
    assert first.shape == a_mr_slice.shape and np.array_equal(first.ijk_to_ras, a_mr_slice.ijk_to_ras)
    assert np.array_equal(first.array, again.array) and step == repeated
    assert name in first.notes[-1]


def test_standardising_is_undone_exactly(a_mr_slice: MedicalImage) -> None:
    after, step = apply_filter(a_mr_slice, parse_filter("standardise"))
    assert after.array.mean() == pytest.approx(0, abs=1e-4) and after.array.std() == pytest.approx(1, abs=1e-4)
    back = undo(after, step)
    assert np.array_equal(back.array, a_mr_slice.array) and back.array.dtype == a_mr_slice.array.dtype
    assert back.notes == a_mr_slice.notes
    with pytest.raises(InvalidInput, match="not the result"):
        undo(a_mr_slice, step)


def test_what_loses_values_cannot_be_undone(a_mr_slice: MedicalImage) -> None:
    after, step = apply_filter(a_mr_slice, Window(level=200, width=300))
    assert (after.array.min(), after.array.max()) == (0, 255)
    with pytest.raises(InvalidInput, match="loses values"):
        undo(after, step)


def test_n4_flattens_a_bias_field(a_mr_slice: MedicalImage) -> None:
    ramp = np.linspace(0.7, 1.3, a_mr_slice.shape[2])[None, None]
    phantom = np.where(np.indices(a_mr_slice.shape).sum(axis=0) % 37 < 30, 400.0, 340.0)
    phantom[:, :10] = 0
    biased = replace(a_mr_slice, array=(phantom * ramp).astype(np.float32))
    after, _ = apply_filter(biased, parse_filter("n4"))

    def slope(array: np.ndarray) -> float:
        inside = array[0, 15:, :]
        return float(abs(np.log(inside[:, -20:].mean() / inside[:, :20].mean())))

    assert slope(after.array) < 0.05 * slope(biased.array)


def test_colour_stays_colour() -> None:
    picture = MedicalImage(np.random.default_rng(0).integers(0, 255, (1, 40, 50, 3), dtype=np.uint8), np.eye(4))
    after, _ = apply_filter(picture, parse_filter("clahe", {"radius": "4"}))
    assert after.array.shape == picture.array.shape and after.array.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("sharpen", {}, "expected one of"),
        ("clahe", {"radius": "0"}, "radius"),
        ("clahe", {"size": "4"}, "alpha"),
        ("window", {}, "a preset, or level and width"),
        ("window", {"preset": "spine"}, "expected one of lung"),
        ("window", {"preset": "lung"}, "is in HU"),
        ("window", {"level": "1", "width": "-1"}, "width"),
    ],
)
def test_a_filter_that_does_not_fit_is_one_sentence(
    a_mr_slice: MedicalImage, name: str, settings: dict[str, str], said: str
) -> None:
    image = replace(a_mr_slice, modality="mri")
    with pytest.raises(InvalidInput, match=said):
        apply_filter(image, parse_filter(name, settings))


def test_steps_come_one_after_the_other(a_mr_slice: MedicalImage) -> None:
    after, steps = apply_steps(a_mr_slice, [parse_filter("clahe", {"radius": "3"}), parse_filter("standardise")])
    assert steps[0].after == steps[1].before and len(after.notes) == len(a_mr_slice.notes) + 2


def test_the_command_writes_the_image_and_its_record(tmp_path, an_oblique_image, capsys) -> None:
    from MedPromptLib.images_writing import write_volume

    source = write_volume(an_oblique_image, tmp_path / "in.nrrd")
    assert np.array_equal(read_image(source).array, an_oblique_image.array)
    assert read_image(source).ijk_to_ras == pytest.approx(an_oblique_image.ijk_to_ras)
    out = tmp_path / "out.nrrd"
    assert main(["filter", str(source), "--apply", "curvature-flow:iterations=2", "--out", str(out)]) == 0
    record = json.loads((tmp_path / "out.nrrd.json").read_text())
    assert record["steps"][0]["filter"]["iterations"] == 2
    assert read_image(out).ijk_to_ras == pytest.approx(an_oblique_image.ijk_to_ras)
    assert main(["filter", str(source), "--apply", "clahe:radius", "--out", str(out)]) == 2
    assert "NAME:SETTING=VALUE" in capsys.readouterr().err
    assert main(["filter", str(source), "--apply", "clahe", "--out", str(tmp_path / "x.png")]) == 2
