"""Brings weights that the MedPrompt authors released (`.pth` state dicts) into the catalogue."""

from __future__ import annotations

import datetime
import json
import re
import shutil
from pathlib import Path
from typing import Any

from .catalog import (
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
from .checkpoints import is_state, read_checkpoint
from .errors import InvalidInput
from .plan import Intent

NAME_PATTERN = re.compile(r"^(?P<kind>Class|SegClass|Seg)_(?P<target>[^_]+)_(?P<modality>[^_]+)$", re.IGNORECASE)
MODALITIES = {
    "cxr": "chest x-ray",
    "ct": "ct",
    "mri": "mri",
    "ultrasound": "ultrasound",
    "colorfundus": "fundus",
    "cfp": "fundus",
    "pet": "pet",
}
ANATOMY = Code(scheme="SCT", value="123037004", meaning="Anatomical Structure")


def import_weight(source: Path, into: Path) -> WeightCard:
    """Convert one released file to `into/<id>/` and return its card.

    The file's name says what it is for, `{Class|Seg|SegClass}_{Target}_{Modality}.pth`; a side file
    `<name>_classes.json` may give the class names. Without it they are the parts of the target, or Normal and the
    target, sorted, as in the authors' code.

    Raises:
        InvalidInput: no such file, a name of another form, not a plain state dict, tensors of another network, or a
            weight of that id that is already there.
    """
    parts = NAME_PATTERN.match(source.stem.replace(" ", ""))
    if parts is None:
        raise InvalidInput(
            f"The name '{source.name}' does not say what the weight is for; expected Class_Target_Modality.pth, "
            "Seg_Target_Modality.pth or SegClass_Target_Modality.pth."
        )
    state = _read_state(source)
    card = _card(source, parts, state)
    folder = into / card.id
    if folder.exists():
        raise InvalidInput(f"There is already a weight '{card.id}' in {into}; remove its folder first.")
    network = _fill(card, state, source)
    from .inference.storage import save_state

    draft = into / f"{card.id}.part"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        path = draft / FILE_NAME
        save_state(network.state_dict(), path, "float32")
        file = describe_file(path, "float32")
        card = card.model_copy(update={"file": file})
        write_card(draft, card)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return card


def _read_state(source: Path) -> dict[str, Any]:
    state = read_checkpoint(source)
    if state != {} and not is_state(state):
        raise InvalidInput(
            f"The file {source} holds more than parameters; export it with torch.save(model.state_dict(), …)."
        )
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _card(source: Path, parts: re.Match[str], state: dict[str, Any]) -> WeightCard:
    try:
        scores = int(state["final_conv.weight"].shape[0])
        logits = int(state["classifier.5.weight"].shape[0])
    except (KeyError, IndexError) as error:
        raise InvalidInput(f"The file {source} is not a DeepFusionLab state dict ({error} is missing).") from error
    kind, target = parts["kind"].lower(), parts["target"]
    segmentation = kind == "seg"
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", target).replace("-", " or ").lower()
    modality = MODALITIES.get(parts["modality"].lower(), parts["modality"].lower())
    classes = () if segmentation else _classes(source, target, logits)
    stem = {"seg": "seg", "class": "cls", "segclass": "cls"}[kind]
    prefix = "segclass_" if kind == "segclass" else ""
    weight_id = prefix + re.sub(r"[^a-z0-9]+", "_", f"{target}_{stem}_{parts['modality']}".lower())
    structure = Structure(
        name=words, label=1, terminology=Terminology(category=ANATOMY, type=ANATOMY), color=(0.5, 0.68, 0.5)
    )
    return WeightCard(
        id=weight_id,
        title=f"{target} on {modality} (imported)",
        intent=Intent.SEGMENTATION if segmentation else Intent.CLASSIFICATION,
        target=words,
        modality=modality,
        classes=classes,
        positive=tuple(c for c in classes if c.lower() not in ("normal", "healthy")),
        structures=(structure,) if segmentation else (),
        intended_use="Imported from a file released with the MedPrompt paper; research use only.",
        limitations=("Not evaluated here and not calibrated: its probabilities are plain softmax values.",),
        licence="As its authors released it; not stated in the file.",
        network=Network(
            name="deepfusionlab",
            options={"num_classes_seg": scores, "num_classes_cls": logits, "mode": 1 if segmentation else 0},
        ),
        preprocessing=Preprocessing(
            size=(256, 256), channels=3, intensity="raw255", mean=(0.0,) * 3, std=(1.0,) * 3, region="mask"
        ),
        provenance=Provenance(
            data="Not stated in the file.",
            data_licence="Not stated in the file.",
            command=f"medprompt weights import {source.name}",
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        ),
        file=WeightFile(sha256="0" * 64, bytes=1),
    )


def _classes(source: Path, target: str, count: int) -> tuple[str, ...]:
    """Class names in output order: alphabetical, because the authors trained on sorted folder names."""
    side = source.with_name(f"{source.stem}_classes.json")
    if side.is_file():
        try:
            names = [str(name) for name in json.loads(side.read_text(encoding="utf-8"))["classes"]]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InvalidInput(
                f'The class file {side} is not of the form {{"classes": [...]}}; correct or remove it.'
            ) from error
    elif "-" in target:
        names = target.split("-")
    else:
        names = ["Normal", target.title()]
    if len(names) != count:
        raise InvalidInput(
            f"The file {source} has {count} classes but {len(names)} names ({', '.join(names)}); put the right ones "
            f"into {side.name}."
        )
    return tuple(sorted(names))


def _fill(card: WeightCard, state: dict[str, Any], source: Path) -> Any:
    from .networks import build

    network = build(card.network)
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InvalidInput(f"The file {source} does not fit DeepFusionLab: {first}") from error
    return network
