"""The catalogue in words: every card's own terms, widened by the vocabulary concepts they match.

A card whose target the vocabulary does not know is understood by its target and synonyms alone; a request that matches
a concept no card serves is recognised as such, so that it is refused by name and not sent to something similar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from ..catalog import Ability, modalities
from ..plan import Intent
from .cards import (
    ASPECT_WORDS,
    BENIGN,
    GRADES,
    MALIGNANT,
    NORMAL,
    SAME,
    Card,
    Meaning,
    Modality,
    core_words,
    marks,
    term_words,
)
from .cues import cues
from .own_words import part_words
from .spelling import Spelling
from .vocabulary import SIDES, Vocabulary, Words, vocabulary, words_of
from .words import ORDINARY, SMALL

__all__ = ["Card", "Lexicon", "Meaning", "Modality", "lexicon_for"]

_SIDE_OF = {singular_word: side for side, group in SIDES.items() for singular_word in group}


class Lexicon:
    """Words to meanings for one catalogue and one language."""

    def __init__(self, abilities: Sequence[Ability], language: str) -> None:
        self.vocabulary: Vocabulary = vocabulary()
        self.language = language
        self.meanings: dict[Words, Meaning] = {}
        self.cased: dict[Words, frozenset[str]] = {}
        self._cues = cues(language)
        self._general: dict[str, str] = dict(self.vocabulary.broader)
        self._fill_from_vocabulary()
        self._tell_images_apart(abilities)
        self._named_alike: set[Words] = set()
        self._classes_alike: dict[Words, str] = {}
        self.cards = [self._card(ability) for ability in abilities]
        for card in self.cards:
            self._add_own_words(card)
        self.meanings.update({w: Meaning(concepts=(key,), own=True) for w, key in self._classes_alike.items()})
        for words, meaning in part_words(self.cards, self.meanings, self._cues, self.vocabulary):
            self.meanings[words] = meaning
        self.company = {card.main: self._company(card) for card in self.cards}
        for card in self.cards:
            for _, group in card.structures:
                self.company.update({k: self._company(card) for k in group if k.startswith("own:")})
        self.marks = [(card, marks(card)) for card in self.cards if card.classes]
        self.longest = max(map(len, [*self.meanings, *self._cues]))
        self._cjk = {
            words[0]: words for words in [*self.meanings, *self._cues] if len(words) == 1 and not words[0].isascii()
        }
        self._longest_cjk = max(map(len, self._cjk), default=1)
        self._spelling = self._spelled()

    # -- building -----------------------------------------------------------------------------------------------------

    def _fill_from_vocabulary(self) -> None:
        for words, forms in self.vocabulary.by_words.items():
            usable = [f for f in forms if f.language in ("", self.language)]
            if not usable:
                continue
            if all(f.cased for f in usable):
                self.cased[words] = frozenset(f.cased for f in usable)
            modality = next((f for f in usable if f.modality), None)
            if modality is not None:
                name, _, region = modality.meaning.partition("/")
                self.meanings[words] = Meaning(modality=Modality(name, region))
            else:
                concepts = tuple(dict.fromkeys(f.meaning for f in usable))
                self.meanings[words] = Meaning(concepts=concepts, weak=all(f.weak for f in usable))

    def _tell_images_apart(self, abilities: Sequence[Ability]) -> None:
        """Read a special modality as the general one unless a card is made for it; learn those only cards know."""
        named = {self.read_modality(kind).name for a in abilities for kind in modalities(a.modality)}
        for name, general in self.vocabulary.broader.items():
            if name not in named:
                self._general[name] = general
                continue
            del self._general[name]
        for words, meaning in self.meanings.items():
            if meaning.modality is not None and meaning.modality.name in self._general:
                general = self._general[meaning.modality.name]
                self.meanings[words] = Meaning(modality=Modality(general, meaning.modality.region))
        for kind in (kind for ability in abilities for kind in modalities(ability.modality)):
            words, modality = term_words(kind), self.read_modality(kind)
            if modality.name != " ".join(words):
                continue
            rare = tuple((w,) for w in words if len(w) > 3 and w not in ORDINARY and (w,) not in self._cues)
            for form in (words, *rare):
                if form not in self.meanings:
                    self.meanings[form] = Meaning(modality=modality, own=True)

    def _card(self, ability: Ability) -> Card:
        first, *others = (self.read_modality(kind) for kind in modalities(ability.modality))
        card = Card(ability, first, others=tuple(other.name for other in others))
        key, aspects = self._read_term(ability.target, ability, card.modality)
        card.main = key
        card.keys.add(key)
        card.aspects |= aspects
        for synonym in ability.synonyms:
            key, aspects = self._read_term(synonym, ability, card.modality, fallback=card.main)
            if not key.startswith("*:"):
                card.keys.add(key)
            card.aspects |= aspects
        for structure in ability.structures:
            names = (structure.name, *structure.synonyms)
            keys = frozenset(
                self._read_term(n, ability, card.modality, fallback=f"own:{structure.name}")[0] for n in names
            )
            card.structures.append((structure.name, keys))
        self._tell_apart(card)
        if len(card.structures) > 1 and any(card.main in keys for _, keys in card.structures):
            # "optic disc and cup" reads like its last structure; the card as a whole is something else.
            card.keys.discard(card.main)
            card.main = f"own:{ability.target}"
            card.keys.add(card.main)
        if ability.intent is Intent.CLASSIFICATION:
            self._add_classes(card)
        return card

    def _tell_apart(self, card: Card) -> None:
        """Give structures that the vocabulary takes for one and the same the concept of their own name."""
        for index, (name, keys) in enumerate(card.structures):
            if any(keys == others for other, others in card.structures if other != name):
                card.structures[index] = (name, frozenset((f"own:{name}",)))
                self._named_alike.add(words_of(name))

    def _add_classes(self, card: Card) -> None:
        findings = 0
        for name in card.ability.classes:
            words = term_words(name)
            general = set(words) & (NORMAL | BENIGN | MALIGNANT) or not words
            key = ""
            if set(words) & NORMAL:
                card.aspects.add("presence")
            elif set(words) & MALIGNANT or set(words) & BENIGN:
                card.aspects.add("malignancy")
            else:
                findings += 1
            if not general or (len(words) > 1 and not set(words) & NORMAL):
                key = self._class_key(name, card)
                concept = self.vocabulary.concept(key)
                if concept.kind != "finding" and self.vocabulary.concept(card.main).is_a == "*:lesion":
                    key = f"{key}:lesion"
                if concept.malignant and not card.aspects & {"type"}:
                    card.aspects.add("malignancy")
            card.classes.append((name, key))
        self._tell_classes_apart(card)
        graded = sum(bool(GRADES & set(term_words(name))) for name in card.ability.classes)
        if graded > 1:
            card.aspects |= {"grade", "presence"}
        elif findings > 1:
            card.aspects.add("type")
        if self.vocabulary.concept(card.main).malignant:
            card.aspects.add("malignancy")
        if not card.aspects & {"type", "malignancy", "grade", "stage", "histology"}:
            card.aspects.add("presence")

    def _tell_classes_apart(self, card: Card) -> None:
        """Give classes that the vocabulary takes for one another, or for the target, a concept of their own."""
        keys = [key for _, key in card.classes]
        several = len(card.ability.positive) > 1
        for index, (name, key) in enumerate(card.classes):
            words = term_words(name)
            if key and (keys.count(key) > 1 or (several and key in card.keys)) and words != term_words(key):
                card.classes[index] = (name, self._composed(words) or f"own:{name}")
                self._classes_alike[words] = card.classes[index][1]

    def _class_key(self, name: str, card: Card) -> str:
        """The concept of a class: its own name's, or that of its name beside the target's ("subdural" hematoma)."""
        words, core = term_words(name), core_words(term_words(card.ability.target))
        if not self._exact(words, card.modality):
            for beside in ((*words, core[-1]), (*core, *words)):
                key = self._exact(beside, card.modality)
                if key and "@" not in key and key not in card.keys - {f"{card.main} {name}"}:
                    return key
        return self._read_term(name, card.ability, card.modality, fallback=f"own:{name}")[0]

    def read_modality(self, text: str) -> Modality:
        """The modality and region named by a card's `modality`; its own words if the vocabulary does not know it."""
        words = term_words(text)
        known = self.meanings.get(words)
        if known and known.modality:
            return known.modality
        name, region, place = "", "", 0
        while place < len(words):
            for size in range(min(6, len(words) - place), 0, -1):
                meaning = self.meanings.get(words[place : place + size])
                if meaning is None:
                    continue
                if meaning.modality:
                    name, region = name or meaning.modality.name, region or meaning.modality.region
                elif not region and meaning.concepts and self.vocabulary.concept(meaning.concepts[0]).kind != "finding":
                    region = meaning.concepts[0]
                place += size - 1
                break
            place += 1
        return Modality(name or " ".join(words), region)

    def _read_term(self, text: str, ability: Ability, modality: Modality, fallback: str = "") -> tuple[str, set[str]]:
        """The concept of a card's term and the aspects in it ("brain tumor type" is `brain:lesion`, {type})."""
        words = term_words(text)
        exact = self._exact(words, modality)
        if exact:
            return exact, set()
        aspects = {ASPECT_WORDS[w] for w in words if w in ASPECT_WORDS} - {""}
        core = tuple(w for w in words if w not in ASPECT_WORDS)
        core = tuple(
            w for w in core if not (self.meanings.get((w,)) and self.meanings[(w,)].modality and len(core) > 1)
        )
        key = self._exact(core, modality) or self._composed(core) or fallback
        return key or "own:" + " ".join(core or words), aspects

    def _exact(self, words: Words, modality: Modality) -> str:
        meaning = self.meanings.get(words)
        if meaning and meaning.concepts:
            fitting = [k for k in meaning.concepts if self.vocabulary.together(self.region_of(k), modality.region)]
            return (fitting or list(meaning.concepts))[0]
        if len(words) > 1 and words[0] in _SIDE_OF:
            rest = self._exact(words[1:], modality)
            return f"{rest}@{_SIDE_OF[words[0]]}" if rest and "@" not in rest else ""
        if len(words) > 1 and words[-1] in _SIDE_OF:
            rest = self._exact(words[:-1], modality)
            return f"{rest}@{_SIDE_OF[words[-1]]}" if rest and "@" not in rest else ""
        return ""

    def _composed(self, words: Words) -> str:
        for cut in range(1, len(words)):
            for first, second in ((words[:cut], words[cut:]), (words[cut:], words[:cut])):
                organ, family = self.meanings.get(first), self.meanings.get(second)
                if not (organ and family and organ.concepts and family.concepts):
                    continue
                place, general = organ.concepts[0], family.concepts[0]
                anatomy = not place.startswith("*:") and self.vocabulary.concept(place).kind != "finding"
                if general.startswith("*:") and anatomy:
                    return place + general[1:]
        return ""

    def region_of(self, key: str) -> str:
        """The body region, organ or structure a concept lies in (itself for anatomy)."""
        concept = self.vocabulary.concept(key)
        return concept.parent if concept.kind == "finding" or ":" in key else key.partition("@")[0]

    def _company(self, card: Card) -> set[str]:
        """What the vocabulary takes the single words of a card's names for: they may stand beside one another."""
        names = (card.ability.target, *card.ability.synonyms, *(s.name for s in card.ability.structures))
        meanings = [self.meanings.get((w,)) for name in names for w in term_words(name)]
        return {k for m in meanings if m is not None and not m.own for k in m.concepts}

    def _add_own_words(self, card: Card) -> None:
        terms: list[tuple[str, str]] = [(t, card.main) for t in (card.ability.target, *card.ability.synonyms)]
        for structure, (_, keys) in zip(card.ability.structures, card.structures, strict=True):
            terms += [(t, sorted(keys)[0]) for t in (structure.name, *structure.synonyms)]
        terms += [(name.replace("_", " "), key) for name, key in card.classes if key and name not in _SIDE_OF]
        telling = marks(card)
        telling |= {w: telling[same] for w, same in SAME.items() if same in telling}
        terms += [(w, key) for w, key in telling.items() if len(w) > 3 and w not in ORDINARY and w not in _SIDE_OF]
        for term, key in terms:
            words = term_words(term)
            if words in self.cased and len(term) > 2 and words[0] not in ORDINARY | SMALL:
                del self.cased[words]
            core = tuple(w for w in words if w not in ASPECT_WORDS) or words
            for form in {words, core}:
                known = self.meanings.get(form)
                if known and (known.concepts or known.modality) and not known.own and form not in self._named_alike:
                    continue
                if known and known.own and key in known.concepts:
                    continue
                if len(form) == 1 and (form[0] in SMALL or form in self._cues):
                    continue
                if self._exact(form, card.modality) or (self._composed(form) and term != card.ability.target):
                    continue
                self.meanings[form] = Meaning(concepts=(*(known.concepts if known else ()), key), own=True)
                if term.isupper() and len(term) <= 3 and form[0] in ORDINARY | SMALL:
                    self.cased[form] = frozenset((term,))

    def _spelled(self) -> Spelling:
        """What a typing error may be corrected to."""
        found: set[str] = set()
        asking: set[str] = set()
        for form in self.vocabulary.forms:
            if form.english or self.language != "en":
                found.update(form.words)
        for words, meaning in self.meanings.items():
            if meaning.own:
                found.update(words)
        for words, cue in self._cues.items():
            if (
                cue.kind in ("SEG", "CLS", "SOFT", "MAL", "POS", "NEGRES", "ASPECT", "OTHER", "GRADE")
                and len(words) == 1
            ):
                found.update(words)
                asking.update(words if cue.kind != "OTHER" else ())
        keys = {k for card in self.cards for k in (*card.keys, *(key for _, group in card.structures for key in group))}
        places = keys | {self.region_of(k) for k in keys} | {card.modality.region for card in self.cards}
        images = {name for card in self.cards for name in card.images}
        images |= {self.vocabulary.broader.get(name, "") for name in images}
        served = {
            w
            for words, m in self.meanings.items()
            if places & set(m.concepts) or (m.modality and m.modality.name in images)
            for w in words
        }
        found |= {"scan", "image", "otherwise", "negative", "positive", "whether", "malignancy"}
        return Spelling(found, asking, found | {w for words in [*self.meanings, *self._cues] for w in words}, served)

    # -- using --------------------------------------------------------------------------------------------------------

    def is_known(self, word: str) -> bool:
        """Whether the word belongs to a surface form, a cue or ordinary language."""
        return self._spelling.is_known(word)

    def is_side(self, word: str) -> bool:
        """Whether the word says on which side, or how far up, something lies."""
        return word in _SIDE_OF

    def correct(self, word: str) -> tuple[str, int] | None:
        """The medical or asking word that was probably meant, and how many errors that assumes."""
        return self._spelling.correct(word)

    def is_slip(self, word: str) -> bool:
        """Whether the word is one typing error away from an ordinary word ("teh", "ther")."""
        return self._spelling.is_slip(word)

    def lookup(self, words: Words, raw: Sequence[str]) -> Meaning | None:
        """The meaning of exactly these words; `raw` as typed, for forms that need capitals."""
        meaning = self.meanings.get(words)
        if meaning is not None and words in self.cased and "".join(raw) not in self.cased[words]:
            meaning = None
        cue = self._cues.get(words)
        if meaning is not None and (
            meaning.own or cue is None or len(words) > 1 or meaning.concepts or meaning.modality
        ):
            return meaning
        return Meaning(cue=cue) if cue else None

    def divide(self, run: str) -> list[str]:
        """An East Asian run cut into known words, longest first; unknown stretches stay together."""
        parts: list[str] = []
        unknown, place = "", 0
        while place < len(run):
            size = next(
                (
                    n
                    for n in range(min(self._longest_cjk, len(run) - place), 0, -1)
                    if run[place : place + n] in self._cjk
                ),
                0,
            )
            if not size:
                unknown += run[place]
                place += 1
                continue
            if unknown:
                parts.append(unknown)
                unknown = ""
            parts.append(run[place : place + size])
            place += size
        if unknown:
            parts.append(unknown)
        return parts

    def fits(self, card: Card, asked: Modality | None) -> bool:
        """Whether a card was made for images of the modality the request names (always, if it names none)."""
        if asked is None:
            return True
        if asked.name and card.modality.name and asked.name not in card.images:
            narrower = any(self.vocabulary.broader.get(name) == asked.name for name in card.images)
            return narrower and self._shows(card, asked)
        return self._shows(card, asked)

    def only_card(self, intent: Intent, images: Modality, aspect: str = "") -> Card | None:
        """The one card of an intent, and aspect, that was made for just these images; None if there is none or more."""
        cards = [
            card
            for card in self.cards
            if card.ability.intent is intent
            and card.modality.name == images.name
            and self.fits(card, images)
            and (not aspect or aspect in card.aspects)
        ]
        return cards[0] if len(cards) == 1 else None

    def _shows(self, card: Card, asked: Modality) -> bool:
        places = [card.modality.region] if card.modality.region else [self.region_of(k) for k in sorted(card.keys)]
        return not places or any(self.vocabulary.together(asked.region, place) for place in places)

    def is_finding(self, key: str) -> bool:
        """Whether a classifier may tell of a concept: a finding, or any target or class of a classification card."""
        return self.vocabulary.concept(key).kind == "finding" or any(
            key in c.keys or any(key == name for _, name in c.classes)
            for c in self.cards
            if c.ability.intent is Intent.CLASSIFICATION
        )

    def name(self, key: str) -> str:
        """A concept in the catalogue's term if a card is named after it, else the vocabulary's."""
        for card in self.cards:
            if card.main == key:
                return card.ability.target
        return self.vocabulary.concept(key).canonical.removeprefix("own:")


@lru_cache(maxsize=32)
def _lexicon(abilities: tuple[Ability, ...], language: str) -> Lexicon:
    return Lexicon(abilities, language)


def lexicon_for(abilities: Iterable[Ability], language: str) -> Lexicon:
    """The lexicon of a catalogue, built once per catalogue and language."""
    return _lexicon(tuple(abilities), language)
