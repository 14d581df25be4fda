"""Small real weights that tests write into a folder of their own: untrained networks with complete cards."""

from __future__ import annotations

from pathlib import Path

import torch

from MedPromptLib.catalog import (
    FILE_NAME,
    Code,
    Network,
    Preprocessing,
    Provenance,
    Structure,
    Terminology,
    WeightCard,
    WeightFile,
    describe_file,
    write_card,
)
from MedPromptLib.inference.storage import save_state
from MedPromptLib.networks import build

LUNG = Terminology(
    category=Code(scheme="SCT", value="123037004", meaning="Anatomical Structure"),
    type=Code(scheme="SCT", value="39607008", meaning="Lung"),
)


def a_card(weight_id: str, **changes) -> WeightCard:
    """A segmentation card of two structures, or with `classes` a classification card."""
    classes = changes.get("classes", ())
    structures = (
        ()
        if classes
        else (
            Structure(name="right lung", label=1, terminology=LUNG, color=(0.7, 0.5, 0.9)),
            Structure(name="left lung", label=2, terminology=LUNG, color=(0.3, 0.7, 0.9)),
        )
    )
    options = {"task": "classification" if classes else "segmentation", "classes": len(classes) or 3}
    if not classes:
        options["width"] = 16
    values = {
        "id": weight_id,
        "title": weight_id,
        "intent": "classification" if classes else "segmentation",
        "target": "lungs",
        "modality": "chest x-ray",
        "structures": structures,
        "intended_use": "Tests.",
        "licence": "Apache-2.0",
        "network": Network(name="lean_fusion_lab", options=options),
        "preprocessing": Preprocessing(size=(64, 64)),
        "provenance": Provenance(data="none", data_licence="none", command="none", date="2026-01-01"),
        "file": WeightFile(sha256="0" * 64, bytes=1),
    }
    return WeightCard(**(values | changes))


def a_state_that_tells_images_apart(card: WeightCard) -> dict[str, torch.Tensor]:
    """Random parameters with normalisation statistics of noise, without which every image gets the same answer."""
    torch.manual_seed(0)
    network = build(card.network).train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.rand(8, 3, 64, 64) * torch.rand(8, 1, 1, 1) * 4 - 2)
    return network.state_dict()


def write_weight(
    root: Path,
    card: WeightCard,
    bias: list[float] | None = None,
    storage: str = "int8",
    state: dict[str, torch.Tensor] | None = None,
) -> WeightCard:
    """Write the weight's folder; `bias` sets the output layer's bias, so that a test can decide what it answers."""
    torch.manual_seed(0)
    network = build(card.network)
    if state is not None:
        network.load_state_dict(state)
    if bias is not None:
        head = network.final_conv if card.structures else network.classifier[1]
        with torch.no_grad():
            head.weight.zero_()
            head.bias.copy_(torch.tensor(bias))
    folder = root / card.id
    folder.mkdir(parents=True)
    path = folder / FILE_NAME
    save_state(network.state_dict(), path, storage)
    card = card.model_copy(update={"file": describe_file(path, storage)})
    write_card(folder, card)
    return card
