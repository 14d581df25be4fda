"""From prompt to items: every word becomes a cue, a medical term, an image description, a mark or an ordinary word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..catalog import Ability
from ..errors import InvalidInput
from .cues import guess_language
from .lexicon import Lexicon, Modality, lexicon_for
from .text import Token, is_cjk, singular, tokenize
from .vocabulary import SIDES
from .words import ORDINARY, SMALL

MAXIMUM_TERMS = 200
"""Most medical terms in one prompt; reading takes time quadratic in their number."""

_SIDE_OF = {word: side for side, group in SIDES.items() for word in group}
_UNITS = {
    "ml": 1.0,
    "cc": 1.0,
    "cm3": 1.0,
    "milliliter": 1.0,
    "millilitre": 1.0,
    "cm2": 1.0,
    "mm3": 0.001,
    "mm2": 0.01,
    "litre": 1000.0,
}
_MARK_KINDS = {
    ".": "STOP",
    "!": "STOP",
    ";": "SEMI",
    "?": "ASK",
    ",": "COMMA",
    ":": "COLON",
    "(": "OPEN",
    ")": "CLOSE",
    "[": "OPEN",
    "]": "CLOSE",
    "—": "DASH",
    "-": "DASH",
    "&": "AND",
    "/": "OR",
    "+": "AND",
    ">": "SIZE",
    '"': "QUOTE",
}
_ENDINGS = (
    "segmentierung",
    "segmentation",
    "maske",
    "masken",
    "kontur",
    "konturen",
    "umriss",
    "klassifikation",
    "klassifizierung",
    "erkennung",
    "prufung",
    "diagnose",
    "screening",
    "test",
    "typ",
    "befund",
)
_ARTICLES = frozenset(
    ["a", "an", "the", "its", "their", "no", "any", "this", "that", "some", "my", "his", "her", "your", "each", "one"]
)


@dataclass(slots=True)
class Item:
    """A unit of meaning.

    Attributes:
        kind: `T` (medical term), `M` (modality or imaged region), `SIDE`, `NUM`, `W` (other word), a mark's or a cue's kind.
        form: the cue's form; for `W`: `small`, `ordinary` or `unknown`.
        text: the folded words.
        start, end: place in the prompt.
        concepts: for `T`: possible concepts; for `M`: the structure the image was said to show.
    """

    kind: str
    form: str
    text: str
    start: int
    end: int
    concepts: tuple[str, ...] = ()
    modality: Modality | None = None
    weak: bool = False
    number: float = 0.0

    @property
    def is_small(self) -> bool:
        """A word without content, skipped when two items are tested for being neighbours."""
        return self.kind == "W" and self.form == "small"


@dataclass(slots=True)
class Reading:
    """A prompt, read.

    Attributes:
        doubts: what was guessed (strong misspellings).
    """

    prompt: str
    language: str
    items: list[Item]
    lexicon: Lexicon
    doubts: list[str]


def read(prompt: str, text: str, abilities: Sequence[Ability]) -> Reading:
    """Read `text` (the prompt without foreign stretches, same length) against a catalogue."""
    tokens = _without_hyphens(tokenize(text))
    words = [t.text for t in tokens if t.kind == "word"]
    cjk = any(t.kind == "cjk" for t in tokens)
    language = guess_language(words, cjk)
    lexicon = lexicon_for(abilities, language)
    if cjk:
        tokens = _divided(tokens, lexicon)
    doubts: list[str] = []
    tokens = _divided_compounds(tokens, lexicon)
    tokens = [_corrected(t, lexicon, doubts) for t in tokens]
    items = _spelled_out(_matched(tokens, lexicon))
    if sum(i.kind == "T" for i in items) > MAXIMUM_TERMS:
        raise InvalidInput(
            f"The prompt names more than {MAXIMUM_TERMS} medical terms where a request has a few; please shorten or divide it."
        )
    items = _sides(items)
    items = _verbs_or_nouns(items)
    items = _image_descriptions(items, lexicon)
    items = _composed(items, lexicon)
    return Reading(prompt, language, _weak_terms(items, lexicon), lexicon, doubts)


def _without_hyphens(tokens: list[Token]) -> list[Token]:
    kept: list[Token] = []
    for index, token in enumerate(tokens):
        if token.text in "+-" and index and tokens[index - 1].end == token.start and tokens[index - 1].kind == "word":
            after = tokens[index + 1] if index + 1 < len(tokens) else None
            if after is None or after.start > token.end or after.text in {":", ",", ";", "?", ")"}:
                kept.append(replace(token, text="positive" if token.text == "+" else "negative", kind="word"))
                continue
        if token.text == "-" and 0 < index < len(tokens) - 1:
            before, after = tokens[index - 1], tokens[index + 1]
            if before.end == token.start and token.end == after.start:
                continue
        if (
            token.text == "."
            and index + 1 < len(tokens)
            and tokens[index - 1].text in {"dr", "mr", "vs", "e", "i", "approx"}
            and index
        ):
            continue
        kept.append(token)
    return kept


def _divided(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    out: list[Token] = []
    for token in tokens:
        if token.kind != "cjk":
            out.append(token)
            continue
        place = token.start
        for part in lexicon.divide(token.text):
            out.append(Token(part, part, place, place + len(part), "word"))
            place += len(part)
    return out


def _divided_compounds(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """German compounds of a term and a noun that asks: "Lungensegmentierung" is "Lunge", "Segmentierung"."""
    out: list[Token] = []
    for token in tokens:
        ending = next((e for e in _ENDINGS if token.text.endswith(e) and len(token.text) - len(e) >= 4), "")
        if not ending or token.kind != "word" or lexicon.is_known(token.text):
            out.append(token)
            continue
        head = token.text[: -len(ending)]
        stems = (head, head.rstrip("s"), head.removesuffix("n"), head.removesuffix("en"), head.removesuffix("s") + "e")
        stem = next((s for s in stems if lexicon.lookup((singular(s),), [s]) is not None), "")
        if not stem:
            out.append(token)
            continue
        cut = token.start + len(token.raw) - len(ending)
        out += [replace(token, text=stem, end=cut), replace(token, text=ending, start=cut)]
    return out


def _spelled_out(items: list[Item]) -> list[Item]:
    """Divide "everything but" into its two parts."""
    out: list[Item] = []
    for item in items:
        if item.kind == "ALLBUT":
            out += [replace(item, kind="ALL"), replace(item, kind="NEG", start=item.end)]
        elif item.kind == "POLITE":
            out.append(replace(item, kind="W", form="small"))
        else:
            out.append(item)
    return out


def _corrected(token: Token, lexicon: Lexicon, doubts: list[str]) -> Token:
    word = token.text
    if token.kind != "word" or not word.isascii() or not word.isalpha():
        return token
    if lexicon.is_known(word) or lexicon.is_known(singular(word)):
        return token
    fixed = lexicon.correct(singular(word)) or lexicon.correct(word)
    if fixed is None:
        return token
    if fixed[1] > 1:
        doubts.append(f"'{token.raw}' was read as '{fixed[0]}'")
    return replace(token, text=fixed[0])


def _matched(tokens: list[Token], lexicon: Lexicon) -> list[Item]:
    items: list[Item] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.kind != "word":
            items.append(_mark(token))
            place += 1
            continue
        end = place
        while end < len(tokens) and end - place < lexicon.longest and tokens[end].kind == "word":
            end += 1
        for stop in range(end, place, -1):
            item = _phrase(tokens[place:stop], lexicon)
            if item is not None:
                items.append(item)
                place = stop
                break
        else:
            items.append(_word(token, lexicon))
            place += 1
    return items


def _phrase(tokens: list[Token], lexicon: Lexicon) -> Item | None:
    words = tuple(t.text for t in tokens)
    stems = tuple(singular(w) for w in words)
    raw = [t.raw for t in tokens]
    meaning = lexicon.lookup(stems, raw)
    if meaning is None or meaning.cue is not None:
        meaning = lexicon.lookup(words, raw) or meaning
    if meaning is None:
        return None
    text, start, end = " ".join(words), tokens[0].start, tokens[-1].end
    if meaning.cue is not None:
        return Item(meaning.cue.kind, meaning.cue.form, text, start, end)
    if meaning.modality is not None:
        return Item("M", "", text, start, end, modality=meaning.modality)
    return Item("T", "own" if meaning.own else "", text, start, end, concepts=meaning.concepts, weak=meaning.weak)


def _mark(token: Token) -> Item:
    kind = {"arrow": "ARROW", "newline": "STOP", "ellipsis": "ELLIPSIS"}.get(token.kind) or _MARK_KINDS.get(
        token.text, "W"
    )
    return Item(kind, "small" if kind == "W" else "", token.text, token.start, token.end)


def _word(token: Token, lexicon: Lexicon) -> Item:
    text = token.text
    if text in _SIDE_OF:
        return Item("SIDE", _SIDE_OF[text], text, token.start, token.end)
    if re.fullmatch(r"[0-9]{1,12}(?:[.,][0-9]{1,12})?", text):
        return Item("NUM", "", text, token.start, token.end, number=float(text.replace(",", ".")))
    if text in SMALL:
        form = "small"
    elif text in ORDINARY or singular(text) in ORDINARY or len(text) == 1 or lexicon.is_slip(text):
        form = "ordinary"
    else:
        form = "unknown"
    if is_cjk(text) and (len(text) < 2 or all("\u3040" <= c <= "\u309f" for c in text)):
        form = "small"
    return Item("W", form, text, token.start, token.end)


def _sides(items: list[Item]) -> list[Item]:
    """Join side words to their term: "left kidney", "right and left lungs", "pulmón izquierdo"."""
    out: list[Item] = []
    pending: list[Item] = []
    index = 0
    while index < len(items):
        item = items[index]
        if item.kind == "SIDE":
            if out and out[-1].kind == "T" and not pending and not _term_follows(items, index):
                out[-1] = _sided(out[-1], item)
            else:
                pending.append(item)
            index += 1
            continue
        following = items[index + 1 :]
        known = next((o for o in reversed(out) if o.kind == "T"), None)
        if pending and known is not None and item.text in {"one", "ones", "side"}:
            base = replace(
                known, start=item.start, end=item.end, concepts=tuple(c.partition("@")[0] for c in known.concepts)
            )
            out.append(_sided(base, *pending))
            pending = []
            index += 1
            continue
        if pending and item.kind in ("AND", "OR", "COMMA") and following and following[0].kind == "SIDE":
            index += 1
            continue
        if pending and item.kind == "T":
            sides = {p.form for p in pending}
            if {"left", "right"} <= sides:
                out.append(item)
            else:
                out.append(_sided(item, *pending))
            pending = []
        else:
            if item.kind != "W" or not item.is_small:
                out.extend(Item("W", "ordinary", p.text, p.start, p.end) for p in pending)
                pending = []
            out.append(item)
        index += 1
    out.extend(Item("W", "ordinary", p.text, p.start, p.end) for p in pending)
    return out


def _term_follows(items: list[Item], index: int) -> bool:
    rest = list(items[index + 1 : index + 3])
    return bool(rest) and (rest[0].kind == "T" or (rest[0].kind == "SIDE" and len(rest) > 1 and rest[1].kind == "T"))


def _sided(term: Item, *sides: Item) -> Item:
    name = "-".join(dict.fromkeys(s.form for s in sides))
    concepts = tuple(c if "@" in c else f"{c}@{name}" for c in term.concepts)
    start, end = min(term.start, *(s.start for s in sides)), max(term.end, *(s.end for s in sides))
    return replace(term, concepts=concepts, start=start, end=end)


def _verbs_or_nouns(items: list[Item]) -> list[Item]:
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


def _image_descriptions(items: list[Item], lexicon: Lexicon) -> list[Item]:
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
            if image is not None and image.modality is not None and not image.modality.region and (link or region_only):
                if link or index + 1 >= len(items) or items[index + 1].kind not in ("T", "SEG"):
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


def _composed(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """Join organ and family: "liver tumour", "growth in the brain", "vessels of the liver"."""
    out: list[Item] = []
    for item in items:
        if item.kind == "T" and out:
            link, before = False, len(out) - 1
            while before >= 0 and (
                out[before].is_small or out[before].kind == "PREP" or out[before].text in {"visible", "seen", "located"}
            ):
                link = link or out[before].kind == "PREP"
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
                if not link and before == len(out) - 1 and is_family(neighbour.concepts) and _is_place(item, lexicon):
                    # "tumor cerebral", "nódulo hepático": the adjective follows in Romance languages.
                    out[before] = _joined(neighbour, neighbour, item, lexicon)
                    out[before].end = item.end
                    continue
        out.append(item)
    return out


def is_family(concepts: tuple[str, ...]) -> bool:
    """Whether a term names no organ ("lesion", "vessels", "cancer")."""
    return bool(concepts) and (concepts[0].startswith("*:") or concepts[0] == "cancer")


def _joined(first: Item, family: Item, organ: Item, lexicon: Lexicon) -> Item:
    base, _, side = organ.concepts[0].partition("@")
    kind = "lesion" if family.concepts[0] == "cancer" else family.concepts[0][2:].partition("@")[0]
    key = f"{base}:{kind}"
    form = "malignant" if family.concepts[0] == "cancer" else "sided" if side else ""
    return replace(
        first, concepts=(key,), end=max(first.end, family.end), text=f"{first.text} {family.text}", form=form, kind="T"
    )


def _weak_terms(items: list[Item], lexicon: Lexicon) -> list[Item]:
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


def unit_factor(word: str) -> float | None:
    """Factor to ml or cm², or None if the word is no unit of size."""
    return _UNITS.get(word)
