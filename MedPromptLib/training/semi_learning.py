"""From two folders to a weight: checks, settings, a training that fits the minutes, pictures, calibration, card.

What `medprompt train-semi` and the panel call. Everything lies in one working folder, from which an interrupted
training goes on.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from ..card_drafts import known_terminology
from ..catalog import CARD_NAME, TrainingRun, WeightCard, write_card
from ..errors import Cancelled, InvalidInput, MissingPackage, OutputFailed
from ..execution import Progress
from ..inference.devices import resolve_device
from .config import Recipe
from .loop import LOG, read_log, replace_text
from .origin import code_version, hardware
from .publish import publish
from .semi_bench import with_text
from .semi_folders import Gathered, gather
from .semi_pictures import TensorBoardLog, draw_curves, draw_preview
from .semi_plan import Wanted, plan, timed
from .semi_text import known_texts, text_of
from .semi_training import SemiTraining
from .volume_data import VolumeCases, read_volumes
from .volume_profile import volume_profile

RECIPE, TEXT, REQUEST, DATA, FINISHED = "recipe.json", "text.json", "request.json", "data", "finished"
CURVES, PREVIEW, BOARD = "curves.png", "preview.png", "tensorboard"
TRIAL_STEPS = 4
EPOCH_SECONDS = 20.0
"""An epoch is so long that a checkpoint, and what is shown, is about as old as this at most."""
RESERVE = 0.12
"""Share of the time that is kept for calibration, card and input check."""
MOST_STEPS = 12_000
LEAST_EPOCHS = 3
LOOKS_AT_END = 5
"""So often the held-out volumes are run through when the weight is made."""


@dataclass(frozen=True)
class Request:
    """What a user asks for.

    Attributes:
        labelled, unlabelled: folders, see `semi_folders`; without the second one, the training is supervised.
        structures: names, in the order of the labels.
        out: the new weight's folder; its name is the weight's id.
        work: folder for the training's own files; each weight has one of its own in it.
        modality: of the volumes, in a catalogue's words.
        target: what a prompt calls it; default: the structure, or all of them.
        synonyms: other words for the target.
        codes: SNOMED CT code and meaning by structure, for those that the ontology does not know.
        minutes: about how long all of it may take; a training that goes on keeps the steps it began with.
        hold_out, merge: see `semi_folders.gather`.
    """

    labelled: Path
    unlabelled: Path | None
    structures: tuple[str, ...]
    out: Path
    work: Path
    modality: str = "mri"
    target: str = ""
    synonyms: tuple[str, ...] = ()
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    minutes: float = 60.0
    hold_out: int | None = None
    merge: bool = False
    device: str = "auto"
    seed: int = 1

    @property
    def folder(self) -> Path:
        """Where this training's own files lie."""
        return self.work / self.out.name

    def as_text(self) -> str:
        """What must be the same for a training to go on, as JSON."""
        told = {
            "labelled": str(self.labelled.expanduser().resolve()),
            "unlabelled": str(self.unlabelled.expanduser().resolve()) if self.unlabelled else "",
            "structures": self.structures,
            "modality": self.modality,
            "target": self.target,
            "synonyms": self.synonyms,
            "codes": self.codes,
            "hold_out": self.hold_out,
            "merge": self.merge,
            "seed": self.seed,
        }
        return json.dumps(told, indent=1) + "\n"


def learn(
    request: Request,
    *,
    progress: Callable[[Progress], None] = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> WeightCard:
    """Train a weight, or go on with it, and write its folder.

    Raises:
        InvalidInput: anything that is wrong with the request or the folders, before any training starts.
        Cancelled: the training so far is kept; the same request goes on from there.
    """
    started = time.monotonic()
    wanted = _wanted(request)
    device = resolve_device(request.device)
    work = request.folder
    _must_be_this_training(request)
    work.mkdir(parents=True, exist_ok=True)
    if (work / RECIPE).is_file():
        recipe, text = _stored(work)
    else:
        replace_text(work / REQUEST, request.as_text())
        data = gather(
            request.labelled,
            request.unlabelled,
            request.structures,
            work / DATA / request.out.name,
            hold_out=request.hold_out,
            merge=request.merge,
            progress=lambda line, done: _step(progress, cancelled, line, 0.05 * done),
        )
        for note in data.notes:
            progress(Progress(note, 0.05))
        recipe, text = _settings(wanted, data, request, progress)
        left = request.minutes * 60 * (1 - RESERVE) - (time.monotonic() - started)
        recipe = _sized(recipe, _cases(recipe, work), text, device, left, progress)
        replace_text(work / TEXT, json.dumps(text.tolist() if text is not None else None))
        replace_text(work / RECIPE, recipe.model_dump_json(indent=1) + "\n")
    return _train(request, recipe, text, device, progress, cancelled)


def _train(
    request: Request,
    recipe: Recipe,
    text: Tensor | None,
    device: torch.device,
    progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> WeightCard:
    work, cases = request.folder, _cases(recipe, request.folder)
    commit, clean = code_version()
    told = [time.monotonic()]

    def ticked(done: float) -> None:
        if time.monotonic() - told[0] > 1:
            told[0] = time.monotonic()
            epoch = min(int(done * recipe.schedule.epochs) + 1, recipe.schedule.epochs)
            progress(Progress(f"Epoch {epoch} of {recipe.schedule.epochs} runs", 0.05 + 0.85 * done))

    training = SemiTraining(
        recipe,
        {split: part for split, part in cases.items() if part is not None},
        work,
        device,
        lambda line: progress(Progress(line, 0.05)),
        text=text,
        cancelled=cancelled,
        ticked=ticked,
    )
    shown = _Shown(training, work, progress)
    training.report = shown.epoch
    state = training.run()
    shown.close()
    if cancelled():
        raise Cancelled("Cancelled after the training; run the same again to calibrate and write the weight.")
    progress(Progress("Calibrating on the held-out volumes", 0.92))
    val = cases["val"]
    assert val is not None
    card = publish(
        recipe,
        state,
        val,
        work / FINISHED,
        command=_command(request),
        config_sha256=hashlib.sha256((work / RECIPE).read_bytes()).hexdigest(),
        training=TrainingRun(
            commit=commit,
            tree_clean=clean,
            seconds=training.seconds,
            hardware=hardware(device),
            threads=torch.get_num_threads(),
        ),
    )
    progress(Progress("Writing the input check", 0.97))
    splits = [split for split in ("train", "unlabelled") if cases[split] is not None]
    profile = volume_profile(work / DATA, card, splits=splits, alone=True)
    note = card.provenance.note + _about_text(recipe, text)
    card = card.model_copy(
        update={"input_profile": profile, "provenance": card.provenance.model_copy(update={"note": note})}
    )
    write_card(work / FINISHED / card.id, card)
    _put(work / FINISHED / card.id, request.out)
    progress(Progress(f"{request.out} is ready", 1.0))
    return card


def _put(made: Path, out: Path) -> None:
    """Copy a folder; it appears complete or not at all.

    Raises:
        OutputFailed: it cannot be written; the training is kept.
    """
    draft = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(made, draft)
        draft.replace(out)
    except OSError as error:
        raise OutputFailed(
            f"The weight cannot be written to {out} ({error.strerror}); it lies in {made}, add it with `medprompt "
            "weights add`."
        ) from error


class _Shown:
    """What is drawn after each epoch."""

    def __init__(self, training: SemiTraining, work: Path, progress: Callable[[Progress], None]) -> None:
        self.training, self.work, self.progress = training, work, progress
        self.board: TensorBoardLog | None = None
        try:
            self.board = TensorBoardLog(work / BOARD, training.epoch)
        except MissingPackage as missing:
            progress(Progress(f"No TensorBoard log: {missing}", 0.05))

    def epoch(self, line: str) -> None:
        """Called with the training's line for an epoch, before it is in the log."""
        start = line.find("{")
        if start < 0:
            self.progress(Progress(line, 0.05))
            return
        record = json.loads(line[start:])
        training = self.training
        draw_curves([*read_log(self.work / LOG), record], self.work / CURVES)
        draw_preview(training.network, training.held_out[0], training.recipe, training.device, self.work / PREVIEW)
        if self.board is not None:
            self.board.add(record)
        epochs = training.schedule.epochs
        dice = f", held-out Dice {record['score']:.3f}" if "score" in record else ""
        done = 0.05 + 0.85 * record["epoch"] / epochs
        self.progress(Progress(f"Epoch {record['epoch']} of {epochs}: loss {record['loss']:.3f}{dice}", done))

    def close(self) -> None:
        """After the last epoch."""
        if self.board is not None:
            self.board.close()


def _wanted(request: Request) -> Wanted:
    """Raises InvalidInput for an id, a code or a place that cannot be used."""
    out = request.out
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", out.name):
        raise InvalidInput(
            f"The weight's folder is called '{out.name}', which is also its id; use small letters, digits and "
            "underscores, for example weights/left_atrium_seg_mri."
        )
    if (out / CARD_NAME).is_file():
        raise InvalidInput(f"There is a weight in {out} already; choose another name or remove it.")
    if not request.structures:
        raise InvalidInput("There is no structure to learn; name it with --structure.")
    if request.minutes <= 0:
        raise InvalidInput(f"{request.minutes:g} minutes is no time to learn in; give a positive number.")
    terms = []
    for name in request.structures:
        terminology = known_terminology(name)
        if name in request.codes:
            value, meaning = request.codes[name]
            terminology = {
                "category": {"scheme": "SCT", "value": "123037004", "meaning": "Anatomical Structure"},
                "type": {"scheme": "SCT", "value": value, "meaning": meaning},
            }
        if terminology is None:
            raise InvalidInput(
                f"No SNOMED CT code is known for '{name}'; use a name that is known, or give its code with "
                f'--code "{name}" "CODE" "MEANING".'
            )
        terms.append((name, terminology))
    target = request.target or ", ".join(request.structures)
    return Wanted(out.name, tuple(terms), target, request.modality, request.synonyms)


def _must_be_this_training(request: Request) -> None:
    """Raises InvalidInput if the working folder holds a training of something else."""
    kept = request.folder / REQUEST
    if kept.is_file() and kept.read_text(encoding="utf-8") != request.as_text():
        if not (request.folder / RECIPE).is_file():
            return  # nothing was trained yet
        raise InvalidInput(
            f"{request.folder} holds a training of other folders or settings; remove it, or choose another --work or "
            "--out."
        )


def _settings(
    wanted: Wanted, data: Gathered, request: Request, progress: Callable[[Progress], None]
) -> tuple[Recipe, Tensor | None]:
    counts = {"train": data.train, "val": data.val, "unlabelled": data.unlabelled}
    name = data.folder.name
    recipe = plan(wanted, name, read_volumes(data.folder, "train", orientation="RAS"), counts, seed=request.seed)
    try:
        text = text_of(recipe)
    except (InvalidInput, MissingPackage) as reason:
        progress(Progress(f"Without text: {reason}", 0.05))
        return recipe, None
    return with_text(recipe, text), text


def _cases(recipe: Recipe, work: Path) -> dict[str, VolumeCases | None]:
    folder = work / DATA / recipe.data.folder
    found: dict[str, VolumeCases | None] = {}
    for split in ("train", "val", "unlabelled"):
        used = split != "unlabelled" or (recipe.semi is not None and recipe.semi.teacher != "none")
        found[split] = read_volumes(folder, split, orientation="RAS") if used else None
    return found


def _sized(
    recipe: Recipe,
    cases: dict[str, VolumeCases | None],
    text: Tensor | None,
    device: torch.device,
    seconds: float,
    progress: Callable[[Progress], None],
) -> Recipe:
    """The recipe with as many steps as fit into the time, by a few steps on the real volumes."""
    assert recipe.semi is not None
    trial = timed(recipe, 2)
    trial = trial.model_copy(update={"semi": recipe.semi.model_copy(update={"steps": TRIAL_STEPS // 2})})
    ticks: list[float] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        used = {split: part for split, part in cases.items() if part is not None}
        training = SemiTraining(
            trial,
            used,
            Path(scratch),
            device,
            lambda line: None,
            text=text,
            ticked=lambda done: ticks.append(time.monotonic()),
        )
        training.run()
        looked = time.monotonic()
        draw_preview(training.network, training.held_out[0], recipe, device, Path(scratch) / PREVIEW)
        look = (time.monotonic() - looked) * (len(training.held_out) + 1)
    step = float(np.median(np.diff(ticks)))
    steps = int(np.clip(EPOCH_SECONDS / step, 5, 200))
    left = seconds - (time.monotonic() - begun) - LOOKS_AT_END * look
    epochs = int(np.clip(left / (steps * step + look / 5), LEAST_EPOCHS, MOST_STEPS // steps))
    minutes = epochs * (steps * step + look / 5) / 60
    progress(Progress(f"{step:.2f} s a step: {epochs} epochs of {steps} steps, about {minutes:.0f} min", 0.05))
    sized = timed(recipe, epochs)
    return sized.model_copy(update={"semi": recipe.semi.model_copy(update={"steps": steps})})


def _stored(work: Path) -> tuple[Recipe, Tensor | None]:
    try:
        recipe = Recipe.model_validate_json((work / RECIPE).read_text(encoding="utf-8"))
        told: Any = json.loads((work / TEXT).read_text(encoding="utf-8"))
    except (OSError, ValidationError, ValueError) as error:
        raise InvalidInput(f"The training in {work} cannot be continued ({error}); remove that folder.") from error
    return recipe, None if told is None else torch.tensor(told)


def _step(progress: Callable[[Progress], None], cancelled: Callable[[], bool], line: str, done: float) -> None:
    if cancelled():
        raise Cancelled("Cancelled; nothing had been trained.")
    progress(Progress(line, done))


def _about_text(recipe: Recipe, text: Tensor | None) -> str:
    if text is None:
        return " It was told nothing of its structure."
    authors = sorted({f"{one.author}, {one.date}" for one in known_texts(recipe)})
    return f" It read the knowledge bank's text on its structures ({'; '.join(authors)})."


def _command(request: Request) -> str:
    words = ["medprompt train-semi --labelled LABELLED"]
    words += ["--unlabelled UNLABELLED"] if request.unlabelled else []
    words += [f'--structure "{name}"' for name in request.structures]
    words += [f'--modality "{request.modality}"', f"--minutes {request.minutes:g}", f"--out weights/{request.out.name}"]
    return " ".join(words)
