"""What tests of the planners share: cards, readings written by hand in place of a model's, and a tiny random model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from MedPromptLib.catalog import Ability
from MedPromptLib.plan import Plan
from MedPromptLib.planner.assemble import Assembler
from MedPromptLib.planner.foreign import without_foreign
from MedPromptLib.planner.from_lines import LineReader
from MedPromptLib.planner.lines import parse_lines
from MedPromptLib.planner.local import LanguageDraft
from MedPromptLib.planner.reading import read


def ability(name: str, intent: str, target: str, modality: str, **more: Any) -> Ability:
    """A card's planning part; with `classes`, the first one is the negative result unless `positive` says otherwise."""
    if "classes" in more:
        more.setdefault("positive", more["classes"][1:])
    values = {"id": name, "intent": intent, "target": target, "modality": modality, **more}
    return Ability.model_validate(values)


CARDS = (
    ability("kidney_seg_ct", "segmentation", "kidneys", "abdominal ct", structures=["left kidney", "right kidney"]),
    ability("spleen_seg_ct", "segmentation", "spleen", "abdominal ct"),
    ability("stone_cls_ct", "classification", "kidney stone", "abdominal ct", classes=["no stone", "stone"]),
    ability("cyst_cls_ct", "classification", "kidney cyst", "abdominal ct", classes=["no cyst", "cyst"]),
    ability("lesion_seg_us", "segmentation", "breast lesion", "breast ultrasound"),
    ability(
        "lesion_cls_us",
        "classification",
        "breast lesion",
        "breast ultrasound",
        classes=["normal", "benign", "malignant"],
        positive=["benign", "malignant"],
    ),
    ability("pneumonia_cls_cxr", "classification", "pneumonia", "chest x-ray", classes=["normal", "pneumonia"]),
    ability("heart_seg_cxr", "segmentation", "heart", "chest x-ray"),
)


def drafted(prompt: str, lines: str, certainty: float = 1.0, cards: tuple[Ability, ...] = CARDS) -> LanguageDraft:
    """The draft the language-model planner would make if its model wrote these lines."""
    parsed = parse_lines(lines)
    foreign = without_foreign(prompt)
    reading = read(prompt, foreign.text, cards)
    said = LineReader(reading, foreign.text, cards).run(parsed)
    made = Assembler(prompt, reading.lexicon, said, foreign.stretches).build()
    plan = Plan(
        prompt=prompt,
        status=made.status,
        pipeline=made.tasks,
        omissions=made.omissions,
        message=made.message,
        planner="language model:by hand",
    )
    return LanguageDraft(plan, made.doubts, parsed, certainty)


def steps(plan: Plan) -> list[str]:
    """ "2 kidney_seg_ct[left kidney] <1=positive in 1": every task of a plan on a line of its own."""
    told = []
    for task in plan.pipeline:
        text = f"{task.id} {task.weight_name}" + (f"[{', '.join(task.structures)}]" if task.structures else "")
        on = task.condition_on
        if on is not None:
            size = f" {on.minimum_size:g}" if on.minimum_size else ""
            text += f" <{on.task_id}{'=' if on.execution == 'Positive' else '≠'}{on.expected_result}{size}"
        told.append(text + (f" in {task.dependency}" if task.dependency else ""))
    return told


def tiny_model(vocabulary: int = 128, seed: int = 0, width: int = 16) -> Any:
    """A random two-layer language model with the packaged one's architecture (Llama), in float32."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    return LlamaForCausalLM(config).eval()


def packaged_tokenizer() -> Any:
    """The tokenizer of the packaged language model."""
    from transformers import AutoTokenizer

    from MedPromptLib.knowledge.smollm import model_folder

    return AutoTokenizer.from_pretrained(model_folder(), local_files_only=True)


def tiny_base(folder: Path) -> Path:
    """A folder with a tiny random model and the packaged tokenizer, as `base` of a training or `model` of a planner."""
    tokenizer = packaged_tokenizer()
    tiny_model(len(tokenizer)).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
