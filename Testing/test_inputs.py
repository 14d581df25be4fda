"""One slice of a volume, and several volumes on one grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from MedPromptLib.errors import InvalidInput
from MedPromptLib.images import MedicalImage
from MedPromptLib.inputs import back_into_volume, on_one_grid, one_slice, slice_index
from MedPromptLib.results import Run, Segmentation


def a_view_of(image: MedicalImage, k: float, *, beside: tuple[float, float] = (3.0, -2.0)) -> npt.NDArray[np.float64]:
    """A slice view parallel to an image's slices, its point beside the slice's centre."""
    view = image.ijk_to_ras / np.linalg.norm(image.ijk_to_ras, axis=0).clip(1e-9)
    view[3] = 0, 0, 0, 1
    # A right-handed view even of a mirrored image, as Slicer's are.
    if np.linalg.det(view[:3, :3]) < 0:
        view[:3, 2] *= -1
    view[:3, 3] = (image.ijk_to_ras @ (*beside, k, 1))[:3]
    return view


def test_a_view_shows_the_nearest_slice_of_an_oblique_mirrored_volume(an_oblique_image: MedicalImage) -> None:
    for k in range(an_oblique_image.shape[0]):
        for off in (-0.4, 0.0, 0.4):
            assert slice_index(an_oblique_image, a_view_of(an_oblique_image, k + off)) == k


def test_a_view_beside_or_across_the_volume_is_refused(an_oblique_image: MedicalImage) -> None:
    for k in (-1.0, 5.0):
        with pytest.raises(InvalidInput, match="shows no slice of 'oblique ct'"):
            slice_index(an_oblique_image, a_view_of(an_oblique_image, k))
    across = a_view_of(an_oblique_image, 2)[:, [1, 2, 0, 3]]
    with pytest.raises(InvalidInput, match="cuts across"):
        slice_index(an_oblique_image, across)


def test_a_flat_image_has_one_slice_whatever_the_view_shows(a_radiograph: MedicalImage) -> None:
    assert slice_index(a_radiograph, np.eye(4)) == 0


def test_a_slice_lies_where_it_lay(an_oblique_image: MedicalImage) -> None:
    part = one_slice(an_oblique_image, 3)
    assert np.array_equal(part.array[0], an_oblique_image.array[3])
    index = np.array([4, 7, 0, 1])
    assert np.allclose(part.ijk_to_ras @ index, an_oblique_image.ijk_to_ras @ (4, 7, 3, 1))
    assert part.notes[-1] == "Only slice 4 of 5 was analysed."


def test_results_of_a_slice_return_to_the_volume(a_run: Run, an_oblique_image: MedicalImage) -> None:
    part = one_slice(an_oblique_image, 2)
    whole = a_run.segmentations[0]
    small = Segmentation(1, "w", whole.weight_sha256, whole.labels[2:3], whole.structures, {})
    run = Run(part, (small,), a_run.classifications, a_run.provenance)
    back = back_into_volume(run, an_oblique_image, 2)
    labels = back.segmentations[0].labels
    assert labels.shape == an_oblique_image.shape
    assert np.array_equal(labels[2], whole.labels[2])
    assert not labels[[0, 1, 3, 4]].any()
    assert back.image is an_oblique_image


def test_sequences_come_to_the_first_ones_grid(an_oblique_image: MedicalImage) -> None:
    """A field that is linear in world coordinates is the same on every grid."""

    def field(image: MedicalImage) -> npt.NDArray[np.float32]:
        k, j, i = np.indices(image.shape)
        points = np.stack([i, j, k, np.ones_like(i)], -1) @ image.ijk_to_ras.T
        return (points[..., 0] + 2 * points[..., 1] - points[..., 2]).astype(np.float32)

    turned = np.diag([1.3, 0.9, 2.0, 1.0])
    centre = an_oblique_image.ijk_to_ras @ (6.5, 5, 2, 1)
    turned[:3, 3] = centre[:3] - turned[:3, :3] @ (30, 30, 15)
    other = MedicalImage(np.zeros((30, 60, 60), np.float32), turned, "other")
    other = MedicalImage(field(other), turned, "other")
    first, moved = on_one_grid([an_oblique_image, other])
    assert first is an_oblique_image
    assert moved.shape == first.shape
    assert np.allclose(moved.array, field(first), atol=1e-2)
    assert "resampled to the grid of 'oblique ct'" in moved.notes[-1]


def test_sequences_that_cannot_be_put_together_say_why(an_oblique_image: MedicalImage) -> None:
    far = np.eye(4)
    far[:3, 3] = 9000
    with pytest.raises(InvalidInput, match="does not overlap"):
        on_one_grid([an_oblique_image, MedicalImage(np.zeros((3, 3, 3)), far, "far")])
    with pytest.raises(InvalidInput, match="'photo' is in colour"):
        on_one_grid([an_oblique_image, MedicalImage(np.zeros((1, 4, 4, 3), np.uint8), np.eye(4), "photo")])
    with pytest.raises(InvalidInput, match="There is no image"):
        on_one_grid([])
