"""One weight applied to one image: load and verify, prepare, run, calibrate, return to the image's grid."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..catalog import PROGRAM_NAME, TUNED_NAME, Catalog, Network, Preprocessing, WeightCard, verify_file
from ..errors import InvalidInput, WeightCorrupt
from ..images import Array, MedicalImage
from ..instructions.telling import Told, as_tensors, changed_wording, instructed, records
from ..networks import build
from ..results import ToldRecord
from .accelerated import accelerated
from .devices import run_in_batches
from .preprocessing import absent, prepare, restore, standardise
from .programs import load_program
from .storage import load_state
from .volume_geometry import grid_of
from .volumes import must_be_a_volume, must_hold_sequences, volume_labels, volume_scores
from .windows import ReversedAxes, tiled

SLICES_AT_ONCE = 32
"""Of a volume, are prepared for a 2D network, so that memory does not grow with its length."""
CROP_MARGIN = 0.1
"""Of the region's extent, added on each side when a classifier looks at a segmented region."""


@dataclass(frozen=True)
class LoadedWeight:
    """A verified weight, in evaluation mode on its device.

    Attributes:
        engine: what runs in the network's place, if something faster gives the same answers; see `accelerated`.
    """

    card: WeightCard
    network: nn.Module
    device: torch.device
    engine: nn.Module | None = None

    @property
    def runner(self) -> nn.Module:
        """What turns prepared images into scores."""
        return self.engine or self.network


def load_weight(folder: Path, card: WeightCard, device: torch.device) -> LoadedWeight:
    """Verify, build and fill a network, or load a program.

    Raises:
        WeightCorrupt: the file is missing, altered or does not fit.
        InvalidInput: it holds a program that the user has not agreed to run.
        MissingPackage: the network's library is not installed.
    """
    path = verify_file(folder, card)
    if card.network.name == PROGRAM_NAME:
        network: nn.Module = load_program(path, card, device)
    else:
        _must_fit_file(card, path)
        network = network_of(card.network)
        load_state(network, path)
    if card.network.axes == "ijk":
        network = ReversedAxes(network)
    network = network.eval().requires_grad_(False).to(device)
    if card.dimension == 2:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return LoadedWeight(card, network, device)


def network_of(network: Network) -> nn.Module:
    """The network a card names, with untrained parameters, also one that is built on another model; see `build`."""
    if network.name == TUNED_NAME:  # built on a vision-language model, which is read from disk
        from .vision_language import build_cilmp

        return build_cilmp(network.options)
    return build(network)


def _must_fit_file(card: WeightCard, path: Path) -> None:
    """Raises WeightCorrupt if the card's options ask for more parameters than its file holds, before they are made.

    Only for the project's own networks: others may need real numbers, or a model that others made, while they are
    built.
    """
    if ":" in card.network.name or card.network.name == TUNED_NAME:
        return
    with torch.device("meta"):
        wanted = sum(tensor.numel() for tensor in build(card.network).state_dict().values())
    if wanted > card.file.bytes:
        raise WeightCorrupt(
            f"The weight file {path} does not fit its network: its options ask for {wanted:,} numbers, more than "
            f"its {card.file.bytes:,} bytes hold."
        )


class ModelCache:
    """Loaded weights by id and device; the least recently used leaves when there are more than `size`."""

    def __init__(self, catalog: Catalog, size: int = 8) -> None:
        self._catalog, self._size = catalog, size
        self._loaded: OrderedDict[tuple[str, str], LoadedWeight] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, weight_id: str, device: torch.device) -> LoadedWeight:
        """The weight, loaded at most once per device."""
        key = (weight_id, str(device))
        with self._lock:
            if key not in self._loaded:
                card, folder = self._catalog.card(weight_id), self._catalog.folder(weight_id)
                weight = load_weight(folder, card, device)
                self._loaded[key] = replace(weight, engine=accelerated(weight.network, card, device))
                while len(self._loaded) > self._size:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(key)
            return self._loaded[key]


@dataclass(frozen=True)
class Watch:
    """What a long computation tells and asks.

    Attributes:
        notice: gets a line for the user.
        cancelled: whether to stop.
        advance: gets how much is done, 0 to 1, with a line for the user.
        told: gets what the network was told in words.
    """

    notice: Callable[[str], None] = lambda message: None
    cancelled: Callable[[], bool] = lambda: False
    advance: Callable[[float, str], None] = lambda share, message: None
    told: Callable[[tuple[ToldRecord, ...]], None] = lambda records: None


def check_dimension(card: WeightCard, image: MedicalImage) -> None:
    """Raises InvalidInput for a volume where the card takes single images, and the other way round."""
    must_hold_sequences(card, image)
    if card.dimension == 3:
        must_be_a_volume(card, image)
    elif image.shape[0] > 1 and card.preprocessing.volumes == "refuse":
        raise InvalidInput(
            f"The weight '{card.id}' takes single images, but '{image.name}' has {image.shape[0]} slices; choose one."
        )


def _forward(weight: LoadedWeight, slices: Array, watch: Watch, channels: Sequence[str] = ()) -> Tensor:
    """Scores for (n, h, w[, c]) slices, averaged over the mirrored images if the card says so.

    Args:
        channels: which of the card's sequences there are; empty for all.
    """
    recipe = weight.card.preprocessing
    told = None if recipe.instruction is None else instructed(weight.card, slices, channels)
    if told is not None:
        if changed := changed_wording(weight.card):
            watch.notice(changed)
        watch.told(records(told))
    # The other rules look at all slices together.
    by_itself = recipe.intensity in ("percentile", "minmax") or (
        slices.dtype == np.uint8 and recipe.intensity != "zscore"
    )
    if len(slices) <= SLICES_AT_ONCE or not by_itself:
        return _scores(weight, slices, told, watch, channels)
    parts = [slice(start, start + SLICES_AT_ONCE) for start in range(0, len(slices), SLICES_AT_ONCE)]
    return torch.cat([_scores(weight, slices[p], None if told is None else told[p], watch, channels) for p in parts])


def _scores(weight: LoadedWeight, slices: Array, told: Told | None, watch: Watch, channels: Sequence[str]) -> Tensor:
    """`_forward` of slices that are prepared together, which the network is told `told` of."""
    recipe = weight.card.preprocessing
    x = standardise(prepare(slices, recipe), recipe)
    x[:, absent(recipe, channels)] = 0
    network = weight.runner if told is None else weight.network  # the engine takes nothing beside the image

    def run_batch(batch: Tensor, *, mirrored: bool = False) -> Tensor:
        beside = () if told is None else as_tensors(told, mirrored=mirrored)
        return run_in_batches(
            network, batch, weight.device, beside=beside, cancelled=watch.cancelled, notice=watch.notice
        )

    def run(batch: Tensor, *, mirrored: bool = False) -> Tensor:
        return tiled(run_batch, batch, recipe.size) if recipe.fit == "tile" else run_batch(batch, mirrored=mirrored)

    scores = run(x)
    if recipe.tta_flip:
        mirrored = run(x.flip(3), mirrored=True)
        scores = (scores + (mirrored.flip(3) if mirrored.ndim == 4 else mirrored)) / 2
    return scores


def calibrated(scores: Tensor, card: WeightCard) -> Tensor:
    """Class probabilities from scores (n, classes, …), as the card's calibration says.

    Raises:
        WeightCorrupt: there are values that are not numbers.
    """
    scores = scores / card.calibration.temperature
    if card.calibration.bias:
        scores = scores + torch.tensor(card.calibration.bias).view(1, -1, *[1] * (scores.ndim - 2))
    probabilities = scores.softmax(1)
    if not torch.isfinite(probabilities.sum()):
        raise WeightCorrupt(
            f"The weight '{card.id}' answers with values that are not numbers; its file is damaged or its card does "
            "not fit it: install it again, or correct the card."
        )
    return probabilities


def segmentation_scores(weight: LoadedWeight, image: MedicalImage, watch: Watch | None = None) -> Tensor:
    """Calibrated class probabilities on the network's grid: (k, classes, rows, columns) of the slices for a 2D weight,
    (1, classes, k, j, i) for a 3D one.
    """
    if weight.card.dimension == 3:
        return volume_scores(weight, image, watch or Watch())
    check_dimension(weight.card, image)
    slices = grid_of(image, weight.card.preprocessing).turn(image.array)
    scores = _forward(weight, slices, watch or Watch(), image.channels)
    return calibrated(scores, weight.card)


def segment(
    weight: LoadedWeight, image: MedicalImage, wanted: tuple[str, ...] = (), watch: Watch | None = None
) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
    """`segmentation_scores`, then `label_map`."""
    return label_map(weight.card, image, segmentation_scores(weight, image, watch), wanted, watch)


def label_map(
    card: WeightCard,
    image: MedicalImage,
    probabilities: Tensor,
    wanted: tuple[str, ...] = (),
    watch: Watch | None = None,
) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
    """Label map on the image's grid, and the mean calibrated probability inside each structure found.

    Args:
        probabilities: what `segmentation_scores` gives for the image; those of a 2D weight are changed in place where
            components are removed or holes filled.
        wanted: names of the structures to keep; empty keeps all.

    Returns:
        labels (k, j, i) uint8 with the card's label values, and probabilities by structure name.
    """
    if card.dimension == 3:
        labels, by_label = volume_labels(card, image, probabilities, watch or Watch())
        return _wanted(card, labels, by_label, wanted)
    recipe, in_stack = card.preprocessing, card.preprocessing
    if len(probabilities) > 1:  # what is largest, or a hole, is so in the whole stack and not in one slice
        in_stack = recipe.model_copy(update={"min_region_mm2": 0.0})
        recipe = recipe.model_copy(update={"largest_component": False, "fill_holes": False})
    grid = grid_of(image, recipe)
    rows, columns = (image.spacing[axis] * image.shape[axis] for axis in grid.axes[1:])
    pixel_area = rows * columns / np.prod(probabilities.shape[2:])
    labels = np.zeros(grid.native, np.uint8)
    sums = {s.label: [0.0, 0] for s in card.structures}
    for k, scores in enumerate(probabilities):  # slice by slice: full-size scores of a whole volume would not fit
        best, label = scores.max(0)
        tidied = torch.from_numpy(tidy(label.numpy().astype(np.uint8), recipe, float(pixel_area)))
        for value, total in sums.items():
            inside = tidied == value
            total[0] += float(best[inside].sum())
            total[1] += int(inside.sum())
        changed = tidied != label
        scores[:, changed] = F.one_hot(tidied[changed].long(), len(scores)).T.to(scores.dtype)
        labels[k] = winning_class(restore(scores[None], grid.native[1:])[0])
    if len(probabilities) > 1:
        labels = tidy(labels, in_stack, 1.0)
    labels = grid.unturn(labels).astype(np.uint8, copy=False)
    return _wanted(card, labels, {value: total[0] / total[1] for value, total in sums.items() if total[1]}, wanted)


def _wanted(
    card: WeightCard, labels: npt.NDArray[np.uint8], confidence: dict[int, float], wanted: tuple[str, ...]
) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
    """Labels and confidences by name of the structures that were asked for."""
    kept = {s.label: s.name for s in card.structures if not wanted or s.name in wanted}
    labels[~np.isin(labels, list(kept))] = 0
    return labels, {name: confidence[label] for label, name in kept.items() if label in confidence}


def winning_class(scores: Tensor) -> npt.NDArray[np.uint8]:
    """Index of the largest of (classes, …) scores; several times faster than argmax over the first axis."""
    best, label = scores[0].clone(), torch.zeros(scores.shape[1:], dtype=torch.uint8)
    for index, score in enumerate(scores[1:], start=1):
        label.masked_fill_(score > best, index)
        torch.maximum(best, score, out=best)
    return label.numpy()


def tidy(labels: npt.NDArray[np.uint8], recipe: Preprocessing, pixel_area: float) -> npt.NDArray[np.uint8]:
    """Labels (rows, columns) or (k, j, i) after the recipe's rules on components and holes.

    Args:
        pixel_area: mm² of one pixel, or mm³ of one voxel, of this grid.
    """
    least = recipe.min_region_mm2 or recipe.min_region_mm3
    if not (recipe.largest_component or least or recipe.fill_holes):
        return labels
    import SimpleITK as sitk

    kept = np.zeros_like(labels)
    smallest = int(np.ceil(least / pixel_area))
    values = np.unique(labels[labels > 0])
    for value in values:
        components = sitk.ConnectedComponent(sitk.GetImageFromArray((labels == value).astype(np.uint8)))
        numbered = sitk.GetArrayFromImage(sitk.RelabelComponent(components, minimumObjectSize=smallest))
        kept[numbered == 1 if recipe.largest_component else numbered > 0] = value
    for value in values if recipe.fill_holes else ():
        filled = sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray((kept == value).astype(np.uint8))))
        kept[(filled > 0) & (kept == 0)] = value
    return kept


def classify(
    weight: LoadedWeight,
    image: MedicalImage,
    region: npt.NDArray[np.bool_] | None = None,
    watch: Watch | None = None,
) -> dict[str, float]:
    """Calibrated probability of each class; over several slices, their mean.

    Args:
        region: (k, j, i), where to look; must not be empty.
    """
    check_dimension(weight.card, image)
    grid = grid_of(image, weight.card.preprocessing)
    slices = grid.turn(image.array)
    if region is not None:
        slices = regional(slices, grid.turn(region).astype(np.bool_, copy=False), weight.card.preprocessing.region)
    logits = _forward(weight, slices, watch or Watch(), image.channels)
    probabilities = calibrated(logits, weight.card).mean(0)
    return {name: float(p) for name, p in zip(weight.card.classes, probabilities, strict=True)}


def regional(array: Array, region: npt.NDArray[np.bool_], rule: str) -> Array:
    """The image inside a region: cropped to its box with a margin, or black outside the mask."""
    if rule == "mask":
        return np.where(region if array.ndim == 3 else region[..., None], array, 0).astype(array.dtype)
    box = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        found = np.flatnonzero(region.any(axis=others))
        margin = round(CROP_MARGIN * (found[-1] - found[0] + 1)) if axis else 0
        box.append(slice(max(int(found[0]) - margin, 0), int(found[-1]) + 1 + margin))
    return array[tuple(box)]
