"""Makes a draft of a weight from a MONAI bundle, without running anything that its configuration says.

A bundle's configuration may hold `$`-expressions, which are Python code. It is therefore read as plain JSON, and a
network is taken from it only if its definition is a name on a list with plain values. Layout and field names are those
of the MONAI Bundle Specification (docs/source/mb_specification.rst in Project-MONAI/MONAI).
"""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .card_drafts import FILL_IN
from .catalog import FILE_NAME, PROGRAM_NAME
from .checkpoints import is_state, read_checkpoint
from .errors import InvalidInput, MissingPackage
from .importing_drafts import Draft, Found, an_id, read_given, read_json, write_draft
from .plan import Intent

METADATA = Path("configs/metadata.json")
CONFIGS = (Path("configs/inference.json"), Path("configs/train.json"))
STATE, PROGRAM = Path("models/model.pt"), Path("models/model.ts")
EXPORT = (
    "python -m monai.bundle ckpt_export network_def --filepath models/model.ts --ckpt_file models/model.pt --meta_file "
    "configs/metadata.json --config_file configs/inference.json"
)
ADVICE = f"if you trust the bundle, export it as TorchScript inside its folder and import it again: {EXPORT}"

HARMLESS = {"LoadImage", "EnsureChannelFirst", "AddChannel", "AsChannelFirst", "EnsureType", "ToTensor", "SelectItems"}
"""Transforms that only bring an image into the form that MedPrompt's images have already."""
DEFAULT_TEXTS = ("Your Name Here", "Describe what the network predicts", "A longer description of what the network")
"""Beginnings of the texts that MONAI writes into a new bundle."""


class NotPlain(Exception):
    """A network definition that is more than a name and plain values."""


def is_bundle(folder: Path) -> bool:
    """Whether a folder looks like a MONAI bundle."""
    return (folder / METADATA).is_file()


def import_bundle(source: Path, into: Path, given: Path | None = None) -> Draft:
    """Write a draft of a weight from a bundle's folder.

    Args:
        into: the draft becomes `into/<id>/`.
        given: JSON or TOML with parts of the card; they win over what the bundle says.

    Raises:
        InvalidInput: unreadable files, data that a card cannot describe, or no network that can be taken safely.
        MissingPackage: MONAI is not installed.
        OutputFailed: the draft cannot be written.
    """
    metadata = read_json(source / METADATA, "bundle's metadata")
    path = next((source / name for name in CONFIGS if (source / name).is_file()), None)
    config = read_json(path, "bundle's configuration") if path else {}
    found = _described(source, metadata)
    _preprocessing(found, config)
    try:
        name, options = network_definition(config)
        if not (source / STATE).is_file():
            raise NotPlain(f"there is no {STATE}")
    except NotPlain as reason:
        if not (source / PROGRAM).is_file():
            raise InvalidInput(f"The bundle {source} is not imported: {reason}; {ADVICE}.") from reason
        found.notes.append(f"The weight is the bundle's TorchScript program, because {reason}.")
        found.values |= {"network": {"name": PROGRAM_NAME, "axes": "ijk"}, "file": {"name": PROGRAM.name}}
        return write_draft(
            found, read_given(given), into, lambda draft: _copy_program(source / PROGRAM, draft / PROGRAM.name)
        )
    network = {"name": f"monai:{name}", "options": options, "axes": "ijk"}
    found.values |= {"network": network, "file": {"name": FILE_NAME}}
    return write_draft(found, read_given(given), into, lambda draft: _write_state(source / STATE, network, draft))


def _copy_program(source: Path, copy: Path) -> None:
    from .inference.programs import check_is_program

    check_is_program(source)
    shutil.copyfile(source, copy)


def network_definition(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and options of the network that a bundle's configuration defines, if they are plain.

    Raises:
        NotPlain: no definition, a name that is not on the list, or values that refer to code.
    """
    from .networks.monai_networks import MONAI_NETWORKS

    definition = next((config[key] for key in ("network_def", "network", "net", "model") if key in config), None)
    if not isinstance(definition, dict) or not isinstance(definition.get("_target_"), str):
        raise NotPlain("its configuration defines no network by a plain _target_")
    target = definition["_target_"]
    place, _, name = target.rpartition(".")
    if (place and not re.fullmatch(r"monai\.networks\.nets(\.\w+)?", place)) or name not in MONAI_NETWORKS:
        raise NotPlain(f"its network is '{target}', which is none of MONAI's that a card may name")
    values = {key: value for key, value in definition.items() if key not in ("_target_", "_desc_")}
    commands = [key for key in values if key.startswith("_")]
    if commands:
        raise NotPlain(f"its network definition gives MONAI a command ({commands[0]})")
    options = {key: _plain(value, config) for key, value in values.items()}
    return name, _without_none(name, options)


def _plain(value: Any, config: Mapping[str, Any], depth: int = 0) -> Any:
    """A value in which references to plain values of the same configuration are resolved."""
    if depth > 16:
        raise NotPlain("its network definition refers to itself")
    if isinstance(value, str):
        if value.startswith(("$", "%")):
            raise NotPlain(f"its network definition holds an expression, which is code: {value[:60]}")
        if value.startswith("@"):
            return _plain(_referred(value, config), config, depth + 1)
    if isinstance(value, dict):
        if any(key.startswith("_") for key in value):
            raise NotPlain(f"its network definition holds another object to be made: {str(value)[:60]}")
        return {key: _plain(item, config, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, config, depth + 1) for item in value]
    return value


def _referred(reference: str, config: Mapping[str, Any]) -> Any:
    value: Any = config
    for part in re.split(r"::|#", reference[1:]):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise NotPlain(f"its network definition refers to '{reference}', which is not there") from error
    return value


def _without_none(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options without those that are None, as MONAI's defaults are; a TOML card has no word for None."""
    if None not in options.values():
        return options
    try:
        from monai.networks import nets
    except ImportError as error:
        raise MissingPackage("Importing a bundle needs MONAI; run: pip install 'monai>=1.4'") from error
    known = inspect.signature(getattr(nets, name)).parameters
    for key, value in options.items():
        if value is None and (key not in known or known[key].default is not None):
            raise NotPlain(f"its network definition sets {key} to null")
    return {key: value for key, value in options.items() if value is not None}


def _write_state(path: Path, network: Mapping[str, Any], folder: Path) -> None:
    from .catalog import Network
    from .inference.storage import save_state
    from .networks import build

    state = read_checkpoint(path, advice=ADVICE)
    for key in ("model", "state_dict", "net", "network"):
        if isinstance(state, dict) and not is_state(state) and is_state(state.get(key)):
            state = state[key]
    if not is_state(state):
        raise InvalidInput(f"The file {path} holds no state dict; {ADVICE}.")
    module = build(Network(name=network["name"], options=network["options"]))
    try:
        module.load_state_dict({name.removeprefix("module."): tensor for name, tensor in state.items()})
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InvalidInput(f"The file {path} does not fit the bundle's network {network['name']}: {first}") from error
    save_state(module.state_dict(), folder / FILE_NAME, "float32")


def _described(source: Path, metadata: Mapping[str, Any]) -> Found:
    """What the metadata says of task, images, channels and origin."""
    formats = metadata.get("network_data_format")
    formats = formats if isinstance(formats, dict) else {}
    image, pred = (_only_one(formats, side, source) for side in ("inputs", "outputs"))
    channels = image.get("num_channels")
    if channels not in (1, 3):
        raise InvalidInput(f"The bundle's network takes {channels} channels; a card can say 1 (grey) or 3 (colour).")
    shape = image.get("spatial_shape")
    dimension = len(shape) if isinstance(shape, list) else 0
    if dimension not in (2, 3):
        raise InvalidInput(
            f"The bundle's spatial_shape is {shape}; expected two or three numbers, for images or volumes."
        )
    kind = str(pred.get("format", pred.get("type", "")))
    if kind == "segmentation":
        intent = Intent.SEGMENTATION
    elif kind in ("labels", "classification", "probabilities"):
        intent = Intent.CLASSIFICATION
    else:
        raise InvalidInput(
            f"The bundle's network answers with '{kind}'; expected segmentation, labels or probabilities."
        )
    found = Found(intent, 2 if dimension == 2 else 3)
    title = _text(metadata, "name") or _text(metadata, "task") or source.resolve().name
    found.values = {
        "id": an_id(source.resolve().name),
        "title": title,
        "intended_use": _text(metadata, "intended_use") or FILL_IN,
        "licence": _licence(source),
        "provenance": {
            "data": _text(metadata, "data_source") or FILL_IN,
            "command": f"medprompt weights import {source.resolve().name}",
            "note": _origin(metadata),
        },
        "preprocessing": {"channels": channels, "mean": [0.0] * channels, "std": [1.0] * channels},
    }
    if re.fullmatch(r"\d+\.\d+\.\d+", _text(metadata, "version")):
        found.values["version"] = metadata["version"]
    if _text(image, "modality"):
        found.values["modality"] = str(image["modality"]).lower()
    if isinstance(shape, list) and all(isinstance(side, int) for side in shape):
        found.values["preprocessing"]["size"] = shape[::-1]
    else:
        found.values["preprocessing"]["size"] = [FILL_IN] * dimension
    _answers(found, pred)
    found.notes.append("Made from a MONAI bundle; the figures of its metadata were not checked.")
    return found


def _only_one(formats: Mapping[str, Any], side: str, source: Path) -> Mapping[str, Any]:
    entries = formats.get(side)
    if not isinstance(entries, dict) or len(entries) != 1 or not isinstance(next(iter(entries.values())), dict):
        raise InvalidInput(
            f"The metadata in {source} must describe exactly one of network_data_format.{side}; it has "
            f"{', '.join(entries) if isinstance(entries, dict) and entries else 'none'}."
        )
    entry: Mapping[str, Any] = next(iter(entries.values()))
    return entry


def _text(values: Mapping[str, Any], key: str) -> str:
    """A text of the metadata, or an empty one where it still is MONAI's default."""
    value = values.get(key)
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return "" if text.startswith(DEFAULT_TEXTS) else text


def _origin(metadata: Mapping[str, Any]) -> str:
    """Description, authors, copyright and references, in sentences."""
    parts = [_text(metadata, "description")]
    if _text(metadata, "authors"):
        parts.append(f"Authors: {_text(metadata, 'authors')}")
    parts.append(_text(metadata, "copyright") if "Your Name Here" not in str(metadata.get("copyright")) else "")
    references = metadata.get("references")
    if isinstance(references, list):
        parts += [f"Reference: {' '.join(str(item).split())}" for item in references]
    return ". ".join(part.rstrip(".") for part in parts if part)


def _licence(source: Path) -> str:
    for name in ("LICENSE", "LICENSE.txt", "docs/license.txt", "docs/LICENSE"):
        try:
            lines = (source / name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        first = next((line.strip() for line in lines if line.strip()), "")
        if first:
            return f"{first} ({name} of the bundle)"
    return FILL_IN


def _answers(found: Found, pred: Mapping[str, Any]) -> None:
    """Classes or structures from the output's channel_def, `{"0": "background", "1": "spleen"}`."""
    count = pred.get("num_channels")
    defined = pred.get("channel_def")
    if not isinstance(defined, dict) or not defined:
        count = count if isinstance(count, int) else 2
        defined = {str(number): FILL_IN for number in range(count)}
    try:
        names = [str(defined[key]) for key in sorted(defined, key=int)]
    except ValueError as error:
        raise InvalidInput(f"The bundle's channel_def has keys that are no numbers: {', '.join(defined)}.") from error
    if isinstance(count, int) and count != len(names):
        raise InvalidInput(f"The bundle's output has {count} channels, but its channel_def names {len(names)}.")
    if len(names) < 2:
        raise InvalidInput(
            "The bundle's network answers with a single channel; MedPrompt takes one score for each class or for the "
            "background and each structure. Wrap the model so that it returns torch.cat([torch.zeros_like(x), x], 1) "
            "of its logit x, and export it as TorchScript."
        )
    if found.intent is Intent.CLASSIFICATION:
        found.values["classes"] = names
    else:
        found.values["structures"] = [{"name": name} for name in names[1:]]
        if len(names) == 2 and names[1] != FILL_IN:
            found.values["target"] = names[1]


def _preprocessing(found: Found, config: Mapping[str, Any]) -> None:
    """Size, spacing and intensities from the configuration's transforms, where plain and known to cards."""
    recipe = found.values["preprocessing"]
    inferer = config.get("inferer")
    if isinstance(inferer, dict) and str(inferer.get("_target_", "")).endswith("SlidingWindowInferer"):
        if _numbers(inferer.get("roi_size"), found.dimension):
            recipe["size"] = inferer["roi_size"][::-1]
        if found.dimension == 2:
            recipe["fit"] = "tile"
    transforms = config.get("preprocessing")
    transforms = transforms.get("transforms") if isinstance(transforms, dict) else None
    if not isinstance(transforms, list):
        found.notes.append(
            "The bundle's preprocessing is not plain; fill in intensity, mean and std as it was trained."
        )
        recipe["intensity"] = FILL_IN
        return
    for transform in transforms:
        name = str(transform.get("_target_", "")) if isinstance(transform, dict) else str(transform)
        kind = re.sub(r"(d|D|Dict)$", "", name.rpartition(".")[2])
        if kind not in HARMLESS and not _taken_over(found, kind, transform if isinstance(transform, dict) else {}):
            found.notes.append(f"The bundle also applies {name}, which a card cannot say; results will differ.")
    recipe.setdefault("intensity", FILL_IN)
    if _uses_sigmoid(config):
        raise InvalidInput(
            "The bundle's network gives each label a probability of its own (sigmoid), so that labels may overlap; "
            "MedPrompt's labels exclude each other."
        )


def _taken_over(found: Found, kind: str, transform: Mapping[str, Any]) -> bool:
    """Put one transform onto the card; False if it cannot say it."""
    recipe = found.values["preprocessing"]
    plain = not any(isinstance(value, str) and value.startswith(("$", "@")) for value in transform.values())
    if kind == "Spacing" and found.dimension == 3 and _numbers(transform.get("pixdim"), 3):
        recipe["spacing"] = transform["pixdim"][::-1]
    elif kind == "Orientation" and found.dimension == 3 and re.fullmatch("[RLAPSI]{3}", str(transform.get("axcodes"))):
        recipe["orientation"] = transform["axcodes"]
    elif kind == "Resize" and _numbers(transform.get("spatial_size"), found.dimension):
        recipe["size"] = transform["spatial_size"][::-1]
    elif kind == "ScaleIntensityRange" and plain:
        low, high, bottom, top = (transform.get(key) for key in ("a_min", "a_max", "b_min", "b_max"))
        if not _numbers([low, high, bottom, top], 4) or (bottom, top) != (0, 1):
            return False
        if (low, high) == (0, 255):
            recipe["intensity"] = "uint8"
        elif found.dimension == 3 and transform.get("clip"):
            recipe |= {"intensity": "window", "window": [low, high]}
        else:
            return False
    elif kind == "ScaleIntensity" and found.dimension == 2 and plain:
        if (transform.get("minv", 0), transform.get("maxv", 1)) != (0, 1):
            return False
        recipe["intensity"] = "minmax"
    elif kind == "NormalizeIntensity" and plain and not transform.get("nonzero"):
        mean, std = transform.get("subtrahend"), transform.get("divisor")
        channels = recipe["channels"]
        if mean is None and std is None and found.dimension == 2 and (channels == 1 or transform.get("channel_wise")):
            recipe["intensity"] = "zscore"
        elif _numbers(mean, channels) and _numbers(std, channels) and "intensity" in recipe:
            recipe |= {"mean": mean, "std": std}
        else:
            return False
    else:
        return False
    return True


def _numbers(value: Any, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in value)
    )


def _uses_sigmoid(config: Mapping[str, Any]) -> bool:
    after = config.get("postprocessing")
    steps = after.get("transforms") if isinstance(after, dict) else None
    return any(isinstance(step, dict) and step.get("sigmoid") is True for step in steps or [])
