"""The alignment's recipe: which sets, what their labels mean, and the schedule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...errors import InvalidInput
from ..config import Augmentation, read_toml


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AlignedSet(_Strict):
    """One data set.

    Attributes:
        folder: below the data root.
        modality: as the knowledge bank names it.
        labels: what the set's labels are called in the bank, where that differs.
        subject: of every image, for a set without labels.
        empty: subject of images whose mask is empty, for a set whose masks say what is seen.
        structures: of volumes: the subjects of labels 1, 2, …
        modalities: of volumes: the column `modality` → modality.
        channels: 1 or 3. weight: how often the set is drawn, against the others.
        augmentation: of its images.
    """

    folder: str
    modality: str = ""
    labels: dict[str, str] = {}
    subject: str = ""
    empty: str = ""
    structures: tuple[str, ...] = ()
    modalities: dict[str, str] = {}
    channels: Literal[1, 3] = 1
    weight: float = 1.0
    augmentation: Augmentation = Augmentation()


class AlignmentSchedule(_Strict):
    """Optimisation.

    Attributes:
        steps: of the optimiser; the first twentieth warms up, then cosine to zero.
        size: rows and columns. small_size: the same for the first `small_share` of the steps.
        sets: different sets in a batch, with `each` images of each.
        encoder_factor: the pretrained encoder's share of the learning rate.
        ema: decay per step of the averaged parameters that are kept.
        slices: of a volume, at most, that take part.
    """

    steps: Annotated[int, Field(ge=1)]
    size: Annotated[int, Field(ge=32, multiple_of=32)] = 160
    small_size: Annotated[int, Field(ge=32, multiple_of=32)] = 128
    small_share: Annotated[float, Field(ge=0, le=1)] = 0.7
    sets: Annotated[int, Field(ge=1)] = 4
    each: Annotated[int, Field(ge=2)] = 12
    learning_rate: float = 1e-3
    encoder_factor: float = 0.3
    weight_decay: float = 0.05
    ema: float = 0.995
    features: Annotated[int, Field(ge=8)] = 256
    slices: Annotated[int, Field(ge=1)] = 8
    seed: int = 1


class AlignmentRecipe(_Strict):
    """All of it."""

    id: str
    title: str
    licence: str
    limitations: tuple[str, ...]
    schedule: AlignmentSchedule
    sets: tuple[AlignedSet, ...]


def without_sets(recipe: AlignmentRecipe, left_out: Sequence[str], name: str) -> AlignmentRecipe:
    """The recipe without some of its sets, under another id; for measuring what a model does with unseen ones.

    Raises:
        InvalidInput: the recipe has no such set, or nothing would be left.
    """
    unknown = sorted(set(left_out) - {source.folder for source in recipe.sets})
    kept = tuple(source for source in recipe.sets if source.folder not in left_out)
    if unknown or not kept:
        raise InvalidInput(
            f"The recipe {recipe.id} has the sets {', '.join(s.folder for s in recipe.sets)}; expected to leave out "
            f"some of these, not {', '.join(unknown) or 'all'}."
        )
    return recipe.model_copy(update={"sets": kept, "id": name})


def read_alignment_recipe(path: Path) -> tuple[AlignmentRecipe, str]:
    """The recipe in a TOML file and the file's SHA-256.

    Raises:
        InvalidInput: no such file, not TOML, or an unknown, missing or unfit field.
    """
    return read_toml(path, AlignmentRecipe, "alignment recipe")
