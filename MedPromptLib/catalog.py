"""What this installation can do: weight cards, and the catalogue that reads and verifies them.

One folder per weight, `weights/<id>/card.json` and `weights/<id>/model.safetensors`. Adding a folder adds an ability;
no code changes.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from .errors import WeightCorrupt
from .measured import Latency, Measurement, OperatingPoint, Reliability, SubgroupMeasurement
from .plan import Intent
from .user_folders import weights_folder

CARD_NAME = "card.json"
FILE_NAME = "model.safetensors"
PROGRAM_NAME = "torchscript"
"""What a card calls the network of a file that holds its own program."""
TUNED_NAME = "cilmp"
"""What a card calls the network of `networks.cilmp`."""
DRAFT_SUFFIX = ".part"
"""Of a weight's folder while it is being copied; one that is left over from an interrupted copy is no weight."""
WEIGHTS_VARIABLE = "MEDPROMPT_WEIGHTS"
"""Environment variable with further weight folders, separated like PATH."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


LARGEST_SIDE, LARGEST_WINDOW = 8192, 1 << 26
"""Of what a network is fed at once: pixels or voxels along a side, and in all."""
SMALLEST_TILE = 16
"""Side of a sliding window in pixels; smaller ones would take for ever."""
MOST_STRUCTURES = 255
"""Label maps hold 8-bit numbers."""
SEPARATORS = "~^|\n"
"""Characters that part the fields of a terminology entry in 3D Slicer."""


class StructureTerm(BaseModel):
    """A structure that a segmentation can be asked for by name."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    name: str
    synonyms: tuple[str, ...] = ()


def modalities(text: str) -> tuple[str, ...]:
    """The kinds of images a card's `modality` names: one, or several joined by " or "."""
    return tuple(text.split(" or "))


class Ability(BaseModel):
    """The part of a card that planning and routing need: what a weight is for, in words.

    Attributes:
        id: the weight's folder name.
        target: what it segments or looks for.
        modality: the images it was made for, for example `chest x-ray`.
        synonyms: other words for the target.
        classes: class names of a classifier, in output order.
        positive: the classes that count as a positive finding.
        structures: what a multi-structure segmentation labels; empty for a single-structure one.
        sequences: which images of one examination it takes together, in its order; empty for a weight that takes one.
        any_sequences: whether some of them suffice.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str
    intent: Intent
    target: str
    modality: str
    synonyms: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    structures: tuple[StructureTerm, ...] = ()
    sequences: tuple[str, ...] = ()
    any_sequences: bool = False

    @field_validator("structures", mode="before")
    @classmethod
    def _names_are_enough(cls, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return value
        return tuple({"name": item} if isinstance(item, str) else item for item in value)


class Code(_Strict):
    """One coded term: scheme, value, meaning; for example `SCT`, `39607008`, `Lung`."""

    scheme: str
    value: str
    meaning: str

    @field_validator("scheme", "value", "meaning")
    @classmethod
    def _has_no_separator(cls, text: str) -> str:
        if any(character in text for character in SEPARATORS):
            raise ValueError("a code must not contain ~, ^, | or a line break")
        return text


class Terminology(_Strict):
    """SNOMED CT description of a segment, as 3D Slicer's terminology entries have it."""

    category: Code
    type: Code
    modifier: Code | None = None
    region: Code | None = None
    region_modifier: Code | None = None


Share = Annotated[float, Field(ge=0, le=1)]


class Structure(_Strict):
    """One label of a segmentation.

    Attributes:
        name: as results show it; a multi-structure segmentation can be asked for it.
        label: value in the label map the network's output becomes, from 1.
        synonyms: other words for it.
        terminology: SNOMED CT codes; drafts may leave them out where the ontology knows the name.
        color: RGB, each 0 to 1.
    """

    name: str
    label: Annotated[int, Field(ge=1)]
    synonyms: tuple[str, ...] = ()
    terminology: Terminology
    color: tuple[Share, Share, Share]


class Instructing(_Strict):
    """What a network is told of an image in words (see `MedPromptLib.instructions`).

    Attributes:
        text: `label` names the kind of image and the structures; `measured` adds what is measured on each slice.
        kinds: the kinds of images it is made for, by their names in `instructions.kinds`; where the card has sequences,
            each is told of the kinds that have its name.
        wording_sha256: of the wording and the knowledge that the network was trained with; recipes leave it out.
    """

    text: Literal["label", "measured"]
    kinds: Annotated[tuple[str, ...], Field(min_length=1)]
    wording_sha256: str = ""


class Preprocessing(_Strict):
    """How an image becomes the network's input.

    Attributes:
        size: rows and columns the image is resized to, in pixels (2D), or the window in voxels, k, j, i (3D).
        fit: 2D: how an image comes to `size`: it is resized (`resize`), or it keeps its pixels and a window of that
            size slides over it (`tile`, segmentation only).
        spacing: 3D: in mm, k, j, i, to which volumes of known spacing are resampled; None keeps the grid, 0 keeps
            that axis as it is.
        channels: 1 (grey, repeated to three for a pretrained encoder), 3 (RGB), or one for each of `sequences`.
        sequences: names of the images of one examination that become the channels, in this order; for example
            `["t1", "flair", "t1ce"]` (see `sequences.names`). Empty for a weight that takes one image.
        missing: what happens where some of `sequences` are not given: `refuse`, or their channels are `zero` after
            `mean` and `std`, for networks that were trained with sequences left out.
        white: what the 99.9 percentile of each sequence becomes where it is not stored in 8 bits, as a share of the
            full range; its 0.1 percentile becomes 0.
        intensity: `percentile` maps the image's 0.5 and 99.5 percentiles to 0 and 1; `uint8` divides by 255 and
            leaves the contrast alone; `raw255` (2D) feeds 0 to 255 as the authors' released weights expect; `minmax`
            (2D) maps the lowest and highest value to 0 and 1; `zscore` (2D) subtracts the image's own mean and divides
            by its own standard deviation, per channel, before any resizing; `window` (3D) maps the two values of
            `window` to 0 and 1, for CT in Hounsfield units.
        window: 3D: lowest and highest value for the intensity rule `window`.
        mean: subtracted per channel after `intensity`. One number for each channel that the network takes: three for
            RGB and for grey that is repeated, one for a network with a single input channel.
        std: divides per channel afterwards; as many numbers as `mean`.
        tta_flip: 2D: average over the left-right mirrored image; only where the anatomy is not lateralised.
        min_region_mm2: 2D: components of a segmentation below this area are removed; 0 keeps all.
        largest_component: keep only the largest component of each structure.
        fill_holes: unlabelled holes inside a structure become part of it.
        volumes: 2D: what the network does with several slices: `refuse`, or run `slices` one by one along the first
            axis.
        region: 2D: how a segmentation becomes a classifier's input region: `crop` to its bounding box with a margin of
            a tenth, or `mask` everything outside to zero as the MedPrompt paper does.
        instruction: 2D: what the network is told of the image in words; None for a network that takes no instruction.
        orientation: 3D, and 2D with `volumes = "slices"`: where the network's i, j and k axes point, for example `RAS`;
            volumes are turned to it by whole axes and the result is turned back. Empty leaves the axes as they are
            stored.
        k_axis: 3D: which stored axis becomes k: the one that fits `orientation` best, or the `coarsest` where one is,
            for stacks of thick slices in any direction.
        overlap: 3D: share of a window that the next one covers again.
        mirror: 3D: axes along which mirrored volumes are averaged in; none where left and right have their own labels.
        min_region_mm3: 3D: components of a segmentation below this volume are removed; 0 keeps all.
    """

    size: tuple[int, ...] = (256, 256)
    fit: Literal["resize", "tile"] = "resize"
    spacing: tuple[float, float, float] | None = None
    channels: Annotated[int, Field(ge=1)] = 1
    sequences: tuple[Annotated[str, Field(pattern="^[a-z0-9_]+$")], ...] = ()
    missing: Literal["refuse", "zero"] = "refuse"
    white: Annotated[float, Field(gt=0, le=1)] = 1.0
    intensity: Literal["percentile", "uint8", "raw255", "minmax", "zscore", "window"] = "percentile"
    window: tuple[float, float] | None = None
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    tta_flip: bool = False
    min_region_mm2: float = 0.0
    largest_component: bool = False
    fill_holes: bool = False
    volumes: Literal["refuse", "slices"] = "refuse"
    region: Literal["crop", "mask"] = "crop"
    instruction: Instructing | None = None
    orientation: Annotated[str, Field(pattern="^([RLAPSI]{3})?$")] = ""
    k_axis: Literal["orientation", "coarsest"] = "orientation"
    overlap: Annotated[float, Field(ge=0, le=0.9)] = 0.5
    mirror: tuple[Literal["k", "j", "i"], ...] = ()
    min_region_mm3: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _channels_fit(self) -> Preprocessing:
        if self.sequences:
            if len(set(self.sequences)) != len(self.sequences) or len(self.sequences) < 2:
                raise ValueError("sequences needs two or more different names; leave it out for a single image")
            if not self.channels == len(self.mean) == len(self.std) == len(self.sequences):
                count = len(self.sequences)
                raise ValueError(f"{count} sequences need channels = {count}, and as many numbers in mean and std")
            return self
        if self.channels not in (1, 3):
            raise ValueError(f"channels is {self.channels}; without sequences it is 1 (grey) or 3 (RGB)")
        if self.missing != "refuse" or self.white != 1.0:
            raise ValueError("missing and white only make sense with sequences")
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} numbers and std {len(self.std)}; they need as many")
        if len(self.mean) != 3 and self.channels == 3:
            raise ValueError(f"channels is 3, but mean has {len(self.mean)} numbers")
        if any(abs(value) < 1e-6 for value in self.std):
            raise ValueError(f"std divides the image and must not be zero, but is {self.std}")
        if len(set(self.mirror)) < len(self.mirror):
            raise ValueError("mirror names an axis twice")
        return self

    def must_fit(self, dimension: int) -> None:
        """Raises ValueError if a field only makes sense in the other dimension, or fields contradict each other."""
        others = ONLY_2D if dimension == 3 else ONLY_3D
        changed = [name for name in others if getattr(self, name) != type(self).model_fields[name].default]
        if changed:
            raise ValueError(
                f"preprocessing.{', preprocessing.'.join(changed)} only makes sense with dimension {5 - dimension}; "
                f"leave it out or correct the dimension, which is {dimension}"
            )
        if len(self.size) != dimension or min(self.size) < 1:
            said = (
                "three numbers in 3D, the window in voxels along k, j and i"
                if dimension == 3
                else "rows and columns in 2D"
            )
            raise ValueError(f"preprocessing.size needs {said}, not {self.size}")
        if max(self.size) > LARGEST_SIDE or math.prod(self.size) > LARGEST_WINDOW:
            raise ValueError(f"preprocessing.size {self.size} is more than a network can be fed at once")
        if self.fit == "tile" and min(self.size) < SMALLEST_TILE:
            raise ValueError(
                f"preprocessing.size of a tile needs at least {SMALLEST_TILE} pixels a side, not {self.size}"
            )
        if dimension == 2:
            if self.intensity == "window":
                raise ValueError("preprocessing.intensity 'window' only makes sense with dimension 3")
            if self.instruction is not None and self.fit == "tile":
                raise ValueError("preprocessing.instruction speaks of whole images; fit must be 'resize'")
            if self.orientation and self.volumes != "slices":
                raise ValueError("preprocessing.orientation needs dimension 3, or volumes = 'slices'")
            self._orientation_is_one()
            return
        if self.intensity in ("raw255", "minmax", "zscore"):
            raise ValueError(f"preprocessing.intensity '{self.intensity}' only makes sense with dimension 2")
        if (self.intensity == "window") != (self.window is not None):
            raise ValueError("preprocessing.window belongs to the intensity 'window', and only to it")
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError(f"preprocessing.window needs a lowest and a higher value, not {self.window}")
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(f"preprocessing.mean and std need {self.channels} numbers, one for each channel, in 3D")
        if self.spacing is not None and min(self.spacing) < 0:
            raise ValueError(f"preprocessing.spacing needs lengths in mm, or 0, not {self.spacing}")
        self._orientation_is_one()

    def _orientation_is_one(self) -> None:
        pairs = {pair for letter in self.orientation for pair in PAIRS if letter in pair}
        if self.orientation and len(pairs) != len(PAIRS):
            raise ValueError("preprocessing.orientation needs one of R and L, of A and P, and of S and I, as in RAS")


def must_not_swap_sides(structures: Sequence[Structure], orientation: str, mirror: Sequence[str]) -> None:
    """Raises ValueError if structures are told apart by their side and volumes are mirrored from side to side."""
    modifiers = {s.terminology.modifier.value for s in structures if s.terminology.modifier is not None}
    across = {axis for axis, letter in zip("ijk", orientation, strict=False) if letter in "RL"} or set("ijk")
    if modifiers & SIDES and across & set(mirror):
        raise ValueError(
            f"mirror must not contain {', '.join(sorted(across & set(mirror)))}, which swaps left and right: "
            "structures are told apart by their side"
        )


PAIRS = ("RL", "AP", "SI")
SIDES = frozenset({"24028007", "7771000"})
"""SNOMED CT codes of right and left."""
ONLY_2D = ("fit", "tta_flip", "min_region_mm2", "volumes", "region", "instruction")
ONLY_3D = ("spacing", "window", "k_axis", "overlap", "mirror", "min_region_mm3")


class Network(_Strict):
    """Which network the file holds, as `MedPromptLib.networks` knows it.

    Attributes:
        name: one of the project's own (`lean_fusion_lab`), `monai:` and a network of MONAI (`monai:UNet`), `nnunet:`
            and an architecture of nnU-Net (`nnunet:PlainConvUNet`), or `torchscript` for a file that holds its program.
        options: what the network's constructor takes, as plain values.
        axes: order of the spatial axes that the network takes: `kji` (slices, rows, columns), or `ijk` as images that
            MONAI's readers load.
    """

    name: str
    options: dict[str, JsonValue] = {}
    axes: Literal["kji", "ijk"] = "kji"


class Calibration(_Strict):
    """Probabilities are softmax(logits / temperature + bias).

    Temperature scaling is by Guo et al. 2017; the bias per class, which classifiers get, by Alexandari et al. 2020.

    Attributes:
        temperature: fitted on the split named in `split`.
        bias: one number per class with mean zero, fitted with it; empty for segmentations.
        ece: expected calibration error on that split afterwards, 15 equal-width bins.
    """

    temperature: Annotated[float, Field(gt=0)] = 1.0
    bias: tuple[float, ...] = ()
    split: str = ""
    ece: float | None = None


class KnownFailure(_Strict):
    """What the weight is known to get wrong, and the command that shows it."""

    text: str
    command: str = ""


class TrainingRun(_Strict):
    """The run that made a weight.

    Attributes:
        commit: git commit of the training code.
        tree_clean: whether that code was as committed; None if the run did not record its commit, which is then the
            one that added the weight to the repository.
        seconds: all epochs, also of interrupted and continued runs.
        hardware: processor or graphics card. threads: of the CPU.
    """

    commit: str = ""
    tree_clean: bool | None = None
    seconds: float | None = None
    hardware: str = ""
    threads: int | None = None


DESCRIPTOR_LENGTH = 87
"""Numbers that `inference.input_check` describes a picture with."""


class InputProfile(_Strict):
    """What a fitting image looks like, in the descriptor of `inference.input_check`.

    Attributes:
        dataset, images: whose training split it was made from, and how many images.
        also: further sets that joined it.
        counter_examples: data sets of other kinds of images that the line keeps out.
        saturation: 0.5 and 99.5 percentile of the mean saturation, 0 to 1; both about 0 for grey images.
        vectors: base64 of float16 rows: mean, deviation, the line's direction, principal components.
        variances: of the components. residual: variance in every other direction.
        intercept: log odds at the mean.
        distance_limit, likeness_limit: what a fitting image stays within.
        extent: of volumes, least and most voxels along k, j, i on the network's grid; empty for single images.
        command: what made it.
    """

    dataset: str
    also: tuple[str, ...] = ()
    images: Annotated[int, Field(ge=1)]
    counter_examples: tuple[str, ...] = ()
    saturation: tuple[float, float]
    vectors: str
    variances: tuple[float, ...]
    residual: Annotated[float, Field(gt=0)]
    intercept: float
    distance_limit: Annotated[float, Field(gt=0)]
    likeness_limit: float
    extent: tuple[tuple[float, float], ...] = ()
    command: str = ""

    def must_fit(self, dimension: int) -> None:
        """Raises ValueError if what it holds is not as long as a descriptor of that dimension asks for."""
        rows = 3 + len(self.variances)
        expected = 2 * rows * DESCRIPTOR_LENGTH * (3 if dimension == 3 else 1)
        try:
            found = len(base64.b64decode(self.vectors))
        except (binascii.Error, ValueError):
            found = -1
        if found != expected:
            raise ValueError(f"input_profile.vectors must hold {rows} rows in {expected} bytes of base64")
        if dimension == 3 and len(self.extent) != 3:
            raise ValueError("input_profile.extent needs three pairs in 3D")
        if min(self.variances, default=1.0) <= 0:
            raise ValueError("input_profile.variances must be above 0")


class Provenance(_Strict):
    """Where a weight comes from.

    Attributes:
        data: the images it was trained on: source, number, year.
        data_licence: their terms.
        dataset: folder name of the data set it was trained on; `evaluate --all` measures there.
        also: further sets that joined it in training, measured as well.
        unlabelled: sets whose images took part without labels.
        same_kind: sets of the same kind of images, which are no counter-examples for the input check.
        held_out: cases of the training split that stood in for the validation split that the data set lacks.
        splits: how many images each split of it has.
        subgroups: the column of its `split.csv` whose values are measured apart; empty for none.
        training: what is known of the run.
        command: how the weight was made: a command, or the program and its version.
        seed, config_sha256: of the training, where they are known.
        date: when, as year-month-day.
        note: anything else a reader should know.
    """

    data: str
    data_licence: str
    dataset: str = ""
    also: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    same_kind: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    splits: dict[str, int] = {}
    subgroups: str = ""
    command: str
    seed: int | None = None
    config_sha256: str = ""
    date: str
    note: str = ""
    training: TrainingRun | None = None


class WeightFile(_Strict):
    """The file beside the card.

    Attributes:
        name: in the card's folder, never a path.
        sha256, bytes: what the file must have; `weights add` fills them in where the card leaves them out.
        storage: `float32`, or `int8` for per-channel quantised tensors that are expanded at load.
        parameters: how many numbers the network has learned; None if not counted.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=120)] = FILE_NAME
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=1)]
    storage: Literal["float32", "int8"] = "int8"
    parameters: int | None = None


class WeightCard(_Strict):
    """`card.json`: what a weight is for, how to feed it, how good it is and where it comes from.

    Attributes:
        id: the weight's name and its folder's: small letters, digits and underscores; for example `spleen_seg_ct`.
        version: of the weight, not of MedPrompt.
        title: what lists show.
        intent: what it does.
        target: what it segments or looks for, in words a user would type.
        modality: the images it was made for, in words a user would type; for example `ct` or `chest x-ray`. Several
            kinds are joined by " or ": `ct or mri`.
        dimension: 2 for single images, 3 for volumes.
        synonyms: other words for the target; every one of them routes to this weight.
        classes: class names in the order of the network's output, at least two.
        positive: the classes that count as a finding.
        structures: what a segmentation labels, in the order of the network's output after the background.
        intended_use: what the output suggests, for which images; research use only.
        limitations: where it is known or likely to fail.
        licence: terms of the weight.
    """

    schema_version: Literal[1] = 1
    id: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_]*$", max_length=120)]
    version: str = "1.0.0"
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
    known_failures: tuple[KnownFailure, ...] = ()
    licence: str
    network: Network
    preprocessing: Preprocessing
    calibration: Calibration = Calibration()
    operating_point: OperatingPoint | None = None
    input_profile: InputProfile | None = None
    evaluation: tuple[Measurement, ...] = ()
    subgroups: tuple[SubgroupMeasurement, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    latency: Latency | None = None
    provenance: Provenance
    file: WeightFile

    @model_validator(mode="after")
    def _intent_fits(self) -> WeightCard:
        if self.intent is Intent.CLASSIFICATION:
            if len(self.classes) < 2:
                raise ValueError("a classification card needs at least two classes")
            if len(self.calibration.bias) not in (0, len(self.classes)):
                raise ValueError(f"calibration.bias needs one number for each of the {len(self.classes)} classes")
            unknown = set(self.positive) - set(self.classes)
            if unknown:
                raise ValueError(f"positive classes {sorted(unknown)} are not among the classes")
            if self.operating_point is not None and not 0 < len(self.positive) < len(self.classes):
                raise ValueError(
                    "an operating point needs classes that are a positive finding and classes that are not"
                )
            if self.preprocessing.fit == "tile":
                raise ValueError("preprocessing.fit 'tile' is for segmentations; a classifier looks at the whole image")
        elif self.operating_point is not None:
            raise ValueError("only a classification card can have an operating point")
        elif not self.structures:
            raise ValueError("a segmentation card needs at least one structure")
        elif [s.label for s in self.structures] != list(range(1, len(self.structures) + 1)):
            raise ValueError("structure labels must be 1, 2, 3, … in order")
        elif len(self.structures) > MOST_STRUCTURES:
            raise ValueError(f"a segmentation has at most {MOST_STRUCTURES} structures, not {len(self.structures)}")
        return self

    @model_validator(mode="after")
    def _dimension_fits(self) -> WeightCard:
        if self.dimension == 3 and self.intent is Intent.CLASSIFICATION:
            raise ValueError("a card with dimension 3 must be a segmentation")
        self.preprocessing.must_fit(self.dimension)
        if self.input_profile is not None:
            self.input_profile.must_fit(self.dimension)
        if self.dimension == 3:
            must_not_swap_sides(self.structures, self.preprocessing.orientation, self.preprocessing.mirror)
        return self

    @property
    def ability(self) -> Ability:
        """What planner and router see of this card."""
        several = len(self.structures) > 1
        return Ability(
            id=self.id,
            intent=self.intent,
            target=self.target,
            modality=self.modality,
            synonyms=self.synonyms,
            classes=self.classes,
            positive=self.positive,
            structures=tuple(StructureTerm(name=s.name, synonyms=s.synonyms) for s in self.structures)
            if several
            else (),
            sequences=self.preprocessing.sequences,
            any_sequences=self.preprocessing.missing == "zero",
        )


SHOWN_PROBLEMS = 6
SHOWN_LENGTH = 60


def parse_card(path: Path) -> WeightCard:
    """The card in a file, wherever it lies.

    Raises:
        WeightCorrupt: no such file, not JSON, or unknown, missing or unfit fields; the message names them.
    """
    try:
        return card_from_text(path.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise WeightCorrupt(
            f"The weight card {path} cannot be read ({error}); restore it or remove the folder."
        ) from error


def card_from_text(text: str, path: Path) -> WeightCard:
    """The card in a JSON text that came from a file.

    Raises:
        WeightCorrupt: as `parse_card`; each field is named with what was expected and what was found.
    """
    try:
        return WeightCard.model_validate_json(text)
    except ValidationError as error:
        found = error.errors()
        texts = [_problem(e) for e in found[:SHOWN_PROBLEMS]]
        more = f"; and {len(found) - SHOWN_PROBLEMS} more" if len(found) > SHOWN_PROBLEMS else ""
        raise WeightCorrupt(
            f"The weight card {path} is not valid: {'; '.join(texts)}{more}; correct it or remove the folder."
        ) from error


def _problem(error: Any) -> str:
    """One of pydantic's errors: the field, what was expected, what was found."""
    where = ".".join(str(part) for part in error["loc"]) or "the document"
    text = f"{where}: {error['msg']}"
    if error["type"] == "extra_forbidden":
        models = (WeightCard, Preprocessing, Network, Provenance, WeightFile, Structure, Terminology, Calibration)
        known = {name for model in models for name in model.model_fields}
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        return f"{text} (is '{near[0]}' meant?)" if near else text
    if error["type"] in ("missing", "json_invalid", "value_error"):
        return text
    value = repr(error["input"])
    return f"{text}; found {value if len(value) <= SHOWN_LENGTH else value[:SHOWN_LENGTH] + '…'}"


def read_card(folder: Path) -> WeightCard:
    """The card in a weight folder.

    Raises:
        WeightCorrupt: as `parse_card`, or an id that differs from the folder's name.
    """
    path = folder / CARD_NAME
    card = parse_card(path)
    if card.id != folder.name:
        raise WeightCorrupt(
            f"The weight card {path} says id '{card.id}' but lies in folder '{folder.name}'; they must agree."
        )
    return card


def write_card(folder: Path, card: WeightCard) -> None:
    """Write a card as readable JSON, replacing the old one in one step."""
    text = json.dumps(card.model_dump(mode="json", exclude_defaults=False), indent=1, ensure_ascii=False) + "\n"
    temporary = folder / f"{CARD_NAME}.part"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, folder / CARD_NAME)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe_file(path: Path, storage: Literal["float32", "int8"]) -> WeightFile:
    """The card's entry for a weight file."""
    return WeightFile(name=path.name, sha256=sha256_of(path), bytes=path.stat().st_size, storage=storage)


def verify_file(folder: Path, card: WeightCard) -> Path:
    """Path of the weight file once its size and SHA-256 match the card.

    Raises:
        WeightCorrupt: missing, truncated or altered.
    """
    path = folder / card.file.name
    if not path.is_file():
        raise WeightCorrupt(f"The weight file {path} is missing; install the weight '{card.id}' again.")
    size = path.stat().st_size
    if size != card.file.bytes:
        raise WeightCorrupt(
            f"The weight file {path} has {size} bytes where its card says {card.file.bytes}; install '{card.id}' again."
        )
    if sha256_of(path) != card.file.sha256:
        raise WeightCorrupt(f"The weight file {path} differs from the SHA-256 on its card; install '{card.id}' again.")
    return path


def default_weight_folders() -> tuple[Path, ...]:
    """`$MEDPROMPT_WEIGHTS` first, then the user's own weights, then the `weights` folder beside the library."""
    extra = tuple(Path(p) for p in os.environ.get(WEIGHTS_VARIABLE, "").split(os.pathsep) if p)
    return (*extra, weights_folder(), Path(__file__).resolve().parent.parent / "weights")


class Catalog:
    """All weights of some folders; the first folder that has an id wins.

    A broken card does not hide the others: it is kept in `problems` and the rest can be used.
    """

    def __init__(self, cards: dict[str, tuple[Path, WeightCard]], problems: Sequence[WeightCorrupt] = ()) -> None:
        self._cards = cards
        self.problems = tuple(problems)

    @classmethod
    def load(cls, folders: Sequence[Path] | None = None) -> Catalog:
        """Read every card in `folders` (default: `default_weight_folders`)."""
        cards: dict[str, tuple[Path, WeightCard]] = {}
        problems = []
        for root in default_weight_folders() if folders is None else folders:
            for folder in sorted(p.parent for p in Path(root).glob(f"*/{CARD_NAME}")):
                if folder.name in cards or folder.name.endswith(DRAFT_SUFFIX):
                    continue
                try:
                    cards[folder.name] = (folder, read_card(folder))
                except WeightCorrupt as problem:
                    problems.append(problem)
        return cls(cards, problems)

    def __iter__(self) -> Iterator[WeightCard]:
        return (card for _, card in self._cards.values())

    def __len__(self) -> int:
        return len(self._cards)

    def __contains__(self, weight_id: str) -> bool:
        return weight_id in self._cards

    def card(self, weight_id: str) -> WeightCard:
        """The card of a weight.

        Raises:
            WeightCorrupt: not installed, or its card could not be read.
        """
        self._must_have(weight_id)
        return self._cards[weight_id][1]

    def folder(self, weight_id: str) -> Path:
        """The folder a weight lies in."""
        self._must_have(weight_id)
        return self._cards[weight_id][0]

    @property
    def abilities(self) -> tuple[Ability, ...]:
        """What all installed weights are for."""
        return tuple(card.ability for card in self)

    def _must_have(self, weight_id: str) -> None:
        if weight_id not in self._cards:
            names = ", ".join(sorted(self._cards)) or "none"
            raise WeightCorrupt(f"There is no weight '{weight_id}'; installed are: {names}.")


def load_abilities(path: Path) -> tuple[Ability, ...]:
    """Abilities from a JSON list, for planning against a catalogue that is not installed.

    Raises:
        WeightCorrupt: unreadable or not a list of abilities.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Ability.model_validate(entry) for entry in entries)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:SHOWN_LENGTH]
        raise WeightCorrupt(
            f"The catalogue {path} cannot be read ({reason}); expected a JSON list of weight cards."
        ) from error
