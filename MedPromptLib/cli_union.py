"""The union networks' part of the command line: `medprompt bench union`, `instruct` and `train-kinds`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_planner import ENDPOINT_VARIABLE, KEY_VARIABLE, MODEL_VARIABLE, asked, tell
from .errors import InvalidInput

if TYPE_CHECKING:
    from .planner import EndpointPlanner


def bench_union(options: argparse.Namespace) -> None:
    """Train and measure the rows of the table that are not done, then print it."""
    from .inference.devices import resolve_device
    from .training.union_bench import publish_row, run_rows, table

    device = resolve_device(options.device)
    if options.publish:
        card = publish_row(options.publish, options.data, options.work, options.out, device, report=tell)
        print(f"{options.out / card.id}: {card.file.bytes / 1e6:.1f} MB. {card.provenance.note}")
        return
    if not options.table:
        run_rows(options.data, options.work, device, only=options.rows, report=tell)
    print(table(options.work))


def instruct(options: argparse.Namespace) -> None:
    """Print what a weight's network is told of an image, or have a vision-language model write it."""
    from .catalog import Catalog
    from .images import read_image
    from .inference.volume_geometry import grid_of
    from .instructions.telling import Told, records
    from .instructions.vision import ask_for_instructions
    from .instructions.writing import forget_instructions, write_instructions

    card = Catalog.load(options.weights).card(options.weight)
    rule, sequences = card.preprocessing.instruction, card.preprocessing.sequences
    if rule is None:
        raise InvalidInput(f"The weight '{card.id}' takes no instructions; choose one whose card has some.")
    if sequences and options.sequence not in sequences:
        raise InvalidInput(f"The weight '{card.id}' takes sequences; give --sequence {' or '.join(sequences)}.")
    image = read_image(options.input)
    if image.is_color:
        raise InvalidInput(f"'{image.name}' is a colour image; give one grey image for each sequence.")
    slices = grid_of(image, card.preprocessing).turn(image.array)
    structures, sequence = [s.name for s in card.structures], options.sequence if sequences else ""
    if options.forget:
        forget_instructions(slices, rule, structures, sequence)
    if options.endpoint_sees_image:
        endpoint = _seeing_endpoint(options, len(slices))
        told = ask_for_instructions(endpoint, slices, rule, structures, sequence)
    else:
        told = write_instructions(slices, rule, structures, sequence)
    rows: Told = tuple((one,) for one in told)
    for record in records(rows):
        where = f"slice {record.first}" if record.first == record.last else f"slices {record.first} to {record.last}"
        print(f"{where} ({record.source}): {record.text}")


def _seeing_endpoint(options: argparse.Namespace, slices: int) -> EndpointPlanner:
    """The endpoint of the options, once the user has agreed that pixels go there.

    Raises:
        InvalidInput: no address or model, or no agreement; nothing was sent.
    """
    from .instructions.vision import PIXELS, SHOWN
    from .planner import EndpointPlanner
    from .planner.consent import Consents

    if not options.endpoint or not options.model:
        raise InvalidInput("A vision-language model needs an address and a name; give --endpoint URL and --model NAME.")
    endpoint = EndpointPlanner(
        options.endpoint, options.model, api_key=os.environ.get(KEY_VARIABLE), timeout=options.timeout
    )
    consents = Consents(what=PIXELS)
    if options.agree_to_send_pixels:
        consents.give(endpoint)
    if not consents.given(endpoint):
        tell(
            f"To {endpoint.url} (model {endpoint.model}) will be sent {min(slices, SHOWN)} slice(s) of the image as "
            "pictures, the kinds of images and the structures on the weight's card; no file name and no tags. Whatever "
            "is drawn into the picture goes with it."
        )
        if not (sys.stdin.isatty() and asked("Send the pictures?")):
            raise InvalidInput(
                "Nothing was sent, because you have not agreed to it; repeat the command with --agree-to-send-pixels, "
                "or leave out --endpoint-sees-image."
            )
        consents.give(endpoint)
    return endpoint


def train_kinds(options: argparse.Namespace) -> None:
    """Fit the lines by which kinds of images are told apart, and measure them on the validation splits."""
    from .instructions.kinds import LINES
    from .training.kinds_training import fit_kinds, measure_kinds

    if not options.measure:
        fit_kinds(options.data, LINES, tell)
    for declared in (False, True):
        print("told beforehand what they are:" if declared else "told nothing beforehand:")
        for name, (count, right, wrong) in measure_kinds(options.data, options.split, declared=declared).items():
            share = f"{right / count:.3f} of {count}" if count else "none"
            print(f"  {name:18} {share:14} {wrong}")


def add_union_commands(
    commands: Any, bench: Any, places: argparse.ArgumentParser, device: argparse.ArgumentParser
) -> None:
    """Add them to the parser."""
    p = bench.add_parser(
        "union", parents=[device], help="train and measure union networks; resumable", description=bench_union.__doc__
    )
    p.set_defaults(do=bench_union)
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--work", type=Path, required=True, metavar="DIR", help="results, checkpoints and logs")
    p.add_argument("--rows", action="append", default=[], metavar="BEGINNING", help="only rows that begin like that")
    p.add_argument("--table", action="store_true", help="only print what is done")
    p.add_argument("--publish", metavar="ROW", help="make a weight of a row, such as brain_early_measured_seed1")
    p.add_argument("--out", type=Path, default=Path("weights"), metavar="DIR", help="where --publish writes it")

    p = commands.add_parser(
        "instruct", parents=[places], help="show what a network is told of an image", description=instruct.__doc__
    )
    p.set_defaults(do=instruct)
    p.add_argument("weight", metavar="ID", help="a weight that takes instructions")
    p.add_argument("--input", type=Path, required=True, metavar="IMAGE")
    p.add_argument("--sequence", default="", help="which of the weight's sequences the image is")
    p.add_argument("--forget", action="store_true", help="measure anew, whatever was kept for this image")
    p.add_argument(
        "--endpoint-sees-image",
        action="store_true",
        help="a vision-language model writes it: slices are sent to --endpoint, after you agreed; later runs use it",
    )
    p.add_argument("--endpoint", default=os.environ.get(ENDPOINT_VARIABLE), metavar="URL")
    p.add_argument("--model", default=os.environ.get(MODEL_VARIABLE), metavar="NAME")
    p.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for the endpoint")
    p.add_argument("--agree-to-send-pixels", action="store_true", help="slices of the image may be sent there")

    p = commands.add_parser("train-kinds", help="fit how kinds of images are told apart")
    p.set_defaults(do=train_kinds)
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--split", default="val", help="what is measured")
    p.add_argument("--measure", action="store_true", help="only measure")
