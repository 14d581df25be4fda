"""A head of which any MR sequence can be taken on any grid, and weights that need several to see its tumour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from weights_for_tests import a_card

from MedPromptLib.agreements import agreed_programs
from MedPromptLib.catalog import (
    Code,
    Network,
    Preprocessing,
    Structure,
    Terminology,
    WeightCard,
    describe_file,
    write_card,
)
from MedPromptLib.images import MedicalImage

Matrix = npt.NDArray[np.float64]
TUMOR_CENTER, TUMOR_RADIUS = (28.0, 12.0, 18.0), 16.0
"""RAS, in mm."""
# Air, scalp, bone, grey matter, white matter, fluid, tumour.
VALUES = {
    "t1": (0, 210, 15, 75, 105, 25, 60),
    "flair": (0, 120, 15, 115, 90, 15, 190),
    "t1ce": (0, 210, 15, 80, 108, 25, 165),
    "t2": (0, 120, 15, 100, 75, 220, 180),
}
GRIDS: dict[str, tuple[tuple[int, int, int], Matrix]] = {}


def _grid(shape: tuple[int, int, int], steps: Matrix) -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = steps
    matrix[:3, 3] = -steps @ (np.array(shape[::-1]) - 1) / 2
    GRIDS[f"grid {len(GRIDS)}"] = shape, matrix


def turned(axis: int, degrees: float, shift: tuple[float, float, float] = (0, 0, 0)) -> Matrix:
    """(4, 4): a turn about an axis of the world, then a shift in mm."""
    from MedPromptLib.training.sequence_bench import rigid

    return rigid(axis, degrees, np.array(shift), np.zeros(3))


_grid((40, 60, 52), turned(0, 12)[:3, :3] @ np.diag([3.4, 3.6, 4.5]))  # oblique, in RAS
_grid((34, 64, 64), np.diag([-3.2, -3.4, 5.0]))  # axial, in LPS
_SAGITTAL = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
_grid((50, 44, 62), turned(2, 7)[:3, :3] @ _SAGITTAL @ np.diag([3.6, 4.2, 3.7]))


def _places(shape: tuple[int, int, int], ijk_to_ras: Matrix, motion: Matrix | None) -> tuple[Matrix, Matrix, Matrix]:
    """x, y, z of each voxel (k, j, i) in the head that has been moved by `motion`, in RAS and mm."""
    k, j, i = np.indices(shape)
    back = np.linalg.inv(motion if motion is not None else np.eye(4)) @ ijk_to_ras
    world = np.stack([i, j, k, np.ones(shape)], -1) @ back.T
    return world[..., 0], world[..., 1], world[..., 2]


def tissue(shape: tuple[int, int, int], ijk_to_ras: Matrix, motion: Matrix | None = None) -> npt.NDArray[np.intp]:
    """(k, j, i): index into `VALUES` of each voxel's tissue."""
    x, y, z = _places(shape, ijk_to_ras, motion)
    head = np.sqrt((x / 72) ** 2 + (y / 90) ** 2 + ((z + 3) / 78) ** 2)
    folds = np.sin(x / 6) * np.sin(y / 7) * np.sin(z / 6)
    found = np.zeros(shape, np.intp)
    for number, radius in ((1, 1.0), (2, 0.93), (3, 0.87)):
        found[head < radius] = number
    found[head + 0.3 * folds < 0.62] = 4
    found[(folds > 0.42) & (head > 0.55) & (head < 0.87)] = 5
    for side in (-1, 1):
        found[((x - side * 11) / 7) ** 2 + ((y + 6) / 30) ** 2 + ((z - 4) / 11) ** 2 < 1] = 5
    found[((x + 20) / 10) ** 2 + ((y - 50) / 9) ** 2 + ((z + 15) / 12) ** 2 < 1] = 5
    center, radius = TUMOR_CENTER, TUMOR_RADIUS
    found[(x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2 < radius**2] = 6
    return found


def a_head(
    sequence: str, grid: int = 1, motion: Matrix | None = None, name: str = "", scale: float = 7.3
) -> MedicalImage:
    """One sequence of the head, as int16 with the scanner's own scale."""
    shape, matrix = GRIDS[f"grid {grid}"]
    x, y, z = _places(shape, matrix, motion)
    values = np.array(VALUES[sequence], float)[tissue(shape, matrix, motion)]
    values *= 1 + 0.15 * np.sin(x / 31 + 1) + 0.1 * np.sin(y / 27) + 0.1 * np.sin(z / 23) * np.cos(x / 9)
    noise = np.random.default_rng(len(sequence) + grid).normal(0, 6, shape)
    array = (scale * (values + noise)).clip(0).astype(np.int16)
    return MedicalImage(array, matrix, name or sequence)


def the_tumor(image: MedicalImage) -> npt.NDArray[np.bool_]:
    """Where it is on an image's grid."""
    return tissue(image.shape, image.ijk_to_ras) == 6


class BrightAndEnhancing(nn.Module):
    """Outlines what is bright on the second of three sequences and brighter on the third than on the first."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tumor = torch.minimum(x[:, 1:2] - 0.75, x[:, 2:3] - x[:, 0:1] - 0.3)
        return torch.cat([-40 * tumor, 40 * tumor], 1)


class AnySubset(nn.Module):
    """Outlines what is bright on any of FLAIR (second) and contrast-enhanced T1 (third); a missing one is 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tumor = torch.where(x[:, 1:2].amax() > 0, x[:, 1:2] - 0.78, x[:, 2:3] - 0.9)
        return torch.cat([-40 * tumor, 40 * tumor], 1)


class RightAndInFront(nn.Module):
    """Outlines the first half of the rows and columns, which is the patient's right and front on slices in LPS."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(x.shape[2]).view(1, 1, -1, 1) < x.shape[2] // 2
        columns = torch.arange(x.shape[3]).view(1, 1, 1, -1) < x.shape[3] // 2
        inside = (rows & columns).to(x.dtype).expand(x.shape[0], 1, -1, -1)
        return torch.cat([-inside, 4 * inside - 2], 1)


def write_tumor_weight(root: Path, *, any_subset: bool = False, program: nn.Module | None = None) -> WeightCard:
    """`brain_tumor_seg_mri` on T1, FLAIR and contrast-enhanced T1; its program is agreed to."""
    program = program or (AnySubset() if any_subset else BrightAndEnhancing())
    recipe = {"size": (64, 64), "channels": 3, "sequences": ("t1", "flair", "t1ce"), "intensity": "uint8"}
    recipe |= {"volumes": "slices", "orientation": "LPS", "mean": (0.0,) * 3, "std": (1.0,) * 3}
    category = Code(scheme="SCT", value="49755003", meaning="Morphologically Altered Structure")
    term = Terminology(category=category, type=Code(scheme="SCT", value="108369006", meaning="Neoplasm"))
    card = a_card(
        "brain_tumor_seg_mri",
        target="brain tumor",
        modality="mri",
        synonyms=("brain tumour", "glioma outline"),
        structures=(Structure(name="brain tumor", label=1, terminology=term, color=(0.6, 0.9, 0.6)),),
        network=Network(name="torchscript"),
        preprocessing=Preprocessing(**recipe, missing="zero" if any_subset else "refuse"),
    )
    folder = root / card.id
    folder.mkdir(parents=True)
    torch.jit.script(program).save(folder / "model.ts")
    card = card.model_copy(update={"file": describe_file(folder / "model.ts", "float32")})
    write_card(folder, card)
    agreed_programs().give(card.file.sha256)
    return card
