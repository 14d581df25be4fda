"""A new classifier from a folder of labelled images: CILMP on the project's vision-language model, with its card."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..catalog import TUNED_NAME, Catalog, InputProfile, Network, Preprocessing, TrainingRun, WeightCard, write_card
from ..errors import InvalidInput
from ..inference.input_check import LENGTH, Floats, describe, unpack
from ..inference.vision_language import load_vision_language, own_folder, read_own
from ..knowledge.bank import Description, add_description, read_descriptions
from ..knowledge.bank import describe as described
from ..knowledge.writing import Chat, written
from ..networks.cilmp import RANK
from ..plan import Intent
from .alignment.captions import compose
from .alignment.data import preprocessing_of
from .classifier_bench import description_states
from .config import Augmentation, CardText, DataSource, Phase, Recipe, Schedule
from .data import read_cases
from .input_profile import fit_profile
from .labelled_folder import class_key, find_files, read_pictures, split_of, write_data_set
from .origin import code_version, hardware
from .prompt_tuning import METHODS, VIEWS, ClassTexts, Labelled, fit, pixels_of, pooled_features
from .publish import publish

AUGMENTATION = Augmentation(rotate=10, scale=0.15, gamma=0.3, contrast=0.25, noise=0.02)
COUNTER_EXAMPLES = 60
"""Descriptors that are drawn from each installed card's input profile."""


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        images, table: see `labelled_folder.find_files`. classes: name and description (may be empty) of each.
        id, target, modality: of the card. positive: classes that mean the finding is there; default: all that are not
            called normal, healthy, negative or no …
        descriptions: a file of texts in the bank's format that are used before the bank's.
        beside: make the classifier although a card for the same exists.
    """

    images: Path
    id: str
    target: str
    modality: str
    classes: tuple[tuple[str, str], ...] = ()
    table: Path | None = None
    positive: tuple[str, ...] = ()
    descriptions: Path | None = None
    beside: bool = False
    flip: bool = False
    seed: int = 1


def parse_classes(text: str) -> tuple[tuple[str, str], ...]:
    """`benign: a smooth mass; malignant` → names with descriptions, empty where none is given.

    Raises:
        InvalidInput: an empty name.
    """
    pairs = [part.partition(":") for part in text.split(";") if part.strip()]
    if any(not name.strip() for name, _, _ in pairs):
        raise InvalidInput(f"The classes '{text}' are not readable; expected \"NAME: description; NAME: description\".")
    return tuple((name.strip(), " ".join(said.split())) for name, _, said in pairs)


def check_catalog(request: Request, classes: Sequence[str], catalog: Catalog, out: Path) -> None:
    """Whether the new card would get in the way of another.

    Raises:
        InvalidInput: a card of that id, or one that tells the same classes or target apart on the same images.
    """
    if not re.fullmatch("[a-z0-9][a-z0-9_]*", request.id):
        raise InvalidInput(
            f"'{request.id}' cannot be a weight's name; expected small letters, digits and underscores at the end of "
            "--out, for example weights/thyroid_nodule_cls_us."
        )
    if (out / request.id).exists():
        raise InvalidInput(f"There is already something in {out / request.id}; choose another --out or remove it.")
    for ability in catalog.abilities:
        if ability.id == request.id:
            raise InvalidInput(f"There is already a weight called '{request.id}'; choose another name in --out.")
        if ability.intent is not Intent.CLASSIFICATION or class_key(ability.modality) != class_key(request.modality):
            continue
        shared = {class_key(name) for name in ability.classes} & {class_key(name) for name in classes}
        same_target = class_key(ability.target) == class_key(request.target)
        telling = {name for name in shared if not name.startswith(("normal", "healthy", "no"))}
        if (same_target or telling) and not request.beside:
            what = f"the target '{ability.target}'" if same_target else f"the class '{sorted(telling)[0]}'"
            raise InvalidInput(
                f"The weight '{ability.id}' is already for {what} on {ability.modality}, so a prompt would not say "
                "which of the two is meant; choose another --target or class names, or add --beside to have both."
            )


def class_descriptions(
    request: Request, classes: Sequence[tuple[str, str]], model: Chat | None, report: Callable[[str], None]
) -> tuple[Description, ...]:
    """A description of each class: the user's words, the user's file, the bank, or else written by a language model.

    What a model writes is kept in the user's bank, where it can be corrected.

    Raises:
        InvalidInput: there is none and no model to write it.
    """
    own = read_descriptions(request.descriptions) if request.descriptions else ()
    found = []
    for name, said in classes:
        if said:
            one = Description(
                subject=name,
                modality=request.modality,
                kind="finding",
                appearance=said,
                prompt="(given with the classes)",
                author="the user",
                date="",
            )
        else:
            one = _known(name, request.modality, own) or _write(name, request.modality, model, report)
        report(f"{name} (by {one.author}): {one.text()}")
        found.append(one)
    return tuple(found)


def _known(name: str, modality: str, own: Sequence[Description]) -> Description | None:
    for bank in (own, None):
        if bank is not None and not bank:
            continue
        try:
            return described(name, modality, bank)
        except InvalidInput:
            continue
    return None


def _write(name: str, modality: str, model: Chat | None, report: Callable[[str], None]) -> Description:
    if model is None:
        raise InvalidInput(
            f"There is no description of '{name}' on {modality}; give it with --classes \"{name}: …\", or install the "
            "local language model."
        )
    made = written(name, modality, "finding", model)
    path = add_description(made)
    report(f"Written by {model.name} and kept in {path}; correct it there and repeat the command if it is wrong.")
    return made


def train_classifier(
    request: Request,
    out: Path,
    work: Path,
    catalog: Catalog,
    device: torch.device,
    *,
    model: Chat | None = None,
    command: str = "medprompt train-classifier",
    report: Callable[[str], None] = lambda line: None,
) -> WeightCard:
    """Train a classifier and write its weight folder, complete or not at all.

    Args:
        out: where the weight folder goes. work: where the checked images are kept.
        model: writes descriptions that are missing.

    Raises:
        InvalidInput: images, classes or names that cannot be used; see `labelled_folder` and `check_catalog`.
    """
    files = find_files(request.images, request.table, [name for name, _ in request.classes])
    classes = request.classes or tuple((name, "") for name in sorted({one.label for one in files}))
    names = tuple(name for name, _ in classes)
    check_catalog(request, names, catalog, out)
    pictures = read_pictures(files, report)
    splits = split_of([one for one, _ in pictures], request.seed)
    folder = work / request.id / "data" / request.id
    folder.parent.mkdir(parents=True, exist_ok=True)
    write_data_set(pictures, splits, folder)
    colour = any(picture.ndim == 3 and not _grey(picture) for _, picture in pictures)
    texts = _texts(request, classes, model, report)
    commit, clean = code_version()

    base = load_vision_language(None).to(device)
    how = preprocessing_of(3 if colour else 1, base.size).model_copy(update={"mean": base.mean, "std": base.std})
    augmentation = AUGMENTATION.model_copy(update={"flip_horizontal": 0.5 if request.flip else 0.0})
    cases = {split: read_cases(folder, split) for split in ("train", "val")}
    data = {}
    for split, part in cases.items():
        pixels = pixels_of(part.images, how)
        features = pooled_features(base, pixels, how, augmentation, VIEWS if split == "train" else 1)
        data[split] = Labelled(pixels, torch.tensor([names.index(label) for label in part.labels]), features)
    report(f"{len(cases['train'])} images to learn from, {len(cases['val'])} to check with")
    method = METHODS["CILMP"]
    made = fit(
        method,
        base,
        texts,
        data["train"],
        data["val"],
        how,
        augmentation=augmentation,
        seed=request.seed,
        progress=report,
    )
    network = Network(
        name=TUNED_NAME,
        options={
            "names": list(texts.names),
            "lengths": [int(n) for n in made.network.lengths.tolist()],  # type: ignore[operator,union-attr]
            "width": int(texts.states[0].shape[1]),
            "rank": RANK,
            "conditioning": "image",
            "base_sha256": read_own(own_folder()).sha256,
        },
    )
    recipe = _recipe(request, names, network, how, augmentation, made.epochs, method.batch, made.rate, len(pictures))
    digest = hashlib.sha256(recipe.model_dump_json().encode()).hexdigest()
    card = publish(
        recipe,
        {name: tensor.detach().cpu() for name, tensor in made.network.state_dict().items()},
        cases["val"],
        out,
        command=command,
        config_sha256=digest,
        training=TrainingRun(
            commit=commit,
            tree_clean=clean,
            seconds=round(made.seconds, 1),
            hardware=hardware(device),
            threads=torch.get_num_threads(),
        ),
        storage="float32",
    )
    profile = profile_beside_cards(np.stack([describe(p) for _, p in pictures]), card, catalog)
    if profile is None:
        report("No input check: no installed weight for other images has a profile to compare with.")
    else:
        card = card.model_copy(update={"input_profile": profile})
        write_card(out / card.id, card)
    return card


def _texts(
    request: Request, classes: Sequence[tuple[str, str]], model: Chat | None, report: Callable[[str], None]
) -> ClassTexts:
    found = class_descriptions(request, classes, model, report)
    return ClassTexts(
        names=tuple(name.replace("_", " ") for name, _ in classes),
        captions=tuple(compose([one], request.modality, 8) for one in found),
        states=tuple(description_states(one, request.modality) for one in found),
    )


def _grey(picture: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bool:
    return bool((picture[..., 0] == picture[..., 1]).all() and (picture[..., 1] == picture[..., 2]).all())


def _recipe(
    request: Request,
    names: tuple[str, ...],
    network: Network,
    how: Preprocessing,
    augmentation: Augmentation,
    epochs: int,
    batch: int,
    rate: float,
    count: int,
) -> Recipe:
    negative = ("normal", "healthy", "negative", "no ", "no_", "non")
    positive = request.positive or tuple(n for n in names if not n.casefold().startswith(negative))
    listed = ", ".join(name.replace("_", " ") for name in names)
    return Recipe(
        card=CardText(
            id=request.id,
            title=f"{request.target.capitalize()} on {request.modality}: {listed}",
            intent=Intent.CLASSIFICATION,
            target=request.target,
            modality=request.modality,
            classes=names,
            positive=positive if 0 < len(positive) < len(names) else names[-1:],
            intended_use=(
                f"Suggests which of the user's own classes ({listed}) an image on {request.modality} resembles. "
                "Research use only; not a diagnosis."
            ),
            limitations=(
                f"Tuned on {count} images of the user's; nothing is known of images from elsewhere.",
                "Always answers with one of its classes, also where none of them fits.",
            ),
            licence="As the user's images allow; research use only.",
            data=f"{count} labelled images of the user's.",
            data_licence="The user's own.",
        ),
        data=DataSource(folder=request.id),
        network=network,
        preprocessing=how,
        augmentation=augmentation,
        schedule=Schedule(
            phases=(Phase(epochs=max(1, epochs), size=how.size[0], batch=batch),), learning_rate=rate, seed=request.seed
        ),
    )


def profile_beside_cards(own: Floats, card: WeightCard, catalog: Catalog) -> InputProfile | None:
    """The input profile of a user's images against what installed cards say of images of other kinds.

    Ours: counter-examples are drawn from the Gaussians that the cards' profiles are, so that no other images are
    needed. None where no installed card of another modality has a profile.

    Args:
        own: descriptors (n, 87) of the images.
    """
    rng = np.random.default_rng(0)
    drawn, names = [], []
    for ability in catalog.abilities:
        other = catalog.card(ability.id)
        profile = other.input_profile
        if profile is None or other.dimension != 2 or class_key(other.modality) == class_key(card.modality):
            continue
        mean, deviation, _, *components = unpack(profile.vectors, LENGTH)
        axes = np.array(components)
        inside = rng.standard_normal((COUNTER_EXAMPLES, len(axes))) * np.sqrt(profile.variances)
        outside = rng.standard_normal((COUNTER_EXAMPLES, LENGTH)) * np.sqrt(profile.residual)
        outside -= outside @ axes.T @ axes
        drawn.append(mean + deviation * (inside @ axes + outside))
        names.append(profile.dataset)
    if not drawn:
        return None
    made = fit_profile(own, np.concatenate(drawn), dataset=card.provenance.dataset, counter_examples=sorted(set(names)))
    return made.model_copy(update={"command": card.provenance.command})
