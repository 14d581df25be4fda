"""The command line's part for few labels: `medprompt train-semi` and `medprompt bench semi`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_planner import tell
from .errors import InvalidInput
from .outputs import check_folder, write_lines

if TYPE_CHECKING:
    from .execution import Progress


def train_semi(options: argparse.Namespace) -> None:
    """Learn a structure from a folder with labels and one without; run the same line again to continue."""
    from .training.semi_learning import CURVES, PREVIEW, Request, learn

    codes = {name: (value, meaning) for name, value, meaning in options.code}
    unknown = sorted(codes.keys() - set(options.structure))
    if unknown:
        raise InvalidInput(f"--code names {', '.join(unknown)}, which --structure does not.")
    request = Request(
        labelled=options.labelled,
        unlabelled=options.unlabelled,
        structures=tuple(options.structure),
        out=options.out,
        work=options.work,
        modality=options.modality,
        target=options.target,
        synonyms=tuple(options.synonym),
        codes=codes,
        minutes=options.minutes,
        hold_out=options.hold_out,
        merge=options.merge_labels,
        device=options.device,
        seed=options.seed,
    )
    last = [""]

    def say(event: Progress) -> None:
        if event.message != last[0]:
            last[0] = event.message
            tell(event.message)

    card = learn(request, progress=say)
    print(f"{request.out}: {card.file.bytes / 1e6:.1f} MB. {card.provenance.note}")
    print(f"Curves and a held-out volume: {request.folder / CURVES}, {request.folder / PREVIEW}")
    print(f'medprompt run --weights {request.out.parent} --prompt "segment the {card.target}" --input VOLUME --out DIR')


def bench_semi(options: argparse.Namespace) -> None:
    """Train and measure the rows of the semi-supervised table that are not done yet, and print it."""
    from .inference.devices import resolve_device
    from .training.semi_bench import finished, rows, run_row, table
    from .training.semi_text import text_of

    number, parts = _share(options.share)
    wanted = [row for row in rows(options.set or ("left atrium", "hippocampus")) if options.only in row.folder]
    if not wanted:
        names = ", ".join(row.folder for row in rows())
        raise InvalidInput(f"No row has '{options.only}' in its name; the rows are: {names}.")
    check_folder(options.work)
    if not options.table:
        device = resolve_device(options.device)
        for index, row in enumerate(wanted):
            if index % parts == number - 1:
                tell(f"row {index + 1} of {len(wanted)}: {row.folder}")
                run_row(row, options.data, options.work, device, text_of, tell, options.split)
                finished(options.work)
    write_lines(table(finished(options.work)), options.out)


def _share(text: str) -> tuple[int, int]:
    try:
        number, parts = (int(part) for part in text.split("/"))
    except ValueError:
        number, parts = 0, 0
    if not 1 <= number <= parts:
        raise InvalidInput(f"--share is '{text}'; expected N/M with N from 1 to M, for example 1/2.")
    return number, parts


def add_semi_commands(commands: Any, bench: Any, device: argparse.ArgumentParser) -> None:
    """`train-semi` and `bench semi`."""
    p = commands.add_parser(
        "train-semi",
        parents=[device],
        help="learn a structure from a few labelled volumes and many without labels (resumable)",
    )
    p.set_defaults(do=train_semi)
    p.add_argument(
        "--labelled", type=Path, required=True, metavar="DIR", help="volumes with masks beside them (<name>.seg.nrrd)"
    )
    p.add_argument("--unlabelled", type=Path, metavar="DIR", help="volumes without masks")
    p.add_argument(
        "--structure", action="append", required=True, metavar="NAME", help="what the masks outline; repeatable"
    )
    p.add_argument("--modality", default="mri", help="what the volumes are (default: mri)")
    p.add_argument("--target", default="", help="what prompts call it (default: the structure)")
    p.add_argument("--synonym", action="append", default=[], metavar="NAME", help="another word for it; repeatable")
    p.add_argument(
        "--code",
        action="append",
        nargs=3,
        default=[],
        metavar=("NAME", "CODE", "MEANING"),
        help="SNOMED CT code of a structure that is not known by its name",
    )
    p.add_argument("--merge-labels", action="store_true", help="all segments are parts of the one structure")
    p.add_argument("--hold-out", type=int, metavar="N", help="labelled volumes to calibrate by (default: a fifth)")
    p.add_argument("--minutes", type=float, default=60.0, help="about how long it may take (default: 60)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--work", type=Path, default=Path("runs"), metavar="DIR", help="checkpoints, curves and previews")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="the weight's folder, such as weights/NAME")
    p = bench.add_parser(
        "semi", parents=[device], help="train and measure every way of learning from few labels (hours; resumable)"
    )
    p.set_defaults(do=bench_semi)
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--work", type=Path, default=Path("runs/semi"), metavar="DIR", help="checkpoints and results")
    p.add_argument("--set", action="append", choices=("left atrium", "hippocampus"), help="only that data set")
    p.add_argument("--only", default="", metavar="TEXT", help="only rows with this in their name")
    p.add_argument("--split", default="test", choices=("val", "test"), help="where rows are measured")
    p.add_argument("--share", default="1/1", metavar="N/M", help="every M-th row, for M processes side by side")
    p.add_argument("--table", action="store_true", help="train nothing, print the table of what is done")
    p.add_argument("--out", type=Path, metavar="FILE", help="where the table goes (default: standard output)")
