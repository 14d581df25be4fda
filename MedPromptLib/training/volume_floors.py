"""What something trivial reaches on volumes: the mean shape around the volume's centre, and Otsu's threshold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..catalog import WeightCard
from ..images import Array, luminance
from ..inference.volume_geometry import grid_of, resample_labels
from .data import Cases
from .floors import LARGEST_SAMPLE, SHARES, dice_of_labels, otsu_of_grey
from .metrics import Floats


def centred(labels: Array, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """A label map cut or filled up with 0 to another shape around the same centre."""
    out = np.zeros(shape, np.uint8)
    source, target = [], []
    for have, want in zip(labels.shape, shape, strict=True):
        side = min(have, want)
        source.append(slice((have - side) // 2, (have - side) // 2 + side))
        target.append(slice((want - side) // 2, (want - side) // 2 + side))
    out[tuple(target)] = labels[tuple(source)]
    return out


def volume_floors(card: WeightCard, train: Cases, cases: Cases) -> dict[str, Floats]:
    """Dice (n, structures) per volume, NaN where the truth has none, of each trivial method by name.

    The mean shape is where a structure lies in at least a share of the training masks, laid centre on centre on the
    network's grid; the share is the one of `SHARES` with the best mean Dice on those masks.
    """
    assert train.masks is not None
    assert cases.masks is not None
    structures = len(card.structures)
    known = [_on_network_grid(card, train, index) for index in range(min(len(train), LARGEST_SAMPLE))]
    box = tuple(np.max([mask.shape for mask in known], axis=0))
    counts = np.zeros((structures, *box))
    for mask in known:
        middle = centred(mask, box)
        counts += np.stack([middle == label + 1 for label in range(structures)])
    frequency = counts / len(known)
    best, winner = frequency.max(0), frequency.argmax(0) + 1
    candidates = [np.where(best >= share, winner, 0).astype(np.uint8) for share in SHARES]

    def fit(shape: npt.NDArray[np.uint8]) -> float:
        return float(np.nanmean([dice_of_labels(centred(shape, m.shape), m, structures) for m in known]))

    shape = max(candidates, key=fit)
    rows = []
    for index in range(len(cases)):
        grid = grid_of(cases.image(index), card.preprocessing)
        guess = grid.unturn(resample_labels(centred(shape, grid.shape), grid.native))
        rows.append(dice_of_labels(guess, cases.masks[index], structures))
    floors = {"Dice of the mean shape": np.stack(rows)}
    if structures == 1:
        sides = {side: np.nanmean([_otsu_dice(train, n, side) for n in range(len(known))]) for side in (True, False)}
        bright = bool(sides[True] >= sides[False])
        floors["Dice of Otsu's threshold"] = np.stack([_otsu_dice(cases, n, bright) for n in range(len(cases))])
    return floors


def _on_network_grid(card: WeightCard, cases: Cases, index: int) -> npt.NDArray[np.uint8]:
    assert cases.masks is not None
    grid = grid_of(cases.image(index), card.preprocessing)
    return resample_labels(grid.turn(cases.masks[index]), grid.shape)  # type: ignore[arg-type]


def _otsu_dice(cases: Cases, index: int, bright: bool) -> Floats:
    assert cases.masks is not None
    return dice_of_labels(otsu_of_grey(luminance(cases.image(index).array), bright), cases.masks[index], 1)
