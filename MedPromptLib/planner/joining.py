"""Neighbouring items into one: sides, image descriptions, organ and finding; and verbs told from nouns."""

from __future__ import annotations

from dataclasses import replace

from .items import Item
from .lexicon import Lexicon, Modality
from .words import word_set

_ARTICLES = frozenset(
    ["a", "an", "the", "its", "their", "no", "any", "this", "that", "some", "my", "his", "her", "your", "each", "one"]
)


_PARTS = word_set(
    """
    part parts portion half section end aspect teil halfte abschnitt partie moitie portion parte porcion
    mitad porcao metade 部分 部
    """
)
"""Words between a side and its term: "the anterior part of the hippocampus"."""


_OPENING = ("COLON", "COMMA", "OPEN", "DASH")
_CLOSING = ("ONLY", "STOP", "SEMI", "CLOSE")


def sides(items: list[Item]) -> list[Item]:
    """Join side words to their term: "left kidney", "right and left lungs", "pulmón izquierdo"."""
    out: list[Item] = []
    pending: list[Item] = []
    joiners: list[Item] = []
    index = 0
    while index < len(items):
        item = items[index]
        if not pending:
            joiners = []
        if item.kind == "SIDE":
            if out and out[-1].kind == "T" and not pending and not _term_follows(items, index):
                out[-1] = _sided(out[-1], item)
            elif (
                len(out) > 1
                and out[-1].text in {"的", "の"}
                and out[-2].kind == "T"
                and not _term_follows(items, index)
            ):
                out[-2:] = [_sided(out[-2], item)]
            else:
                pending.append(item)
            index += 1
            continue
        following = items[index + 1 :]
        if pending and item.text in _PARTS and _part_of_term(following):
            index += 1 + next(n for n, i in enumerate(following) if i.kind == "T")
            out.append(_sided(items[index], *pending))
            pending = []
            index += 1
            continue
        if pending and item.kind == "PREP" and out and out[-1].text in _PARTS and _part_of_term([item, *following]):
            # "la partie antérieure de l'hippocampe"
            index += 1 + next(n for n, i in enumerate(following) if i.kind == "T")
            out[-1] = _sided(items[index], *pending)
            pending = []
            index += 1
            continue
        known = next((o for o in reversed(out) if o.kind == "T"), None) if pending else None
        if pending and known is not None and (item.text in {"one", "ones", "side"} or item.text in _PARTS):
            out.append(_sided(_without_side(known, item), *pending))
            pending = []
            index += 1
            continue
        if pending and item.kind in ("AND", "OR", "COMMA") and following and following[0].kind == "SIDE":
            joiners.append(item)
            index += 1
            continue
        if (
            pending
            and known is not None
            and item.kind in _CLOSING
            and out[-1].kind in _OPENING
            and out[-2:-1] == [known]
        ):
            # "the kidneys: left only"
            out.append(_sided(_without_side(known, pending[0]), *pending))
            pending = []
        if pending and item.kind == "T":
            sides = {p.form for p in pending}
            if {"left", "right"} <= sides:
                out.append(item)
            else:
                out.extend(_each_sided(item, pending, joiners))
            pending = []
        else:
            if item.kind != "W" or not item.is_small:
                out.extend(Item("W", "ordinary", p.text, p.start, p.end) for p in pending)
                pending = []
            out.append(item)
        index += 1
    if pending and len(out) > 1 and out[-1].kind in _OPENING and out[-2].kind == "T":
        out.append(_sided(_without_side(out[-2], pending[0]), *pending))
        pending = []
    out.extend(Item("W", "ordinary", p.text, p.start, p.end) for p in pending)
    return out


def _each_sided(term: Item, places: list[Item], joiners: list[Item]) -> list[Item]:
    """The term once for each place that "and", "or" or a comma sets apart: "the anterior and posterior hippocampus"."""
    parts: list[Item] = []
    group: list[Item] = []
    for place in places:
        joiner = next((j for j in joiners if group and group[-1].end <= j.start <= place.start), None)
        if joiner is not None:
            parts += [_sided(replace(term, start=group[0].start, end=group[-1].end), *group), joiner]
            group = []
        group.append(place)
    return [*parts, _sided(term, *group)]


def _without_side(term: Item, place: Item) -> Item:
    concepts = tuple(c.partition("@")[0] for c in term.concepts)
    return replace(term, start=place.start, end=place.end, concepts=concepts)


def _part_of_term(following: list[Item]) -> bool:
    """Whether "of the hippocampus" comes next."""
    kinds = [i.kind for i in following if not i.is_small][:2]
    return kinds[:1] == ["T"] or kinds == ["PREP", "T"]


def _term_follows(items: list[Item], index: int) -> bool:
    rest = list(items[index + 1 : index + 3])
    return bool(rest) and (rest[0].kind == "T" or (rest[0].kind == "SIDE" and len(rest) > 1 and rest[1].kind == "T"))


def _sided(term: Item, *sides: Item) -> Item:
    name = "-".join(dict.fromkeys(s.form for s in sides))
    concepts = tuple(c if "@" in c else f"{c}@{name}" for c in term.concepts)
    start, end = min(term.start, *(s.start for s in sides)), max(term.end, *(s.end for s in sides))
    return replace(term, concepts=concepts, start=start, end=end)


def verbs_or_nouns(items: list[Item]) -> list[Item]:
    """Decide forms that are verb or noun by position: "outline the lung", "the lung outline"."""
    for index, item in enumerate(items):
        if item.form != "vn":
            continue
        before = items[index - 1] if index else None
        noun = before is not None and (
            before.kind in ("T", "M", "PRON")
            or before.text in _ARTICLES
            or (
                before.kind == "W"
                and before.form != "small"
                and before.text not in {"please", "pls", "plz", "kindly", "to", "now"}
            )
            or before.kind in ("SEG", "CLS")
            or (before.kind == "NEG" and before.text in {"no", "no need for", "the", "skip", "already have"})
        )
        after = items[index + 1] if index + 1 < len(items) else None
        if (
            noun
            and before is not None
            and before.kind in ("T", "M")
            and after is not None
            and after.text in {"the", "a", "this", "both"}
        ):
            noun = False
        item.form = "n" if noun else "v"
    return items


def image_descriptions(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """Join "chest CT", "MRI of the brain", "eye picture" into one image description each."""
    out: list[Item] = []
    for index, item in enumerate(items):
        previous = out[-1] if out else None
        if item.kind == "IMG" and previous is not None:
            if previous.kind == "M":
                continue
            if _is_place(previous, lexicon):
                out[-1] = Item(
                    "M", "", previous.text, previous.start, item.end, previous.concepts, Modality("", _place(previous))
                )
                continue
        if item.kind == "M" and item.modality is not None and previous is not None:
            if (
                previous.kind == "M"
                and previous.modality is not None
                and _joinable(previous.modality, item.modality, lexicon)
            ):
                merged = Modality(
                    previous.modality.name or item.modality.name, previous.modality.region or item.modality.region
                )
                out[-1] = replace(previous, end=item.end, modality=merged)
                continue
            if _is_place(previous, lexicon) and lexicon.vocabulary.together(_place(previous), item.modality.region):
                region = item.modality.region or _place(previous)
                if region != _place(previous) and region in lexicon.vocabulary.ancestors(_place(previous)):
                    region = _place(previous)
                out[-1] = Item(
                    "M",
                    "",
                    item.text,
                    previous.start,
                    item.end,
                    previous.concepts,
                    Modality(item.modality.name, region),
                )
                continue
        if item.kind == "T" and previous is not None and _is_place(item, lexicon):
            image, link = _before(out)
            region_only = lexicon.vocabulary.concept(item.concepts[0]).kind == "region"
            free = link or index + 1 >= len(items) or items[index + 1].kind not in ("T", "SEG")
            open_image = image is not None and image.modality is not None and not image.modality.region
            if image is not None and image.modality is not None and open_image and (link or region_only) and free:
                image.modality = Modality(image.modality.name, _place(item))
                image.concepts, image.end = item.concepts, item.end
                continue
        out.append(item)
    return out


def _joinable(one: Modality, other: Modality, lexicon: Lexicon) -> bool:
    same = not one.name or not other.name or one.name == other.name
    return same and lexicon.vocabulary.together(one.region, other.region)


def _before(out: list[Item]) -> tuple[Item | None, bool]:
    """The image description just before, and whether "of" links it to what follows."""
    link = False
    for item in reversed(out):
        if item.kind == "M":
            return item, link
        if item.kind == "PREP" and item.text in {
            "of",
            "de",
            "del",
            "der",
            "des",
            "du",
            "da",
            "do",
            "von",
            "vom",
            "d",
            "dos",
            "das",
        }:
            link = True
        elif not (item.is_small or item.kind == "IMG"):
            return None, False
    return None, False


def _is_place(item: Item, lexicon: Lexicon) -> bool:
    if item.kind != "T" or not item.concepts or item.weak:
        return False
    key = item.concepts[0]
    return ":" not in key and lexicon.vocabulary.concept(key).kind != "finding" and not key.startswith("own:")


def _place(item: Item) -> str:
    return item.concepts[0].partition("@")[0]


def composed(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """Join organ and family: "liver tumour", "growth in the brain", "vessels of the liver"."""
    out: list[Item] = []
    for item in items:
        if item.kind == "T" and out:
            link, before = False, len(out) - 1
            while before >= 0 and (
                out[before].is_small
                or out[before].kind == "PREP"
                or out[before].text in _AROUND
                or out[before].text in _STATING
                or (out[before].kind == "NEG" and out[before].text == "not" and out[before - 1].text in _STATING)
                or out[before].text in {"visible", "seen", "located", "found"}
            ):
                link = link or out[before].kind == "PREP" or out[before].text in _AROUND
                before -= 1
            neighbour = out[before] if before >= 0 else None
            if neighbour is not None and neighbour.kind == "T":
                if not link and before == len(out) - 1 and _is_place(neighbour, lexicon) and is_family(item.concepts):
                    out[-1] = _joined(neighbour, item, neighbour, lexicon)
                    continue
                if link and is_family(neighbour.concepts) and _is_place(item, lexicon):
                    del out[before + 1 :]
                    out[before] = _joined(neighbour, neighbour, item, lexicon)
                    out[before].end = item.end
                    continue
                denied = [i for i in out[before + 1 :] if i.kind == "NEG" and i.text == "not"]
                states = all(i.text in _STATING or i.is_small or i in denied for i in out[before + 1 :])
                if states and before < len(out) - 1 and _is_place(neighbour, lexicon) and is_family(item.concepts):
                    out[before:] = [*denied, _joined(neighbour, item, neighbour, lexicon)]
                    continue
                if not link and before == len(out) - 1 and is_family(neighbour.concepts) and _is_place(item, lexicon):
                    # "tumor cerebral", "nódulo hepático": the adjective follows in Romance languages.
                    out[before] = _joined(neighbour, neighbour, item, lexicon)
                    out[before].end = item.end
                    continue
        out.append(item)
    return out


_WITHIN_SKULL = {f"{place}:hemorrhage": "brain:hemorrhage" for place in ("skull", "head", "cranium")}
"""What bleeds inside the skull is the brain and its coverings."""

_HAPPENED = word_set(
    """
    torn ruptured rupture ripped snapped tearing fractured broken cracked shattered blocked occluded narrowed infected
    inflamed swollen clotted calcified bled
    roto rota rasgado rasgada desgarrado desgarrada fracturado fracturada quebrado quebrada rompido rompida rompu rompue
    dechire dechiree casse cassee fracture fracturee gerissen gebrochen entzundet verkalkt verschlossen verengt infecte
    enflamme bouche obstruido inflamado inflamada
    """
)
"""Words that say of an organ, by a verb, what happened to it."""


def happened(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """Join an organ and what happened to it, apart from each other: "tore his ACL", "is the ACL on this MR torn?"."""
    out = list(items)
    for item in items:
        if item.kind != "T" or item.text not in _HAPPENED or not is_family(item.concepts) or item not in out:
            continue
        place = out.index(item)
        organ = _organ_after(out, place, lexicon)
        if organ is not None:
            denied = [i for i in out[place + 1 : organ] if i.kind == "NEG"]
            joined = _joined(item, item, out[organ], lexicon)
            out[place : organ + 1] = [*denied, replace(joined, end=out[organ].end)]
            continue
        organ = _organ_before(out, place, lexicon)
        if organ is not None:
            between = [i for i in out[organ + 1 : place] if not i.is_small]
            joined = _joined(out[organ], item, out[organ], lexicon)
            out[organ : place + 1] = [
                *(i for i in between if i.kind == "NEG"),
                replace(joined, end=out[organ].end),
                *(i for i in between if i.kind != "NEG"),
            ]
    return out


def _organ_after(items: list[Item], place: int, lexicon: Lexicon) -> int | None:
    """The organ of "torn his ACL": only small words stand between."""
    after = place + 1
    while after < len(items) and items[after].is_small:
        after += 1
    found = after > place + 1 and after < len(items) and _is_place(items[after], lexicon)
    return after if found and _is_part(items[after], lexicon) else None


def _organ_before(items: list[Item], place: int, lexicon: Lexicon) -> int | None:
    """The organ of "is the ACL on this knee MR torn": only images, places and small words stand between."""
    for before in range(place - 1, -1, -1):
        item = items[before]
        if _is_place(item, lexicon) and _is_part(item, lexicon):
            return before
        placed = item.kind in ("M", "PREP", "IMG", "SEEN") or item.is_small or item.form in ("ordinary", "class", "own")
        asks = item.kind == "CLS" and item.text in _ASKED
        if not (placed or asks or (item.kind == "NEG" and item.text in _NOT) or item.kind == "T"):
            return None
        if item.kind == "T" and not _is_place(item, lexicon) and item.form not in ("class", "own"):
            return None
    return None


def _is_part(item: Item, lexicon: Lexicon) -> bool:
    return lexicon.vocabulary.concept(item.concepts[0]).kind == "anatomy"


_ASKED = frozenset(["est il", "est elle", "is it", "is this", "is that", "esta", "está", "ist", "is", "does"])
_NOT = frozenset(["not", "nicht", "pas", "no", "nao"])
_AROUND = frozenset(["round", "around", "inside"])
_STATING = frozenset(
    ["found", "is", "are", "was", "has", "have", "looks", "seems", "shows", "contains", "a", "an", "ist", "est"]
)
"""Words between an organ and what is said of it: "the wrist is broken", "the liver has a tumour"."""


def is_family(concepts: tuple[str, ...]) -> bool:
    """Whether a term names no organ ("lesion", "vessels", "cancer")."""
    return bool(concepts) and (concepts[0].startswith("*:") or concepts[0] == "cancer")


def _joined(first: Item, family: Item, organ: Item, lexicon: Lexicon) -> Item:
    base, _, side = organ.concepts[0].partition("@")
    kind = "lesion" if family.concepts[0] == "cancer" else family.concepts[0][2:].partition("@")[0]
    others = [k[2:].partition("@")[0] for k in family.concepts[1:] if k.startswith("*:")]  # "roto": broken or torn
    keys = tuple(_WITHIN_SKULL.get(f"{base}:{k}", f"{base}:{k}") for k in (kind, *others))
    form = "malignant" if family.concepts[0] == "cancer" else "sided" if side else ""
    return replace(
        first, concepts=keys, end=max(first.end, family.end), text=f"{first.text} {family.text}", form=form, kind="T"
    )


def weak_terms(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """Keep a short form such as "disc" or "cup" only where the prompt speaks of the same body region."""
    regions = [
        lexicon.region_of(c) for i in items if i.kind == "T" and not i.weak for c in i.concepts if not c.startswith("*")
    ]
    regions += [i.modality.region for i in items if i.modality is not None and i.modality.region]
    for item in items:
        if item.kind != "T" or not item.weak:
            continue
        item.concepts = tuple(
            c
            for c in item.concepts
            if any(r and lexicon.vocabulary.together(_root(c, lexicon), _root(r, lexicon)) for r in regions)
        )
        if not item.concepts:
            item.kind, item.form = "W", "unknown"
    return items


def _root(key: str, lexicon: Lexicon) -> str:
    chain = [key, *lexicon.vocabulary.ancestors(key)]
    return next((c for c in reversed(chain) if c not in ("body", "head", "limb")), key)
