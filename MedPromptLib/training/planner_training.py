"""Fine-tunes the planner's language model on synthetic requests: a LoRA adapter for SmolLM2-135M-Instruct.

Low-rank adaptation follows Hu et al. 2022 (arXiv 2106.09685), by the peft library; rank, schedule and data are ours.
The loss is the cross-entropy of the reading's tokens alone; the prompt's own tokens are not learned.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from ..catalog import sha256_of
from ..errors import InvalidInput, MissingPackage
from ..knowledge.smollm import GGUF_SHA256, model_folder
from ..planner.adapter import CONFIG, RECORD, WEIGHTS, read_adapter, write_tensors
from ..planner.decoding import encoded
from .prompts.bank import bank_digest
from .prompts.generator import Generator

MODEL = "SmolLM2-135M-Instruct"
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
CHECKPOINT = "planner.pt"
LOG = "planner.jsonl"
_VALIDATION_SEED = 999_983


@dataclass(frozen=True)
class Settings:
    """One training run.

    Attributes:
        steps: optimiser steps; the learning rate falls to a twentieth along a cosine.
        rows, length: of one step's batch, in tokens; about 33 examples at 6 × 256.
        rate: peak learning rate (AdamW, no weight decay).
        rank: of the adapter; alpha is twice the rank.
    """

    steps: int = 1600
    rows: int = 6
    length: int = 256
    rate: float = 6e-4
    warmup: int = 40
    rank: int = 16
    seed: int = 1


def train_planner(
    out: Path,
    settings: Settings,
    *,
    base: Path | None = None,
    start: Path | None = None,
    minutes: float = math.inf,
    resume: bool = False,
    report: Callable[[str], None] = print,
) -> Path:
    """Train, with a checkpoint every 100 steps, and write the adapter.

    Args:
        out: folder for checkpoint, log and `adapter/`.
        base: a transformers folder; default: the packaged SmolLM2.
        start: an adapter to begin from, of the same rank; default: a new one.
        minutes: stop and keep a checkpoint after this long.
        resume: go on from the checkpoint in `out`.

    Returns:
        The adapter's folder.

    Raises:
        InvalidInput: `resume` without a checkpoint, or one of other settings; a `start` of another rank.
        MissingPackage: peft is not installed.
        WeightCorrupt: `start` is missing or altered.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingPackage("Training the planner needs peft; run: pip install 'medprompt-slicer[train]'") from error
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out.mkdir(parents=True, exist_ok=True)
    folder = base or model_folder()
    torch.manual_seed(settings.seed)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    plain = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.bfloat16)
    model: Any = get_peft_model(
        plain,
        LoraConfig(r=settings.rank, lora_alpha=2 * settings.rank, lora_dropout=0.0, target_modules=list(TARGETS)),
        autocast_adapter_dtype=False,
    )
    origin = _begin_from(model, start, settings) if start else None
    # the passes run in bfloat16, the optimiser on float32 copies
    live = [p for p in model.parameters() if p.requires_grad]
    weights = [p.detach().float() for p in live]
    optimiser = torch.optim.AdamW(weights, lr=settings.rate, weight_decay=0.0, betas=(0.9, 0.98))
    step = 0
    saved = out / CHECKPOINT
    if resume:
        if not saved.is_file():
            raise InvalidInput(f"There is no checkpoint in {out} to resume from; start without --resume.")
        state = torch.load(saved, weights_only=True)
        if state["settings"] != asdict(settings):
            raise InvalidInput(f"The checkpoint in {out} was made with other settings; use the same or another folder.")
        for weight, value in zip(weights, state["weights"], strict=True):
            weight.copy_(value)
        _copy(weights, live)
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    held_out = [_packed(tokenizer, _VALIDATION_SEED + n, settings) for n in range(8)]
    started = time.monotonic()
    losses: list[float] = []
    with (out / LOG).open("a", encoding="utf-8") as log:
        while step < settings.steps and time.monotonic() - started < 60 * minutes:
            for group in optimiser.param_groups:
                group["lr"] = _rate(settings, step)
            losses.append(_step(model, _packed(tokenizer, settings.seed * 1_000_003 + step, settings)))
            for weight, parameter in zip(weights, live, strict=True):
                weight.grad = parameter.grad.float() if parameter.grad is not None else None
                parameter.grad = None
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            _copy(weights, live)
            step += 1
            if step % 20 == 0:
                entry = {
                    "step": step,
                    "loss": round(sum(losses[-20:]) / len(losses[-20:]), 4),
                    "seconds": round(time.monotonic() - started),
                }
                if step % 200 == 0 or step == settings.steps:
                    entry["exact"] = round(exact(model, held_out), 4)
                log.write(json.dumps(entry) + "\n")
                log.flush()
                report(json.dumps(entry))
            if step % 100 == 0 or step == settings.steps:
                _save(saved, settings, step, weights, optimiser)
                _publish(model, out / "adapter", base, origin, settings, step)
    _save(saved, settings, step, weights, optimiser)
    return _publish(model, out / "adapter", base, origin, settings, step, exact(model, held_out))


def _begin_from(model: Any, start: Path, settings: Settings) -> dict[str, Any]:
    """Put an adapter's values into the model's; returns its record."""
    from peft import set_peft_model_state_dict

    record, config, tensors = read_adapter(start)
    if config["r"] != settings.rank:
        raise InvalidInput(
            f"The adapter in {start} has rank {config['r']}, this training {settings.rank}; use one rank."
        )
    set_peft_model_state_dict(model, tensors)
    return record


def _copy(weights: list[torch.Tensor], live: list[torch.Tensor]) -> None:
    with torch.no_grad():
        for weight, parameter in zip(weights, live, strict=True):
            parameter.copy_(weight)


def _rate(settings: Settings, step: int) -> float:
    if step < settings.warmup:
        return settings.rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


class Packed(NamedTuple):
    """Several examples side by side in rows of one length: passes of one shape, and hardly any padding.

    Attributes:
        tokens, positions, numbers: (rows, length); `numbers` tells the example, -1 for padding.
        labels: (rows, length), the next token where that is the reading's, else -100.
        mask: (rows, 1, length, length), True where a token may look.
        examples: how many there are.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    mask: torch.Tensor
    numbers: torch.Tensor
    examples: int


def _packed(tokenizer: Any, seed: int, settings: Settings) -> Packed:
    """Examples from one seed until the rows are full; labels are -100 except where the next token is the reading's."""
    generator = Generator(seed)
    shape = (settings.rows, settings.length)
    tokens = torch.zeros(shape, dtype=torch.long)
    positions = torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, -100)
    numbers = torch.full(shape, -1)
    filled = [0] * settings.rows
    count = misfits = 0
    while misfits < 4:
        made = generator.example()
        prompt, reading = encoded(tokenizer, made.prompt, made.reading)
        size = len(prompt) + len(reading)
        row = next((r for r, used in enumerate(filled) if used + size <= settings.length), None)
        if row is None:
            misfits += 1
            continue
        start, end = filled[row], filled[row] + size
        tokens[row, start:end] = torch.tensor(prompt + reading)
        positions[row, start:end] = torch.arange(size)
        labels[row, start + len(prompt) - 1 : end - 1] = torch.tensor(reading)
        numbers[row, start:end] = count
        filled[row] = end
        count += 1
    same = numbers[:, :, None] == numbers[:, None, :]
    mask = (same & torch.ones(settings.length, settings.length, dtype=torch.bool).tril())[:, None]
    return Packed(tokens, positions, labels, mask, numbers, count)


def _scores(model: Any, batch: Packed) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels at the reading's tokens alone."""
    base = model.base_model.model
    states = base.model(
        input_ids=batch.tokens, position_ids=batch.positions, attention_mask=batch.mask, use_cache=False
    ).last_hidden_state
    at = batch.labels != -100
    return base.lm_head(states[at]), batch.labels[at]


def _step(model: Any, batch: Packed) -> float:
    model.train()
    logits, wanted = _scores(model, batch)
    loss = F.cross_entropy(logits.float(), wanted)
    loss.backward()
    return float(loss.detach())


@torch.inference_mode()
def exact(model: Any, batches: list[Packed]) -> float:
    """Share of examples of which every token of the reading is the most probable one."""
    model.eval()
    right = total = 0
    for batch in batches:
        logits, wanted = _scores(model, batch)
        wrong = batch.numbers[batch.labels != -100][logits.argmax(-1) != wanted]
        right += batch.examples - len(set(wrong.tolist()))
        total += batch.examples
    return right / total


def _save(path: Path, settings: Settings, step: int, weights: list[Any], optimiser: Any) -> None:
    scratch = path.with_suffix(".part")
    torch.save(
        {
            "settings": asdict(settings),
            "step": step,
            "weights": weights,
            "optimiser": optimiser.state_dict(),
        },
        scratch,
    )
    scratch.replace(path)


def _publish(
    model: Any,
    folder: Path,
    base: Path | None,
    origin: dict[str, Any] | None,
    settings: Settings,
    step: int,
    held_out: float | None = None,
) -> Path:
    """The adapter alone, with a record of how it was made."""
    from peft import get_peft_model_state_dict

    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(get_peft_model_state_dict(model), folder / WEIGHTS)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base.name if base else MODEL,
        "r": settings.rank,
        "lora_alpha": 2 * settings.rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": list(TARGETS),
    }
    record = {
        "sha256": sha256_of(folder / WEIGHTS),
        "base": {"model": base.name} if base else {"model": MODEL, "gguf_sha256": GGUF_SHA256},
        "data": {"generator": "MedPromptLib/training/prompts", "sha256": bank_digest()},
        "command": f"medprompt train-planner --steps {settings.steps} --seed {settings.seed} --rate {settings.rate:g}"
        + (" --start weights/planner" if origin else ""),
        **({"start": origin} if origin else {}),
        "settings": asdict(settings),
        "step": step,
        "exact_on_held_out_synthetic_prompts": held_out if held_out is None else round(held_out, 4),
    }
    for name, content in ((CONFIG, config), (RECORD, record)):
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return folder
