"""Makes a draft of a weight from an nnU-Net v2 results folder: `dataset.json`, `plans.json`, `fold_X/checkpoint_*.pth`.

What the card cannot say is refused in a sentence, or named in the draft where it changes results only a little. Taken
over are the architecture, one fold's parameters, normalisation, spacing, window and labels. Not reproduced are:
averaging over folds and, for single images, over mirrored images; cropping to what is not zero; spline interpolation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .card_drafts import FILL_IN
from .catalog import FILE_NAME, Network
from .checkpoints import AllowedGlobal, is_state, read_checkpoint
from .errors import InvalidInput
from .importing_drafts import Draft, Found, an_id, read_given, read_json, write_draft
from .networks.nnunet_networks import MODULE_OPTIONS, NNUNET_NETWORKS, module_name
from .plan import Intent

DATASET, PLANS = "dataset.json", "plans.json"
CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
NATURAL = "NaturalImage2DIO"
"""nnU-Net's reader of PNG, BMP and TIFF: single images without spacing."""
ADVICE = (
    "in an environment with nnU-Net, load it with nnUNetPredictor.initialize_from_trained_model_folder, save "
    "torch.jit.trace(predictor.network.eval(), an example patch) with torch.jit.save, and add that as TorchScript"
)


def is_nnunet(folder: Path) -> bool:
    """Whether a folder looks like nnU-Net's results for one trainer, plans and configuration."""
    return (folder / PLANS).is_file() and (folder / DATASET).is_file()


def import_nnunet(source: Path, into: Path, given: Path | None = None, fold: str | None = None) -> Draft:
    """Write a draft of a weight from one fold of a results folder.

    Args:
        into: the draft becomes `into/<id>/`.
        given: JSON or TOML with parts of the card; they win over what the folder says.
        fold: a number or `all`; default `all` if it is there, else the lowest.

    Raises:
        InvalidInput: unreadable files, a checkpoint that cannot be read safely, or a model that a card cannot describe.
        MissingPackage: dynamic-network-architectures is not installed.
        OutputFailed: the draft cannot be written.
    """
    dataset, plans = read_json(source / DATASET, "data set file"), read_json(source / PLANS, "plans file")
    path, folds = _checkpoint_file(source, fold)
    checkpoint = _read(path)
    arguments = checkpoint.get("init_args")
    name = str(arguments.get("configuration")) if isinstance(arguments, dict) else ""
    try:
        configuration = _configuration(plans, name)
        found = _described(source, dataset, plans, configuration)
        network = _network(configuration, dataset)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InvalidInput(
            f"The plans {source / PLANS} are not of the form of nnU-Net v2 ({type(error).__name__}: {error}); expected "
            "is what nnUNetv2_train writes beside its folds."
        ) from error
    _mirroring(found, checkpoint.get("inference_allowed_mirroring_axes"))
    if len(folds) > 1:
        found.notes.append(f"Only {path.parent.name} is used; nnU-Net averages all {len(folds)} folds.")
    found.values |= {"network": network.model_dump(exclude={"axes"}), "file": {"name": FILE_NAME}}
    found.values["provenance"] |= {
        "command": f"medprompt weights import {source.resolve().name}",
        "note": f"nnU-Net v2, {checkpoint.get('trainer_name')}, {name}, {path.parent.name}, {path.name}",
    }
    state = checkpoint["network_weights"]
    return write_draft(found, read_given(given), into, lambda draft: _write_state(path, state, network, draft))


def _checkpoint_file(source: Path, fold: str | None) -> tuple[Path, list[str]]:
    found = {
        folder.name.removeprefix("fold_"): folder / name
        for folder in sorted(source.glob("fold_*"))
        for name in reversed(CHECKPOINTS)
        if (folder / name).is_file()
    }
    if not found:
        raise InvalidInput(
            f"There is no fold_X/{CHECKPOINTS[0]} in {source}; expected nnU-Net's results of one training."
        )
    chosen = fold or ("all" if "all" in found else min(found))
    if chosen not in found:
        raise InvalidInput(f"There is no fold '{chosen}' in {source}; there are: {', '.join(found)}.")
    return found[chosen], list(found)


def _read(path: Path) -> dict[str, Any]:
    checkpoint = read_checkpoint(path, numpy_scalars(), ADVICE)
    if not isinstance(checkpoint, dict) or not is_state(checkpoint.get("network_weights")):
        raise InvalidInput(f"The file {path} is no checkpoint of nnU-Net v2: it has no network_weights; {ADVICE}.")
    return checkpoint


def numpy_scalars() -> list[AllowedGlobal]:
    """What the numbers in nnU-Net's training log are pickled with, under their names in NumPy 1 and 2."""
    import _codecs

    import numpy as np

    scalar: Any = np.float64(0).__reduce__()[0]
    kinds = (np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType, np.dtypes.BoolDType)
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return [*((scalar, name) for name in names), np.dtype, *kinds, _codecs.encode]


def _configuration(plans: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A configuration of the plans with what it inherits."""
    configurations = plans["configurations"]
    if name not in configurations:
        raise InvalidInput(
            f"The checkpoint is for the configuration '{name}'; the plans have: {', '.join(configurations)}."
        )
    if name not in ("2d", "3d_fullres"):
        raise InvalidInput(f"The checkpoint is for the configuration '{name}'; only 2d and 3d_fullres can be imported.")
    chain = [dict(configurations[name])]
    while "inherits_from" in chain[-1] and len(chain) <= len(configurations):
        chain.append(dict(configurations[chain[-1]["inherits_from"]]))
    values: dict[str, Any] = {}
    for part in reversed(chain):
        values |= part
    return values


def _described(
    source: Path, dataset: Mapping[str, Any], plans: Mapping[str, Any], configuration: Mapping[str, Any]
) -> Found:
    patch = [int(side) for side in configuration["patch_size"]]
    found = Found(Intent.SEGMENTATION, 2 if len(patch) == 2 else 3)
    axes = list(plans.get("transpose_forward", [0, 1, 2]))
    if axes != [0, 1, 2]:
        raise InvalidInput(f"nnU-Net reorders the axes of these images ({axes}), which a card cannot say; {ADVICE}.")
    spacing = [float(side) for side in configuration["spacing"]]
    natural = plans.get("image_reader_writer") == NATURAL
    if len(patch) == 2 and (not natural or spacing != [1.0, 1.0]):
        raise InvalidInput(
            f"This 2d configuration runs on slices of volumes resampled to {spacing[0]:g} × {spacing[1]:g} mm, which a "
            "card cannot say; import the 3d_fullres configuration instead."
        )
    channels = dataset.get("channel_names") or dataset["modality"]
    colour = natural and len(channels) == 3
    if len(channels) != 1 and not colour:
        raise InvalidInput(
            f"The network takes {len(channels)} images at once ({', '.join(map(str, channels.values()))}); "
            "MedPrompt gives it one."
        )
    name = re.sub(r"^Dataset\d+_", "", str(plans.get("dataset_name") or source.resolve().parent.name))
    recipe: dict[str, Any] = {"size": patch, "channels": len(channels)}
    if len(patch) == 2:
        recipe["fit"] = "tile"
    else:
        recipe["spacing"] = spacing
    found.values = {
        "id": an_id(f"{name}_seg"),
        "title": str(dataset.get("name") or name),
        "licence": str(dataset.get("licence") or dataset.get("license") or FILL_IN),
        "structures": [{"name": label} for label in _labels(dataset)],
        "preprocessing": recipe,
        "provenance": {"data": str(dataset.get("description") or dataset.get("reference") or FILL_IN)},
    }
    if len(channels) == 1 and str(next(iter(channels.values()))).casefold() in ("ct", "mri", "mr", "pet", "ultrasound"):
        found.values["modality"] = str(next(iter(channels.values()))).lower()
    _normalisation(found, plans, configuration, colour)
    found.notes += [
        "Made from nnU-Net, whose images are cropped to the non-zero region and resampled with splines; here they are "
        "not cropped and resampled linearly: borders may differ by a voxel, and values where there are black margins.",
    ]
    return found


def _labels(dataset: Mapping[str, Any]) -> list[str]:
    """Names in the order of the network's output, without the background."""
    labels = {name: value for name, value in dataset["labels"].items() if name != "ignore"}
    if any(isinstance(value, (list, tuple)) for value in labels.values()):
        raise InvalidInput("The labels are regions that may overlap; MedPrompt's labels exclude each other.")
    names = {int(value): name for name, value in labels.items()}
    if sorted(names) != list(range(len(labels))) or len(labels) < 2:
        raise InvalidInput(f"The labels {labels} are not 0 (background), 1, 2, … in order.")
    return [names[value] for value in range(1, len(names))]


def _normalisation(found: Found, plans: Mapping[str, Any], configuration: Mapping[str, Any], colour: bool) -> None:
    recipe, flat = found.values["preprocessing"], found.dimension == 2
    channels = recipe["channels"]
    schemes, masked = set(configuration["normalization_schemes"]), any(configuration["use_mask_for_norm"])
    scheme = schemes.pop() if len(schemes) == 1 else f"mixed ({', '.join(sorted(schemes))})"
    recipe |= {"mean": [0.0] * channels, "std": [1.0] * channels}
    if scheme == "ZScoreNormalization" and masked:
        raise InvalidInput("The images are normalised inside their non-zero region only, which a card cannot say.")
    if scheme == "ZScoreNormalization" and flat:
        recipe["intensity"] = "zscore"
    elif scheme == "CTNormalization" and not flat:
        known = plans["foreground_intensity_properties_per_channel"]["0"]
        low, high = float(known["percentile_00_5"]), float(known["percentile_99_5"])
        recipe |= {
            "intensity": "window",
            "window": [low, high],
            "mean": [(float(known["mean"]) - low) / (high - low)],
            "std": [max(float(known["std"]), 1e-8) / (high - low)],
        }
    elif scheme == "RGBTo01Normalization" and flat:
        recipe["intensity"] = "uint8"
    elif scheme == "RescaleTo01Normalization" and flat and not colour:
        recipe["intensity"] = "minmax"
    elif scheme == "NoNormalization" and flat:
        recipe["intensity"] = "raw255"
        found.notes.append("The network was given the stored values; only 8-bit images reach it as they are.")
    else:
        raise InvalidInput(
            f"The images are normalised by nnU-Net's {scheme}, which a card with dimension {found.dimension} cannot "
            "say; known are ZScore, RGBTo01, RescaleTo01 (grey) and No for single images, CT for volumes."
        )


def _mirroring(found: Found, axes: Any) -> None:
    """nnU-Net averages over all combinations of the axes that its training mirrored."""
    if not axes:
        return
    if found.dimension == 3:
        found.values["preprocessing"]["mirror"] = ["kji"[int(axis)] for axis in axes]
    else:
        found.notes.append("nnU-Net also averages over mirrored images; here the image is seen once.")


def _network(configuration: Mapping[str, Any], dataset: Mapping[str, Any]) -> Network:
    """The card's network from the plans, which name classes by their dotted names."""
    name, values = _architecture(configuration)
    if name not in NNUNET_NETWORKS:
        raise InvalidInput(
            f"The plans name the network '{name}'; known are: {', '.join(NNUNET_NETWORKS)}. Else, {ADVICE}."
        )
    options = {key: value for key, value in values.items() if value is not None and key != "deep_supervision"}
    for key in MODULE_OPTIONS:
        if key in options:
            options[key] = module_name(str(options[key]))
    channels = dataset.get("channel_names") or dataset["modality"]
    options |= {"input_channels": len(channels), "num_classes": len(_labels(dataset)) + 1}
    return Network(name=f"nnunet:{name}", options=options)


def _architecture(configuration: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Class and keyword arguments; plans of before nnU-Net 2.3 say them in words of their own."""
    if "architecture" in configuration:
        architecture = configuration["architecture"]
        return str(architecture["network_class_name"]).rpartition(".")[2], dict(architecture["arch_kwargs"])
    name = str(configuration["UNet_class_name"])
    encoder, dimension = configuration["n_conv_per_stage_encoder"], len(configuration["patch_size"])
    base, most = int(configuration["UNet_base_num_features"]), int(configuration["unet_max_num_features"])
    return name, {
        "n_stages": len(encoder),
        "features_per_stage": [min(base * 2**stage, most) for stage in range(len(encoder))],
        "conv_op": f"torch.nn.Conv{dimension}d",
        "kernel_sizes": configuration["conv_kernel_sizes"],
        "strides": configuration["pool_op_kernel_sizes"],
        "n_conv_per_stage" if name == "PlainConvUNet" else "n_blocks_per_stage": encoder,
        "n_conv_per_stage_decoder": configuration["n_conv_per_stage_decoder"],
        "conv_bias": True,
        "norm_op": f"torch.nn.InstanceNorm{dimension}d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }


def _write_state(path: Path, state: Mapping[str, Any], network: Network, folder: Path) -> None:
    from .inference.storage import save_state
    from .networks import build

    module = build(network)
    try:
        module.load_state_dict({re.sub(r"^(module|_orig_mod)\.", "", name): value for name, value in state.items()})
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InvalidInput(f"The file {path} does not fit the network of the plans: {first}; {ADVICE}.") from error
    save_state(module.state_dict(), folder / FILE_NAME, "float32")
