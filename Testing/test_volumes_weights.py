"""The 3D weights that ship: complete cards, and the same answer however a volume is stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from MedPromptLib.catalog import Catalog
from MedPromptLib.errors import InvalidInput
from MedPromptLib.images import MedicalImage
from MedPromptLib.inference.engine import load_weight, segment
from MedPromptLib.inference.input_check import check_input
from MedPromptLib.inference.volume_geometry import affine_for
from MedPromptLib.training.config import read_recipe

ROOT = Path(__file__).resolve().parent.parent
CATALOG = Catalog.load([ROOT / "weights"])
CARDS = [card for card in CATALOG if card.dimension == 3]
RECIPES = [read_recipe(path)[0] for path in sorted((ROOT / "MedPromptLib/training/recipes").glob("*.toml"))]


def _a_volume(card) -> MedicalImage:
    """Smooth noise as large as the weight's volumes."""
    shape = [round((least + most) / 2) for least, most in card.input_profile.extent]
    coarse = torch.rand(1, 1, *[side // 4 + 2 for side in shape], generator=torch.Generator().manual_seed(0))
    array = torch.nn.functional.interpolate(coarse, size=shape, mode="trilinear")[0, 0].numpy()
    spacing = tuple(mm or 8.0 for mm in card.preprocessing.spacing or (1.0, 1.0, 1.0))
    return MedicalImage((array * 1000).astype(np.int16), affine_for(spacing, card.preprocessing.orientation), "volume")


def test_every_3d_card_says_what_fits_and_what_something_trivial_reaches(a_radiograph):
    for card in CARDS:
        assert {m.split for m in card.evaluation if "mean shape" in m.metric} == {"val", "test"}
        assert card.file.bytes < 8e6
        with pytest.raises(InvalidInput, match="takes volumes"):
            check_input(card, a_radiograph)
        volume = _a_volume(card)
        large = MedicalImage(np.tile(volume.array, (4, 4, 4)), volume.ijk_to_ras, "large")
        assert "are expected" in str(check_input(card, large))


def test_every_3d_weight_gives_the_same_answer_for_a_volume_stored_the_other_way_round():
    for card in CARDS:
        weight = load_weight(CATALOG.folder(card.id), card, torch.device("cpu"))
        image = _a_volume(card)
        labels, confidence = segment(weight, image)
        assert labels.shape == image.shape
        assert all(0 < p <= 1 for p in confidence.values())
        turned = image.ijk_to_ras @ np.array([[-1, 0, 0, image.shape[2] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        other, _ = segment(weight, MedicalImage(np.ascontiguousarray(image.array[..., ::-1]), turned, "turned"))
        assert np.array_equal(other, labels[..., ::-1])


def test_the_codes_of_3d_recipes_are_those_of_the_ontology():
    recipes = [recipe for recipe in RECIPES if recipe.card.dimension == 3]
    assert len(recipes) >= 2
    stored = json.loads((ROOT / "MedPromptLib" / "ontology_codes.json").read_text(encoding="utf-8"))["codes"]
    known = {entry["code"]: entry["meaning"] for entry in stored.values()}
    for recipe in recipes:
        for structure in recipe.card.structures:
            assert known[structure.terminology.type.value] == structure.terminology.type.meaning
