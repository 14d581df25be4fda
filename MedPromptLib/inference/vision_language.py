"""Vision-language models on disk: the project's own, and CLIP, SigLIP and BiomedCLIP folders of the user's."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from ..catalog import FILE_NAME, default_weight_folders, sha256_of
from ..errors import InvalidInput, MissingPackage, WeightCorrupt
from ..networks.cilmp import CILMP
from ..networks.vision_language import LiteImageTower, TextTower, TransformerImageTower, VisionLanguageModel
from .storage import load_state

OWN_ID = "vision_language"
DESCRIPTION_NAME = "vision_language.json"
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class OwnModel(BaseModel):
    """`vision_language.json`: what the file beside it holds and where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    id: str
    title: str
    licence: str
    limitations: tuple[str, ...]
    features: int
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    text_model_sha256: str
    sha256: str
    bytes: int
    data: tuple[str, ...]
    images: int
    steps: int
    seconds: float
    seed: int
    recipe_sha256: str
    command: str
    commit: str
    date: str


class OwnTowers(nn.Module):
    """The parameters that the project's own file holds; the text tower is the shared MiniLM."""

    def __init__(self, features: int, sentence_width: int = 384) -> None:
        super().__init__()
        self.image = LiteImageTower(features)
        self.text_projection = nn.Linear(sentence_width, features, bias=False)
        self.logit_scale = nn.Parameter(torch.zeros(()))


def own_folder() -> Path:
    """Where the project's own model lies.

    Raises:
        WeightCorrupt: it is not installed.
    """
    for folder in default_weight_folders():
        if (folder / OWN_ID / DESCRIPTION_NAME).is_file():
            return folder / OWN_ID
    raise WeightCorrupt(
        f"The vision-language model (weights/{OWN_ID}) is not installed; reinstall MedPrompt, or make it with "
        "`medprompt train-vision-language`."
    )


def read_own(folder: Path) -> OwnModel:
    """The description of an own model.

    Raises:
        WeightCorrupt: it or its file is missing, altered or unreadable.
    """
    try:
        found = OwnModel.model_validate_json((folder / DESCRIPTION_NAME).read_bytes())
        digest = sha256_of(folder / FILE_NAME)
    except (OSError, ValidationError) as error:
        raise WeightCorrupt(f"The vision-language model in {folder} cannot be read ({error}); reinstall it.") from error
    if digest != found.sha256:
        raise WeightCorrupt(f"The file {folder / FILE_NAME} is not the one its description names; reinstall it.")
    return found


@functools.lru_cache(maxsize=4)
def load_vision_language(folder: Path | None = None) -> VisionLanguageModel:
    """A vision-language model on the CPU, in evaluation mode.

    Args:
        folder: an own model, or a folder as transformers saves CLIP or SigLIP, or as open_clip saves BiomedCLIP;
            default: the project's own. Nothing is downloaded.

    Raises:
        WeightCorrupt: the files are missing, altered or do not fit.
        InvalidInput: a folder of another kind.
        MissingPackage: transformers or the sentence encoder is not installed.
    """
    place = own_folder() if folder is None else folder
    if (place / DESCRIPTION_NAME).is_file():
        return _own(place)
    try:
        if (place / "open_clip_config.json").is_file():
            from .biomedclip import load_biomedclip

            return load_biomedclip(place)
        kind = json.loads((place / "config.json").read_bytes())["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"The folder {place} is no vision-language model ({error}); expected {DESCRIPTION_NAME}, a CLIP or SigLIP "
            "folder with config.json, or BiomedCLIP's with open_clip_config.json."
        ) from error
    if kind not in ("clip", "siglip"):
        raise InvalidInput(f"The folder {place} holds a model of type '{kind}'; expected clip or siglip.")
    return from_transformers(place, kind)


def _own(folder: Path) -> VisionLanguageModel:
    about = read_own(folder)
    towers = OwnTowers(about.features)
    load_state(towers, folder / FILE_NAME)
    return assemble(towers, about.size, about.mean, about.std)


def assemble(towers: OwnTowers, size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> VisionLanguageModel:
    """The own towers with MiniLM as the text tower.

    Raises:
        MissingPackage, WeightCorrupt: of the sentence encoder.
    """
    from ..knowledge.minilm import sentence_encoder

    encoder: Any = sentence_encoder()
    text = TextTower(encoder.model, towers.text_projection, "mean")
    scale = float(towers.logit_scale.detach())
    model = VisionLanguageModel(towers.image, text, encoder.tokenizer, scale, size, mean, std)
    return model.eval().requires_grad_(False)


def build_cilmp(options: Mapping[str, Any]) -> CILMP:
    """The network a card calls `cilmp`, on the project's own model, with untrained parameters.

    Args:
        options: `names` of the classes as words, `lengths` of their descriptions' states, `width` of a state, `rank`,
            `conditioning`, and `base_sha256` of the model it was tuned on.

    Raises:
        WeightCorrupt: other options, or the installed model is not the one it was tuned on.
    """
    try:
        names, lengths = [str(n) for n in options["names"]], [int(n) for n in options["lengths"]]
        width, rank, conditioning = int(options["width"]), int(options["rank"]), options["conditioning"]
        wanted = str(options["base_sha256"])
        if len(names) != len(lengths) or conditioning not in ("image", "none"):
            raise ValueError(f"{len(names)} names, {len(lengths)} lengths, conditioning {conditioning}")
    except (KeyError, TypeError, ValueError) as error:
        raise WeightCorrupt(f"The card's options for the network 'cilmp' do not fit: {error}.") from error
    found = read_own(own_folder()).sha256
    if found != wanted:
        raise WeightCorrupt(
            f"The classifier was tuned on another vision-language model (SHA-256 {wanted[:12]}…) than the installed "
            f"one ({found[:12]}…); tune it again with `medprompt train-classifier`."
        )
    states = [torch.zeros(n, width) for n in lengths]
    base = load_vision_language(None)
    made = CILMP(base, names, states, rank=rank, conditioning=conditioning, longest_states=max(8, *lengths))
    made.bfloat16_texts = True
    return made


def from_transformers(folder: Path, kind: Literal["clip", "siglip"]) -> VisionLanguageModel:
    """A CLIP or SigLIP folder.

    Raises:
        MissingPackage: transformers is not installed.
    """
    try:
        from transformers import AutoTokenizer, CLIPModel, SiglipModel
    except ImportError as error:
        raise MissingPackage("This vision-language model needs transformers; run: pip install transformers") from error
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model: Any = (CLIPModel if kind == "clip" else SiglipModel).from_pretrained(folder, local_files_only=True)
    return wrap(model.eval(), tokenizer, kind)


def wrap(model: Any, tokenizer: Any, kind: Literal["clip", "siglip"]) -> VisionLanguageModel:
    """A loaded `CLIPModel` or `SiglipModel` with its tokenizer."""
    clip = kind == "clip"
    text = TextTower(model.text_model, model.text_projection if clip else nn.Identity(), attends_padding=not clip)
    image = TransformerImageTower(model.vision_model, model.visual_projection if clip else nn.Identity())
    mean, std = (CLIP_MEAN, CLIP_STD) if clip else ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    made = VisionLanguageModel(
        image, text, tokenizer, float(model.logit_scale.detach()), model.config.vision_config.image_size, mean, std
    )
    return made.eval().requires_grad_(False)
