"""The weights' part of the command line: all of `medprompt weights …`, and `medprompt evaluate`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_cards import (
    add_failure_options,
    add_operating_point_options,
    add_show_options,
    weights_failure,
    weights_operating_point,
    weights_show,
)
from .cli_planner import asked, tell
from .errors import InvalidInput, WeightCorrupt, printable
from .outputs import write_lines

if TYPE_CHECKING:
    from .catalog import Catalog, WeightCard
    from .training.case_record import Evaluation


def weights_list(options: argparse.Namespace) -> None:
    """One line per installed weight."""
    from .catalog import Catalog

    catalog = Catalog.load(options.weights)
    for card in catalog:
        best = next((m for m in card.evaluation if m.split == "test"), None)
        number = f"{best.metric} ({best.subject}) {best.value:.3f}" if best else "not evaluated"
        line = f"{card.id:28} {card.intent.value:15} {card.modality:18} {card.file.bytes / 1e6:5.1f} MB  {number}"
        print(printable(line))
    for problem in catalog.problems:
        tell(str(problem))


def weights_verify(options: argparse.Namespace) -> int:
    """Check every card and file; the exit code says whether all are whole."""
    from .catalog import Catalog, verify_file

    catalog = Catalog.load(options.weights)
    problems = [str(problem) for problem in catalog.problems]
    for card in catalog:
        try:
            verify_file(catalog.folder(card.id), card)
            print(f"{card.id}: whole")
        except WeightCorrupt as error:
            problems.append(str(error))
    for text in problems:
        tell(text)
    return WeightCorrupt.exit_code if problems else 0


def weights_import(options: argparse.Namespace) -> None:
    """Convert released DeepFusionLab files; make drafts of MONAI bundles and nnU-Net results."""
    from .catalog import default_weight_folders
    from .importing import import_weight

    for path in options.files:
        if path.is_dir():
            _import_folder(path, options)
            continue
        into = options.into or default_weight_folders()[0]
        card = import_weight(path, into)
        print(f"{path} → {into / card.id}: {card.intent.value} of {card.target} on {card.modality}")


def _import_folder(path: Path, options: argparse.Namespace) -> None:
    from .importing_monai import METADATA, import_bundle, is_bundle
    from .importing_nnunet import DATASET, PLANS, import_nnunet, is_nnunet

    into = options.into or Path()
    if is_bundle(path):
        draft = import_bundle(path, into, options.card)
    elif is_nnunet(path):
        draft = import_nnunet(path, into, options.card, options.fold)
    else:
        raise InvalidInput(
            f"The folder {path} is neither a MONAI bundle ({METADATA}) nor nnU-Net's results ({DATASET} and {PLANS})."
        )
    print(f"{path} → {draft.folder}, a draft")
    for note in draft.notes:
        tell(f"Note: {note}")
    if draft.to_fill:
        tell(f"Fill in {draft.folder / 'card.toml'}: {', '.join(draft.to_fill)}")
    tell(f"Then: medprompt weights add {draft.folder} --sample IMAGE")


def weights_add(options: argparse.Namespace) -> None:
    """Check, try and copy a user's own weight."""
    from .catalog import Catalog
    from .installing import add_weight
    from .user_folders import weights_folder

    into = options.into or weights_folder()
    card = add_weight(
        options.folder, Catalog.load(options.weights), into, options.sample, lambda text: _agreed(text, options)
    )
    print(f"{into / card.id}: {card.intent.value} of {card.target} on {card.modality}")
    if not card.evaluation:
        tell("Its card holds no figures; measure it with `medprompt evaluate`.")
    if card.input_profile is None:
        tell("Its card has no input profile, so unusual images are not noticed; see `medprompt weights profile`.")


def weights_trust(options: argparse.Namespace) -> None:
    """Agree to run the program that an installed weight holds."""
    from .catalog import PROGRAM_NAME, Catalog
    from .installing import agree_to_program

    catalog = Catalog.load(options.weights)
    card = catalog.card(options.id)
    if card.network.name != PROGRAM_NAME:
        raise InvalidInput(f"The weight '{card.id}' holds no program; there is nothing to agree to.")
    agree_to_program(catalog.folder(card.id), card, lambda text: _agreed(text, options))
    print(f"{card.id}: its program may run ({card.file.sha256})")


def _agreed(text: str, options: argparse.Namespace) -> bool:
    tell(text)
    return options.trust_program or (sys.stdin.isatty() and asked("Run it?"))


def weights_template(options: argparse.Namespace) -> None:
    """A card to fill in, on standard output."""
    from .card_template import template
    from .plan import Intent

    print(template(Intent(options.intent), options.dimension), end="")


def weights_remove(options: argparse.Namespace) -> None:
    """Delete a weight that was added."""
    from .catalog import Catalog
    from .installing import remove_weight

    print(f"Removed {remove_weight(options.id, Catalog.load(options.weights))}")


def weights_profile(options: argparse.Namespace) -> None:
    """Write onto a card what fitting images look like."""
    from .catalog import Catalog, write_card
    from .training.input_profile import profile_from_sets
    from .training.volume_profile import volume_profile

    catalog = Catalog.load(options.weights)
    card = catalog.card(options.id)
    profile = (volume_profile if card.dimension == 3 else profile_from_sets)(options.data, card, options.like)
    write_card(catalog.folder(card.id), card.model_copy(update={"input_profile": profile}))
    sets, others = ", ".join((profile.dataset, *profile.also)), ", ".join(profile.counter_examples)
    print(f"{card.id}: {profile.images} images of {sets} against {others}")


def evaluate(options: argparse.Namespace) -> None:
    """Measure one weight, all of them, or their input check."""
    from .catalog import Catalog

    if (options.id is not None) + options.all + options.input_check != 1:
        raise InvalidInput("Say what to evaluate: one WEIGHT, --all, or --input-check.")
    catalog = Catalog.load(options.weights)
    if options.input_check:
        from .training.input_profile import measure_pairs, measure_unseen, rates_table, unseen_table

        if options.unseen:
            kin = [names.split(",") for names in options.kin]
            print(unseen_table(measure_unseen(tuple(catalog), options.data, options.split, kin)))
            return
        print(rates_table(measure_pairs(tuple(catalog), options.data, options.split)))
        return
    if options.id is not None:
        from .training.evaluation import table

        found, _ = _measure(catalog, catalog.card(options.id), options.data, options)
        print(table(found.measurements))
        if found.worst:
            print("", *found.worst, sep="\n")
        if options.json:
            write_lines([json.dumps([m.model_dump(mode="json") for m in found.measurements], indent=1)], options.json)
        return
    from .training.summary import data_set_of, zoo_table

    measured = []
    for card in catalog:
        try:
            folder = data_set_of(card, options.data)
        except InvalidInput as error:
            tell(str(error))
            continue
        tell(f"{card.id}…")
        measured.append(card)
        for part in (folder, *(options.data / name for name in card.provenance.also)):
            measured[-1] = _measure(catalog, measured[-1], part, options)[1]
    if not measured:
        raise InvalidInput(f"No installed weight has its data set in {options.data}; nothing was measured.")
    print(zoo_table(measured, options.split))


def _measure(
    catalog: Catalog, card: WeightCard, folder: Path, options: argparse.Namespace
) -> tuple[Evaluation, WeightCard]:
    """The figures of a weight on one data set and its card with them, which is written unless `--no-card` forbids."""
    from .catalog import write_card
    from .inference.devices import resolve_device
    from .inference.engine import load_weight
    from .training.case_record import count_splits
    from .training.evaluation import evaluate as measure

    weight = load_weight(catalog.folder(card.id), card, resolve_device(options.device))
    command = f"medprompt evaluate {card.id} --data {folder.name} --split {options.split}"
    own = folder.name == card.provenance.dataset
    subgroups = options.subgroups or (card.provenance.subgroups if own else "")
    if options.subgroups:
        command += f" --subgroups {options.subgroups}"
    found = measure(weight, folder, options.split, command, subgroups=subgroups, worst=options.worst)
    card = found.on(card)
    if own:
        provenance = card.provenance.model_copy(update={"splits": count_splits(folder, card.provenance.held_out)})
        card = card.model_copy(update={"provenance": provenance})
    if not options.no_card:
        write_card(catalog.folder(card.id), card)
    return found, card


def add_weight_commands(commands: Any, places: argparse.ArgumentParser, device: argparse.ArgumentParser) -> None:
    """`medprompt weights …` and `medprompt evaluate`."""
    weights = commands.add_parser("weights", help="list, show, verify, add, remove, profile or import weights")
    actions = weights.add_subparsers(required=True, metavar="ACTION")
    parsers = {}
    for name, do, text in (
        ("list", weights_list, "one line per weight"),
        ("show", weights_show, "what a card says"),
        ("verify", weights_verify, "check cards and files"),
        ("add", weights_add, "check a weight of your own, try it and copy it to your weight folder"),
        ("trust", weights_trust, "agree to run the program that a weight holds"),
        ("template", weights_template, "print a card.toml to fill in"),
        ("remove", weights_remove, "delete a weight that was added"),
        ("profile", weights_profile, "write onto a card what fitting images look like"),
        ("operating-point", weights_operating_point, "choose on the validation split from where on there is a finding"),
        ("failure", weights_failure, "write onto a card what a weight is known to get wrong"),
        (
            "import",
            weights_import,
            "make a draft of a MONAI bundle or of nnU-Net results; convert the authors' .pth files",
        ),
    ):
        parsers[name] = actions.add_parser(name, parents=[places], help=text)
        parsers[name].set_defaults(do=do)
    for name in ("show", "remove", "profile", "operating-point", "failure", "trust"):
        parsers[name].add_argument("id")
    add_show_options(parsers["show"])
    add_failure_options(parsers["failure"])
    add_operating_point_options(parsers["operating-point"])
    parsers["add"].add_argument("folder", type=Path)
    parsers["add"].add_argument("--sample", type=Path, metavar="IMAGE", help="a fitting image for the trial run")
    importing = parsers["import"]
    importing.add_argument("files", type=Path, nargs="+", metavar="FOLDER|FILE.pth")
    importing.add_argument("--card", type=Path, metavar="FILE", help="JSON or TOML with parts of the card; they win")
    importing.add_argument("--fold", help="nnU-Net's fold: a number or all")
    for name in ("add", "trust"):
        parsers[name].add_argument(
            "--trust-program", action="store_true", help="agree to run a TorchScript file without being asked"
        )
    template = parsers["template"]
    template.add_argument("--intent", choices=("segmentation", "classification"), default="segmentation")
    template.add_argument("--dimension", type=int, choices=(2, 3), default=2)
    for name in ("add", "import"):
        parsers[name].add_argument(
            "--into", type=Path, metavar="DIR", help="weight folder to add to; drafts: default here"
        )
    profile = parsers["profile"]
    profile.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    profile.add_argument(
        "--like", action="append", default=[], metavar="SET", help="another set of the same kind of images; repeatable"
    )

    p = commands.add_parser("evaluate", parents=[places, device], help="measure weights, or their input check")
    p.set_defaults(do=evaluate)
    p.add_argument("id", metavar="WEIGHT", nargs="?")
    p.add_argument("--all", action="store_true", help="every installed weight on its own data set; prints the table")
    p.add_argument("--input-check", action="store_true", help="every weight's input check on every data set")
    p.add_argument(
        "--unseen", action="store_true", help="with --input-check: kinds of images that profiles fitted anew never saw"
    )
    p.add_argument(
        "--kin", action="append", default=[], metavar="SET,SET", help="with --unseen: sets of one kind; repeatable"
    )
    p.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="one data set; their folder for --all, --input-check"
    )
    p.add_argument("--split", default="test", help="default: test")
    p.add_argument("--worst", type=int, default=0, metavar="N", help="name the N worst cases with their scores")
    p.add_argument(
        "--subgroups", default="", metavar="COLUMN", help="of split.csv, measured apart (default: what the card names)"
    )
    p.add_argument("--json", type=Path, metavar="FILE")
    p.add_argument("--no-card", action="store_true", help="leave the cards as they are")
