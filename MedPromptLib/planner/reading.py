"""From prompt to items: every word becomes a cue, a medical term, an image description, a mark or an ordinary word."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..catalog import Ability
from ..errors import InvalidInput
from .background import without_background
from .cues import guess_language
from .degrees import classes_named, single_words
from .images_named import images_asked_for, without_denied_images
from .items import Item
from .joining import composed, happened, image_descriptions, sides, verbs_or_nouns, weak_terms
from .lexicon import Lexicon, Modality, lexicon_for
from .sizes import sizes
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


_OWNERS = frozenset(["the", "her", "his", "their", "my", "your", "our", "its", "this", "that"])
_SINGLE = frozenset(["every", "each", "any", "jede", "jeden", "jedes", "cada", "chaque"])
_EVERY = _SINGLE | {"all", "alle", "todas", "todos", "toutes", "tous", "所有", "所有的", "すべての", "全ての"}
_WEIGHTS = frozenset(
    [
        "tool",
        "tools",
        "algorithm",
        "algorithms",
        "network",
        "networks",
        "task",
        "tasks",
        "model",
        "models",
        "weight",
        "weights",
        "classifiers",
        "segmenters",
        "modelos",
        "modeles",
        "modelle",
    ]
)


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
    tokens = tokenize(text)
    words = [t.text for t in tokens if t.kind == "word"]
    cjk = any(t.kind == "cjk" for t in tokens)
    language = guess_language(words, cjk)
    lexicon = lexicon_for(abilities, language)
    tokens = _without_hyphens(_likened(tokens, lexicon))
    if cjk:
        tokens = _divided(tokens, lexicon)
    doubts: list[str] = []
    tokens = _divided_compounds(tokens, lexicon)
    tokens = [_corrected(t, lexicon, doubts) for t in tokens]
    items = _spelled_out(_matched(tokens, lexicon))
    if sum(i.kind == "T" for i in items) > MAXIMUM_TERMS:
        raise InvalidInput(
            f"The prompt names more than {MAXIMUM_TERMS} medical terms where a request has a few; "
            "please shorten or divide it."
        )
    items = sides(single_words(items, lexicon))
    items = verbs_or_nouns(sizes(items, lexicon))
    items = _every_kind(image_descriptions(items, lexicon), lexicon)
    items = without_background(_no_conditions(items), lexicon)
    items = happened(composed(_grading(items), lexicon), lexicon)
    items = _only_or_if(classes_named(items, lexicon), lexicon)
    items = images_asked_for(without_denied_images(items), lexicon, doubts)
    return Reading(prompt, language, weak_terms(items, lexicon), lexicon, doubts)


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
            and tokens[index - 1].raw not in {"DR", "MR"}
            and index
        ):
            continue
        kept.append(token)
    return kept


def _likened(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """ "Drop-like", "ring-shaped": an ordinary word, not an order to drop or ring something."""
    out: list[Token] = []
    for token in tokens:
        if token.text in _LIKENING and len(out) > 1 and out[-1].text == "-" and out[-1].end == token.start:
            known = lexicon.lookup((out[-2].text,), [out[-2].raw])
            if out[-2].end == out[-1].start and known is not None and known.cue is not None:
                out[-2:] = [replace(out[-2], text="such", raw="such", end=token.end)]
                continue
        out.append(token)
    return out


_LIKENING = frozenset(["like", "shaped", "sized", "looking", "coloured", "colored"])


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


def _weights_follow(items: list[Item], noun: Item) -> bool:
    after = next((i for i in items[items.index(noun) + 1 :] if not i.is_small), None)
    return after is not None and after.text in _WEIGHTS


def _every_kind(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """ "All fundus checks", "every chest x-ray classification": all weights of that kind, unless a term says which."""
    for index, item in enumerate(items):
        if item.text not in _EVERY or item.kind not in ("W", "BOTH"):
            continue
        for noun in items[index + 1 :]:
            if noun.kind in ("SEG", "CLS") or noun.text in _WEIGHTS:
                single = item.text in _SINGLE or not noun.text.isascii()
                if noun.form != "p" and (single or noun.text.endswith(("s", "n"))):
                    item.kind, noun.form = "ALL", "n" if noun.kind != "W" else noun.form
                break
            if noun.kind == "T" and not lexicon.is_finding(noun.concepts[0]) and _weights_follow(items, noun):
                # "every thyroid tool": all weights of that region
                place = noun.concepts[0].partition("@")[0]
                noun.kind, noun.form, noun.modality = "M", "", Modality("", place)
                item.kind = "ALL"
                break
            if noun.kind != "M" and not noun.is_small and noun.kind != "PREP":
                break
    return items


def _grading(items: list[Item]) -> list[Item]:
    """ "Score the colitis" grades it; "the colitis score" is its grade. "Send the score" is left as it is."""
    for index, item in enumerate(items):
        if item.text not in {"score", "scores", "scoring", "scored"} or item.kind not in ("OTHER", "W"):
            continue
        near = [i for i in items[index + 1 : index + 5] if not i.is_small][:2]
        before = items[index - 1] if index else None
        if before is not None and before.kind == "T":
            item.kind, item.form = "ASPECT", "grade"
        elif item.text in {"score", "scoring"} and near and near[0].kind in ("T", "ASPECT", "M"):
            item.kind, item.form = "GRADE", "v"
        elif len(near) > 1 and near[0].kind == "PREP" and near[1].kind == "T":
            item.kind, item.form = "ASPECT", "grade"
    return items


def _only_or_if(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """ "only in malignant cases" is a condition, "only in the optic disc" is not."""
    for item, after in itertools.pairwise([i for i in items if not i.is_small]):
        narrow = item.text in {"only in", "only for", "just in", "just for", "nur bei", "bei", "upon"}
        if item.kind == "IF" and narrow and after.kind == "T" and not lexicon.is_finding(after.concepts[0]):
            item.kind = "ONLY"
    return items


def _no_conditions(items: list[Item]) -> list[Item]:
    """Words that look like conditions: "once in the film", "…, if any?", "predict when …"."""
    for index, item in enumerate(items):
        rest = [i for i in items[index + 1 : index + 5] if not i.is_small][:2]
        before = next((i for i in reversed(items[max(0, index - 6) : index]) if not i.is_small), None)
        on_image = item.text == "once" and [i.kind for i in rest] == ["PREP", "M"]
        if on_image or (item.text == "if any" and (not rest or rest[0].kind in ("ASK", "STOP", "COMMA"))):
            item.kind, item.form = "W", "small"
        elif item.text in {"when", "whenever"} and before is not None and item.kind == "IF":
            foretells = before.text in {"predict", "estimate", "forecast", "tell me", "say", "guess"}
            if foretells and before.form == "v":
                before.kind, item.kind, item.form = "OTHER", "W", "unknown"
    return items


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
    if meaning is None and len(words) > 2 and "of" in stems:
        meaning = lexicon.lookup(tuple("the" if w in _OWNERS else w for w in stems), raw) or lexicon.lookup(
            tuple(w for w in stems if w not in _OWNERS), raw
        )
    if meaning is None or meaning.cue is not None:
        meaning = lexicon.lookup(words, raw) or meaning
    if meaning is None:
        return None
    text, start, end = " ".join(words), tokens[0].start, tokens[-1].end
    if meaning.cue is not None:
        return Item(meaning.cue.kind, meaning.cue.form, text, start, end)
    if meaning.modality is not None:
        return Item("M", "", text, start, end, modality=meaning.modality)
    form = "own" if meaning.own else ""
    return Item("T", form, text, start, end, concepts=meaning.concepts, weak=meaning.weak, part=meaning.part)


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


def unit_factor(word: str) -> float | None:
    """Factor to ml or cm², or None if the word is no unit of size."""
    return _UNITS.get(word)
