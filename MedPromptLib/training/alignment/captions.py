"""Captions of images, composed of labels, modality and what the knowledge bank says of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ...knowledge.bank import ASPECTS, Description, describe

MODALITY_NAMES = {
    "chest x-ray": ("chest x-ray", "frontal chest radiograph", "chest film", "CXR"),
    "breast ultrasound": ("breast ultrasound", "B-mode ultrasound of the breast", "breast sonogram"),
    "dermoscopy": ("dermoscopy", "dermoscopic image", "dermatoscopic picture of the skin"),
    "fundus": ("fundus photograph", "colour fundus image", "retinal photograph"),
    "colonoscopy": ("colonoscopy", "colonoscopy frame", "endoscopic image of the colon"),
    "mri": ("MRI", "MR image", "magnetic resonance slice"),
    "t2 mri": ("T2 MRI", "T2-weighted MR slice", "T2-weighted magnetic resonance image"),
    "ct": ("CT", "CT slice", "computed tomography slice"),
}
FORMS = (
    "{modality} showing {name}",
    "{name} on {modality}",
    "a {modality} of a patient with {name}",
    "this {modality} is labelled {name}",
    "{modality}: {name}",
    "an image of {name}, {modality}",
    "{name}",
)
WITH_SENTENCE = ("{modality}, {name}. {sentence}", "{name}. {sentence}", "{sentence}", "{modality}. {sentence}")
STRUCTURE_FORMS = (
    "{modality} with the {name}",
    "a {modality} at the level of the {name}",
    "the {name} can be seen on this {modality}",
    "{name} on {modality}",
)
CAPTIONS = 32
"""Captions that are composed for one kind of image."""


def subject_captions(subject: str, modality: str, count: int = CAPTIONS, seed: int = 0) -> tuple[str, ...]:
    """Different captions of images with a label, the plainest first.

    Raises:
        InvalidInput: the knowledge bank has no text for it.
    """
    return compose([describe(subject, modality)], modality, count, seed)


def compose(about: Sequence[Description], modality: str, count: int, seed: int = 0) -> tuple[str, ...]:
    """At most `count` different captions of an image that shows all of some subjects."""
    rng = random.Random(f"{seed} {modality} {[one.subject for one in about]}")
    images = MODALITY_NAMES.get(modality, (modality,))
    structures = all(one.kind == "structure" for one in about)
    plain = STRUCTURE_FORMS if structures else FORMS
    made = [plain[0].format(modality=images[0], name=_listed([one.names[0] for one in about]))]
    for _ in range(20 * count):
        if len(made) == count:
            break
        names = _listed([rng.choice(one.names) for one in about])
        one = rng.choice(about)
        sentence = getattr(one, rng.choices(ASPECTS, weights=(2, 1, 1, 4))[0])
        form = rng.choice(plain) if rng.random() < 0.45 or not sentence else rng.choice(WITH_SENTENCE)
        caption = form.format(modality=rng.choice(images), name=names, sentence=sentence)
        if caption not in made:
            made.append(caption)
    return tuple(made)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
