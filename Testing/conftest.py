"""Fixtures that several rooms' tests share: real images, real geometry, real MRML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from MedPromptLib.catalog import Code, Structure, Terminology
from MedPromptLib.images import MedicalImage, read_image
from MedPromptLib.plan import Intent, Plan, Status, Task
from MedPromptLib.results import Classification, Finding, Provenance, Run, Segmentation, TaskRecord

ROOT = Path(__file__).resolve().parent.parent
SHA256 = "0123456789abcdef" * 4


@pytest.fixture(scope="session")
def a_radiograph_file() -> Path:
    """A chest radiograph (CR, PA, MONOCHROME1, PixelSpacing [0, 0]) from the package pydicom-data."""
    from pydicom.data import get_testdata_file

    found = get_testdata_file("RG1_UNCR.dcm", download=False)
    assert found, "the package pydicom-data is not installed: pip install pydicom-data"
    return Path(str(found))


@pytest.fixture(scope="session")
def a_radiograph(a_radiograph_file: Path) -> MedicalImage:
    """The chest radiograph, read."""
    return read_image(a_radiograph_file)


@pytest.fixture(scope="session")
def a_trained_volume_weight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folder of weights with `phantom_seg_mri`, trained for seconds on phantoms, and the folder of its data set."""
    import torch
    from volumes_for_tests import a_recipe, write_npz_set

    from MedPromptLib.catalog import TrainingRun
    from MedPromptLib.training.publish import publish
    from MedPromptLib.training.volume_training import VolumeTraining

    root = tmp_path_factory.mktemp("volumes")
    write_npz_set(root / "data" / "phantoms", {"train": 6, "val": 2, "test": 3})
    recipe = a_recipe("phantoms")
    training = VolumeTraining(recipe, root / "data", root / "work", torch.device("cpu"), report=lambda line: None)
    state = training.run()
    made = {"command": "medprompt train", "config_sha256": "", "training": TrainingRun(seconds=training.seconds)}
    publish(recipe, state, training.cases["val"], root / "weights", **made)
    return root / "weights", root / "data"


@pytest.fixture
def a_slicer_scene() -> Iterator[object]:
    """An empty MRML scene with the application's logics, outside 3D Slicer."""
    from MedPromptLib.scene import headless_scene

    with headless_scene() as opened:
        yield opened.scene


@pytest.fixture
def an_oblique_flipped_matrix() -> npt.NDArray[np.float64]:
    """(4, 4) IJK to RAS: turned by 20° and 35°, spacing 0.7 × 1.1 × 3.2 mm, mirrored (negative determinant)."""
    a, b = np.deg2rad(20), np.deg2rad(35)
    around_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    around_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    matrix = np.eye(4)
    matrix[:3, :3] = around_z @ around_x @ np.diag([-0.7, 1.1, 3.2])
    matrix[:3, 3] = 31.5, -72.25, 140.125
    assert np.linalg.det(matrix[:3, :3]) < 0
    return matrix


@pytest.fixture
def an_oblique_image(an_oblique_flipped_matrix: npt.NDArray[np.float64]) -> MedicalImage:
    """A volume of 5 × 11 × 14 distinct int16 values on the oblique, mirrored, anisotropic grid."""
    values = np.arange(5 * 11 * 14, dtype=np.int16).reshape(5, 11, 14) - 300
    return MedicalImage(values, an_oblique_flipped_matrix, name="oblique ct", modality="ct", sha256=SHA256)


@pytest.fixture(scope="session")
def three_structures() -> tuple[Structure, ...]:
    """Right and left lung and heart, with SNOMED CT codes."""
    anatomy = Code(scheme="SCT", value="123037004", meaning="Anatomical Structure")
    lung = Code(scheme="SCT", value="39607008", meaning="Lung")
    right = Code(scheme="SCT", value="24028007", meaning="Right")
    left = Code(scheme="SCT", value="7771000", meaning="Left")
    heart = Code(scheme="SCT", value="80891009", meaning="Heart")
    return (
        Structure(
            name="right lung",
            label=1,
            terminology=Terminology(category=anatomy, type=lung, modifier=right),
            color=(0.2, 0.7, 0.9),
        ),
        Structure(
            name="left lung",
            label=2,
            terminology=Terminology(category=anatomy, type=lung, modifier=left),
            color=(0.9, 0.6, 0.1),
        ),
        Structure(name="heart", label=3, terminology=Terminology(category=anatomy, type=heart), color=(0.8, 0.2, 0.3)),
    )


@pytest.fixture
def a_segmentation(an_oblique_image: MedicalImage, three_structures: tuple[Structure, ...]) -> Segmentation:
    """Two irregular structures on the oblique grid that touch its border and each other, and an empty one (heart)."""
    k, j, i = np.indices(an_oblique_image.shape)
    labels = np.zeros(an_oblique_image.shape, np.uint8)
    labels[(j + 2 * i + k < 14)] = 1
    labels[(j + i > 15) & ((i + k) % 3 > 0)] = 2
    return Segmentation(1, "lungs_ct", SHA256, labels, three_structures, {"right lung": 0.93, "left lung": 0.88})


@pytest.fixture
def a_run(an_oblique_image: MedicalImage, a_segmentation: Segmentation) -> Run:
    """A run with one segmentation of three structures, one classification and one skipped task."""
    return run_of(
        an_oblique_image, a_segmentation, "segment the lungs and the heart, then look for tuberculosis ≥ 50 %"
    )


def run_of(image: MedicalImage, segmentation: Segmentation, prompt: str) -> Run:
    """A run as the executor would make it from one segmentation and one classification of an image."""
    classification = Classification(
        2, "tb_cxr", SHA256, "tuberculosis", {"normal": 0.19, "tuberculosis": 0.81}, ("tuberculosis",), threshold=0.35
    )
    grey = image.array if not image.is_color else image.array.mean(axis=-1)
    voxel = float(np.prod(image.spacing))
    findings = []
    for structure in segmentation.structures:
        inside = segmentation.labels == structure.label
        count = int(inside.sum())
        volume = image.shape[0] > 1
        findings.append(
            Finding(
                task_id=1,
                kind="segmentation",
                target="lungs",
                structure=structure.name,
                probability=segmentation.confidence.get(structure.name),
                area_mm2=count * image.spacing[1] * image.spacing[2] if image.spacing_known and not volume else None,
                volume_ml=count * voxel / 1000 if image.spacing_known and volume else None,
                pixels=count,
                mean_intensity=float(grey[inside].mean()) if count else None,
                weight_id=segmentation.weight_id,
                weight_sha256=segmentation.weight_sha256,
            )
        )
    findings.append(
        Finding(
            task_id=2,
            kind="classification",
            target="tuberculosis",
            result=classification.label,
            probability=classification.probabilities[classification.label],
            finding_probability=classification.finding_probability,
            threshold=classification.threshold,
            weight_id="tb_cxr",
            weight_sha256=SHA256,
        )
    )
    tasks = tuple(
        Task(id=n, intent=intent, target=target)
        for n, intent, target in (
            (1, Intent.SEGMENTATION, "lungs"),
            (2, Intent.CLASSIFICATION, "tuberculosis"),
            (3, Intent.SEGMENTATION, "tuberculosis lesions"),
        )
    )
    provenance = Provenance(
        prompt=prompt,
        plan=Plan(prompt=prompt, status=Status.OK, pipeline=tasks),
        input_name=image.name,
        input_sha256=image.sha256,
        input_notes=image.notes,
        tasks=(
            TaskRecord(
                task_id=1, state="done", weight_id=segmentation.weight_id, score=0.98, device="cpu", seconds=0.4
            ),
            TaskRecord(task_id=2, state="done", weight_id="tb_cxr", score=0.91, device="cpu", seconds=0.1),
            TaskRecord(task_id=3, state="skipped", reason="Task 2 did not find what task 3 waits for."),
        ),
        findings=tuple(findings),
        weights={segmentation.weight_id: SHA256, "tb_cxr": SHA256},
        versions={"medprompt": "0.1.0"},
        device="cpu",
        started="2026-11-22T13:00:00+00:00",
        seconds=0.5,
    )
    return Run(image, (segmentation,), (classification,), provenance)


@pytest.fixture(scope="session")
def a_radiograph_run(a_radiograph: MedicalImage, three_structures: tuple[Structure, ...]) -> Run:
    """A run on the chest radiograph with two ellipses where the lungs are and an empty third structure."""
    _, rows, columns = a_radiograph.shape
    j, i = np.indices((rows, columns))
    labels = np.zeros(a_radiograph.shape, np.uint8)
    for label, center in ((1, 0.28), (2, 0.70)):
        ellipse = ((j / rows - 0.47) / 0.33) ** 2 + ((i / columns - center) / 0.16) ** 2 < 1
        labels[0][ellipse] = label
    segmentation = Segmentation(
        1, "lungs_cxr", SHA256, labels, three_structures, {"right lung": 0.962, "left lung": 0.951}
    )
    return run_of(a_radiograph, segmentation, "Outline both lungs and the heart on this radiograph.")
