"""The command line's part for tuned classifiers: the model they start from, new ones, and their bench."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_planner import tell
from .errors import InvalidInput

ALIGNMENT_RECIPE = Path(__file__).parent / "training" / "alignment" / "vision_language.toml"


def train_vision_language(options: argparse.Namespace) -> None:
    """Align the small vision-language model; run the same line again to continue."""
    from .inference.devices import resolve_device
    from .training.alignment.publish import publish_aligned
    from .training.alignment.recipe import read_alignment_recipe, without_sets
    from .training.alignment.train import Alignment

    recipe, digest = read_alignment_recipe(options.recipe)
    command = "medprompt train-vision-language --data DATA"
    if options.without:
        recipe = without_sets(recipe, options.without, options.id or f"{recipe.id}_unseen")
        command += f" --id {recipe.id}" + "".join(f" --without {name}" for name in options.without)
    run = Alignment(recipe, options.data, options.work / recipe.id, resolve_device(options.device), tell)
    state = run.run(options.steps)
    if run.step < recipe.schedule.steps:
        tell(f"Stopped after step {run.step} of {recipe.schedule.steps}; the same line without --steps goes on.")
        return
    images = sum(len(pool.shown) for pool in run.pools)
    about = publish_aligned(
        recipe, state, options.out, images=images, seconds=run.seconds, digest=digest, command=command
    )
    print(f"{options.out / about.id}: {about.bytes / 1e6:.1f} MB, {run.seconds / 60:.0f} minutes")


def train_new_classifier(options: argparse.Namespace) -> None:
    """A new classifier from labelled images."""
    from .catalog import Catalog
    from .inference.devices import resolve_device
    from .knowledge.smollm import is_installed
    from .knowledge.writing import LocalChat
    from .training.new_classifier import Request, parse_classes, train_classifier

    request = Request(
        images=options.images,
        id=options.out.name,
        target=options.target or options.out.name.replace("_", " "),
        modality=options.modality,
        classes=parse_classes(options.classes or ""),
        table=options.csv,
        positive=tuple(options.positive),
        descriptions=options.descriptions,
        beside=options.beside,
        flip=options.flip,
        seed=options.seed,
    )
    card = train_classifier(
        request,
        options.out.parent,
        options.work,
        Catalog.load(options.weights),
        resolve_device(options.device),
        model=LocalChat() if is_installed() else None,
        command=f'medprompt train-classifier --images DIR --modality "{options.modality}" --out {options.out}',
        report=tell,
    )
    print(f"{options.out}: {card.file.bytes / 1e6:.1f} MB. {card.provenance.note}")
    print(f'Try: medprompt run --prompt "Classify {card.target} on this {card.modality}." --input IMAGE --out RESULTS')


def bench_classifiers(options: argparse.Namespace) -> None:
    """Measure the cells that are missing, and print the tables; run the same line again to continue."""
    from .inference.devices import resolve_device
    from .inference.vision_language import load_vision_language, own_folder
    from .training.alignment.recipe import read_alignment_recipe
    from .training.classifier_bench import SEEDS, SETS, SHOTS, Bench, cells, file_identity, tables
    from .training.prompt_tuning import METHODS

    folder = options.base or own_folder()
    base = load_vision_language(folder).to(resolve_device(options.device))
    sources = read_alignment_recipe(ALIGNMENT_RECIPE)[0].sets
    chosen = tuple(options.sets or SETS)
    unknown = sorted(set(chosen) - {source.folder for source in sources})
    if unknown:
        raise InvalidInput(f"There are no sets {unknown} in {ALIGNMENT_RECIPE.name}; choose among {', '.join(SETS)}.")
    bench = Bench(base, file_identity(folder), sources, options.data, options.work, tell)
    if not options.table:
        wanted = cells(
            chosen,
            tuple(options.shots or SHOTS),
            seeds=tuple(options.seeds or SEEDS),
            methods=tuple(options.methods or METHODS),
        )
        bench.run(wanted, options.minutes)
    print(*tables(bench.done()), sep="\n")


def add_classifier_commands(
    commands: Any, bench: Any, places: argparse.ArgumentParser, device: argparse.ArgumentParser
) -> None:
    """`train-vision-language`, `train-classifier` and `bench classifiers`."""
    p = commands.add_parser(
        "train-vision-language", parents=[device], help="align the vision-language model that classifiers start from"
    )
    p.set_defaults(do=train_vision_language)
    p.add_argument("--recipe", type=Path, default=ALIGNMENT_RECIPE, metavar="CONFIG")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--work", type=Path, default=Path("runs"), metavar="DIR", help="checkpoints and logs")
    p.add_argument("--out", type=Path, default=Path("weights"), metavar="DIR")
    p.add_argument("--steps", type=int, help="stop, with a checkpoint, after this many")
    p.add_argument("--without", action="append", default=[], metavar="SET", help="leave a set out; repeatable")
    p.add_argument("--id", help="name of a model without some sets")

    p = commands.add_parser(
        "train-classifier",
        parents=[places, device],
        help="a new classifier from labelled images, in minutes, by prompt tuning",
    )
    p.set_defaults(do=train_new_classifier)
    p.add_argument("--images", type=Path, required=True, metavar="DIR", help="one folder of images per class")
    p.add_argument("--csv", type=Path, metavar="FILE", help="instead of class folders: columns file, label[, group]")
    p.add_argument("--classes", help='"NAME: description; NAME: description"; descriptions may be left out')
    p.add_argument("--modality", required=True, help="what the images are, for example breast ultrasound")
    p.add_argument("--target", help="what is classified, as one would say it in a prompt (default: from --out)")
    p.add_argument("--positive", action="append", default=[], metavar="NAME", help="a class that is the finding")
    p.add_argument(
        "--descriptions", type=Path, metavar="FILE", help="texts as `medprompt knowledge show --json` has them"
    )
    p.add_argument("--flip", action="store_true", help="left and right do not matter in these images")
    p.add_argument("--beside", action="store_true", help="make it although a weight for the same is installed")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--work", type=Path, default=Path("runs"), metavar="DIR", help="where the checked images are kept")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="weights/NAME: the new weight's folder")

    p = bench.add_parser("classifiers", parents=[device], help="ways to adapt the vision-language model to new classes")
    p.set_defaults(do=bench_classifiers)
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--base", type=Path, metavar="DIR", help="the vision-language model (default: the project's own)")
    p.add_argument(
        "--work", type=Path, default=Path("runs/bench_classifiers"), metavar="DIR", help="cells and features"
    )
    p.add_argument("--sets", nargs="+", metavar="SET", help="some of the sets")
    p.add_argument("--methods", nargs="+", metavar="METHOD", help="some of the methods")
    p.add_argument("--shots", nargs="+", type=int, metavar="N", help="images of each class; 0 for all")
    p.add_argument("--seeds", nargs="+", type=int, metavar="N", help="draws of few images (default: 1 2 3)")
    p.add_argument("--minutes", type=float, default=float("inf"), help="start no further cell after this long")
    p.add_argument("--table", action="store_true", help="run nothing; print the table of what was measured")
