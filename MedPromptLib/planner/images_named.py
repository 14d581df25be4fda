"""Images that a prompt names only to deny them, or names in the place of what they show."""

from __future__ import annotations

import itertools

from ..plan import Intent
from .items import Item
from .lexicon import Lexicon

_MANY = ("xray", "ct", "mri", "ultrasound", "histology", "endoscopy", "photo")
"""Images of many things, on which nobody knows what to look for."""
_ENDS = ("STOP", "ASK", "SEMI", "COMMA", "COLON", "ARROW", "AND", "OR", "THEN", "BUT", "DASH")
_NOT = frozenset(["not", "no", "nicht", "pas", "nao", "rather than", "instead of"])


def without_denied_images(items: list[Item]) -> list[Item]:
    """ "Use the CT, not the x-ray": the images named after the "not" are none of the request's."""
    images = [i for i in items if i.kind == "M"]
    for before, item, after in zip(items, items[1:], [*items[2:], None], strict=False):
        denied = before.kind == "NEG" and before.text.removesuffix(" the") in _NOT
        if item.kind == "M" and denied and len(images) > 1 and (after is None or after.kind not in ("T", "SEG", "CLS")):
            item.kind, item.form, item.modality = "W", "small", None
    return items


def images_asked_for(items: list[Item], lexicon: Lexicon, doubts: list[str]) -> list[Item]:
    """ "Classify the Pap smear", "if the otoscopy is abnormal": what the only classifier of such images tells."""
    told = [i for i in items if not i.is_small]
    for index, item in enumerate(told):
        if item.kind != "M" or item.modality is None or item.modality.name in ("", *_MANY):
            continue
        before = told[index - 1] if index else None
        rest = list(itertools.takewhile(lambda i: i.kind not in _ENDS, told[index + 1 :]))
        asked = before is not None and before.kind in ("CLS", "GRADE") and before.form == "v"
        states = bool(rest) and rest[0].kind in ("POS", "NEGRES")
        if not (asked or states) or any(i.kind in ("T", "SEG", "ASPECT", "MAL") for i in rest):
            continue
        card = lexicon.only_card(Intent.CLASSIFICATION, item.modality)
        if card is not None:
            item.kind, item.concepts, item.modality = "T", (card.main,), None
            doubts.append(f"'{item.text}' was taken to mean {card.ability.target}")
    return items
