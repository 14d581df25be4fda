"""Classes of a card in a prompt's words: "completely torn", "KL 2 or above", "a posterior placenta"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .cards import SAME, Card
from .items import Item
from .lexicon import Lexicon
from .words import word_set

_UP = word_set("above higher more worse up upwards greater beyond over mas superior plus mehr hoher")
_DOWN = word_set("below lower less better under down menos inferior weniger niedriger")
_AT_LEAST = frozenset(["at least", "from", "minimum", "no less than", "mindestens", "al menos", "au moins", "ab"])
_AT_MOST = frozenset(["at most", "up to", "no more than", "maximum", "hochstens"])
_ABOVE = frozenset(["more than", "greater than", "larger than", "above", "over", "beyond", "exceeds", "exceeding", ">"])
_BELOW = frozenset(["below", "under", "less than", "lower than", "better than"])
_LEVEL = word_set("grade stage class type level category score grad grado stade stadium estadio graus grau")
_SCALE = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5"}
_STATES = word_set("is are was were been be looks seems comes a an the est ist es e sind")


def classes_named(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """Turn the words that name a class into a term for it."""
    if not lexicon.marks:
        return items
    items = _sided(_numbered(items, lexicon), lexicon)
    return _bounded(_qualified(items, lexicon), lexicon)


def _about(item: Item, card: Card) -> bool:
    """Whether a term is the card's subject or the family of its finding."""
    family = card.main.partition(":")[2]
    return any(
        k in card.keys or (family and k == f"*:{family}") or any(k == key for _, key in card.classes)
        for k in item.concepts
    )


def _numbered(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """ "Grade 3", "KL 3", "stage III" where a card's classes are numbered."""
    numbered = [(c, m) for c, m in lexicon.marks if sum(w.isdigit() or w in _SCALE for w in m) > 1]
    if not numbered:
        return items
    named = [(c, m) for c, m in numbered if any(i.kind == "T" and _about(i, c) for i in items)]
    out: list[Item] = []
    for item in items:
        word = str(int(item.number)) if item.kind == "NUM" and item.number == int(item.number) else item.text
        is_number = item.kind == "NUM" or (word in _SCALE and not _says_i(items, item))
        before = next(
            (i for i in reversed(out[-8:]) if not i.is_small and i.text not in _AT_LEAST | _ABOVE | _BELOW), None
        )
        if is_number and before is not None and before.end + 14 >= item.start:
            level = before.kind in ("GRADE", "ASPECT") or before.text in _LEVEL
            repeats = before.kind == "T" and before.form == "class" and bool(out) and out[-1] is not before
            fitting = [
                (c, k)
                for c, m in ((named or numbered) if level else named)
                for k in [_key_of(word, m)]
                if k and (level or repeats or (before.kind == "T" and _about(before, c)))
            ]
            listed = out[-1].kind in ("AND", "OR", "COMMA") and before.form == "class"
            if fitting and (level or listed or out[-1] is before or before.kind == "T"):
                start = before.start if level and out[-1] is before else item.start
                if level and out[-1] is before:
                    out.pop()
                keys = tuple(dict.fromkeys(k for _, k in fitting))
                out.append(Item("T", "class", word, start, item.end, concepts=keys[:1]))
                continue
        out.append(item)
    return out


def _says_i(items: Sequence[Item], item: Item) -> bool:
    """Whether an "i" is a person: "its grade I know already"."""
    after = next((i for i in items[items.index(item) + 1 :][:1] if i.start - item.end < 2), None)
    return item.text == "i" and after is not None and after.text in _MENTAL


_MENTAL = word_set(
    "know have had see saw need want already can do did will would am was like think read shall got could must "
    "understand understood"
)


def _key_of(word: str, marks: dict[str, str]) -> str:
    other = next((r for r, n in _SCALE.items() if n == word), "") or _SCALE.get(word, "")
    return marks.get(word, "") or marks.get(other, "")


def _sided(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """ "Posterior placenta", "the placenta is anterior", "is it posterior?": classes that are sides."""
    placed = [
        (c, {name: k for name, k in c.classes if k == f"own:{name}"})
        for c, _ in lexicon.marks
        if "position" in c.aspects or len(c.classes) > 1
    ]
    for item in items:
        base, at, side = item.concepts[0].partition("@") if item.kind == "T" else ("", "", "")
        for card, names in placed:
            if at and base in card.keys and side in names:
                item.concepts, item.form = (names[side],), "class"
            elif item.kind == "W" and item.text in names and item.text in _SIDES_ONLY:
                near = [
                    i for i in items if i.kind == "T" and any(k in card.keys or k in names.values() for k in i.concepts)
                ]
                if near:
                    item.kind, item.form, item.concepts = "T", "class", (names[item.text],)
    return items


_SIDES_ONLY = word_set("left right anterior posterior superior inferior medial lateral proximal distal")


def _stem(word: str) -> str:
    """The adjective of an adverb, where the rule is plain: "completely", "partially"."""
    for ending, stem in (("ially", "ial"), ("ely", "e"), ("ally", "al"), ("ly", "")):
        if word.endswith(ending) and len(word) > 5:
            return word[: -len(ending)] + stem
    return word


def _qualified(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """ "Completely torn", "partial rupture", "the tear is complete": a class's own word beside the card's finding."""
    for card, words in lexicon.marks:
        for index, item in enumerate(items):
            if item.kind not in ("W", "T") or item.form == "class":
                continue
            if item.kind == "T" and not any(k in words.values() for k in item.concepts):
                continue
            stem = SAME.get(item.text) or _stem(item.text)
            key = words.get(item.text) or words.get(stem)
            if key is None or key in card.keys:
                continue
            near = _neighbour(items, index, card)
            if near is not None:
                other = items[near]
                item.kind, item.form, item.concepts, item.part = "T", "class", (key,), False
                if other.form != "class":
                    item.start, item.end = min(item.start, other.start), max(item.end, other.end)
                    other.kind, other.form, other.concepts = "W", "ordinary", ()
    return items


def _neighbour(items: Sequence[Item], index: int, card: Card) -> int | None:
    """The place of the card's finding right after or before a word, with nothing but "is" or "the" between."""
    for step in (1, -1):
        place = index + step
        adverb = step < 0 and items[index].text.endswith(("ly", "mente", "ment"))
        while 0 <= place < len(items) and (
            items[place].is_small
            or items[place].text in _STATES
            or (adverb and items[place].kind in ("COMMA", "OPEN", "DASH"))
            or (step < 0 and items[place].kind == "OR" and items[place - 1].form == "class")
        ):
            place += step
        if 0 <= place < len(items) and items[place].kind == "T" and _about(items[place], card):
            return place
    return None


def _bounded(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """ "Grade 2 or above", "at least moderate", "grades 2 to 4": all classes from one on."""
    for index, item in enumerate(items):
        found = _place_of(item, lexicon)
        if found is None:
            continue
        card, place = found
        keys = [k for _, k in card.classes]
        after = [i for i in items[index + 1 : index + 5] if not i.is_small]
        before = next(
            (
                i
                for i in reversed(items[max(0, index - 6) : index])
                if not i.is_small and i.kind not in ("GRADE", "ASPECT")
            ),
            None,
        )
        close = before is not None and before.end + 8 >= item.start
        until = after[1] if len(after) > 1 and (after[0].kind == "PREP" or after[0].text in {"to", "through"}) else None
        last = _place_of(until, lexicon) if until is not None else None
        low, high = place, place
        used: list[Item] = []
        if len(after) > 1 and after[0].kind in ("OR", "AND") and after[1].text in _UP:
            low, high, used = place, len(keys) - 1, after[:2]
        elif after and (after[0].text in {"and up", "upwards", "+", "plus"} or _plus(after[0], item)):
            low, high, used = place, len(keys) - 1, after[:1]
        elif len(after) > 1 and after[0].kind in ("OR", "AND") and after[1].text in _DOWN:
            low, high, used = 0, place, after[:2]
        elif last is not None and last[0] is card and last[1] > place and until is not None:
            low, high, used = place, last[1], [*after[:1], until]
        elif close and before is not None and before.text in _AT_LEAST:
            low, high, used = place, len(keys) - 1, [before]
        elif close and before is not None and before.text in _AT_MOST:
            low, high, used = 0, place, [before]
        elif close and before is not None and before.text in _ABOVE and place + 1 < len(keys):
            low, high, used = place + 1, len(keys) - 1, [before]
        elif close and before is not None and before.text in _BELOW and place:
            low, high, used = 0, place - 1, [before]
        if used:
            for other in used:
                other.kind, other.form, other.text, other.concepts = "W", "small", "", ()
                item.end = max(item.end, other.end)
            item.concepts = tuple(k or f"own:{n}" for n, k in card.classes[low : high + 1])
            item.form = "class"
    return [i for i in items if i.kind != "W" or i.text]


def _plus(after: Item, item: Item) -> bool:
    return after.kind == "AND" and after.text == "+" and after.start == item.end


def _place_of(item: Item | None, lexicon: Lexicon) -> tuple[Card, int] | None:
    """The card whose class a term is, if its classes are degrees, and which of them."""
    if item is None or item.kind != "T" or len(item.concepts) != 1:
        return None
    for card, _ in lexicon.marks:
        for place, (_, key) in enumerate(card.classes):
            if key == item.concepts[0] and "grade" in card.aspects:
                return card, place
    return None


_LINKS = word_set("of in on within at inside from")


def single_words(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """Keep a lone word of a card's name only where nothing beside it makes it the name of something else.

    "The guttae" are the card's "corneal guttae"; a "frobnic canal" or an "ear canal" is no mandibular canal.
    """
    out: list[Item] = []
    for index, current in enumerate(items):
        item = current
        before = out[-1] if out else None
        after = items[index + 1] if index + 1 < len(items) else None
        own = item.kind == "T" and item.form == "own" and item.concepts[0].startswith("own:")
        if item.kind == "T" and before is not None and before.kind == "T" and (item.part or before.part or own):
            if set(item.concepts) & set(before.concepts):
                both = tuple(k for k in item.concepts if k in before.concepts)
                out[-1] = replace(before, concepts=both, end=item.end, text=f"{before.text} {item.text}", part=False)
                continue
            one, other = (item, before) if item.part or own else (before, item)
            if any(set(other.concepts) <= lexicon.company.get(k, set()) for k in one.concepts):
                out[-1] = replace(one, start=before.start, end=item.end, text=f"{before.text} {item.text}", part=False)
                continue
            if item.part and not _same_place(item, before, lexicon):
                out.append(replace(item, kind="W", form="unknown", concepts=()))
                continue
        lone = own and " " not in item.text and not item.part
        if item.part or lone:
            rest = [i for i in items[index + 1 : index + 5] if not i.is_small][:2]
            linked = len(rest) == 2 and rest[0].text in _LINKS and rest[1].kind == "T"
            owner = rest[1] if linked and not lexicon.is_finding(rest[1].concepts[0]) else None
            if owner is not None and (rest[0].text != "of" or lone) and _same_place(item, owner, lexicon):
                owner = None
            if owner is not None and not set(owner.concepts) & set(item.concepts):
                known = any(set(owner.concepts) <= lexicon.company.get(k, set()) for k in item.concepts)
                item = item if known else replace(item, kind="W", form="unknown", concepts=())
        if item.part and item.kind == "T":
            odd = before is not None and before.kind == "W" and before.form == "unknown" and before.end + 2 > item.start
            odd = odd or (
                after is not None and after.kind == "W" and after.form == "unknown" and item.end + 2 > after.start
            )
            if odd:
                item = replace(item, kind="W", form="unknown", concepts=())
        out.append(item)
    return out


def _same_place(item: Item, before: Item, lexicon: Lexicon) -> bool:
    places = [c.modality.region for c in lexicon.cards if set(item.concepts) & {c.main, *c.keys}]
    region = lexicon.region_of(before.concepts[0])
    return any(lexicon.vocabulary.together(region, place) for place in places if place)
