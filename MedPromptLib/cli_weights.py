"""The weights' part of the command line: list, show, verify, add, remove, import, profile and evaluate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_planner import tell
from .errors import InvalidInput, WeightCorrupt
from .outputs import write_lines

if TYPE_CHECKING:
    from .catalog import Measurement, WeightCard


def weights_list(options: argparse.Namespace) -> None:
    """One line per installed weight."""
    from .catalog import Catalog

    catalog = Catalog.load(options.weights)
    for card in catalog:
        best = next((m for m in card.evaluation if m.split == "test"), None)
        number = f"{best.metric} ({best.subject}) {best.value:.3f}" if best else "not evaluated"
        print(f"{card.id:28} {card.intent.value:15} {card.modality:18} {card.file.bytes / 1e6:5.1f} MB  {number}")
    for problem in catalog.problems:
        tell(str(problem))


def weights_show(options: argparse.Namespace) -> None:
    """Everything a card says."""
    from .catalog import Catalog

    card = Catalog.load(options.weights).card(options.id)
    if options.json:
        print(card.model_dump_json(indent=1))
        return
    print(f"{card.title} ({card.id} {card.version})\n{card.intended_use}")
    answers = card.classes or tuple(s.name for s in card.structures)
    print(f"{card.intent.value} of {card.target} on {card.modality}: {', '.join(answers)}")
    print("Limitations:", *(f"  - {text}" for text in card.limitations), sep="\n")
    print(f"Licence: {card.licence}\nData: {card.provenance.data}\nMade by: {card.provenance.command}")
    if card.provenance.note:
        print(card.provenance.note)
    if card.input_profile:
        others = ", ".join(card.input_profile.counter_examples)
        print(f"Input check: {card.input_profile.images} images of {card.input_profile.dataset} against {others}")
    if card.evaluation:
        from .training.evaluation import table

        for key in dict.fromkeys((m.dataset, m.split, m.command) for m in card.evaluation):
            print(f"\n{key[0]}, {key[1]} split: {key[2]}")
            print(table(tuple(m for m in card.evaluation if (m.dataset, m.split, m.command) == key)))


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
    """Convert released DeepFusionLab files."""
    from .catalog import default_weight_folders
    from .importing import import_weight

    into = options.into or default_weight_folders()[0]
    for path in options.files:
        card = import_weight(path, into)
        print(f"{path} → {into / card.id}: {card.intent.value} of {card.target} on {card.modality}")


def weights_add(options: argparse.Namespace) -> None:
    """Check, try and copy a user's own weight."""
    from .catalog import Catalog
    from .installing import add_weight
    from .user_folders import weights_folder

    into = options.into or weights_folder()
    card = add_weight(options.folder, Catalog.load(options.weights), into, options.sample)
    print(f"{into / card.id}: {card.intent.value} of {card.target} on {card.modality}")
    if not card.evaluation:
        tell("Its card holds no figures; measure it with `medprompt evaluate`.")
    if card.input_profile is None:
        tell("Its card has no input profile, so unusual images are not noticed; see `medprompt weights profile`.")


def weights_remove(options: argparse.Namespace) -> None:
    """Delete a weight that was added."""
    from .catalog import Catalog
    from .installing import remove_weight

    print(f"Removed {remove_weight(options.id, Catalog.load(options.weights))}")


def weights_profile(options: argparse.Namespace) -> None:
    """Write onto a card what fitting images look like."""
    from .catalog import Catalog, write_card
    from .training.input_profile import profile_from_sets
    from .training.summary import data_set_of
    from .training.volume_profile import volume_profile

    catalog = Catalog.load(options.weights)
    card = catalog.card(options.id)
    own = data_set_of(card, options.data).name
    like = "".join(f" --like {name}" for name in options.like)
    command = f"medprompt weights profile {card.id} --data DATA{like}"
    if card.dimension == 3:
        profile = volume_profile(options.data, card, own, options.like)
    else:
        profile = profile_from_sets(options.data, own, options.like)
    profile = profile.model_copy(update={"command": command})
    write_card(catalog.folder(card.id), card.model_copy(update={"input_profile": profile}))
    print(f"{card.id}: {profile.images} images of {own} against {', '.join(profile.counter_examples)}")


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

        found = _measure(catalog, catalog.card(options.id), options.data, options)
        print(table(found))
        if options.json:
            write_lines([json.dumps([m.model_dump(mode="json") for m in found], indent=1)], options.json)
        return
    from .training.evaluation import replace_measurements
    from .training.summary import data_set_of, zoo_table

    measured = []
    for card in catalog:
        try:
            folder = data_set_of(card, options.data)
        except InvalidInput as error:
            tell(str(error))
            continue
        tell(f"{card.id}…")
        measured.append(replace_measurements(card, _measure(catalog, card, folder, options)))
    if not measured:
        raise InvalidInput(f"No installed weight has its data set in {options.data}; nothing was measured.")
    print(zoo_table(measured, options.split))


def _measure(catalog: Any, card: WeightCard, folder: Path, options: argparse.Namespace) -> tuple[Measurement, ...]:
    from .catalog import write_card
    from .inference.devices import resolve_device
    from .inference.engine import load_weight
    from .training.evaluation import evaluate as measure
    from .training.evaluation import replace_measurements

    weight = load_weight(catalog.folder(card.id), card, resolve_device(options.device))
    command = f"medprompt evaluate {card.id} --data {folder.name} --split {options.split}"
    found = measure(weight, folder, options.split, command)
    if not options.no_card:
        write_card(catalog.folder(card.id), replace_measurements(card, found))
    return found


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
        ("remove", weights_remove, "delete a weight that was added"),
        ("profile", weights_profile, "write onto a card what fitting images look like"),
        ("import", weights_import, "convert DeepFusionLab .pth files released by the MedPrompt authors"),
    ):
        parsers[name] = actions.add_parser(name, parents=[places], help=text)
        parsers[name].set_defaults(do=do)
    for name in ("show", "remove", "profile"):
        parsers[name].add_argument("id")
    parsers["show"].add_argument("--json", action="store_true")
    parsers["add"].add_argument("folder", type=Path)
    parsers["add"].add_argument("--sample", type=Path, metavar="IMAGE", help="a fitting image for the trial run")
    parsers["import"].add_argument("files", type=Path, nargs="+", metavar="FILE.pth")
    for name in ("add", "import"):
        parsers[name].add_argument("--into", type=Path, metavar="DIR", help="weight folder to add to")
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
    p.add_argument("--json", type=Path, metavar="FILE")
    p.add_argument("--no-card", action="store_true", help="leave the cards as they are")
