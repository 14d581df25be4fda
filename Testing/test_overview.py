"""The picture of a run is readable: everything is there, nothing overlaps, and it is written whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from MedPromptLib import overview
from MedPromptLib.errors import OutputFailed
from MedPromptLib.overview import overview_picture
from MedPromptLib.plan import Omission
from MedPromptLib.results import Run, TaskRecord


def texts_of(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_the_picture_of_the_radiograph_shows_image_overlay_and_numbers(tmp_path: Path, a_radiograph_run: Run) -> None:
    path = overview_picture(a_radiograph_run, tmp_path / "pictures" / "radiograph.png")
    assert path.is_absolute()
    assert [p.name for p in path.parent.iterdir()] == ["radiograph.png"]
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert 1000 < picture.width < 1600
        assert 900 < picture.height < 1600
        colors = np.asarray(picture.convert("RGB")).astype(int)
    # The right lung's blue lies on the picture's right half only (the result), left of the left lung's orange.
    blue = (colors[..., 2] - colors[..., 0] > 60).nonzero()[1]
    orange = ((colors[..., 0] - colors[..., 2] > 60) & (colors[..., 1] - colors[..., 2] > 30)).nonzero()[1]
    assert np.median(blue) > colors.shape[1] / 2
    assert np.median(orange) > np.median(blue) + 100


def test_everything_a_reader_needs_is_written(a_radiograph_run: Run) -> None:
    written = texts_of(overview._figure(a_radiograph_run))
    told = "\n".join(written)
    assert written[0] == "Outline both lungs and the heart on this radiograph."
    for words in (
        "pixel spacing unknown",
        "right lung",
        "heart (nothing found)",
        "96.2 %",
        "81.0 %",
        " pixels",
        "lungs_cxr",
        "Task 3 (segmentation of tuberculosis lesions) skipped: Task 2 did not find what task 3 waits for.",
        "MONOCHROME1 was inverted",
        "Model output for research use only; not for diagnosis.",
    ):
        assert words in told
    assert "mm²" not in told
    assert "cm²" not in told


def test_a_volume_shows_its_fullest_slice_and_millilitres(a_run: Run) -> None:
    labels = np.zeros_like(a_run.segmentations[0].labels)
    labels[3, 2:6, 2:6], labels[1, 2, 2] = 1, 2
    run = replace(a_run, segmentations=(replace(a_run.segmentations[0], labels=labels),))
    told = "\n".join(texts_of(overview._figure(run)))
    assert "slice 4 of 5" in told
    assert "left lung (not in this slice)" in told
    assert " ml" in told
    nothing = replace(a_run, segmentations=())
    assert "slice 3 of 5" in "\n".join(texts_of(overview._figure(nothing)))


def test_a_formula_sign_in_the_prompt_is_only_a_sign(a_run: Run) -> None:
    provenance = a_run.provenance.model_copy(update={"prompt": "segment $x^2$ and \\frac{1}{0}"})
    figure = overview._figure(replace(a_run, provenance=provenance))
    figure.canvas.draw()


@pytest.mark.parametrize("count", range(1, 9))
def test_no_text_overlaps_another_or_leaves_the_picture(a_radiograph_run: Run, count: int) -> None:
    finding = a_radiograph_run.provenance.findings[0]
    wordy = finding.model_copy(
        update={
            "structure": "upper lobe of the right lung including the oblique fissure",
            "probability": 1.0,
            "weight_id": "lungs_and_lobes_on_chest_xray_v2",
        }
    )
    asked = a_radiograph_run.provenance.findings[-1].model_copy(
        update={"target": "pneumonia versus tuberculosis versus COVID-19", "result": "bacterial pneumonia, probable"}
    )
    failed = TaskRecord(task_id=2, state="failed", reason="The weight file differs from the SHA-256 on its card; " * 8)
    provenance = a_radiograph_run.provenance
    provenance = provenance.model_copy(
        update={
            "prompt": "Outline both lungs, and only if there is a sign of tuberculosis also its lesions. " * count,
            "findings": (wordy, asked, finding, *(wordy, asked, finding, wordy, asked))[:count],
            "tasks": (*provenance.tasks, failed),
            "plan": provenance.plan.model_copy(
                update={"omissions": (Omission(text="the spine", reason="No weight."),)}
            ),
        }
    )
    small = replace(a_radiograph_run.image, array=a_radiograph_run.image.array[:, ::8, ::8])
    masks = replace(a_radiograph_run.segmentations[0], labels=a_radiograph_run.segmentations[0].labels[:, ::8, ::8])
    figure = overview._figure(replace(a_radiograph_run, image=small, segmentations=(masks,), provenance=provenance))
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.texts]
    width, height = figure.canvas.get_width_height()
    images = [axes.get_window_extent() for axes in figure.axes]
    for n, box in enumerate(boxes):
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0, figure.texts[n]
        for m in range(n + 1, len(boxes)):
            assert not overlap(box, boxes[m]), (figure.texts[n], figure.texts[m])
        assert not any(overlap(box, image) for image in images), figure.texts[n]


def overlap(a: Any, b: Any) -> bool:
    """Boxes that share more than the pixel or two that anti-aliasing adds."""
    return bool(min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 2)


def test_no_probability_is_shown_as_certain(a_run: Run) -> None:
    findings = tuple(a_run.provenance.findings[-1].model_copy(update={"probability": p}) for p in (1.0, 0.0, 0.9994))
    told = texts_of(
        overview._figure(replace(a_run, provenance=a_run.provenance.model_copy(update={"findings": findings})))
    )
    assert told.count("> 99.9 %") == 2
    assert "< 0.1 %" in told
    assert "100.0 %" not in told


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, a_run: Run) -> None:
    (tmp_path / "a file").write_text("")
    (tmp_path / "taken.png").mkdir()
    for place in (tmp_path / "a file" / "x.png", tmp_path / "taken.png"):
        with pytest.raises(OutputFailed, match="could not be written"):
            overview_picture(a_run, place)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a file", "taken.png"]


def test_drawing_leaves_no_pyplot_behind_and_importing_no_matplotlib() -> None:
    script = (
        "import sys, MedPromptLib.overview as o; before = 'matplotlib' in sys.modules\n"
        "sys.path.append('Testing'); import conftest, tempfile, numpy as np\n"
        "from MedPromptLib.images import MedicalImage; from MedPromptLib.results import Segmentation\n"
        "image = MedicalImage(np.zeros((1, 9, 9), np.uint8), np.eye(4))\n"
        "nothing = Segmentation(1, 'w', conftest.SHA256, np.zeros((1, 9, 9), np.uint8), (), {})\n"
        "o.overview_picture(conftest.run_of(image, nothing, 'x'), tempfile.mkdtemp() + '/a.png')\n"
        "print(before, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("False False", "")
