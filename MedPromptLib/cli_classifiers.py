"""The command line's part for tuned classifiers: the model they start from, new ones, and their bench."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_planner import tell

ALIGNMENT_RECIPE = Path(__file__).parent / "training" / "alignment" / "vision_language.toml"


def train_vision_language(options: argparse.Namespace) -> None:
    """Align the small vision-language model; run the same line again to continue."""
    from .inference.devices import resolve_device
    from .training.alignment.publish import publish_aligned
    from .training.alignment.recipe import read_alignment_recipe
    from .training.alignment.train import Alignment

    recipe, digest = read_alignment_recipe(options.recipe)
    run = Alignment(recipe, options.data, options.work / recipe.id, resolve_device(options.device), tell)
    state = run.run(options.steps)
    if run.step < recipe.schedule.steps:
        tell(f"Stopped after step {run.step} of {recipe.schedule.steps}; the same line without --steps goes on.")
        return
    images = sum(len(pool.shown) for pool in run.pools)
    about = publish_aligned(recipe, state, options.out, images=images, seconds=run.seconds, digest=digest)
    print(f"{options.out / about.id}: {about.bytes / 1e6:.1f} MB, {run.seconds / 60:.0f} minutes")


def add_classifier_commands(commands: Any, bench: Any, device: argparse.ArgumentParser) -> None:
    """`train-vision-language`."""
    p = commands.add_parser(
        "train-vision-language", parents=[device], help="align the vision-language model that classifiers start from"
    )
    p.set_defaults(do=train_vision_language)
    p.add_argument("--recipe", type=Path, default=ALIGNMENT_RECIPE, metavar="CONFIG")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--work", type=Path, default=Path("runs"), metavar="DIR", help="checkpoints and logs")
    p.add_argument("--out", type=Path, default=Path("weights"), metavar="DIR")
    p.add_argument("--steps", type=int, help="stop, with a checkpoint, after this many")
