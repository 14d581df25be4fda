"""Weight files that hold their own program: what TorchScript is, when it may be loaded, and what it must answer.

A program is code. PyTorch's security policy says to treat TorchScript like executable code from an unknown source, so
none is loaded whose SHA-256 the user has not agreed to. `torch.export` files are not taken at all: where their parts
are more than tensors, `torch.export.load` reads them again with an unrestricted pickle.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..agreements import agreed_programs
from ..catalog import WeightCard
from ..errors import InvalidInput, WeightCorrupt, ran_out_of_memory

EXPORT_IT = (
    "export it with torch.jit.save(torch.jit.trace(model.eval(), example), 'model.ts'), or keep its parameters as "
    "safetensors for one of the networks that a card can name"
)


class Program(nn.Module):
    """A loaded program that answers with one tensor of scores, or says what it answered instead."""

    def __init__(self, script: nn.Module, name: str) -> None:
        super().__init__()
        self.script, self._name = script, name

    def forward(self, x: Tensor) -> Tensor:
        """Scores for a batch of inputs.

        Raises:
            WeightCorrupt: the program fails, or answers with something else.
        """
        try:
            scores = self.script(x)
        except (RuntimeError, torch.jit.Error) as error:
            if ran_out_of_memory(error):
                raise
            raise WeightCorrupt(
                f"The program {self._name} fails on an input of shape {tuple(x.shape)} ({_reason(error)}); the card's "
                "size, mean or std do not fit it, or it was exported for other shapes."
            ) from error
        if not isinstance(scores, Tensor):
            raise WeightCorrupt(
                f"The program {self._name} answers with a {_kind(scores)} where one tensor of scores was expected; "
                "wrap the model so that forward returns the scores alone, and export it again."
            )
        return scores


def _reason(error: Exception) -> str:
    """The last line of an error, because a program's errors begin with where it happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _kind(answer: Any) -> str:
    size = f" of {len(answer)}" if isinstance(answer, (tuple, list, dict)) else ""
    return f"{type(answer).__name__}{size}"


def check_is_program(path: Path) -> None:
    """Make sure that a file has the parts of a TorchScript archive, without running anything in it.

    Raises:
        WeightCorrupt: it is something else; the message says what it looks like and how to export it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {name.partition("/")[2] for name in archive.namelist()}
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise WeightCorrupt(
            f"The weight file {path} is not TorchScript ({error}): it is cut short or of another kind; {EXPORT_IT}."
        ) from error
    if damaged:
        raise WeightCorrupt(f"The weight file {path} is damaged inside (at {damaged}); copy or export it again.")
    if "constants.pkl" in inside and any(name.startswith("code/") for name in inside):
        return
    if any(name.startswith("models/") and name.endswith(".json") for name in inside):
        found = "is a torch.export program, whose loader may run an unrestricted pickle"
    elif "data.pkl" in inside:
        found = "was written by torch.save and holds parameters or a pickled model"
    else:
        found = "is a zip archive of another kind"
    raise WeightCorrupt(f"The weight file {path} is not TorchScript: it {found}; {EXPORT_IT}.")


def load_program(path: Path, card: WeightCard, device: torch.device) -> Program:
    """A TorchScript file whose bytes were verified, in evaluation mode on a device, wherever it was saved.

    Raises:
        InvalidInput: the user has not agreed to run this program.
        WeightCorrupt: not TorchScript, or of a version or with operators that this PyTorch does not have.
    """
    if not agreed_programs().given(card.file.sha256):
        raise InvalidInput(
            f"The weight '{card.id}' holds a TorchScript program that nobody has agreed to run here; if you trust "
            f"where {path} comes from, run: medprompt weights trust {card.id}"
        )
    check_is_program(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            script = torch.jit.load(path, map_location=device)
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightCorrupt(
            f"The weight file {path} cannot be loaded by PyTorch {torch.__version__} ({reason}); export it again with "
            "this version."
        ) from error
    return Program(script, path.name).eval()
