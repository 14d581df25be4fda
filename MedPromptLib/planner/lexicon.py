"""The catalogue in words: every card's own terms, widened by the vocabulary concepts they match.

A card whose target the vocabulary does not know is understood by its target and synonyms alone; a request that matches
a concept no card serves is recognised as such, so that it is refused by name and not sent to something similar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ..catalog import Ability
from ..plan import Intent
from .cues import Cue, cues
from .text import distance, edit_limit
from .vocabulary import SIDES, Vocabulary, Words, vocabulary, words_of
from .words import NEIGHBOURS, ORDINARY, SMALL, word_set

_ASPECT_WORDS = {
    "type": "type",
    "subtype": "type",
    "kind": "type",
    "grade": "grade",
    "grading": "grade",
    "severity": "grade",
    "stage": "stage",
    "malignancy": "malignancy",
    "histology": "histology",
    "status": "",
    "presence": "",
    "detection": "",
    "classification": "",
    "segmentation": "",
    "mask": "",
    "region": "",
    "area": "",
    "classifier": "",
    "diagnosis": "",
    "screening": "",
    "binary": "",
    "multiclass": "",
    "multi": "",
    "class": "",
    "the": "",
    "and": "",
    "of": "",
    "or": "",
    "in": "",
    "on": "",
    "lateral": "",
}
_NORMAL = frozenset(
    ["normal", "healthy", "negative", "none", "no", "not", "non", "absent", "other", "background", "unremarkable"]
)
_BENIGN = frozenset(["benign"])
_MALIGNANT = frozenset(["malignant", "cancer", "cancerous", "carcinoma", "malignancy"])
_GRADES = word_set(
    """
    mild moderate severe proliferative minimal early advanced low high grade stage 1 2 3 4 5 i ii iii iv
    """
)
"""Words of classes that are degrees of one finding."""
_SIDE_OF = {singular_word: side for side, group in SIDES.items() for singular_word in group}


@dataclass(frozen=True, slots=True)
class Modality:
    """An imaging modality and the body region it shows; either may be empty (unknown)."""

    name: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a run of words stands for: one or more concepts, a modality, or a cue."""

    concepts: tuple[str, ...] = ()
    modality: Modality | None = None
    cue: Cue | None = None
    weak: bool = False
    own: bool = False
    """True for words a card brought along."""


@dataclass(slots=True)
class Card:
    """An ability with what its words mean.

    Attributes:
        keys: concepts the target and synonyms stand for.
        structures: name and concept of each structure.
        classes: name and concept (empty if none) of each class.
        aspects: what a classifier tells: `presence`, `type`, `malignancy`, `grade`, `stage`, `histology`.
    """

    ability: Ability
    modality: Modality
    keys: set[str] = field(default_factory=set)
    structures: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    classes: list[tuple[str, str]] = field(default_factory=list)
    aspects: set[str] = field(default_factory=set)

    @property
    def main(self) -> str:
        """The concept the card is named after."""
        return self._main

    _main: str = ""


class Lexicon:
    """Words to meanings for one catalogue and one language."""

    def __init__(self, abilities: Sequence[Ability], language: str) -> None:
        self.vocabulary: Vocabulary = vocabulary()
        self.language = language
        self.meanings: dict[Words, Meaning] = {}
        self.cased: dict[Words, frozenset[str]] = {}
        self._fill_from_vocabulary()
        self._cues = cues(language)
        self._named_alike: set[Words] = set()
        self.cards = [self._card(ability) for ability in abilities]
        for card in self.cards:
            self._add_own_words(card)
        self.longest = max(map(len, [*self.meanings, *self._cues]))
        self._cjk = {
            words[0]: words for words in [*self.meanings, *self._cues] if len(words) == 1 and not words[0].isascii()
        }
        self._longest_cjk = max(map(len, self._cjk), default=1)
        self._known = self._known_words()
        self._corrections: dict[str, tuple[str, int] | None] = {}
        self._slips: dict[str, bool] = {}

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

    def _card(self, ability: Ability) -> Card:
        card = Card(ability, self.read_modality(ability.modality))
        key, aspects = self._read_term(ability.target, ability, card.modality)
        card._main = key
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
            card._main = f"own:{ability.target}"
            card.keys.add(card._main)
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
            words = words_of(name.replace("_", " "))
            general = set(words) & (_NORMAL | _BENIGN | _MALIGNANT) or not words
            key = ""
            if set(words) & _NORMAL:
                card.aspects.add("presence")
            elif set(words) & _MALIGNANT or set(words) & _BENIGN:
                card.aspects.add("malignancy")
            else:
                findings += 1
            if not general or (len(words) > 1 and not set(words) & _NORMAL):
                key = self._read_term(name.replace("_", " "), card.ability, card.modality, fallback=f"own:{name}")[0]
                concept = self.vocabulary.concept(key)
                if concept.kind != "finding" and self.vocabulary.concept(card.main).is_a == "*:lesion":
                    key = f"{key}:lesion"
                if concept.malignant and not card.aspects & {"type"}:
                    card.aspects.add("malignancy")
            card.classes.append((name, key))
        graded = sum(bool(_GRADES & set(words_of(name.replace("_", " ")))) for name in card.ability.classes)
        if graded > 1:
            card.aspects |= {"grade", "presence"}
        elif findings > 1:
            card.aspects.add("type")
        if self.vocabulary.concept(card.main).malignant:
            card.aspects.add("malignancy")
        if not card.aspects & {"type", "malignancy", "grade", "stage", "histology"}:
            card.aspects.add("presence")

    def read_modality(self, text: str) -> Modality:
        """The modality and region named by a card's `modality`; its own words if the vocabulary does not know it."""
        words = words_of(text.replace("_", " "))
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
        words = words_of(text.replace("_", " "))
        exact = self._exact(words, modality)
        if exact:
            return exact, set()
        aspects = {_ASPECT_WORDS[w] for w in words if w in _ASPECT_WORDS} - {""}
        core = tuple(w for w in words if w not in _ASPECT_WORDS)
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

    def _add_own_words(self, card: Card) -> None:
        terms: list[tuple[str, str]] = [(t, card.main) for t in (card.ability.target, *card.ability.synonyms)]
        for structure, (_, keys) in zip(card.ability.structures, card.structures, strict=True):
            terms += [(t, sorted(keys)[0]) for t in (structure.name, *structure.synonyms)]
        terms += [(name.replace("_", " "), key) for name, key in card.classes if key]
        terms += [(word, key) for word, key in self._telling_words(card)]
        for term, key in terms:
            words = words_of(term.replace("_", " "))
            core = tuple(w for w in words if w not in _ASPECT_WORDS) or words
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

    def _telling_words(self, card: Card) -> list[tuple[str, str]]:
        """Words that only one class of a card has: "bacterial" stands for "bacterial pneumonia"."""
        named = [(set(words_of(name.replace("_", " "))), key) for name, key in card.classes if key]
        target = set(words_of(card.ability.target))
        found = []
        for words, key in named:
            others = set().union(*(w for w, k in named if k != key))
            if len(words) > 1:
                found += [(w, key) for w in sorted(words - others - target) if len(w) > 3 and w not in ORDINARY]
        return found

    def _known_words(self) -> dict[str, list[str]]:
        """Words that a typing error may be corrected to, by first letter."""
        found: set[str] = set()
        for form in self.vocabulary.forms:
            if form.english or self.language != "en":
                found.update(form.words)
        for words, meaning in self.meanings.items():
            if meaning.own:
                found.update(words)
        for words, cue in self._cues.items():
            if cue.kind in ("SEG", "CLS", "SOFT", "MAL", "POS", "NEGRES", "ASPECT", "OTHER") and len(words) == 1:
                found.update(words)
        keys = {k for card in self.cards for k in (*card.keys, *(key for _, group in card.structures for key in group))}
        places = keys | {self.region_of(k) for k in keys}
        self._served = {
            w for words, m in self.meanings.items() if m.modality or places & set(m.concepts) for w in words
        }
        found |= {"scan", "image", "otherwise", "negative", "positive", "whether", "malignancy"}
        by_letter: dict[str, list[str]] = {}
        for word in sorted(found):
            if word.isascii() and word.isalpha() and len(word) >= 4 and word not in SMALL:
                by_letter.setdefault(word[0], []).append(word)
        self._all_words = found | {w for words in [*self.meanings, *self._cues] for w in words}
        return by_letter

    # -- using --------------------------------------------------------------------------------------------------------

    def is_known(self, word: str) -> bool:
        """Whether the word belongs to a surface form, a cue or ordinary language."""
        return word in self._all_words or word in ORDINARY or word in SMALL or word in NEIGHBOURS

    def correct(self, word: str) -> tuple[str, int] | None:
        """The medical or asking word that was probably meant, and how many errors that assumes."""
        if word not in self._corrections:
            self._corrections[word] = self._search(word)
        return self._corrections[word]

    def is_slip(self, word: str) -> bool:
        """Whether the word is one typing error away from an ordinary word ("teh", "ther")."""
        if word not in self._slips:
            near = (o for o in ORDINARY | SMALL if len(o) > 2 and abs(len(o) - len(word)) <= 1 and o[0] == word[0])
            self._slips[word] = len(word) > 2 and any(distance(word, o, 1) <= 1 for o in near)
        return self._slips[word]

    def _search(self, word: str) -> tuple[str, int] | None:
        vowelless = len(word) == 3 and not set(word) & set("aeiou")
        limit = 1 if vowelless else edit_limit(word)
        if not limit or not word.isascii() or not word.isalpha():
            return None
        found: list[tuple[int, int, str]] = []
        letters = set(word)
        candidates = list(self._known.get(word[0], ()))
        if len(word) >= 5:
            candidates += self._known.get(word[1], ()) if word[1] != word[0] else ()
        for other in candidates:
            if abs(len(other) - len(word)) > limit or len(letters ^ set(other)) > 2 * limit:
                continue
            allowed = min(limit, edit_limit(other)) if not vowelless else limit
            if other[0] != word[0] and not (other[0] == word[1] and other[1] == word[0]):
                continue
            steps = distance(word, other, allowed)
            if steps <= allowed:
                found.append((steps, 0 if other in self._served else 1, other))
        if not found:
            return None
        found.sort()
        return found[0][2], found[0][0]

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
        if asked.name and card.modality.name and asked.name != card.modality.name:
            return False
        own = card.modality.region or next((self.region_of(k) for k in card.keys), "")
        return self.vocabulary.together(asked.region, own)

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
