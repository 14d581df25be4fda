"""Where a classifier looked, and how far a result depends on chance: maps on the image's grid.

Neither says whether a result is right. Both are computed only when somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import Cancelled, InvalidInput
from ..images import MedicalImage
from ..plan import Intent
from .engine import LoadedWeight, Watch, classify, regional, segmentation_scores
from .preprocessing import prepare, restore, standardise

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
    class_name: str,
    region: npt.NDArray[np.bool_] | None = None,
    watch: Watch | None = None,
) -> Floats:
    """Grad-CAM (Selvaraju et al. 2017, equations 1 and 2) of a class at the network's last feature map.

    Args:
        region: (k, j, i), where the classifier looked; as for `engine.classify`.

    Returns:
        (k, j, i) float32, 0 to 1: the map enlarged to the image bilinearly and divided by its maximum; zero outside the
        region, and everywhere if nothing speaks for the class.

    Raises:
        InvalidInput: the weight is no classifier of two-dimensional images, or has no such class.
        Cancelled: `watch.cancelled` returned True.
    """
    card, watch = weight.card, watch or Watch()
    if card.intent is not Intent.CLASSIFICATION or card.dimension != 2:
        raise InvalidInput(f"A saliency map needs a classifier of single images; '{card.id}' is none.")
    if class_name not in card.classes:
        raise InvalidInput(f"'{card.id}' has no class '{class_name}'; it has: {', '.join(card.classes)}.")
    rule = card.preprocessing.region
    slices = image.array if region is None else regional(image.array, region, rule)
    x = standardise(prepare(slices, card.preprocessing), card.preprocessing)
    parts = []
    for start in range(0, len(x), BATCH):
        if watch.cancelled():
            raise Cancelled("Cancelled; no map was kept.")
        parts.append(_grad_cam(weight, x[start : start + BATCH], card.classes.index(class_name)))
    cam = F.interpolate(torch.cat(parts)[:, None], size=slices.shape[1:3], mode="bilinear", align_corners=False)
    found: Floats = cam[:, 0].numpy().astype(np.float32)
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


def _grad_cam(weight: LoadedWeight, x: Tensor, index: int) -> Tensor:
    """(n, h', w') of inputs (n, 3, h, w)."""
    kept: list[Tensor] = []
    handle = _last_features(weight.network).register_forward_hook(lambda module, given, out: kept.append(out))
    try:
        with torch.enable_grad():
            # The parameters are frozen; without this nothing would be differentiated.
            logits = weight.network(x.to(weight.device).requires_grad_(True))
            (gradient,) = torch.autograd.grad(logits[:, index].sum(), kept[0])
    finally:
        handle.remove()
    importance = gradient.mean(dim=(2, 3), keepdim=True)
    return F.relu((importance * kept[0]).sum(1)).detach().float().cpu()


def _last_features(network: nn.Module) -> nn.Module:
    named = getattr(network, "high_level", None)
    if isinstance(named, nn.Module):
        return named
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]


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
        InvalidInput: a weight for volumes, whose scores lie on another grid.
        Cancelled: `watch.cancelled` returned True.
    """
    card, watch = weight.card, watch or Watch()
    if card.dimension != 2:
        raise InvalidInput(
            f"Uncertainty is computed for weights of single images and slices; '{card.id}' takes volumes."
        )
    names: list[str] = []
    total: Tensor | None = None
    touched: npt.NDArray[np.bool_] | None = None
    for name, variant, mirrored in _variants(image, mirror=card.preprocessing.tta_flip):
        if watch.cancelled():
            raise Cancelled("Cancelled; no map was kept.")
        watch.notice(f"Uncertainty: {name}")
        names.append(name)
        if card.intent is Intent.CLASSIFICATION:
            where = region[..., ::-1] if region is not None and mirrored else region
            scores = torch.tensor(list(classify(weight, variant, where, watch).values()))[None]
        else:
            scores = segmentation_scores(weight, variant, watch)
            scores = scores.flip(-1) if mirrored else scores
            outlined = (scores.argmax(1) > 0).numpy()
            touched = outlined if touched is None else touched | outlined
        total = scores if total is None else total + scores
    assert total is not None
    entropy = _entropy(total / len(names))
    if touched is None:
        return Uncertainty(None, float(entropy[0]), tuple(names))
    value = float(entropy.numpy()[touched].mean()) if touched.any() else 0.0
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
