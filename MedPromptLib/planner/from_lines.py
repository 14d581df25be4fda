"""The language model's lines into asks: spans are looked up with the same vocabulary and cards the rules use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..catalog import Ability
from ..plan import Intent
from .actions import Ask
from .conditions import When
from .describing import described
from .interpretation import Interpretation, Leftover
from .items import Item
from .joining import is_family
from .lexicon import Modality
from .lines import Line, LineCondition
from .reading import Reading, read, unit_factor
from .resolve import Found, Resolver, Wish
from .vocabulary import words_of

_INTENTS = {
    "seg": Intent.SEGMENTATION,
    "cls": Intent.CLASSIFICATION,
    "type": Intent.CLASSIFICATION,
    "malig": Intent.CLASSIFICATION,
    "grade": Intent.CLASSIFICATION,
    "any": None,
    "all": None,
}
_ASPECTS = {"type": "type", "malig": "malignancy", "grade": "grade"}
_CHARACTERS = {"benign": "benign", "malignant": "malignant", "normal": "normal", "healthy": "normal"}
_UPWARDS = frozenset(["worse", "higher", "above", "least", "more", "upward", "upwards", "beyond", "over", "up"])
_DOWNWARDS = frozenset(["below", "lower", "less", "most", "downward", "under", "better", "milder"])
_SENTENCE_END = re.compile(r"[.?!。？！;；](?=\s|$)|[。？！；\n]")
_POWERS = str.maketrans("²³", "23")
_SIZE = re.compile(r"(\d+(?:[.,]\d+)?)\s*([a-zµ]+[23²³]?)", re.IGNORECASE)


class LineReader:
    """Turns the lines for one prompt into an `Interpretation`.

    Args:
        reading: the prompt, read against a catalogue.
        text: the text the lines were copied from, as long as the prompt.
    """

    def __init__(self, reading: Reading, text: str, abilities: Sequence[Ability]) -> None:
        self.reading, self.text, self.abilities = reading, text, abilities
        self.lexicon = reading.lexicon
        self.resolver = Resolver(self.lexicon)
        self.out = Interpretation(doubts=list(reading.doubts), items=reading.items)
        self.tasks: list[Ask | None] = []
        self._words: list[str] = []
        self._several = False
        self._used: list[tuple[int, int]] = []

    def run(self, lines: Sequence[Line]) -> Interpretation:
        """All lines, in order."""
        self.out.modalities = [i.modality for i in self.reading.items if i.modality is not None]
        self._several = sum(line.verb == "on" for line in lines) > 1
        for number, line in enumerate(lines):
            if line.verb == "ask":
                self.out.vague = True
            elif line.verb == "skip":
                start, end = self._place(line.spans[0])
                self.out.leftovers.append(Leftover(start, end, "address"))
            elif line.verb == "on":
                modality = self._modality(line.spans[0])
                if modality is not None:
                    self.out.contexts.append(modality)
            elif line.verb == "not":
                ask = self._ask(replace(line, verb=line.scope), number)
                if ask is None:
                    self.out.leftovers.pop()  # what nothing does need not be left out
                else:
                    # whatever the order of the lines, an exclusion holds for all of them
                    self.out.asks.append(replace(ask, negated=True, start=len(self.text), end=len(self.text)))
            else:
                self.tasks.append(self._task(line, number))
                self._words.append(" ".join(line.spans))
        self._found_by_outlining()
        return self.out

    def _found_by_outlining(self) -> None:
        """ "If there is a polyp, …" where polyps are only segmented: the mask decides, no check is asked for."""
        subjects = [s for a in self.out.asks if isinstance(a.condition, When) for s in a.condition.subjects]
        for ask in [a for a in self.out.asks if any(a is s for s in subjects)]:
            if ask.intent is not Intent.CLASSIFICATION or ask.aspect or ask.condition is not None:
                continue
            wish = Wish(ask.intent, ask.concepts, "", ask.modality)
            outlined = self.resolver.resolve(replace(wish, intent=Intent.SEGMENTATION))
            if isinstance(outlined, Found) and not isinstance(self.resolver.resolve(wish), Found):
                self.out.asks.remove(ask)

    def _task(self, line: Line, number: int) -> Ask | None:
        ask = self._ask(line, number)
        if ask is None:
            return None
        if line.within:
            region = self.tasks[line.within - 1]
            ask.on_segmented = region.concepts if region is not None else None
            if region is None:
                self.out.doubts.append(f"the region of line {line.within} is not known")
        if line.conditions:
            ask.condition = self._when(line)
        self.out.asks.append(ask)
        return ask

    def _ask(self, line: Line, number: int) -> Ask | None:
        modality = self._modality(line.image) if line.image else None
        if line.verb == "all":
            intent = {"seg": Intent.SEGMENTATION, "cls": Intent.CLASSIFICATION}.get(line.scope)
            return Ask(intent, (), 0, len(self.text), modality=modality, everything=True)
        words = " ".join(line.spans)
        start, end = self._place(line.spans[0])
        found = self._terms(line.spans, start, end)
        ask = Ask(_INTENTS[line.verb], (), start, end, _ASPECTS.get(line.verb, ""))
        if found:
            head = self._head(found, words)
            ask.concepts, ask.form = head.concepts, head.form
        ask.modality = modality or self._image_around(start, end)
        if not found or not self._is_named(words, ask):
            hit = described(words, ask.intent, ask.modality or self._only_modality(), self.lexicon)
            if hit is not None:
                ask.concepts = (hit.concept,)
                self.out.doubts.append(f"'{words}' was taken for {hit.name}")
        if not ask.concepts:
            self._by_image(ask, words)
        if not ask.concepts:
            self.out.leftovers.append(Leftover(start, end, "unknown"))
            return None
        ask.sentence = len(_SENTENCE_END.findall(self.text[:start]))
        ask.group = ask.clause = number
        if line.verb == "any":
            self.out.doubts.append("no verb says what to do")
        return ask

    def _by_image(self, ask: Ask, words: str) -> None:
        """ "Classify the Pap smear": what the only weight of that intent for such images does."""
        modality = next((i.modality for i in read(words, words, self.abilities).items if i.modality is not None), None)
        if modality is None or not modality.name:
            return
        card = self.lexicon.only_card(ask.intent, modality, ask.aspect) if ask.intent is not None else None
        if card is not None:
            ask.concepts, ask.modality = (card.main,), modality
            self.out.doubts.append(f"'{words}' was taken to mean {card.ability.target}")

    def _image_around(self, start: int, end: int) -> Modality | None:
        """The image named within the term's own words ("the fluid on the OCT"), or in the sentence it stands in."""
        marks = [i.modality for i in self.reading.items if i.modality is not None and start <= i.start and i.end <= end]
        if marks:
            return marks[-1]
        return self.out.contexts[-1] if self._several and self.out.contexts else None

    # -- words --------------------------------------------------------------------------------------------------------

    def _place(self, span: str) -> tuple[int, int]:
        """Where a span stands: the first place not yet used, else the first."""
        places = [(m.start(), m.end()) for m in re.finditer(re.escape(span), self.text)]
        whole = [p for p in places if not self._inside_word(p)] or places
        free = [p for p in whole if p not in self._used] or whole
        if not free:
            return 0, 0
        self._used.append(free[0])
        return free[0]

    def _inside_word(self, place: tuple[int, int]) -> bool:
        def latin(char: str) -> bool:
            return char.isalnum() and ord(char) < 0x2E80

        start, end = place
        return (latin(self.text[start - 1 : start] or " ") and latin(self.text[start])) or (
            latin(self.text[end : end + 1] or " ") and latin(self.text[end - 1])
        )

    def _terms(self, spans: tuple[str, ...], start: int, end: int) -> list[Item]:
        """Medical terms in the words: as the whole prompt's reading has them, or in the words alone."""
        if len(spans) == 1:
            within = [i for i in self.reading.items if i.kind == "T" and start <= i.start and i.end <= end]
            if len(within) == 1:
                return within
            across = [i for i in self.reading.items if i.kind == "T" and i.start < end and start < i.end]
            if len(across) == 1:
                return across
        words = " ".join(spans)
        alone = read(words, words, self.abilities).items
        terms = [i for i in alone if i.kind == "T"]
        if not terms:
            terms = [Item("T", "", i.text, start, end, i.concepts) for i in alone if i.kind == "M" and i.concepts]
        return terms

    def _is_named(self, words: str, ask: Ask) -> bool:
        """Whether the words name a term, served or not; otherwise they describe something the vocabulary lacks."""
        wish = Wish(ask.intent, ask.concepts, ask.aspect, ask.modality)
        if isinstance(self.resolver.resolve(wish), Found):
            return True
        if ask.intent is Intent.CLASSIFICATION and not self.lexicon.is_finding(ask.concepts[0]):
            return False  # "check the placenta": no finding is named, so a card may be about one there
        alone = read(words, words, self.abilities).items
        return not any(i.kind == "W" and i.form in ("unknown", "ordinary") for i in alone)

    def _only_modality(self) -> Modality | None:
        named = list(dict.fromkeys(self.out.contexts or self.out.modalities))
        return named[0] if len(named) == 1 else None

    def _head(self, terms: list[Item], words: str) -> Item:
        """The term that is meant, of several in one span."""
        if len(terms) > 1:
            self.out.doubts.append(f"'{words}' names more than one thing")
            findings = [t for t in terms if self.lexicon.is_finding(t.concepts[0])]
            specific = [t for t in findings if not is_family(t.concepts)] or findings
            if specific:
                return specific[0]
        return terms[0]

    def _modality(self, span: str) -> Modality | None:
        pieces = span.split(" + ")
        start, end = self._place(pieces[0])
        marks = [i.modality for i in self.reading.items if i.modality is not None and i.start < end and start < i.end]
        if len(marks) == 1 and len(pieces) == 1:
            return marks[0]
        words = " ".join(pieces)
        alone = read(words, words, self.abilities).items
        modality = next((i.modality for i in alone if i.modality is not None), None)
        if modality is None and marks:
            modality = marks[0]
        if modality is None and any(i.kind == "W" and i.form == "unknown" for i in alone):
            self.out.doubts.append(f"the images '{words}' were not understood")
        return modality

    # -- conditions ---------------------------------------------------------------------------------------------------

    def _when(self, line: Line) -> When:
        subjects: list[Ask] = []
        unknown: list[int] = []
        results: list[str] = []
        inverted, character, size = False, "", 0.0
        for index, condition in enumerate(line.conditions):
            subject = self.tasks[condition.line - 1]
            negative = condition.relation in ("no", "not", "<")
            if index and negative != inverted:
                self.out.doubts.append("a condition of two opposite parts was simplified")
            inverted = negative if not index else inverted
            if subject is None:
                unknown.append(condition.line)
                continue
            if condition.relation in ("is", "not"):
                named = self._results(condition.span, subject)
                results += named
                if not named:
                    subject, character = self._named(condition, subject)
            if condition.relation in "<>":
                size = self._size(condition.span)
            subjects.append(subject)
        if unknown and (line.every or not subjects):
            # what nothing can check cannot be taken to hold
            words = self._words[unknown[0] - 1]
            subjects = [Ask(Intent.CLASSIFICATION, (f"own:{words}",), 0, 0)]
        every = line.every and len({c.line for c in line.conditions}) > 1
        return When(tuple(subjects), (), inverted, character, size, every, str(line), tuple(results))

    def _results(self, span: str, subject: Ask) -> list[str]:
        """The classes of the subject's card that a result names: one, or with "or worse" all from it up or down."""
        if not subject.concepts:
            return []
        outcome = self.resolver.resolve(Wish(subject.intent, subject.concepts, subject.aspect, subject.modality))
        classes = outcome.card.ability.classes if isinstance(outcome, Found) else ()
        said = set(words_of(span))
        fits = [(len(set(words_of(c.replace("_", " "))) & said), n) for n, c in enumerate(classes)]
        best = max((count for count, _ in fits), default=0)
        hits = [n for count, n in fits if count == best]
        if not best or len(hits) != 1:
            return []
        place = hits[0]
        if said & _UPWARDS:
            return list(classes[place:])
        return list(classes[: place + 1]) if said & _DOWNWARDS else [classes[place]]

    def _named(self, condition: LineCondition, subject: Ask) -> tuple[Ask, str]:
        """The asked check with the named result for its concept; or the result as a word of a class."""
        for word in words_of(condition.span):
            if word in _CHARACTERS:
                return subject, _CHARACTERS[word]
        start, end = self._place(condition.span)
        here = [i for i in self.reading.items if start <= i.start and i.end <= end]
        for item in [*here, *read(condition.span, condition.span, self.abilities).items]:
            if item.kind == "MAL":
                return subject, item.form
            if item.kind == "NEGRES":
                return subject, "normal"
        terms = self._terms((condition.span,), start, end)
        if terms:
            key = terms[0].concepts
            about = f"{key[0]}:lesion"
            if any(about == k for card in self.lexicon.cards for _, k in card.classes):
                key = (about,)
            return replace(subject, concepts=key, aspect="", condition=None), ""
        self.out.doubts.append(f"the result '{condition.span}' was not understood")
        return subject, ""

    def _size(self, span: str) -> float:
        found = _SIZE.search(span)
        factor = unit_factor(found[2].lower().translate(_POWERS)) if found else None
        if found is None or factor is None:
            self.out.doubts.append(f"the size '{span}' was not understood")
            return 0.0
        return float(found[1].replace(",", ".")) * factor
