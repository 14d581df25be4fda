"""Adding a user's own weight to the catalogue, and removing it: checked, tried on an image, then copied as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .agreements import agreed_programs
from .card_drafts import read_draft
from .catalog import DRAFT_SUFFIX, PROGRAM_NAME, Catalog, WeightCard, verify_file, write_card
from .errors import InvalidInput, OutputFailed, WeightCorrupt
from .images import MedicalImage, read_image
from .plan import Intent
from .user_folders import weights_folder

if TYPE_CHECKING:
    from .inference.engine import LoadedWeight

SAMPLE_NAMES = ("sample.png", "sample.jpg", "sample.dcm", "sample.nrrd", "sample.nii.gz")
"""A fitting image that may lie beside the card, for the trial run."""


def add_weight(
    source: Path,
    catalog: Catalog,
    into: Path | None = None,
    sample: Path | None = None,
    agree: Callable[[str], bool] = lambda question: False,
) -> WeightCard:
    """Check a weight folder, try it on an image and copy it to `into/<id>/`.

    Args:
        source: a folder with `card.toml` or `card.json` (see `card_drafts.read_draft`) and the file that it names.
        catalog: what is installed already.
        into: default the user's weight folder.
        sample: a fitting image; default `sample.png` (or the like) beside the card, else a synthetic pattern.
        agree: asked with a text whether to run a file that holds its own program, if the user has not agreed to it yet.

    Raises:
        InvalidInput: no such folder, an incomplete card, an id that is taken, a sample that cannot be read, or a
            program that the user does not agree to run.
        MissingPackage: the network's library is not installed.
        WeightCorrupt: the card or the file is not valid, they do not fit each other, or the trial run fails.
        OutputFailed: the copy could not be written; nothing half-written is left.
    """
    card, into = read_draft(source), into or weights_folder()
    if card.id in catalog:
        raise InvalidInput(
            f"There is already a weight '{card.id}' in {catalog.folder(card.id)}; change the card's id "
            "or remove that one."
        )
    if (into / card.id).exists():
        raise InvalidInput(f"There is already a folder {into / card.id}; remove it or change the card's id.")
    verify_file(source, card)
    if sample is None:
        sample = next((source / name for name in SAMPLE_NAMES if (source / name).is_file()), None)
    image = a_pattern(card) if sample is None else read_image(sample)
    newly_agreed = card.network.name == PROGRAM_NAME and agree_to_program(source, card, agree)
    try:
        try_weight(source, card, image)
        _copy(source, card, into)
    except BaseException:
        if newly_agreed:
            agreed_programs().take_back(card.file.sha256)
        raise
    return card


def agree_to_program(folder: Path, card: WeightCard, agree: Callable[[str], bool]) -> bool:
    """Have the user agree to run a TorchScript weight; True if that is new.

    Args:
        agree: asked with a text unless the user has agreed already.

    Raises:
        WeightCorrupt: the file is missing, altered or not TorchScript.
        InvalidInput: the user does not agree.
    """
    from .inference.programs import check_is_program

    path = verify_file(folder, card)
    check_is_program(path)
    agreements = agreed_programs()
    if agreements.given(card.file.sha256):
        return False
    if not agree(
        f"{path} holds a program (TorchScript), which runs on this computer with your rights. "
        f"Run it only if you trust where it comes from. SHA-256: {card.file.sha256}"
    ):
        raise InvalidInput(
            f"The program in {path} was not run and nothing was changed, because you have not agreed to it; repeat the "
            "command with --trust-program if you trust where it comes from."
        )
    agreements.give(card.file.sha256)
    return True


def _copy(source: Path, card: WeightCard, into: Path) -> None:
    draft, folder = into / f"{card.id}{DRAFT_SUFFIX}", into / card.id
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        shutil.copyfile(source / card.file.name, draft / card.file.name)
        verify_file(draft, card)
        write_card(draft, card)
        draft.rename(folder)
    except OSError as error:
        raise OutputFailed(f"The weight cannot be copied to {into} ({error}); nothing was added.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def a_pattern(card: WeightCard) -> MedicalImage:
    """A ramp with noise in the size and colour that the card asks for; it says nothing about how good a weight is."""
    *depth, rows, columns = card.preprocessing.size
    channels, sequences = card.preprocessing.channels, card.preprocessing.sequences
    shape = (depth[0] if depth else 1, rows, columns, *((channels,) if channels > 1 else ()))
    noise = np.random.default_rng(0).integers(0, 64, shape)
    ramp = np.linspace(0, 190, columns).reshape(1, 1, columns, *((1,) if len(shape) == 4 else ()))
    array, matrix = (noise + ramp).astype(np.uint8), np.diag([-1.0, -1.0, 1.0, 1.0])
    return MedicalImage(array, matrix, "pattern", spacing_known=False, channels=sequences)


def try_weight(folder: Path, card: WeightCard, image: MedicalImage) -> None:
    """Run a weight once on the CPU.

    Raises:
        WeightCorrupt: it fails, or what comes out does not fit the card.
    """
    import torch

    from .inference.engine import load_weight

    weight = load_weight(folder, card, torch.device("cpu"))
    weight.network.register_forward_hook(lambda _, inputs, scores: _check_shape(card, inputs[0].shape, scores.shape))
    try:
        _check_output(weight, image)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightCorrupt(
            f"The weight '{card.id}' fails on '{image.name}' ({reason}); its card's preprocessing or network options "
            "do not fit the file."
        ) from error


def _check_output(weight: LoadedWeight, image: MedicalImage) -> None:
    from .inference.engine import classify, segmentation_scores

    if weight.card.intent is Intent.CLASSIFICATION:
        classify(weight, image)
    else:
        segmentation_scores(weight, image)


def _check_shape(card: WeightCard, given: Sequence[int], scores: Sequence[int]) -> None:
    """Compare the shape of the scores (n, classes, …) with the card and with the input (n, channels, …)."""
    place: tuple[int, ...] = ()
    if card.intent is Intent.CLASSIFICATION:
        labels, what = len(card.classes), f"{len(card.classes)} classes"
    else:
        labels, what = len(card.structures) + 1, f"{len(card.structures)} structures and the background"
        place = tuple(given[2:])
    wanted = (given[0], labels, *place)
    if tuple(scores) == wanted:
        return
    if len(scores) == len(wanted) and tuple(scores[2:]) == place:
        raise WeightCorrupt(f"The weight '{card.id}' scores {scores[1]} labels where its card has {what}.")
    raise WeightCorrupt(
        f"The weight '{card.id}' answers an input of shape {tuple(given)} with scores of shape {tuple(scores)}; "
        f"{wanted} was expected, because its card has {what}."
    )


def remove_weight(weight_id: str, catalog: Catalog) -> Path:
    """Delete a weight from the user's folder and return where it lay.

    Raises:
        WeightCorrupt: there is no such weight.
        InvalidInput: it lies elsewhere: it came with MedPrompt or is managed by hand.
    """
    folder = catalog.folder(weight_id)
    if folder.parent.resolve() != weights_folder().resolve():
        raise InvalidInput(
            f"The weight '{weight_id}' lies in {folder}, not among those added with `medprompt weights add`; "
            "it is left alone."
        )
    card = catalog.card(weight_id)
    shutil.rmtree(folder)
    if not any(other.file.sha256 == card.file.sha256 for other in catalog if other.id != weight_id):
        agreed_programs().take_back(card.file.sha256)
    return folder
