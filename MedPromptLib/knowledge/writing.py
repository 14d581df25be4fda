"""Has a language model write a description that the bank lacks: one short question per aspect, answers kept as data."""

from __future__ import annotations

import datetime
import re
from typing import Protocol

from ..errors import InvalidInput
from . import smollm
from .bank import ASPECTS, Aspect, Description, Kind

LONGEST = 400
"""Characters of an aspect that are kept, up to the end of a sentence."""

SYSTEM = "You are a radiologist who writes precise anatomical descriptions. Answer in one or two plain sentences."
QUESTIONS = {
    "structure": {
        "shape": "What is the shape of the {subject}, as seen on {modality}?",
        "location": "Where in the body does the {subject} lie?",
        "neighbours": "Which structures are next to the {subject}?",
        "appearance": "How does the {subject} look on {modality}: how bright, and with what texture and border?",
    },
    "finding": {
        "shape": "What is the shape of the finding '{subject}' on {modality}?",
        "location": "Where on {modality} is the finding '{subject}' usually seen?",
        "neighbours": "How does the finding '{subject}' relate to the structures next to it on {modality}?",
        "appearance": "How does '{subject}' look on {modality}: how bright, and with what texture and border?",
    },
}


class Chat(Protocol):
    """A language model that answers; `planner.EndpointPlanner` is one.

    Attributes:
        name: for the description's record.
    """

    name: str

    def answer(self, talk: list[dict[str, str]]) -> str:
        """The answer to a conversation of turns with `role` and `content`."""


class LocalChat:
    """SmolLM2-135M-Instruct on this machine. It is small: read what it writes before it is used."""

    def __init__(self, device: str = "cpu") -> None:
        self.name = "SmolLM2-135M-Instruct"
        self._device = device

    def answer(self, talk: list[dict[str, str]]) -> str:
        """See `Chat`."""
        return smollm.answer(talk, self._device, longest=120)


def written(subject: str, modality: str, kind: Kind, model: Chat) -> Description:
    """A description by a language model; it is not added to the bank.

    Raises:
        InvalidInput: an empty subject or modality, or the model said nothing about how the subject looks.
        MedPromptError: the model cannot be used.
    """
    subject, modality = " ".join(subject.split()), " ".join(modality.split())
    if not subject or not modality:
        raise InvalidInput("A description needs a subject and a modality; give both.")
    talks = conversations(subject, modality, kind)
    said = {aspect: whole_sentences(model.answer(talk)) for aspect, talk in talks.items()}
    if not said["appearance"]:
        raise InvalidInput(
            f"The model {model.name} wrote nothing about how '{subject}' looks on {modality}; try another model, or "
            "write the text yourself with --shape, --location, --neighbours and --appearance."
        )
    return Description(
        subject=subject,
        modality=modality,
        kind=kind,
        prompt=" ".join((SYSTEM, *(talk[-1]["content"] for talk in talks.values()))),
        author=model.name,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        shape=said["shape"],
        location=said["location"],
        neighbours=said["neighbours"],
        appearance=said["appearance"],
    )


def conversations(subject: str, modality: str, kind: Kind) -> dict[Aspect, list[dict[str, str]]]:
    """What a model is asked about each aspect."""
    return {
        aspect: [
            {"role": "system", "content": SYSTEM},
            {
                "role": "user",
                "content": QUESTIONS[kind][aspect].format(subject=subject.replace("_", " "), modality=modality),
            },
        ]
        for aspect in ASPECTS
    }


def whole_sentences(text: str, longest: int = LONGEST) -> str:
    """The text on one line without marks of lists and emphasis, cut after its last whole sentence that fits."""
    flat = " ".join(re.sub(r"^\s*(?:[-*•#>]+|\d+[.)])\s+", "", line) for line in text.splitlines())
    flat = " ".join(re.sub(r"[*_`]{1,3}", "", flat).split())
    ends = [found.end() for found in re.finditer(r"[.!?。](?=\s|$)", flat[:longest])]
    return flat[: ends[-1]] if ends else ""
