"""What every training run has: phases, an averaged copy, a checkpoint to continue from, the best epoch kept."""

from __future__ import annotations

import abc
import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from ..errors import InvalidInput
from .config import Recipe
from .data import Cases

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"


class Training(abc.ABC):
    """One run of one recipe in one folder; a subclass reads the data, builds the model and trains one epoch.

    Args:
        recipe: what to train.
        work: folder for the checkpoint and the log; an existing checkpoint is continued.
        device: where to train.
        report: called with one line per epoch.

    Attributes:
        cases: the splits `train` and `val`.
        model, ema: what is trained, and its running average, which is evaluated and shipped.
    """

    cases: dict[str, Cases]
    model: nn.Module
    ema: nn.Module

    def __init__(self, recipe: Recipe, work: Path, device: torch.device, report: Callable[[str], None] = print) -> None:
        self.recipe, self.work, self.device, self.report = recipe, work, device, report
        self.schedule = recipe.schedule
        work.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.schedule.seed)

    def _start(self, model: nn.Module) -> None:
        """Begin with a model that is on its device, or continue from the checkpoint."""
        self.model = model
        self.ema = copy.deepcopy(model).eval()
        self.generator = torch.Generator().manual_seed(self.schedule.seed)
        self.optimiser = self._optimiser()
        self.epoch, self.step, self.best, self.best_epoch = 0, 0, -math.inf, -1
        self.best_state: dict[str, Tensor] | None = None
        self._resume()

    @abc.abstractmethod
    def _train_epoch(self) -> float:
        """One epoch of steps; returns the mean loss."""

    @abc.abstractmethod
    def _validate(self) -> dict[str, float]:
        """Numbers of the averaged model on the validation split; `score` chooses the epoch, more is better.

        Without a validation split there is none, and the schedule selects the last epoch.
        """

    def _shipped(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The part of the averaged parameters that belongs to the network on the card."""
        return state

    def _optimiser(self) -> torch.optim.Optimizer:
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            encoder = any(part in name for part in ("low_level", "mid_level", "high_level"))
            groups.setdefault((encoder, parameter.ndim > 1), []).append(parameter)
        rate = self.schedule.learning_rate
        return torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "base": rate * (self.schedule.encoder_factor if encoder else 1.0),
                    "weight_decay": self.schedule.weight_decay if decays else 0.0,
                }
                for (encoder, decays), parameters in groups.items()
            ],
            lr=rate,
        )

    def _resume(self) -> None:
        path = self.work / CHECKPOINT
        if not path.is_file():
            self._cut_log()
            return
        state = torch.load(path, weights_only=True, map_location=self.device)
        if not self._is_own(state["recipe"]):
            raise InvalidInput(
                f"The checkpoint {path} was made with another recipe; remove it or choose another --work folder."
            )
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"].cpu())
        torch.set_rng_state(state["rng"].cpu())
        if self.device.type == "cuda" and state["cuda_rng"] is not None:
            torch.cuda.set_rng_state(state["cuda_rng"].cpu(), self.device)
        self.epoch, self.step = state["epoch"], state["step"]
        self.best, self.best_epoch, self.best_state = state["best"], state["best_epoch"], state["best_state"]
        self._cut_log()
        self.report(f"continuing after epoch {self.epoch} of {self.schedule.epochs}")

    def _cut_log(self) -> None:
        """Leave no line in the log that the checkpoint does not know: a run may be killed between the two."""
        log = self.work / LOG
        if log.is_file():
            kept = [f"{json.dumps(line)}\n" for line in read_log(log) if line["epoch"] <= self.epoch]
            replace_text(log, "".join(kept))

    def _save(self) -> None:
        on_cuda = self.device.type == "cuda"
        state = {
            "recipe": self.recipe.model_dump_json(),
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self.device) if on_cuda else None,
            "epoch": self.epoch,
            "step": self.step,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_state": self.best_state,
        }
        temporary = self.work / f"{CHECKPOINT}.part"
        torch.save(state, temporary)
        temporary.replace(self.work / CHECKPOINT)

    def _is_own(self, stored: str) -> bool:
        """Whether a checkpoint is of this recipe; settings newer than the checkpoint count as their default."""
        try:
            return Recipe.model_validate_json(stored) == self.recipe
        except ValidationError:
            return False

    def run(self) -> dict[str, Tensor]:
        """Train to the end (or from the checkpoint to the end) and return the selected averaged parameters."""
        while not self._finished():
            started = time.monotonic()
            loss = self._train_epoch()
            self.epoch += 1
            record: dict[str, Any] = {"epoch": self.epoch, "loss": round(loss, 5)}
            last_phase = self._in_last_phase()
            if last_phase or self.epoch % 5 == 0:
                record |= self._validate()
                score = record.get("score", -math.inf)
                if last_phase and (score > self.best or self.schedule.select == "last"):
                    self.best, self.best_epoch = score, self.epoch
                    self.best_state = {name: tensor.clone() for name, tensor in self.ema.state_dict().items()}
            record["seconds"] = round(time.monotonic() - started, 1)
            self.report(f"{self.recipe.card.id} {json.dumps(record)}")
            with (self.work / LOG).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")
            self._save()
        assert self.best_state is not None
        return self._shipped(self.best_state)

    @property
    def seconds(self) -> float:
        """How long all epochs took that this folder's log holds, also those before an interruption."""
        return round(sum(line["seconds"] for line in read_log(self.work / LOG)), 1)

    def _in_last_phase(self) -> bool:
        return self.epoch > self.schedule.epochs - self.schedule.phases[-1].epochs

    def _finished(self) -> bool:
        """All epochs are done, or (never with `last`) the last phase has stopped getting better."""
        stalled = self._in_last_phase() and self.epoch - self.best_epoch >= self.schedule.patience
        return self.epoch >= self.schedule.epochs or stalled

    def _optimise(self, loss: Tensor) -> float:
        """One step of the optimiser and of the average; left out where the gradient is not finite, which convolutions
        over a voxel or two on the CPU give now and then."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.step += 1
        if torch.isfinite(norm):
            self.optimiser.step()
            self._average()
        return float(loss.detach())

    def _set_rate(self, position: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * self.schedule.rate(position)

    def _average(self) -> None:
        decay = min(self.schedule.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for kept, new in zip(self.ema.state_dict().values(), self.model.state_dict().values(), strict=True):
                if kept.dtype.is_floating_point:
                    kept.lerp_(new, 1 - decay)
                else:
                    kept.copy_(new)


def read_log(path: Path) -> list[dict[str, Any]]:
    """One record per epoch of a run's log; a last line that was cut short is left out, and no log is an empty one."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    records = []
    for line in lines:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return records


def replace_text(path: Path, text: str) -> None:
    """Write a file in one step: it is the old one or the new one, never half of it."""
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def segmentation_loss(scores: Tensor, masks: Tensor) -> Tensor:
    """Dice and cross-entropy of scores (n, classes, …) against labels (n, …), the Dice over the whole batch."""
    from monai.losses import DiceCELoss

    loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)
    value: Tensor = loss(scores, masks[:, None])
    return value
