"""From a training run to a weight folder: train to the end, publish, and add what fitting images look like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ..catalog import TrainingRun, WeightCard, write_card
from ..errors import InvalidInput
from .input_profile import profile_from_sets
from .loop import Training
from .origin import code_version, hardware
from .publish import publish
from .volume_profile import volume_profile


def finish(
    training: Training,
    data: Path,
    out: Path,
    *,
    command: str,
    config_sha256: str,
    report: Callable[[str], None] = print,
) -> WeightCard:
    """Train what is left of a run, write `out/<id>/` and return its card.

    Args:
        data: folder of the data sets, whose other sets are the input check's counter-examples.
        command: how the weight was made, for its card.
    """
    recipe = training.recipe
    commit, clean = code_version()  # before the long work, during which files may change
    state = training.run()
    origin = TrainingRun(
        commit=commit,
        tree_clean=clean,
        seconds=training.seconds,
        hardware=hardware(training.device),
        threads=torch.get_num_threads(),
    )
    card = publish(
        recipe, state, training.cases["val"], out, command=command, config_sha256=config_sha256, training=origin
    )
    try:
        profile = (volume_profile if card.dimension == 3 else profile_from_sets)(data, card)
    except InvalidInput as error:
        report(f"No input check: {error}")
        return card
    card = card.model_copy(update={"input_profile": profile})
    write_card(out / card.id, card)
    return card
