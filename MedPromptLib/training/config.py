"""A recipe: one TOML file per weight, from which `medprompt train` makes the weight and its card."""

from __future__ import annotations

import hashlib
import math
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..catalog import Network, Preprocessing, Structure, must_not_swap_sides
from ..errors import InvalidInput
from ..plan import Intent


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CardText(_Strict):
    """The part of the card a person writes."""

    id: str
    title: str
    intent: Intent
    target: str
    modality: str
    dimension: Literal[2, 3] = 2
    synonyms: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    structures: tuple[Structure, ...] = ()
    intended_use: str
    limitations: tuple[str, ...] = ()
    licence: str
    data: str
    data_licence: str


class Borrowed(_Strict):
    """A labelled set of another finding that joins the training alone, so that no one source means one class.

    Attributes:
        labels: which of the weight's classes each of its labels stands for; images with other labels stay out.
    """

    folder: str
    labels: dict[str, str]


class DataSource(_Strict):
    """Which data sets and what of them.

    Attributes:
        folder: name of the data set's folder under the data root.
        also: further sets of the same labels, which join its training and validation splits.
        borrowed: sets of other findings, whose training images join the training.
        borrowed_only: train on the borrowed sets alone; the set's own validation split calibrates, its own test split
            measures. For sets whose labels go together with something that is not the finding.
        binary_mask: every non-zero mask value is label 1.
        held_out: cases of the training split that stand in for a validation split where the set has none.
        unlabelled: sets whose training images take part without their labels, see `Schedule.consistency`.
        same_kind: sets of the same kind of images, which are no counter-examples for the input check.
        modality: only cases whose `modality` column begins with it, for a network of one of several kinds of images.
        channel: of images that hold several sequences, the only one that is taken, from 0.
        subgroups: a column of its `split.csv` whose values are measured apart, such as hospitals; never patients.
    """

    folder: str
    also: tuple[str, ...] = ()
    borrowed: tuple[Borrowed, ...] = ()
    borrowed_only: bool = False
    binary_mask: bool = False
    held_out: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    same_kind: tuple[str, ...] = ()
    modality: str = ""
    channel: Annotated[int, Field(ge=0)] | None = None
    subgroups: str = ""


class OperatingRule(_Strict):
    """How a classifier's operating point is chosen on the validation split.

    Attributes:
        minimal_sensitivity: the most specific threshold that reaches it is taken; None maximises Youden's J.
    """

    minimal_sensitivity: Annotated[float, Field(gt=0, le=1)] | None = None


class Augmentation(_Strict):
    """Random changes of a training image; ranges are symmetric around no change.

    Attributes:
        flip_horizontal, flip_vertical: probability; 0 where the anatomy is lateralised or has an up and a down.
        quarter_turns: turn by a random multiple of 90 degrees first; only where no side of the image is up.
        rotate: degrees. scale, shift: fraction of the image.
        gamma, contrast, brightness: strength; noise, blur: largest standard deviation (intensity, pixels).
        colour: strength of a random gain of each of red, green and blue.
        curve: strength of a random monotone bend of the grey scale at its quarters.
        equalise: probability of histogram equalisation. collimate: probability of a black or grey surround.
        shade: strength of a random slope of brightness across the image.
        opacity: probability of bright clouds inside the structures, whose outlines stay as they are.
        lines: probability of a few bright curves across the image, as leads and tubes make.
        mirror: 3D: axes that are mirrored in half of the patches; none where left and right have their own labels.
        tilt: 3D: degrees about the j and i axes; `rotate` and `quarter_turns` are about k.
        low_resolution: 3D: largest factor of a resolution that is taken away and interpolated back, 1 for none.
    """

    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    quarter_turns: bool = False
    rotate: float = 10.0
    scale: float = 0.15
    shift: float = 0.06
    gamma: float = 0.3
    contrast: float = 0.2
    brightness: float = 0.1
    noise: float = 0.03
    blur: float = 0.0
    colour: float = 0.0
    curve: float = 0.0
    equalise: float = 0.0
    collimate: float = 0.0
    shade: float = 0.0
    opacity: float = 0.0
    lines: float = 0.0
    mirror: tuple[Literal["k", "j", "i"], ...] = ()
    tilt: float = 0.0
    low_resolution: Annotated[float, Field(ge=1)] = 1.0

    def weaker(self, strength: float) -> Augmentation:
        """The same with every reach and probability times `strength`; flips, turns and resolution stay."""
        kept = {"flip_horizontal", "flip_vertical", "quarter_turns", "mirror", "low_resolution"}
        return self.model_copy(update={n: v * strength for n, v in self if n not in kept})


class Phase(_Strict):
    """A stretch of the training at one input size.

    Attributes:
        size: rows and columns; left out in 3D, where `preprocessing.size` is the patch.
        crop: 2D: above 0, train on random windows of that many pixels of the image at `size`.
        strength: 2D: share of the augmentation's reaches and probabilities.
        restart: above 0, a new cosine cycle (Loshchilov and Hutter 2017) begins with this share of the peak rate.
    """

    epochs: Annotated[int, Field(ge=1)]
    size: Annotated[int, Field(ge=0, multiple_of=32)] = 0
    batch: Annotated[int, Field(ge=1)]
    crop: Annotated[int, Field(ge=0, multiple_of=32)] = 0
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    restart: Annotated[float, Field(ge=0, le=1)] = 0.0


class Schedule(_Strict):
    """Optimisation.

    Attributes:
        learning_rate: peak, after one epoch of warm-up, then cosine to zero over all phases up to the next restart.
        encoder_factor: the pretrained encoder's share of it.
        freeze_epochs: epochs during which the stem and the first two stages stay as pretrained.
        ema: decay per step of the averaged weights that are evaluated and shipped.
        select: ship the epoch of the last phase with the `best` validation score, or the `last` one where the
            validation split is too small to tell epochs apart.
        patience: with `best`, epochs of the last phase without a better score before training stops.
        class_balance: exponent of the inverse class frequency in the cross entropy; 0 none, 1 full.
        auxiliary_masks: classification only: a segmentation head learns the masks beside it and is not shipped.
        mixup: classification only: above 0, alpha of the Beta distribution that mixes pairs of images and labels
            (Zhang et al. 2018).
        consistency: segmentation only: weight of the loss on unlabelled images against what the averaged network says
            of them before their grey values are changed, see `training.consistency`.
        sequence_dropout: union networks: probability that a sequence of a training image is left out; one always stays.
        patches: 3D: patches of every volume in an epoch.
        foreground: 3D: share of the patches that are centred near a structure, each structure as often as the others.
        bfloat16: 3D: the network computes in bfloat16 while it trains, which halves the time on many machines.
    """

    phases: tuple[Phase, ...]
    learning_rate: float = 1e-3
    encoder_factor: float = 0.5
    weight_decay: float = 0.01
    freeze_epochs: int = 0
    ema: float = 0.99
    label_smoothing: float = 0.0
    select: Literal["best", "last"] = "best"
    patience: int = 20
    class_balance: float = 0.0
    auxiliary_masks: float = 0.0
    mixup: float = 0.0
    consistency: float = 0.0
    sequence_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    patches: Annotated[int, Field(ge=1)] = 1
    foreground: Annotated[float, Field(ge=0, le=1)] = 0.5
    bfloat16: bool = False
    seed: int = 1

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)

    def rate(self, position: float) -> float:
        """Share of the peak learning rate at a position in epochs: warm-up, then the cosine of the present cycle."""
        start, length, peak, first = 0, 0, 1.0, 0
        for phase in self.phases:
            if phase.restart:
                if position < first:
                    break
                start, length, peak = first, 0, phase.restart
            length += phase.epochs
            first += phase.epochs
        warm = min(1.0, position + 0.05)
        return peak * warm * max(0.5 * (1 + math.cos(math.pi * min((position - start) / length, 1.0))), 0.01)

    def phase(self, epoch: int) -> Phase:
        """The phase that epoch (from 0) belongs to."""
        for phase in self.phases:
            if epoch < phase.epochs:
                return phase
            epoch -= phase.epochs
        return self.phases[-1]


UNION = "union_segmentation"
"""What recipes call the network of `networks.union`."""


class SemiSupervision(_Strict):
    """3D: how volumes without labels take part, see `training.semi_training`.

    Attributes:
        teacher: who labels them: nobody (`none`: supervised training), the running `average` of the one network (mean
            teacher), or each of two networks for its `peer`.
        cutmix: with a peer, one network sees pairs of volumes mixed and changed in intensity, the other the raw ones.
        unified: with a peer, the Unified Segmentation loss; without, cross entropy against every label of the peer.
        labels: with a peer, whether it labels as it is at `present`, or as its running `average` does.
        weight: of the loss on volumes without labels, after its ramp.
        confidence: probability from which the Unified Segmentation loss takes the peer's label at its word.
        batch: patches without labels in a step, beside the labelled ones of the phase's batch.
        steps: in an epoch.
    """

    teacher: Literal["none", "average", "peer"] = "peer"
    cutmix: bool = True
    unified: bool = True
    labels: Literal["present", "average"] = "average"
    weight: Annotated[float, Field(ge=0)] = 1.0
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.8
    batch: Annotated[int, Field(ge=2)] = 2
    steps: Annotated[int, Field(ge=1)] = 25


AUGMENTATION_2D = (
    "flip_horizontal",
    "flip_vertical",
    "colour",
    "curve",
    "equalise",
    "collimate",
    "shade",
    "opacity",
    "lines",
)
AUGMENTATION_3D = ("mirror", "tilt", "low_resolution")
SCHEDULE_2D = (
    "freeze_epochs",
    "class_balance",
    "auxiliary_masks",
    "label_smoothing",
    "mixup",
    "consistency",
    "sequence_dropout",
)
DATA_2D = ("also", "unlabelled", "held_out", "borrowed", "borrowed_only")
SCHEDULE_3D = ("patches", "foreground", "bfloat16")


class Recipe(_Strict):
    """All of it."""

    card: CardText
    data: DataSource
    network: Network
    preprocessing: Preprocessing
    augmentation: Augmentation = Augmentation()
    schedule: Schedule
    operating_point: OperatingRule = OperatingRule()
    semi: SemiSupervision | None = None

    @model_validator(mode="after")
    def _classes_fit(self) -> Recipe:
        wanted = len(self.card.classes) or len(self.card.structures) + 1
        if self.network.options.get("classes", wanted) != wanted:
            raise ValueError(f"network.options.classes is {self.network.options['classes']}, the card needs {wanted}")
        if bool(self.data.unlabelled) != bool(self.schedule.consistency):
            raise ValueError("data.unlabelled and schedule.consistency belong together; one of them is missing")
        if self.data.borrowed_only and not self.data.borrowed:
            raise ValueError("data.borrowed_only needs at least one set in data.borrowed")
        is_union = self.network.name == UNION
        if not is_union and (self.data.modality or self.data.channel is not None or self.schedule.sequence_dropout):
            raise ValueError(f"data.modality, data.channel and schedule.sequence_dropout need the network '{UNION}'")
        reads = bool(self.network.options.get("vector")) and not self.network.options.get("projected")
        if is_union and reads != (self.preprocessing.instruction is not None):
            raise ValueError("network.options.vector and preprocessing.instruction belong together; one is missing")
        if self.schedule.mixup and self.schedule.auxiliary_masks:
            raise ValueError("schedule.mixup and schedule.auxiliary_masks exclude each other; masks are not mixed")
        return self

    @model_validator(mode="after")
    def _dimension_fits(self) -> Recipe:
        self.preprocessing.must_fit(self.card.dimension)
        for name_of_room, room, only_2d, only_3d in (
            ("augmentation", self.augmentation, AUGMENTATION_2D, AUGMENTATION_3D),
            ("schedule", self.schedule, SCHEDULE_2D, SCHEDULE_3D),
            ("data", self.data, DATA_2D, ()),
        ):
            for name in only_2d if self.card.dimension == 3 else only_3d:
                if getattr(room, name) != type(room).model_fields[name].default:
                    raise ValueError(f"{name_of_room}.{name} only makes sense with dimension {5 - self.card.dimension}")
        if self.card.dimension == 3:
            must_not_swap_sides(self.card.structures, self.preprocessing.orientation, self.augmentation.mirror)
        if self.card.dimension == 2 and self.semi is not None:
            raise ValueError("semi only makes sense with dimension 3")
        if self.card.dimension == 2 and any(phase.size == 0 for phase in self.schedule.phases):
            raise ValueError("schedule.phases needs a size of 32 or more in 2D")
        if self.card.dimension == 3 and any(
            phase.size or phase.crop or phase.strength != 1 for phase in self.schedule.phases
        ):
            raise ValueError("schedule.phases has no size, crop or strength in 3D; preprocessing.size is the patch")
        return self


def read_recipe(path: Path) -> tuple[Recipe, str]:
    """The recipe in a TOML file and the file's SHA-256.

    Raises:
        InvalidInput: no such file, not TOML, or an unknown, missing or unfit field.
    """
    return read_toml(path, Recipe, "training recipe")


Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, model: type[Model], what: str) -> tuple[Model, str]:
    """A value in a TOML file and the file's SHA-256.

    Args:
        what: the file's kind, for messages.

    Raises:
        InvalidInput: no such file, not TOML, or an unknown, missing or unfit field.
    """
    try:
        data = path.read_bytes()
        found = model.model_validate(tomllib.loads(data.decode("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInput(f"The {what} {path} cannot be read ({error}); expected a TOML file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InvalidInput(f"The {what} {path} is not valid: {where}: {first['msg']}.") from error
    return found, hashlib.sha256(data).hexdigest()


Mode = Literal["train", "val", "test"]
