"""BiomedCLIP (Zhang et al. 2023) from a folder as open_clip saves it: a BERT text tower and a timm ViT image tower."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..checkpoints import read_checkpoint
from ..errors import InvalidInput, MissingPackage
from ..networks.vision_language import TextTower, TransformerImageTower, VisionLanguageModel

# timm's names in a block → those of transformers 5, and of transformers 4
BLOCK_NAMES = (
    ("norm1", "layernorm_before", "layernorm_before"),
    ("norm2", "layernorm_after", "layernorm_after"),
    ("attn.proj", "attention.o_proj", "attention.output.dense"),
    ("mlp.fc1", "mlp.fc1", "intermediate.dense"),
    ("mlp.fc2", "mlp.fc2", "output.dense"),
)
QKV_NAMES = (
    ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
    ("attention.attention.query", "attention.attention.key", "attention.attention.value"),
)
HEAD = 64
"""Width of an attention head, in both towers of every published size."""


def load_biomedclip(folder: Path) -> VisionLanguageModel:
    """The model of a folder with `open_clip_config.json`, its weights and its tokenizer.

    Raises:
        InvalidInput: files are missing or of another layout.
        MissingPackage: transformers is not installed.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingPackage("BiomedCLIP needs transformers; run: pip install transformers") from error
    try:
        config = json.loads((folder / "open_clip_config.json").read_bytes())
        state = _state(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return wrap_biomedclip(state, config, tokenizer)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise InvalidInput(
            f"The folder {folder} does not hold BiomedCLIP as open_clip saves it ({what}); expected a BERT text tower, "
            "a ViT image tower and the tokenizer's files."
        ) from error


def _state(folder: Path) -> dict[str, Tensor]:
    single = folder / "open_clip_model.safetensors"
    if single.is_file():
        from safetensors.torch import load_file

        return load_file(single)
    state: dict[str, Tensor] = read_checkpoint(folder / "open_clip_pytorch_model.bin")
    return state


def wrap_biomedclip(state: dict[str, Tensor], config: dict[str, Any], tokenizer: Any) -> VisionLanguageModel:
    """The model from its parameters under open_clip's names.

    Raises:
        KeyError, RuntimeError: parameters that do not fit.
    """
    from transformers import BertConfig, BertModel, ViTConfig, ViTModel

    settings, looks = config["model_cfg"], config["preprocess_cfg"]
    text_state = _below(state, "text.transformer.")
    words, width = text_state["embeddings.word_embeddings.weight"].shape
    bert: Any = BertModel(
        BertConfig(
            vocab_size=words,
            hidden_size=width,
            num_hidden_layers=_count(text_state, r"encoder\.layer\.(\d+)\."),
            num_attention_heads=max(1, width // HEAD),
            intermediate_size=text_state["encoder.layer.0.intermediate.dense.weight"].shape[0],
            max_position_embeddings=text_state["embeddings.position_embeddings.weight"].shape[0],
        ),
        add_pooling_layer=False,
    )
    _fill(bert, text_state)
    trunk = _below(state, "visual.trunk.")
    width, _, patch, _ = trunk["patch_embed.proj.weight"].shape
    size = int(settings["vision_cfg"]["image_size"])
    vit: Any = ViTModel(
        ViTConfig(
            hidden_size=width,
            num_hidden_layers=_count(trunk, r"blocks\.(\d+)\."),
            num_attention_heads=max(1, width // HEAD),
            intermediate_size=trunk["blocks.0.mlp.fc1.weight"].shape[0],
            image_size=size,
            patch_size=patch,
            layer_norm_eps=1e-6,
        ),
        add_pooling_layer=False,
    )
    _fill(vit, renamed_trunk(trunk, "layers.0.layernorm_before.weight" in vit.state_dict()))
    text_projection, image_projection = (
        _projection(_below(state, "text.proj.")),
        _linear(state["visual.head.proj.weight"]),
    )
    text = TextTower(bert, text_projection, "first")
    text.context = min(text.context, int(settings["text_cfg"].get("context_length", text.context)))
    image = TransformerImageTower(vit, image_projection, "first")
    mean, std = tuple(looks["mean"]), tuple(looks["std"])
    made = VisionLanguageModel(image, text, tokenizer, float(state["logit_scale"]), size, mean, std)
    return made.eval().requires_grad_(False)


def renamed_trunk(trunk: dict[str, Tensor], five: bool) -> dict[str, Tensor]:
    """timm's parameters under the names of transformers' ViT.

    Args:
        five: the names of transformers 5, else those of 4.
    """
    out = {
        "embeddings.cls_token": trunk["cls_token"],
        "embeddings.position_embeddings": trunk["pos_embed"],
        "embeddings.patch_embeddings.projection.weight": trunk["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.projection.bias": trunk["patch_embed.proj.bias"],
        "layernorm.weight": trunk["norm.weight"],
        "layernorm.bias": trunk["norm.bias"],
    }
    block = "layers" if five else "encoder.layer"
    for n in range(_count(trunk, r"blocks\.(\d+)\.")):
        for kind in ("weight", "bias"):
            for name, new, old in BLOCK_NAMES:
                out[f"{block}.{n}.{new if five else old}.{kind}"] = trunk[f"blocks.{n}.{name}.{kind}"]
            parts = trunk[f"blocks.{n}.attn.qkv.{kind}"].chunk(3)
            for name, part in zip(QKV_NAMES[0 if five else 1], parts, strict=True):
                out[f"{block}.{n}.{name}.{kind}"] = part
    return out


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _count(state: dict[str, Tensor], pattern: str) -> int:
    return 1 + max(int(found[1]) for name in state if (found := re.match(pattern, name)))


def _fill(model: nn.Module, state: dict[str, Tensor]) -> None:
    own = set(model.state_dict())
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("pooler.") and name in own}
    missing = sorted(name for name in own - set(kept) if not name.endswith(("position_ids", "token_type_ids")))
    if missing:
        raise KeyError(f"no parameter for {missing[0]}")
    model.load_state_dict(kept, strict=False)


def _linear(weight: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.load_state_dict({"weight": weight})
    return layer


def _projection(state: dict[str, Tensor]) -> nn.Module:
    """open_clip's `linear` or `mlp` projection of a text tower."""
    if "weight" in state:
        return _linear(state["weight"])
    return nn.Sequential(_linear(state["0.weight"]), nn.GELU(), _linear(state["2.weight"]))
