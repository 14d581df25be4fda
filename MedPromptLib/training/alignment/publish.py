"""From aligned parameters to a folder of the vision-language model."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

from torch import Tensor

from ...catalog import FILE_NAME, sha256_of
from ...inference.storage import save_state
from ...inference.vision_language import DESCRIPTION_NAME, OwnModel
from ...knowledge.minilm import MODEL_SHA256
from ..origin import code_version
from .recipe import AlignmentRecipe
from .train import MEAN, STD


def publish_aligned(
    recipe: AlignmentRecipe,
    state: dict[str, Tensor],
    out: Path,
    *,
    images: int,
    seconds: float,
    digest: str,
    command: str,
) -> OwnModel:
    """Write `out/<id>/`, complete or not at all, with int8 parameters."""
    draft = out / f".{recipe.id}.part"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    save_state(state, draft / FILE_NAME, "int8")
    about = OwnModel(
        id=recipe.id,
        title=recipe.title,
        licence=recipe.licence,
        limitations=recipe.limitations,
        features=recipe.schedule.features,
        size=recipe.schedule.size,
        mean=MEAN,
        std=STD,
        text_model_sha256=MODEL_SHA256,
        sha256=sha256_of(draft / FILE_NAME),
        bytes=(draft / FILE_NAME).stat().st_size,
        data=tuple(source.folder for source in recipe.sets),
        images=images,
        steps=recipe.schedule.steps,
        seconds=round(seconds, 1),
        seed=recipe.schedule.seed,
        recipe_sha256=digest,
        command=command,
        commit=code_version()[0],
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    (draft / DESCRIPTION_NAME).write_text(about.model_dump_json(indent=1) + "\n", encoding="utf-8")
    final = out / recipe.id
    shutil.rmtree(final, ignore_errors=True)
    draft.rename(final)
    return about
