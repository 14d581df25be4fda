"""Adding a user's own weight to the catalogue, and removing it: checked, tried on an image, then copied as a whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .catalog import CARD_NAME, Catalog, WeightCard, parse_card, verify_file
from .errors import InvalidInput, OutputFailed, WeightCorrupt
from .images import MedicalImage, read_image
from .plan import Intent
from .user_folders import weights_folder

if TYPE_CHECKING:
    from .inference.engine import LoadedWeight

SAMPLE_NAMES = ("sample.png", "sample.jpg", "sample.dcm", "sample.nrrd", "sample.nii.gz")
"""A fitting image that may lie beside the card, for the trial run."""


def add_weight(source: Path, catalog: Catalog, into: Path | None = None, sample: Path | None = None) -> WeightCard:
    """Check a weight folder, try it on an image and copy it to `into/<id>/`.

    Args:
        source: a folder with `card.json` and the file that the card names.
        catalog: what is installed already.
        into: default the user's weight folder.
        sample: a fitting image; default `sample.png` (or the like) beside the card, else a synthetic pattern.

    Raises:
        InvalidInput: no such folder, an id that is taken, or a sample that cannot be read.
        WeightCorrupt: the card or the file is not valid, they do not fit each other, or the trial run fails.
        OutputFailed: the copy could not be written; nothing half-written is left.
    """
    if not (source / CARD_NAME).is_file():
        raise InvalidInput(f"There is no {CARD_NAME} in {source}; expected a folder with it and the weight file.")
    card = parse_card(source / CARD_NAME)
    if card.id in catalog:
        raise InvalidInput(
            f"There is already a weight '{card.id}' in {catalog.folder(card.id)}; change the card's id "
            "or remove that one."
        )
    verify_file(source, card)
    if sample is None:
        sample = next((source / name for name in SAMPLE_NAMES if (source / name).is_file()), None)
    try_weight(source, card, a_pattern(card) if sample is None else read_image(sample))
    return _copy(source, card, into or weights_folder())


def _copy(source: Path, card: WeightCard, into: Path) -> WeightCard:
    draft, folder = into / f"{card.id}.part", into / card.id
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name in (CARD_NAME, card.file.name):
            shutil.copyfile(source / name, draft / name)
        draft.rename(folder)
    except OSError as error:
        raise OutputFailed(f"The weight cannot be copied to {into} ({error}); nothing was added.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return card


def a_pattern(card: WeightCard) -> MedicalImage:
    """A ramp with noise in the size and colour that the card asks for; it says nothing about how good a weight is."""
    *depth, rows, columns = card.preprocessing.size
    shape = (depth[0] if depth else 1, rows, columns, *((3,) if card.preprocessing.channels == 3 else ()))
    noise = np.random.default_rng(0).integers(0, 64, shape)
    ramp = np.linspace(0, 190, columns).reshape(1, 1, columns, *((1,) if len(shape) == 4 else ()))
    return MedicalImage(
        (noise + ramp).astype(np.uint8), np.diag([-1.0, -1.0, 1.0, 1.0]), "pattern", spacing_known=False
    )


def try_weight(folder: Path, card: WeightCard, image: MedicalImage) -> None:
    """Run a weight once on the CPU.

    Raises:
        WeightCorrupt: it fails, or what comes out does not fit the card.
    """
    import torch

    from .inference.engine import load_weight

    weight = load_weight(folder, card, torch.device("cpu"))
    try:
        _check_output(weight, image)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise WeightCorrupt(
            f"The weight '{card.id}' fails on '{image.name}' ({reason}); its card's preprocessing or network options "
            "do not fit the file."
        ) from error


def _check_output(weight: LoadedWeight, image: MedicalImage) -> None:
    from .inference.engine import classify, segmentation_scores

    card = weight.card
    if card.intent is Intent.CLASSIFICATION:
        values = np.array(list(classify(weight, image).values()))
    else:
        scores = segmentation_scores(weight, image)
        if scores.shape[1] != len(card.structures) + 1:
            raise WeightCorrupt(
                f"The weight '{card.id}' scores {scores.shape[1]} labels where its card has {len(card.structures)} "
                "structures and the background."
            )
        values = scores.numpy()
    if not np.isfinite(values).all():
        raise WeightCorrupt(f"The weight '{card.id}' gives values that are not numbers on '{image.name}'.")


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
    shutil.rmtree(folder)
    return folder
