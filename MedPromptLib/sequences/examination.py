"""Several images of one examination become the input of weights that take them together.

Each image gets its sequence (`guessing`), what is missing, extra or swapped is said, images that do not lie over the
reference are refused or registered (`registration`), and all come to the reference's grid. Results are written there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..catalog import Preprocessing, WeightCard
from ..errors import InvalidInput, UnusualInput
from ..images import MedicalImage
from ..inputs import on_one_grid, one_slice
from ..results import InputRecord
from .guessing import Guess, guesses
from .names import listed, title
from .registration import LEAST_COVERED, Alignment, align, lies_apart, moved

PERCENTILES = (0.1, 99.9)
"""What becomes 0 and a card's `white`."""
SURE = 0.9
"""Least probability for a guess by grey values alone to be used."""
HOW = "say which is which, for example --input {name}=FILE (in the panel: choose the volume beside the sequence)"


@dataclass(frozen=True)
class Needs:
    """What the weights of a plan take together.

    Attributes:
        weights: their ids.
        sequences: all they take, in the first one's order.
        required: those without which one of them cannot run.
        named: those that the request names; empty if it names none.
    """

    weights: tuple[str, ...]
    sequences: tuple[str, ...]
    required: frozenset[str]
    named: tuple[str, ...] = ()

    def __str__(self) -> str:
        these = " and ".join(f"'{name}'" for name in self.weights)
        takes = "takes" if len(self.weights) == 1 else "take"
        together = listed(self.sequences) if self.required else f"any of {listed(self.sequences)}"
        return f"{these} {takes} {together}"


@dataclass(frozen=True)
class Examination:
    """Images of one patient on one grid.

    Attributes:
        reference: the image whose grid it is, as it was given.
        images: by sequence, on that grid.
        records: what became of each image that was given.
    """

    reference: MedicalImage
    images: Mapping[str, MedicalImage]
    records: tuple[InputRecord, ...]

    def slice(self, k: int) -> Examination:
        """Slice k of the reference, and of the others there."""
        images = {name: one_slice(image, k) for name, image in self.images.items()}
        return replace(self, reference=one_slice(self.reference, k), images=images)

    @property
    def lines(self) -> tuple[str, ...]:
        """What became of each image, for people."""
        return tuple(line_of(record) for record in self.records)


def line_of(record: InputRecord) -> str:
    """One image of an examination in a sentence."""
    if not record.sequence:
        return f"'{record.name}' was not used: {record.reason}."
    done = []
    if record.reference:
        done.append("results are written on its grid")
    if record.motion is not None:
        done.append(f"registered, moved by {record.displacement_mm:.1f} mm")
    if record.resampled:
        done.append("resampled to the reference")
    return f"'{record.name}' is {title(record.sequence)}: {'; '.join([record.reason, *done])}."


def needs_of(cards: Sequence[WeightCard], named: Sequence[str] = ()) -> Needs | None:
    """What some weights take together; None if each takes one image."""
    several = [card for card in cards if card.preprocessing.sequences]
    if not several:
        return None
    sequences = tuple(dict.fromkeys(name for card in several for name in card.preprocessing.sequences))
    required = {n for card in several if not card.ability.any_sequences for n in card.preprocessing.sequences}
    return Needs(tuple(card.id for card in several), sequences, frozenset(required), tuple(named))


def assigned(
    images: Sequence[MedicalImage],
    needs: Needs,
    chosen: Mapping[int, str | Guess] | None = None,
    *,
    accept_unusual_input: bool = False,
) -> tuple[Guess, ...]:
    """Which image is which of the wanted sequences; an empty sequence means that it is not used.

    Args:
        chosen: see `examination`.

    Raises:
        InvalidInput: sequences are missing, two images are taken for one, or an image is not known surely enough.
        UnusualInput: grey values contradict what was said, so that images may be swapped, and that is not accepted.
    """
    found = list(guesses(images, needs.sequences, chosen))
    for n, guess in enumerate(found):
        unused = needs.named and guess.sequence not in (*needs.named, *needs.required)
        if guess.sequence and guess.sequence not in needs.sequences:
            found[n] = Guess("", f"it is {title(guess.sequence)} ({guess.reason}), and {needs}")
        elif guess.sequence and unused:
            found[n] = Guess("", f"it is {title(guess.sequence)}, which the request does not name")
    _must_be_one_each(images, found, needs, chosen or {})
    _must_be_there(images, found, needs)
    doubts = [guess.doubt for guess in found if guess.doubt]
    if doubts and not accept_unusual_input:
        raise UnusualInput(
            f"{'; '.join(doubts)}. Nothing has run; if images are swapped, {_how(needs)}; if not, accept unusual input "
            "(--accept-unusual-input).",
            tuple(doubts),
        )
    return tuple(found)


def _how(needs: Needs) -> str:
    return HOW.format(name=needs.sequences[0])


def _must_be_one_each(
    images: Sequence[MedicalImage], found: Sequence[Guess], needs: Needs, seen: Collection[int]
) -> None:
    for name in needs.sequences:
        same = [image.name for image, guess in zip(images, found, strict=True) if guess.sequence == name]
        if len(same) > 1:
            these = " and ".join(f"'{n}'" for n in same)
            raise InvalidInput(f"{these} are both taken for {title(name)}; {_how(needs)}, or leave one out.")
    unsure = [
        f"'{image.name}' is perhaps {title(guess.sequence)} ({100 * guess.probability:.0f} % by its grey values)"
        for n, (image, guess) in enumerate(zip(images, found, strict=True))
        if guess.probability is not None and guess.probability < SURE and n not in seen
    ]
    if unsure:
        raise InvalidInput(f"{'; '.join(unsure)}, which is not sure enough; {_how(needs)}.")


def _must_be_there(images: Sequence[MedicalImage], found: Sequence[Guess], needs: Needs) -> None:
    have = [guess.sequence for guess in found if guess.sequence]
    missing = [n for n in needs.sequences if n not in have and (n in needs.required or n in needs.named)]
    if not have and not missing:
        missing = list(needs.sequences)
    if not missing:
        return
    given = [
        f"'{image.name}' is {title(guess.sequence)}"
        if guess.sequence
        else f"'{image.name}' is not used ({guess.reason})"
        for image, guess in zip(images, found, strict=True)
    ]
    raise InvalidInput(
        f"{needs}, but {listed(missing)} {'is' if len(missing) == 1 else 'are'} missing: {', '.join(given)}; give "
        f"{'it' if len(missing) == 1 else 'them'}, or {_how(needs)}."
    )


def examination(
    images: Sequence[MedicalImage],
    needs: Needs,
    chosen: Mapping[int, str | Guess] | None = None,
    *,
    reference: int | str | None = None,
    register: bool = False,
    accept_unusual_input: bool = False,
    notice: Callable[[str], None] = lambda line: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Examination:
    """Images of one patient, ready for the weights of a plan.

    Args:
        chosen: sequences that the user said, or guesses that the user was shown and left, by number of the image.
        reference: number or sequence of the image on whose grid results are written; default: the first that is used.
        register: move images that do not lie over the reference, instead of refusing them.
        accept_unusual_input: go on although grey values contradict what was said.

    Raises:
        InvalidInput: see `assigned`; a colour image; an image that does not lie over the reference.
        UnusualInput: see `assigned`.
        Cancelled: `cancelled` returned True.
    """
    for image in images:
        if image.is_color:
            raise InvalidInput(f"'{image.name}' is in colour; sequences of one examination are grey images.")
    found = assigned(images, needs, chosen, accept_unusual_input=accept_unusual_input)
    used = [n for n, guess in enumerate(found) if guess.sequence]
    first = _reference(reference, found, used)
    here = images[first]
    on_grid: dict[int, MedicalImage] = {first: here}
    judged: dict[int, tuple[Alignment, MedicalImage]] = {}
    for n in used:
        if n == first:
            continue
        notice(f"Comparing '{images[n].name}' with '{here.name}'")
        judged[n] = _laid_over(images[n], here, register=register, cancelled=cancelled)
        on_grid[n] = on_one_grid([here, judged[n][1]])[1]
    records = tuple(
        _record(images[n], found[n], judged.get(n), on_grid.get(n), is_reference=n == first) for n in range(len(images))
    )
    by_name = {found[n].sequence: on_grid[n] for n in used}
    return Examination(here, {name: by_name[name] for name in needs.sequences if name in by_name}, records)


def _reference(wanted: int | str | None, found: Sequence[Guess], used: Sequence[int]) -> int:
    if wanted is None:
        return used[0]
    for n in used:
        if wanted in (n, found[n].sequence):
            return n
    raise InvalidInput(
        f"The reference {title(wanted) if isinstance(wanted, str) else 'image'} is none of the images that are used: "
        f"{listed(found[n].sequence for n in used)}; choose one of them."
    )


def _laid_over(
    image: MedicalImage, here: MedicalImage, *, register: bool, cancelled: Callable[[], bool]
) -> tuple[Alignment, MedicalImage]:
    """How an image lies to the reference, and the image, moved there if it has to be and may be."""
    alignment = align(image, here, cancelled=cancelled)
    if alignment.covered < LEAST_COVERED and not register:
        raise InvalidInput(
            f"'{image.name}' covers only {100 * alignment.covered:.0f} % of what '{here.name}' shows; choose images of "
            "one examination, or have them registered (--register)."
        )
    if not lies_apart(alignment):
        return alignment, image
    if not register:
        raise InvalidInput(
            f"'{image.name}' does not lie over '{here.name}': moving it by {alignment.displacement:.0f} mm would fit "
            "better; register the volumes first, or have it done (--register; in the panel: tick Register)."
        )
    alignment = align(image, here, fine=True, cancelled=cancelled)
    placed = moved(image, alignment.to_reference)
    after = align(placed, here, cancelled=cancelled)
    if lies_apart(after) or after.covered < LEAST_COVERED:
        raise InvalidInput(
            f"'{image.name}' could not be registered to '{here.name}' (still {after.displacement:.0f} mm apart); "
            "register the volumes by hand first."
        )
    note = f"It was moved by {alignment.displacement:.1f} mm on average to lie over '{here.name}' (rigid registration)."
    return alignment, replace(placed, notes=(*placed.notes, note))


def _record(
    image: MedicalImage,
    guess: Guess,
    judged: tuple[Alignment, MedicalImage] | None,
    on_grid: MedicalImage | None,
    *,
    is_reference: bool,
) -> InputRecord:
    motion = displacement = None
    if judged is not None:
        alignment, placed = judged
        displacement = round(alignment.displacement, 3)
        if placed is not image:
            motion = tuple(tuple(round(float(n), 9) for n in row) for row in alignment.to_reference)
    return InputRecord(
        name=image.name,
        sha256=image.sha256,
        sequence=guess.sequence,
        reason=guess.reason,
        probability=None if guess.probability is None else round(guess.probability, 4),
        doubt=guess.doubt,
        reference=is_reference,
        ijk_to_ras=tuple(tuple(float(n) for n in row) for row in image.ijk_to_ras),
        displacement_mm=displacement,
        motion=motion,
        resampled=on_grid is not None and judged is not None and on_grid is not judged[1],
        notes=(on_grid or image).notes,
    )


def stacked(examined: Examination, recipe: Preprocessing) -> MedicalImage:
    """The examination as one image (k, j, i, c) uint8 with a card's sequences as its channels; 0 for those not there.

    Values of up to 8 bits are kept as they are; wider ones are scaled by each volume's own 0.1 and 99.9 percentile, as
    `Preprocessing.white` says.
    """
    grid = examined.reference
    there = tuple(name for name in recipe.sequences if name in examined.images)
    layers = [
        _eight_bit(examined.images[name], recipe.white) if name in there else np.zeros(grid.shape, np.uint8)
        for name in recipe.sequences
    ]
    return replace(grid, array=np.stack(layers, axis=-1), channels=there)


def _eight_bit(image: MedicalImage, white: float) -> np.ndarray:
    array = image.array
    if array.dtype == np.uint8:
        return array
    values = array.astype(np.float32)
    low, high = np.percentile(values, PERCENTILES)
    scaled = (values - low) * (255 * white / max(float(high - low), 1e-6))
    return scaled.round().clip(0, 255).astype(np.uint8)
