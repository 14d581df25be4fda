"""What the knowledge bank says of the structures of a recipe, as one embedding."""

from __future__ import annotations

import torch
from torch import Tensor

from ..knowledge.bank import Description, describe
from ..knowledge.embedding import sentence_vectors
from .config import Recipe


def known_texts(recipe: Recipe) -> tuple[Description, ...]:
    """The bank's descriptions of the recipe's structures.

    Raises:
        InvalidInput: the bank does not know one of them on the recipe's images; the message says how to add it.
    """
    return tuple(describe(structure.name, recipe.card.modality) for structure in recipe.card.structures)


def text_of(recipe: Recipe) -> Tensor:
    """(384,) mean of the sentence embeddings of the structures' descriptions.

    Raises:
        InvalidInput: see `known_texts`.
        MissingPackage: no sentence encoder, and the texts are not in the cache.
    """
    vectors = sentence_vectors([one.text() for one in known_texts(recipe)])
    return torch.from_numpy(vectors.mean(0))
