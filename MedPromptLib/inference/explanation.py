"""Where a network looked, and how far a result depends on chance: maps on the image's grid, of volumes as well.

Neither says whether a result is right. Both are computed only when somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..catalog import WeightCard
from ..errors import Cancelled, InvalidInput
from ..images import MedicalImage
from ..plan import Intent
from .engine import LoadedWeight, Watch, check_dimension, classify, regional, segmentation_scores
from .preprocessing import prepare, restore, standardise
from .volume_geometry import grid_of
from .volumes import SlidingWindow, prepare_volume, restore_volume
from .windows import tiled

Floats = npt.NDArray[np.float32]
BATCH = 4
GAMMAS = (0.8, 1.25)
NOISE = 0.02
"""Standard deviation of the added noise, as a share of the image's range."""


@dataclass(frozen=True)
class Uncertainty:
    """How much a result changes with the input's incidentals.

    Attributes:
        map: (k, j, i) float32, 0 (certain) to 1 (all classes alike), for a segmentation; None for a classification.
        value: the same as one number: of a classification, its entropy; of a segmentation, the mean over what at least
            one variant outlined.
        variants: names of the inputs that were averaged.
    """

    map: Floats | None
    value: float
    variants: tuple[str, ...]


def saliency(
    weight: LoadedWeight,
    image: MedicalImage,
    name: str,
    region: npt.NDArray[np.bool_] | None = None,
    watch: Watch | None = None,
) -> Floats:
    """Grad-CAM (Selvaraju et al. 2017, equations 1 and 2) of a class or structure at the network's deepest feature map.

    For a structure the gradient is that of its scores summed over the pixels it won (Seg-Grad-CAM, Vinogradova et al.
    2020); of a volume, window by window, blended as the scores are (our reading).

    Args:
        name: a class of a classifier, or a structure of a segmentation.
        region: (k, j, i), where a classifier looked; as for `engine.classify`.

    Returns:
        (k, j, i) float32, 0 to 1: the map enlarged to the image linearly and divided by its maximum; zero outside the
        region, and everywhere if nothing speaks for the class.

    Raises:
        InvalidInput: the weight has no such class or structure, or its network cannot be looked into.
        Cancelled: `watch.cancelled` returned True.
    """
    card, watch = weight.card, watch or Watch()
    check_dimension(card, image)
    if card.intent is Intent.SEGMENTATION:
        found = _structure_saliency(weight, image, _index(card, name, [s.name for s in card.structures], 1), watch)
        return found / max(float(found.max()), 1e-12)
    index = _index(card, name, card.classes, 0)
    rule = card.preprocessing.region
    slices = image.array if region is None else regional(image.array, region, rule)
    x = standardise(prepare(slices, card.preprocessing), card.preprocessing)
    parts = []
    for start in range(0, len(x), BATCH):
        if watch.cancelled():
            raise Cancelled("Cancelled; no map was kept.")
        parts.append(_grad_cam(weight, x[start : start + BATCH], index))
        watch.advance(min(start + BATCH, len(x)) / len(x), "Saliency")
    cam = F.interpolate(torch.cat(parts)[:, None], size=slices.shape[1:3], mode="bilinear", align_corners=False)
    found = cam[:, 0].numpy().astype(np.float32)
    if found.max() > 0:
        found /= found.max()
    if region is None:
        return found
    if rule == "mask":
        return np.where(region, found, 0).astype(np.float32)
    # The crop of the voxels' numbers says which voxels the crop of the image shows.
    numbers = regional(np.arange(int(np.prod(image.shape))).reshape(image.shape), region, rule)
    whole = np.zeros(int(np.prod(image.shape)), np.float32)
    whole[numbers.astype(np.intp)] = found
    return whole.reshape(image.shape)


def _index(card: WeightCard, name: str, names: Sequence[str], first: int) -> int:
    """Which of the network's outputs a name is."""
    if name not in names:
        kind = "class" if card.classes else "structure"
        raise InvalidInput(f"'{card.id}' has no {kind} '{name}'; it has: {', '.join(names)}.")
    return list(names).index(name) + first


def _structure_saliency(weight: LoadedWeight, image: MedicalImage, index: int, watch: Watch) -> Floats:
    """(k, j, i), not yet divided by its maximum."""
    recipe = weight.card.preprocessing

    def enlarged(x: Tensor) -> Tensor:
        if watch.cancelled():
            raise Cancelled("Cancelled; no map was kept.")
        mode = "trilinear" if x.ndim == 5 else "bilinear"
        return F.interpolate(_grad_cam(weight, x, index)[:, None], size=x.shape[2:], mode=mode, align_corners=False)

    if weight.card.dimension == 3:
        grid = grid_of(image, recipe)
        slide = SlidingWindow(weight.network, recipe, weight.device, watch, run=enlarged)
        found = slide(prepare_volume(image, recipe, grid))
        return restore_volume(image, recipe, found[None])[0].astype(np.float32)
    x = standardise(prepare(image.array, recipe), recipe)
    maps = []
    for number, part in enumerate(x.split(BATCH)):
        maps.append(tiled(enlarged, part, recipe.size) if recipe.fit == "tile" else enlarged(part))
        watch.advance(min((number + 1) * BATCH, len(x)) / len(x), "Saliency")
    return restore(torch.cat(maps), image.shape[1:])[:, 0].numpy().astype(np.float32)


def _grad_cam(weight: LoadedWeight, x: Tensor, index: int) -> Tensor:
    """(n, *size) of inputs (n, c, *larger size), for class or structure `index`."""
    kept: list[Tensor] = []
    handles = [
        module.register_forward_hook(lambda module, given, out: kept.append(out))
        for module in _feature_maps(weight.network)
    ]
    if not handles:
        raise InvalidInput(f"The network of '{weight.card.id}' is a program and cannot be looked into.")
    try:
        with torch.enable_grad():
            # The parameters are frozen; without this nothing would be differentiated.
            logits = weight.network(x.to(weight.device).requires_grad_(True))
            scores = logits[:, index]
            if logits.ndim > 2:
                scores = scores * (logits.detach().argmax(1) == index)
            features = min(reversed(kept), key=lambda out: out[0, 0].numel())
            (gradient,) = torch.autograd.grad(scores.sum(), features)
    finally:
        for handle in handles:
            handle.remove()
    importance = gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)
    return F.relu((importance * features).sum(1)).detach().float().cpu()


def _feature_maps(network: nn.Module) -> list[nn.Module]:
    """What may put out the deepest features: the part that is named so, else every convolution."""
    named = getattr(network, "high_level", None)
    if isinstance(named, nn.Module):
        return [named]
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Conv3d)]


def uncertainty(
    weight: LoadedWeight,
    image: MedicalImage,
    region: npt.NDArray[np.bool_] | None = None,
    watch: Watch | None = None,
) -> Uncertainty:
    """Predictive entropy of the mean probabilities over variants of the input, divided by the logarithm of the number
    of classes.

    Our reading of test-time augmentation as a measure of uncertainty (Wang et al. 2019): the variants are the image as
    it is, with another gamma (0.8, 1.25), with a little noise, and mirrored where the card says that the anatomy is not
    lateralised. It shows what changes with such incidentals, not what the network has never seen.

    Args:
        region: as for `saliency`.

    Raises:
        InvalidInput: a volume for a weight of single images, or the other way round.
        Cancelled: `watch.cancelled` returned True.
    """
    card, watch = weight.card, watch or Watch()
    check_dimension(card, image)
    names: list[str] = []
    total: Tensor | None = None
    touched: npt.NDArray[np.bool_] | None = None
    variants = list(_variants(image, mirror=card.preprocessing.tta_flip))
    for name, variant, mirrored in variants:
        if watch.cancelled():
            raise Cancelled("Cancelled; no map was kept.")
        watch.advance(len(names) / len(variants), f"Uncertainty: {name}")
        within = replace(watch, advance=lambda share, line: None)
        names.append(name)
        if card.intent is Intent.CLASSIFICATION:
            where = region[..., ::-1] if region is not None and mirrored else region
            scores = torch.tensor(list(classify(weight, variant, where, within).values()))[None]
        else:
            scores = segmentation_scores(weight, variant, within).float()
            scores = scores.flip(-1) if mirrored else scores
            outlined = (scores.argmax(1) > 0).numpy()
            touched = outlined if touched is None else touched | outlined
        total = scores if total is None else total + scores
    assert total is not None
    entropy = _entropy(total / len(names))
    if touched is None:
        return Uncertainty(None, float(entropy[0]), tuple(names))
    value = float(entropy.numpy()[touched].mean()) if touched.any() else 0.0
    if card.dimension == 3:
        restored = restore_volume(image, card.preprocessing, entropy[None])
        return Uncertainty(restored[0].astype(np.float32), value, tuple(names))
    found = torch.cat([restore(part[None, None], image.shape[1:])[0] for part in entropy])
    return Uncertainty(found.numpy().astype(np.float32), value, tuple(names))


def _entropy(probabilities: Tensor) -> Tensor:
    """(n, …) of (n, classes, …), 0 to 1."""
    p = probabilities.clamp_min(1e-12)
    return (-(p * p.log()).sum(1) / np.log(probabilities.shape[1])).clamp(0, 1)


def _variants(image: MedicalImage, *, mirror: bool) -> Iterator[tuple[str, MedicalImage, bool]]:
    """Name, image, and whether it is mirrored."""
    yield "as it is", image, False
    low, high = float(image.array.min()), float(image.array.max())
    unit = (image.array.astype(np.float32) - low) / max(high - low, 1e-6)

    def back(values: Floats) -> MedicalImage:
        array = values.clip(0, 1) * (high - low) + low
        whole = np.issubdtype(image.array.dtype, np.integer)
        return replace(image, array=(array.round() if whole else array).astype(image.array.dtype))

    for gamma in GAMMAS:
        yield f"gamma {gamma:g}", back(unit**gamma), False
    noise = np.random.default_rng(0).normal(0, NOISE, unit.shape).astype(np.float32)
    yield "noise", back(unit + noise), False
    if mirror:
        yield "mirrored", replace(image, array=np.ascontiguousarray(np.flip(image.array, 2))), True
