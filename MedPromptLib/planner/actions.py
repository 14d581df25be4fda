"""Action clauses into asks: what is to be done to which term, and what is to be left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..plan import Intent
from .clauses import Clause, is_verb
from .items import Item
from .lexicon import Lexicon, Modality
from .words import word_set

ASKING = ("SEG", "SEGIT", "CLS", "SOFT", "OTHER", "GRADE")
"""Kinds that say what to do."""

_PLACING = frozenset(
    [
        "in",
        "within",
        "inside",
        "on",
        "from",
        "at",
        "of",
        "into",
        "onto",
        "im",
        "auf",
        "dans",
        "sur",
        "en",
        "em",
        "no",
        "na",
        "del",
        "de",
        "du",
        "des",
        "da",
        "do",
        "sobre",
    ]
)
_OPEN_VERBS = frozenset(
    [
        "find",
        "show",
        "visualise",
        "visualize",
        "identify",
        "finding",
        "zeige",
        "finde",
        "encuentra",
        "muestra",
        "trouve",
        "montre",
        "encontre",
        "mostre",
    ]
)
_SEGMENTED = frozenset(
    [
        "segmented",
        "masked",
        "cropped",
        "extracted",
        "delineated",
        "outlined",
        "isolated",
        "segmentado",
        "segmentada",
        "segmentados",
        "segmentadas",
        "segmentierten",
        "segmentierte",
        "segmentee",
        "segmentees",
        "contoured",
    ]
)


_LOCATING = ("where", "locat", "localis", "localiz", "pinpoint", "donde", "wo ", "ou ", "onde", "在哪", "どこ")
_UNNAMED_PARTS = word_set(
    """
    part portion half section end tip edge third quarter bit piece top bottom apex base rim pole wall centre center core
    middle surface
    """
)
"""Heads of "the middle part of the hippocampus": no weight segments it, and the whole was not asked for."""


@dataclass(slots=True)
class Verb:
    """What governs a term: an intent, and whether it says so weakly ("find") or forbids ("measure")."""

    kind: str = ""
    intent: Intent | None = None
    aspect: str = ""
    noun: bool = False


@dataclass(slots=True)
class Ask:
    """One thing asked for or excluded.

    Attributes:
        intent: None if the words leave it open.
        concepts: the term's possible concepts.
        negated: to be left out.
        start, end: the words in the prompt.
        group: number of the verb group; asks of one group share verb, images and a trailing condition.
        sentence: number of the sentence.
        modality: image description that belongs to this term.
        condition: a `conditions.When`, or None.
        on_segmented: concepts of the region a classifier is to work on, if the text says so.
        loose: the intent was inherited from a noun in a list ("lung mask, tuberculosis"), so another may be meant.
        clause: number of the clause, for terms that describe one finding in several words.
        unknown: text of an object that no vocabulary knows.
        everything: the ask is for all weights of the modality.
    """

    intent: Intent | None
    concepts: tuple[str, ...]
    start: int
    end: int
    aspect: str = ""
    negated: bool = False
    group: int = 0
    sentence: int = 0
    clause: int = 0
    modality: Modality | None = None
    condition: object | None = None
    on_segmented: tuple[str, ...] | None = None
    loose: bool = False
    unknown: str = ""
    everything: bool = False
    soft: bool = False
    listed: bool = False
    doubt: str = ""
    cancelled: bool = False
    form: str = ""
    text_is_open: bool = False
    shared: bool = False
    """The image description stands with another ask of the list, before this one."""
    where: bool = False
    """Asked for with "where": its place may be what a classifier tells."""
    context: bool = False
    """Named without any verb: only where something lies, unless a card does it."""


@dataclass(slots=True)
class Reader:
    """What a clause asks for, given the verb it inherits."""

    lexicon: Lexicon
    prompt: str
    doubts: list[str] = field(default_factory=list)

    def own_verb(self, clause: Clause) -> Verb:
        """The verb a following clause without one inherits; nouns count ("TB screening and pneumonia")."""
        asking = [i for i in clause.items if i.kind in ASKING or i.kind == "ASPECT"]
        if not asking:
            return Verb()
        first = next((i for i in asking if is_verb(i)), asking[0])
        verb = _verb(first)
        after_term = first.kind == "GRADE" and any(i.kind == "T" for i in clause.items[: clause.items.index(first)])
        verb.noun = first.form in ("n", "p") or not is_verb(first) or after_term
        return verb

    def asks(self, clause: Clause, inherited: Verb, negated_before: bool) -> tuple[list[Ask], bool]:
        """The asks of a clause that names terms, and whether it ends inside a negation."""
        items = clause.items
        found: list[Ask] = []
        has_finding = any(i.kind == "T" and self._is_finding(i) for i in items)
        segmented = self._segmented_region(items)
        negated = negated_before
        for index, item in enumerate(items):
            if item.kind == "NEG" and item.text == "exclude" and self._excludes_finding(items[index + 1 :]):
                self.doubts.append("'exclude' was read as 'rule out'")
                inherited = Verb("CLS", Intent.CLASSIFICATION)
            elif item.kind == "NEG":
                negated = True
            elif item.text in {"anything but", "nothing but"} or (
                item.kind in ("BUT", "ONLY") and (index == 0 or not any(i.kind == "T" for i in items[index:]))
            ):
                negated = False
            elif item.kind == "ONLY":
                negated = negated and index > 0 and items[index - 1].kind == "NEG"
            elif item.kind == "REGARDLESS":
                negated = False
            if item.kind != "T" or (segmented is not None and index == segmented[0]):
                continue
            verb = self._governing(items, index, inherited)
            if self._is_place(items, index, verb, has_finding) or self._describes(items, index):
                continue
            aspect = verb.aspect or (self._aspect(items) if verb.intent is not Intent.SEGMENTATION else "")
            if verb.intent is Intent.SEGMENTATION and self._only_class(item):
                verb, aspect = Verb("CLS", Intent.CLASSIFICATION), ""
            excluded = negated or any(i.kind == "POSTNEG" for i in items[index:])
            ask = Ask(verb.intent, item.concepts, item.start, item.end, aspect, excluded, form=item.form)
            ask.soft = verb.kind == "SOFT"
            ask.where = any(i.kind in ("SEG", "SOFT") and i.text.startswith(_LOCATING) for i in items[:index])
            only_described = not verb.kind or (aspect == "malignancy" and verb is not inherited)
            ask.context = only_described and not any(i.kind in (*ASKING, "RUN") for i in items)
            ask.text_is_open = ask.soft and any(i.text in _OPEN_VERBS for i in items[:index])
            ask.loose = verb is inherited and verb.noun
            if aspect == "measure" and not excluded:
                ask.unknown = "measured"
            if verb.kind == "OTHER":
                ask.unknown = "action"
            self._notice_unknown_head(items, index, ask)
            self._notice_odd_modifier(items, index)
            if segmented is not None and verb.intent is not Intent.SEGMENTATION:
                ask.on_segmented = segmented[1]
            found.append(ask)
        return found, negated

    def _notice_odd_modifier(self, items: list[Item], index: int) -> None:
        """ "A frobnic tear": the word before a finding may make it another one."""
        before = items[index - 1] if index else None
        odd = before is not None and before.kind == "W" and before.form == "unknown"
        if odd and before is not None and self._is_finding(items[index]) and before.end + 1 >= items[index].start:
            self.doubts.append(f"'{before.text}' was not understood")

    def _notice_unknown_head(self, items: list[Item], index: int, ask: Ask) -> None:
        """ "liver falciform ligament", "the falciform of the liver": the unknown word is what was asked for."""
        if ask.unknown or self.lexicon.language not in ("en",):
            return
        after = items[index + 1] if index + 1 < len(items) else None
        if after is not None and after.kind == "W" and after.form == "unknown" and after.start - items[index].end <= 2:
            if self._is_finding(items[index]):
                self.doubts.append(f"'{after.text}' was not understood")
            else:
                ask.unknown = self.prompt[items[index].start : after.end]
        before = items[index - 1] if index else None
        if before is not None and before.kind == "PREP" and before.text == "of" and index > 1:
            head = items[index - 2]
            named = head.form == "unknown" or head.text in _UNNAMED_PARTS
            if head.kind == "W" and named and head.end + 4 >= before.start:
                ask.unknown = self.prompt[head.start : items[index].end]

    def _aspect(self, items: list[Item]) -> str:
        for item in items:
            if item.kind == "ASPECT":
                return item.form
            if item.kind == "GRADE":
                return "grade"
        return "malignancy" if any(i.kind == "MAL" for i in items) else ""

    def _governing(self, items: list[Item], index: int, inherited: Verb) -> Verb:
        after = items[index + 1] if index + 1 < len(items) else None
        if (
            after is not None
            and ((after.kind in ("SEG", "CLS") and after.form in ("n", "p")) or after.kind == "ASPECT")
            and (not (after.kind == "ASPECT" and any(i.kind == "SEG" for i in items[:index])) or after.form == "type")
        ):
            return _verb(after)
        before = index - 1
        while before >= 0 and (
            items[before].kind in ("PREP", "BOTH", "ONLY", "W", "M") and items[before].form != "unknown"
        ):
            before -= 1
        if before >= 0 and before < index - 1 and items[before].form == "n" and items[before].kind in ("SEG", "CLS"):
            return _verb(items[before])
        earlier = [i for i in items[:index] if i.kind in ASKING and not (i.kind == "CLS" and i.form == "n")]
        strong = [i for i in earlier if not (i.kind == "CLS" and not is_verb(i))]
        if earlier:
            return _verb((strong or earlier)[-1])
        for item in items[index + 1 :]:
            if item.kind in ASKING:
                return _verb(item)
        if any(i.kind in ("ASPECT", "MAL") for i in items):
            return Verb("CLS", Intent.CLASSIFICATION)
        return inherited

    def _excludes_finding(self, items: list[Item]) -> bool:
        """ "Exclude tuberculosis" asks a question; "exclude the heart" leaves something out."""
        term = next((i for i in items if i.kind == "T"), None)
        return term is not None and self._is_finding(term)

    def _only_class(self, item: Item) -> bool:
        """Whether a term is a class of some classifier and nothing that a weight outlines."""
        if not (item.form in ("class", "own") or item.concepts[0].startswith("own:")):
            return False
        outlined = any(
            item.concepts[0] in (*c.keys, *(k for _, group in c.structures for k in group))
            for c in self.lexicon.cards
            if c.ability.intent is Intent.SEGMENTATION
        )
        return not outlined and any(item.concepts[0] == key for c in self.lexicon.cards for _, key in c.classes)

    def _is_finding(self, item: Item) -> bool:
        return self.lexicon.is_finding(item.concepts[0])

    def _is_place(self, items: list[Item], index: int, verb: Verb, has_finding: bool) -> bool:
        """Whether an anatomical term only says where: "polyp in the colon", "check the lungs for TB"."""
        item = items[index]
        if self._is_finding(item):
            return False
        if index and items[index - 1].kind == "NEAR":
            return True
        key = item.concepts[0]
        asked_for = any(key in c.keys for c in self.lexicon.cards)
        others = has_finding or any(i.kind == "T" and i is not item for i in items)
        if self.lexicon.vocabulary.concept(key).kind == "region" and others and not asked_for:
            return True
        if verb.intent is not Intent.SEGMENTATION and has_finding:
            return True
        if index and items[index - 1].kind == "PREP" and items[index - 1].text in _PLACING:
            return any(i.kind == "T" for i in items[: index - 1]) and items[index - 2].kind in ("T", "SEEN", "W")
        return False

    def _describes(self, items: list[Item], index: int) -> bool:
        """Whether a term stands in a relative clause: "the tube that ends in the ventricle"."""
        before = next((i for i in reversed(items[:index]) if i.kind == "T"), None)
        if before is None or any(i.kind in (*ASKING, "RUN") for i in items[items.index(before) : index]):
            return False
        between = self.prompt[before.end : items[index].start].lower().split()
        if not between or between[0] not in {"that", "which", "who", "whose", "where"} or len(between) < 2:
            return False
        self.doubts.append(f"'{items[index].text}' was taken to describe '{before.text}'")
        return True

    def _segmented_region(self, items: list[Item]) -> tuple[int, tuple[str, ...]] | None:
        """Place and concepts of "(on) the segmented lungs", "using the lung mask" in a clause that classifies."""
        classifies = any(i.kind in ("CLS", "SOFT", "RUN") for i in items)
        if not classifies:
            return None
        for index, item in enumerate(items):
            if item.kind == "SEG" and item.text in _SEGMENTED and index + 1 < len(items):
                after = items[index + 1]
                if after.kind == "T":
                    return index + 1, after.concepts
                if after.kind in ("W", "IMG", "SEG"):
                    return -1, ()
            if item.kind == "PREP" and item.text in _PLACING | {"using"} and any(i.kind == "T" for i in items[:index]):
                rest = items[index + 1 : index + 3]
                if len(rest) == 2 and rest[0].kind == "T" and rest[1].kind == "SEG" and rest[1].form == "n":
                    return index + 1, rest[0].concepts
                if rest and rest[0].kind == "SEG" and rest[0].form == "n" and (len(rest) < 2 or rest[1].kind != "PREP"):
                    return -1, ()
        return None


def _verb(item: Item) -> Verb:
    if item.kind in ("SEG", "SEGIT"):
        return Verb("SEG", Intent.SEGMENTATION)
    if item.kind == "CLS":
        return Verb("CLS", Intent.CLASSIFICATION)
    if item.kind == "ASPECT":
        return Verb("CLS", Intent.CLASSIFICATION, item.form)
    if item.kind == "GRADE":
        return Verb("CLS", Intent.CLASSIFICATION, "grade")
    return Verb(item.kind)


def referring(clause: Clause, antecedents: list[Ask], inherited: Verb, negated: bool, conditional: bool) -> list[Ask]:
    """Asks of a clause without a term of its own, about what was mentioned before ("segment it", "its type")."""
    asking = [i for i in clause.items if i.kind in ASKING or i.kind in ("ASPECT", "MAL")]
    again = clause.has("RUN") and (clause.has("PRON") or any(i.text == "one" for i in clause.items))
    if not antecedents or not (asking or again):
        return []
    verb = _verb(asking[0]) if asking and asking[0].kind != "MAL" else Verb("CLS", Intent.CLASSIFICATION)
    if asking and verb.kind == "CLS":
        noun = next((i for i in asking if i.kind == "SEG" and i.form in ("n", "v")), None)
        verb = _verb(noun) if noun is not None and not clause.has("ASPECT", "MAL") else verb
    aspect = next((i.form for i in clause.items if i.kind == "ASPECT"), "") or (
        "malignancy" if clause.has("MAL") else verb.aspect
    )
    points = clause.has("PRON", "BOTH", "SEGIT", "ASPECT", "MAL") or any(
        i.form == "n" or i.text == "one" for i in clause.items
    )
    unknown = any(i.kind == "W" and i.form == "unknown" for i in clause.items)
    if (unknown and not points) or (not points and not conditional and not negated and not clause.has("M")):
        return []
    several = clause.has("BOTH") or any(i.text in {"them", "their", "they", "all of them"} for i in clause.items)
    last = antecedents[-1]
    chosen = [a for a in antecedents if several and a.sentence >= last.sentence - 1] or [last]
    outlined = [a for a in chosen if a.intent is Intent.SEGMENTATION]
    if several and verb.kind == "SEG" and outlined and len(outlined) < len(chosen):
        chosen = outlined
    negated = negated or clause.has("NEG", "POSTNEG")
    if again and not asking:
        return [
            replace(a, start=clause.start, end=clause.end, negated=negated, condition=None, cancelled=False)
            for a in chosen
        ]
    return [
        Ask(
            verb.intent,
            a.concepts,
            clause.start,
            clause.end,
            aspect if verb.intent is not Intent.SEGMENTATION else "",
            negated,
            soft=verb.kind == "SOFT",
            unknown="action" if verb.kind == "OTHER" else "measured" if aspect == "measure" else "",
            form=a.form,
        )
        for a in chosen
    ]
