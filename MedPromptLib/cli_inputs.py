"""The inputs of `medprompt run`: files one by one, or together as the images of one examination."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .cli_planner import tell
from .errors import InvalidInput
from .images import MedicalImage, read_image
from .sequences.names import TITLES, known, listed

if TYPE_CHECKING:
    from .plan import Plan
    from .sequences.examination import Examination
    from .session import Session


@dataclass(frozen=True)
class Given:
    """One `--input`: a file or folder, and the sequence it was given as (`flair=FILE`), if any."""

    path: Path
    sequence: str = ""

    @property
    def name(self) -> str:
        """What its results' folder is named after."""
        return self.path.name


def add_sequence_options(parser: argparse.ArgumentParser) -> None:
    """Options for several images of one examination."""
    parser.add_argument(
        "--register", action="store_true", help="move images of one examination that do not lie over the reference"
    )
    parser.add_argument(
        "--reference",
        metavar="SEQUENCE",
        help="on whose grid results of several images are written (default: the first one's)",
    )


def add_bench_sequences(parser: argparse.ArgumentParser) -> None:
    """`bench sequences`."""
    parser.set_defaults(do=bench_sequences)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--split", default="test")
    parser.add_argument("--fit", type=Path, metavar="FILE", help="fit the classifier on the train split, write it here")


def bench_sequences(options: argparse.Namespace) -> None:
    """How often the guess of a sequence and the check for unregistered images are right."""
    from .training import sequence_bench

    if options.fit:
        sequence_bench.fit(options.data, options.fit)
        return
    for line in sequence_bench.measure(options.data, options.split, tell):
        print(line, flush=True)


def given_inputs(inputs: Sequence[Path], among: Sequence[str] = ()) -> tuple[Given, ...]:
    """What was given, with `SEQUENCE=FILE` taken apart.

    Raises:
        InvalidInput: a word before "=" that is no sequence, or two inputs of one name.
    """
    found = []
    for path in inputs:
        word, equals, rest = str(path).partition("=")
        if not equals or path.exists():
            found.append(Given(path))
            continue
        sequence = known(word, among)
        if sequence is None:
            raise InvalidInput(
                f"'{word}' in --input {path} is no sequence; expected is one of {', '.join([*TITLES])}, as in "
                "--input flair=FILE."
            )
        found.append(Given(Path(rest), sequence))
    names = [given.name for given in found]
    together = all(given.sequence for given in found)
    if len(set(names)) != len(names) and not (together and len({g.path for g in found}) == len(found)):
        raise InvalidInput("Two inputs have the same name, so their results would overwrite each other; rename one.")
    return tuple(found)


def sequences_given(inputs: Sequence[Given]) -> tuple[str, ...]:
    """What the inputs are by what the user, their tags and names say; empty unless two or more are known."""
    from .sequences.guessing import sequences_told

    images = [_read(given, quiet=True) for given in inputs]
    return sequences_told(
        [replace(i, sequence=given.sequence or i.sequence) for given, i in zip(inputs, images, strict=True)]
    )


def inputs_for(
    session: Session, plan: Plan, inputs: Sequence[Given], options: argparse.Namespace
) -> Iterator[tuple[Given, MedicalImage | Examination]]:
    """Each input by itself, or all together where a weight of the plan takes several sequences.

    Raises:
        InvalidInput: an image cannot be read, or the images are not what the weights take.
    """
    needs = session.needs(plan)
    if needs is None:
        named = [given for given in inputs if given.sequence]
        if named:
            raise InvalidInput(
                f"No step of the plan takes several sequences, but {listed(g.sequence for g in named)} was given as "
                "one; give the file alone, or ask for what takes them."
            )
        for given in inputs:
            yield given, _read(given, options.modality)
        return
    images = [_read(given, options.modality) for given in inputs]
    if all(image.is_color for image in images):
        yield from zip(inputs, images, strict=True)
        return
    examined = session.examine(
        plan,
        images,
        {n: given.sequence for n, given in enumerate(inputs) if given.sequence},
        reference=_reference(options.reference, inputs),
        register=options.register,
        accept_unusual_input=options.accept_unusual_input,
        progress=lambda event: tell(event.message),
    )
    first = next(n for n, record in enumerate(examined.records) if record.reference)
    yield inputs[first], examined


def _reference(wanted: str | None, inputs: Sequence[Given]) -> int | str | None:
    if wanted is None:
        return None
    for n, given in enumerate(inputs):
        if wanted in (str(given.path), given.name):
            return n
    return known(wanted) or wanted


def _read(given: Given, modality: str | None = None, *, quiet: bool = False) -> MedicalImage:
    image = read_image(given.path)
    for note in () if quiet else image.notes:
        tell(f"{image.name}: {note}")
    return replace(image, modality=modality) if modality else image
