"""The filters with their parameters, as data: what a plan asks for and a record says was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer
from pydantic.functional_serializers import SerializerFunctionWrapHandler


class Strict(BaseModel):
    """Knows its fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CurvatureFlow(Strict):
    """Denoising that smooths along edges (Sethian 1996; ITK CurvatureFlow).

    Attributes:
        time_step: at most 0.125 for a picture and 0.0625 for a volume, or the result is unstable.
    """

    name: Literal["curvature-flow"] = "curvature-flow"
    iterations: Annotated[int, Field(ge=1, le=200)] = 5
    time_step: Annotated[float, Field(gt=0, le=0.125)] = 0.0625


class NonLocalMeans(Strict):
    """Denoising by averaging similar patches (Buades et al. 2005; ITK PatchBasedDenoising with Gaussian noise).

    The width of its kernel is estimated from the image; with a fixed one, iterations move away from the clean image.

    Attributes:
        iterations: of the solver. patch_radius: in voxels. samples: patches compared per voxel.
    """

    name: Literal["non-local-means"] = "non-local-means"
    iterations: Annotated[int, Field(ge=1, le=10)] = 4
    patch_radius: Annotated[int, Field(ge=1, le=8)] = 2
    samples: Annotated[int, Field(ge=10, le=1000)] = 200


class Clahe(Strict):
    """Local contrast: limited adaptive histogram equalisation (ITK AdaptiveHistogramEqualization, Stark 2000).

    Attributes:
        alpha: 0 is full equalisation, 1 unsharp masking. beta: 1 keeps the image. radius: of the neighbourhood, voxels.
    """

    name: Literal["clahe"] = "clahe"
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.3
    beta: Annotated[float, Field(ge=0, le=1)] = 0.3
    radius: Annotated[int, Field(ge=1, le=64)] = 12


class Window(Strict):
    """Clips to a window and maps it to 0 … 255.

    Attributes:
        preset: a CT window of `WINDOWS`, or None with level and width.
    """

    name: Literal["window"] = "window"
    preset: str | None = None
    level: float | None = None
    width: Annotated[float, Field(gt=0)] | None = None


class BiasField(Strict):
    """Corrects slow brightness changes of MR images (N4, Tustison et al. 2010) inside Otsu's foreground.

    Attributes:
        shrink: the field is estimated on a grid that many times coarser, but not below 32 points.
        iterations: at each of the fitting levels.
    """

    name: Literal["n4"] = "n4"
    shrink: Annotated[int, Field(ge=1, le=8)] = 4
    iterations: tuple[int, ...] = (50, 50, 30)


class Standardise(Strict):
    """Subtracts the mean and divides by the standard deviation of the whole image."""

    name: Literal["standardise"] = "standardise"


Filter = Annotated[
    CurvatureFlow | NonLocalMeans | Clahe | Window | BiasField | Standardise, Field(discriminator="name")
]
FILTERS: Mapping[str, type[Strict]] = {
    "curvature-flow": CurvatureFlow,
    "non-local-means": NonLocalMeans,
    "clahe": Clahe,
    "window": Window,
    "n4": BiasField,
    "standardise": Standardise,
}


class FilterStep(Strict):
    """One filter that was applied: enough to repeat it, and to undo it where that is possible.

    Attributes:
        inverse: numbers that `undo` needs; empty where values were lost for good.
        invertible: whether `undo` gives the input back, up to rounding.
        before, after: SHA-256 of the voxels.
        dtype: of the input.
    """

    filter: Filter
    inverse: dict[str, float] = {}
    invertible: bool = False
    before: str
    after: str
    dtype: str


class OmitsNoFilters(BaseModel):
    """Writes the field `preprocessing` only where there are filters.

    What has none looks as it did before there were any: an archive knows a run by the hash of its record.
    """

    @model_serializer(mode="wrap")
    def _omit(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        if not written.get("preprocessing", True):
            del written["preprocessing"]
        return written
