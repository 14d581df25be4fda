"""The part of the command line that shows a weight's card and writes figures onto it that need no test split."""

from __future__ import annotations

import argparse
from pathlib import Path

from .cli_planner import tell
from .errors import InvalidInput, printable


def weights_show(options: argparse.Namespace) -> None:
    """Everything a card says, as a sheet or as JSON; its reliability diagrams as a picture."""
    from .catalog import Catalog
    from .weight_sheet import reliability_picture, sheet

    card = Catalog.load(options.weights).card(options.id)
    if options.figure:
        tell(f"Wrote {reliability_picture(card, options.figure)}")
    print(card.model_dump_json(indent=1) if options.json else printable(sheet(card)))


def weights_operating_point(options: argparse.Namespace) -> None:
    """Choose a classifier's operating point on the validation split of its data set."""
    from .catalog import Catalog, write_card
    from .inference.devices import resolve_device
    from .inference.engine import load_weight
    from .training.data import read_cases
    from .training.operating_point import SPLIT, with_operating_point
    from .training.summary import data_set_of

    catalog = Catalog.load(options.weights)
    card = catalog.card(options.id)
    folder = data_set_of(card, options.data)
    minimum = options.minimal_sensitivity
    command = f"medprompt weights operating-point {card.id} --data DATA"
    command += f" --minimal-sensitivity {minimum:g}" if minimum is not None else ""
    weight = load_weight(catalog.folder(card.id), card, resolve_device("cpu"))
    chosen = with_operating_point(weight, read_cases(folder, SPLIT), command, minimum)
    assert chosen.operating_point is not None
    write_card(catalog.folder(card.id), chosen)
    print(f"{card.id}: a finding from {chosen.operating_point.threshold:.4f} on; {chosen.operating_point.rule}")
    if card.evaluation and not chosen.evaluation:
        tell(
            "The figures on the card held for the rule before and were removed; measure again with "
            f"`medprompt evaluate {card.id} --data SET --split SPLIT`."
        )


def weights_failure(options: argparse.Namespace) -> None:
    """Add a known failure to a card; one with the same words is replaced."""
    from .catalog import Catalog, KnownFailure, write_card

    catalog = Catalog.load(options.weights)
    card = catalog.card(options.id)
    new = KnownFailure(text=" ".join(options.text.split()), command=options.shown_by)
    if not new.text:
        raise InvalidInput("A known failure needs words; say in a sentence what goes wrong.")
    kept = tuple(failure for failure in card.known_failures if failure.text != new.text)
    write_card(catalog.folder(card.id), card.model_copy(update={"known_failures": (*kept, new)}))
    print(f"{card.id}: known failures: {len(kept) + 1}")


def bench_weights(options: argparse.Namespace) -> None:
    """Time weights on the CPU, one image at a time, and write it onto their cards."""
    from .benchmark import time_weight
    from .catalog import Catalog, write_card

    catalog = Catalog.load(options.weights)
    for card in [catalog.card(name) for name in options.ids] or list(catalog):
        latency, parameters = time_weight(catalog.folder(card.id), card, options.rounds, options.threads)
        print(
            f"{card.id:28} {latency.milliseconds:8.1f} ms   slowest {latency.slowest:8.1f} ms   {parameters:>10,} "
            f"parameters   {latency.threads} thread{'s' * (latency.threads > 1)} of {latency.cpu}"
        )
        if not options.no_card:
            file = card.file.model_copy(update={"parameters": parameters})
            write_card(catalog.folder(card.id), card.model_copy(update={"latency": latency, "file": file}))


def add_show_options(parser: argparse.ArgumentParser) -> None:
    """Of `weights show`."""
    parser.add_argument("--json", action="store_true", help="the card as it is stored")
    parser.add_argument("--figure", type=Path, metavar="FILE.png", help="draw the reliability diagrams")


def add_failure_options(parser: argparse.ArgumentParser) -> None:
    """Of `weights failure`."""
    parser.add_argument("text", metavar="TEXT", help="what goes wrong, in a sentence")
    parser.add_argument("--shown-by", default="", metavar="COMMAND", help="what shows it")


def add_operating_point_options(parser: argparse.ArgumentParser) -> None:
    """Of `weights operating-point`."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument(
        "--minimal-sensitivity", type=_share, metavar="S", help="the most specific threshold that reaches it"
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def add_bench_weights(parser: argparse.ArgumentParser) -> None:
    """Of `bench weights`."""
    parser.set_defaults(do=bench_weights)
    parser.add_argument("ids", nargs="*", metavar="WEIGHT", help="default: all that are installed")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default: 1)")
    parser.add_argument("--no-card", action="store_true", help="leave the cards as they are")
