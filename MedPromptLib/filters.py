"""Denoising, contrast, bias field and standardisation: an image in, a new image on the same grid out.

Every filter is one function of parameters that are written down in `filter_steps.FilterStep`, so that `apply_steps`
repeats what was done; `undo` inverts those that lose nothing. The filters themselves are SimpleITK's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from .errors import InvalidInput
from .filter_steps import FILTERS, BiasField, Clahe, CurvatureFlow, FilterStep, NonLocalMeans, Window
from .images import Array, MedicalImage

WINDOWS: Mapping[str, tuple[float, float]] = {
    "lung": (-600.0, 1500.0),
    "mediastinum": (50.0, 350.0),
    "bone": (400.0, 1800.0),
    "brain": (40.0, 80.0),
    "abdomen": (50.0, 400.0),
    "liver": (60.0, 160.0),
}
"""CT windows: level and width in HU, as commonly set on viewers."""


def parse_filter(name: str, settings: Mapping[str, str] | None = None) -> Any:
    """A filter from its name and settings as text.

    Raises:
        InvalidInput: no such filter or setting, or a value that does not fit.
    """
    kind = FILTERS.get(name)
    if kind is None:
        raise InvalidInput(f"There is no filter '{name}'; expected one of {', '.join(FILTERS)}.")
    values: dict[str, Any] = dict(settings or {})
    if "iterations" in values and name == "n4":
        values["iterations"] = tuple(str(values["iterations"]).split("x"))
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(n for n in kind.model_fields if n != "name") or "none"
        raise InvalidInput(
            f"The filter '{name}' does not take {where} so ({first['msg']}); it has: {known}."
        ) from error


def apply_filter(image: MedicalImage, chosen: Any) -> tuple[MedicalImage, FilterStep]:
    """A new image on the same grid, and what was done.

    Colour images are filtered channel by channel. Integer images become float32 where the filter gives fractions.

    Raises:
        InvalidInput: values that are not finite, or a filter that does not fit the image.
    """
    if not np.isfinite(image.array).all():
        raise InvalidInput(f"The image '{image.name}' has values that are not finite; it cannot be filtered.")
    run, needs = _RUN[chosen.name]
    if needs:
        needs(chosen, image)
    inverse: dict[str, float] = {}
    if chosen.name == "standardise":
        mean, deviation = float(image.array.mean(dtype=np.float64)), float(image.array.std(dtype=np.float64))
        if deviation == 0:
            raise InvalidInput(f"The image '{image.name}' has one value everywhere; it cannot be standardised.")
        inverse = {"mean": mean, "deviation": deviation}
        array: Array = ((image.array.astype(np.float64) - mean) / deviation).astype(np.float32)
    elif image.is_color:
        channels = [run(chosen, replace(image, array=np.ascontiguousarray(image.array[..., c]))) for c in range(3)]
        array = np.stack(channels, axis=-1)
    else:
        array = run(chosen, image)
    if image.is_color and image.array.dtype == np.uint8 and chosen.name != "standardise":
        array = np.clip(np.rint(array), 0, 255).astype(np.uint8)
    step = FilterStep(
        filter=chosen,
        inverse=inverse,
        invertible=bool(inverse),
        before=_digest(image.array),
        after=_digest(array),
        dtype=str(image.array.dtype),
    )
    note = f"Filtered: {chosen.model_dump_json()} (voxels {step.before[:12]} → {step.after[:12]})."
    return replace(image, array=array, notes=(*image.notes, note)), step


def apply_steps(image: MedicalImage, filters: Sequence[Any]) -> tuple[MedicalImage, tuple[FilterStep, ...]]:
    """Several filters one after the other."""
    steps = []
    for chosen in filters:
        image, step = apply_filter(image, chosen)
        steps.append(step)
    return image, tuple(steps)


def undo(image: MedicalImage, step: FilterStep) -> MedicalImage:
    """The image before a step.

    Raises:
        InvalidInput: the step lost values, or the image is not its result.
    """
    if not step.invertible:
        raise InvalidInput(
            f"The filter '{step.filter.name}' loses values and cannot be undone; use the original image."
        )
    if _digest(image.array) != step.after:
        raise InvalidInput("The image is not the result of this filter, so that it cannot be undone.")
    values = image.array.astype(np.float64) * step.inverse["deviation"] + step.inverse["mean"]
    kind = np.dtype(step.dtype)
    array = np.rint(values).astype(kind) if kind.kind in "iu" else values.astype(kind)
    return replace(image, array=array, notes=image.notes[:-1])


# ------------------------------------------------------------------------------------------------------ the filters


def _sitk(image: MedicalImage) -> Any:
    """The image for SimpleITK, as a picture if it has one slice, with its spacing."""
    import SimpleITK as sitk

    array = image.array.astype(np.float32)
    single = image.shape[0] == 1
    made = sitk.GetImageFromArray(array[0] if single else array)
    spacing = image.spacing
    made.SetSpacing(tuple(float(s) for s in (spacing[:0:-1] if single else spacing[::-1])))
    return made


def _back(result: Any, image: MedicalImage) -> Array:
    import SimpleITK as sitk

    array: npt.NDArray[np.float32] = sitk.GetArrayFromImage(result).astype(np.float32)
    return array.reshape(image.shape)


def _curvature_flow(chosen: CurvatureFlow, image: MedicalImage) -> Array:
    import SimpleITK as sitk

    return _back(sitk.CurvatureFlow(_sitk(image), chosen.time_step, chosen.iterations), image)


def _stable(chosen: CurvatureFlow, image: MedicalImage) -> None:
    if image.shape[0] > 1 and chosen.time_step > 0.0625:
        raise InvalidInput("The filter 'curvature-flow' is unstable in a volume with a time_step above 0.0625.")


def _non_local_means(chosen: NonLocalMeans, image: MedicalImage) -> Array:
    import SimpleITK as sitk

    run = sitk.PatchBasedDenoisingImageFilter()
    run.SetNumberOfIterations(chosen.iterations)
    run.SetPatchRadius(chosen.patch_radius)
    run.SetNumberOfSamplePatches(chosen.samples)
    run.SetNoiseModel(run.GAUSSIAN)
    run.SetNoiseModelFidelityWeight(0.0)
    run.KernelBandwidthEstimationOn()
    # Its random patches repeat only on one thread.
    run.SetNumberOfWorkUnits(1)
    return _back(run.Execute(_sitk(image)), image)


def _clahe(chosen: Clahe, image: MedicalImage) -> Array:
    import SimpleITK as sitk

    run = sitk.AdaptiveHistogramEqualizationImageFilter()
    run.SetAlpha(chosen.alpha)
    run.SetBeta(chosen.beta)
    run.SetRadius(chosen.radius)
    return _back(run.Execute(_sitk(image)), image)


def _window(chosen: Window, image: MedicalImage) -> Array:
    import SimpleITK as sitk

    level, width = WINDOWS[chosen.preset] if chosen.preset else (chosen.level, chosen.width)
    assert level is not None
    assert width is not None
    low, high = level - width / 2, level + width / 2
    return _back(sitk.IntensityWindowing(_sitk(image), low, high, 0.0, 255.0), image)


def _window_is_whole(chosen: Window, image: MedicalImage) -> None:
    if chosen.preset is not None and chosen.preset not in WINDOWS:
        raise InvalidInput(f"There is no window '{chosen.preset}'; expected one of {', '.join(WINDOWS)}.")
    if (chosen.preset is None) == (chosen.level is None or chosen.width is None):
        raise InvalidInput("The filter 'window' needs a preset, or level and width.")
    if chosen.preset is not None and (chosen.level is not None or chosen.width is not None):
        raise InvalidInput("The filter 'window' takes a preset, or level and width, not both.")
    if chosen.preset is not None and "ct" not in (image.modality or "ct").lower().split():
        raise InvalidInput(
            f"The window '{chosen.preset}' is in HU, but '{image.name}' is {image.modality}; give level and width."
        )


def _bias_field(chosen: BiasField, image: MedicalImage) -> Array:
    import SimpleITK as sitk

    whole = _sitk(image)
    # N4 works on logarithms: values are lifted above zero and set back afterwards.
    lift = 1.0 - float(image.array.min())
    whole = whole + lift
    # A small image is not made so coarse that the field's slope is lost in it.
    shrink = [min(chosen.shrink, max(1, size // 32)) for size in whole.GetSize()]
    small = sitk.Shrink(whole, shrink)
    run = sitk.N4BiasFieldCorrectionImageFilter()
    run.SetMaximumNumberOfIterations(list(chosen.iterations))
    run.Execute(small, sitk.OtsuThreshold(small, 0, 1))
    field = run.GetLogBiasFieldAsImage(whole)
    return _back(whole / sitk.Exp(field) - lift, image)


def _has_no_colour(_: BiasField, image: MedicalImage) -> None:
    if image.is_color:
        raise InvalidInput("The filter 'n4' is for MR images; a colour image has no bias field.")
    if min(n for n in image.shape if n > 1) < 16:
        raise InvalidInput("The filter 'n4' needs at least 16 voxels along each side.")


def _digest(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


_RUN: Mapping[str, tuple[Callable[[Any, MedicalImage], Array], Callable[[Any, MedicalImage], None] | None]] = {
    "curvature-flow": (_curvature_flow, _stable),
    "non-local-means": (_non_local_means, None),
    "clahe": (_clahe, None),
    "window": (_window, _window_is_whole),
    "n4": (_bias_field, _has_no_colour),
    "standardise": (lambda _, image: image.array, None),
}
