"""Terms to weights: which card, if any, does what a request names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..plan import Intent, Task
from ..routing import is_for
from .joining import is_family
from .lexicon import Card, Lexicon, Modality
from .messages import OTHER_IMAGES
from .vocabulary import words_of


@dataclass(frozen=True, slots=True)
class Found:
    """A card that serves a request, and the structures of it that are wanted (empty: all)."""

    card: Card
    structures: tuple[str, ...] = ()
    doubt: str = ""
    alternatives: tuple[Card, ...] = ()
    """Cards for the same target on other images, if the request leaves the images open."""


@dataclass(frozen=True, slots=True)
class Unserved:
    """No card serves the request; `reason` says so in one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Vague:
    """Several readings remain; `question` asks."""

    question: str


Outcome = Found | Unserved | Vague


@dataclass(slots=True)
class Wish:
    """One thing asked for, in words.

    Attributes:
        intent: None if the words leave it open.
        concepts: possible concepts of the term.
        aspect: `type`, `malignancy`, `grade`, `histology` or empty.
        modality: stated for this very term; a mismatch is a refusal.
        hint: the modality of the rest of the prompt; only a preference.
        places: organs named nearby, nearest first, for terms without an organ.
    """

    intent: Intent | None
    concepts: tuple[str, ...]
    aspect: str = ""
    modality: Modality | None = None
    hint: Modality | None = None
    places: Sequence[str] = field(default_factory=tuple)


class Resolver:
    """Matches wishes against one catalogue."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.vocabulary = lexicon.vocabulary
        self.segmenters = [c for c in lexicon.cards if c.ability.intent is Intent.SEGMENTATION]
        self._named = {k for c in lexicon.cards for k in (*c.keys, *(k for _, group in c.structures for k in group))}
        self.classifiers = [c for c in lexicon.cards if c.ability.intent is Intent.CLASSIFICATION]

    def resolve(self, wish: Wish) -> Outcome:
        """The card for a wish, or why there is none."""
        if is_family(wish.concepts):
            return self._family(wish)
        outcomes = [self._one_or_larger(wish, key) for key in wish.concepts]
        found = [o for o in outcomes if isinstance(o, Found)]
        shared = len(found) > 1 and all(k.startswith("own:") or k in self._named for k in wish.concepts)
        if shared and len({o.card.ability.id for o in found}) > 1:
            hinted = [o for o in found if wish.hint is not None and self.lexicon.fits(o.card, wish.hint)]
            if len(hinted) != 1:
                names = " or ".join(o.card.ability.target for o in found)
                return Vague(f"Which is meant: {names}?")
            return hinted[0]
        return found[0] if found else next((o for o in outcomes if isinstance(o, Vague)), outcomes[0])

    def _one_or_larger(self, wish: Wish, key: str) -> Outcome:
        """A card for a concept; a finding in a part of an organ ("fracture of the scaphoid") is one in the organ."""
        outcome = self._one(wish, key)
        if not isinstance(outcome, Unserved):
            return outcome
        organ, colon, family = key.partition(":")
        if colon and organ not in ("own", "*"):
            for larger in self._organs(organ)[1:3]:
                found = self._one(wish, f"{larger}:{family}")
                if isinstance(found, Found):
                    return replace(found, doubt=f"a {family} of the {organ} was taken as one of the {larger}")
            inside = self._within(organ, family, wish, wish.aspect)
            if isinstance(inside, Found) and self.vocabulary.concept(organ).kind == "anatomy":
                return replace(inside, doubt=f"{self.lexicon.name(key)} was taken to mean {inside.card.ability.target}")
        return outcome

    # -- a term that names its organ ----------------------------------------------------------------------------------

    def _one(self, wish: Wish, key: str) -> Outcome:
        if wish.intent is Intent.SEGMENTATION:
            return self._segment(wish, key)
        if wish.intent is Intent.CLASSIFICATION:
            return self._classify(wish, key)
        finding = self.vocabulary.concept(key).kind == "finding"
        order = (self._classify, self._segment) if finding or wish.aspect else (self._segment, self._classify)
        first = order[0](wish, key)
        if isinstance(first, (Found, Vague)):
            return first
        second = order[1](wish, key)
        return second if isinstance(second, Found) and not wish.aspect else first

    def _segment(self, wish: Wish, key: str) -> Outcome:
        candidates: list[Found] = []
        for level, name in enumerate((key, *self.vocabulary.generals(key))):
            for card in self.segmenters:
                found = self._part_of_card(card, name)
                if found is not None:
                    candidates.append(found)
            if candidates and (level == 0 or self.vocabulary.concept(key).kind == "finding"):
                break
        if not candidates:
            candidates = self._children(key, self.segmenters) or self._made_of(key)
        sided = [] if candidates else self._one_side(key)
        if sided:
            return Vague(f"Only the {' and the '.join(sided)} can be segmented: is that meant?")
        return self._choose(candidates, wish, key)

    def _one_side(self, key: str) -> list[str]:
        """What the catalogue segments of a pair or a part: the left atrium, where "the atria" were asked for."""
        keys = [k for c in self.segmenters for group in (c.keys, *(g for _, g in c.structures)) for k in group]
        names = [self.vocabulary.concept(k).canonical for k in keys if k.startswith(f"{key}@")]
        return list(dict.fromkeys(names))

    def _part_of_card(self, card: Card, key: str) -> Found | None:
        """The card if its target is `key`, or those of its structures that are."""
        if key in card.keys:
            return Found(card)
        names = tuple(name for name, keys in card.structures if key in keys)
        if not names and "@" not in key:
            parts = {
                name: {k.partition("@")[2] for k in keys if k.startswith(f"{key}@")} for name, keys in card.structures
            }
            parts = {name: sides for name, sides in parts.items() if sides}
            if len(parts) > 1:
                names = tuple(parts)
        if not names and key in {k.partition("@")[0] for k in card.keys}:
            return None
        if len(names) == len(card.structures) and names:
            return Found(card)
        return Found(card, names) if names else None

    def _children(self, key: str, cards: list[Card]) -> list[Found]:
        """Cards whose target is a case of a lay general term ("growth in the bowel" for a polyp weight)."""
        return [Found(c, doubt="") for c in cards if any(key in self.vocabulary.generals(k) for k in c.keys)]

    def _made_of(self, key: str) -> list[Found]:
        """A card that segments every part of a whole as structures of its own (putamen and pallidum)."""
        parts = [c.id for c in self.vocabulary.concepts.values() if c.parent == key and c.kind == "anatomy"]
        found = []
        for card in self.segmenters:
            names = {p: [n for n, keys in card.structures if p in keys] for p in parts}
            if len(parts) > 1 and all(names.values()):
                found.append(Found(card, tuple(n for n, keys in card.structures if keys & set(parts))))
        return found

    def _classify(self, wish: Wish, key: str) -> Outcome:
        names = (key, *self.vocabulary.generals(key))
        malignant = self.vocabulary.concept(key).malignant
        aspect = wish.aspect
        direct = [c for c in self.classifiers if key in c.keys]
        by_class = [c for c in self.classifiers if any(key == k for _, k in c.classes)]
        if aspect in ("grade", "histology", "measure", "position"):
            cards = [c for c in (*direct, *by_class) if aspect in c.aspects]
            if not cards and aspect == "grade":
                cards = [c for c in self._about(names) if c.aspects & {"grade", "stage"}]
                only = self._of_organ(wish, key)
                if not cards and isinstance(only, Found):
                    return only
        elif aspect == "malignancy":
            cards = [c for c in self._about(names) if "malignancy" in c.aspects]
        elif aspect == "type":
            cards = [c for c in self._about(names) if "type" in c.aspects] or [
                c for c in self._about(names) if len(c.classes) > 2 and "malignancy" not in c.aspects
            ]
        else:
            cards = direct or by_class
            if not cards and malignant:
                organ = self.vocabulary.concept(key).parent
                general = [n for n in names if n.endswith(":lesion")]
                named = key in (f"{organ}:lesion", f"{organ} cancer")
                cards = [c for c in self._about(general) if "malignancy" in c.aspects] if named else []
            if not cards and not malignant and key.endswith(":lesion"):
                cards = self._about([key])
            if not cards and not malignant and self.vocabulary.concept(key).kind == "finding":
                cards = [c for c in self.classifiers if any(key in self.vocabulary.generals(k) for k in c.keys)]
                asked = wish.modality or wish.hint
                if len(cards) == 1 and (asked is None or asked.region != cards[0].modality.region):
                    found = self._choose([Found(cards[0])], wish, key)
                    doubt = f"{self.lexicon.name(key)} was taken to mean {cards[0].ability.target}"
                    return replace(found, doubt=doubt) if isinstance(found, Found) else found
            if not cards and aspect != "position":
                return self._of_organ(wish, key)
        if len(cards) > 1:
            narrower = [c for c in cards if c in direct and c.main == key] or [c for c in cards if c in direct]
            cards = narrower or cards
        return self._choose([Found(c) for c in _distinct(cards)], wish, key)

    def _of_organ(self, wish: Wish, key: str) -> Outcome:
        """The only classifier of a finding of this very structure: "assess the meniscus" for meniscal tears."""
        concept = self.vocabulary.concept(key)
        cards = (
            []
            if concept.kind != "anatomy"
            else [
                c
                for c in self.classifiers
                if any(self.lexicon.region_of(k) == key for k in c.keys)
                and self.lexicon.fits(c, wish.modality)
                and (not wish.aspect or wish.aspect in c.aspects)
            ]
        )
        if len(cards) != 1:
            return self._choose([], wish, key)
        return Found(cards[0], doubt=f"{self.lexicon.name(key)} was taken to mean {cards[0].ability.target}")

    def _about(self, keys: Sequence[str]) -> list[Card]:
        """Classifiers of these findings or of a case of them (melanoma for skin lesion)."""
        wanted = set(keys)
        return [
            c
            for c in self.classifiers
            if c.keys & wanted
            or any(k in wanted for _, k in c.classes)
            or any(wanted & set(self.vocabulary.generals(k)) for k in c.keys)
        ]

    # -- a term without an organ --------------------------------------------------------------------------------------

    def _family(self, wish: Wish) -> Outcome:
        family = "lesion" if wish.concepts[0] == "cancer" else wish.concepts[0][2:].partition("@")[0]
        aspect = wish.aspect or (
            "malignancy" if wish.concepts[0] == "cancer" and wish.intent is not Intent.SEGMENTATION else ""
        )
        stated = wish.modality.region if wish.modality else ""
        hinted = wish.hint.region if wish.hint else ""
        places = [p for p in dict.fromkeys((stated, *wish.places, hinted)) if p]
        for place in places:
            for organ in self._organs(place):
                found = self._one(_with(wish, aspect), f"{organ}:{family}")
                if isinstance(found, Found):
                    return found
            for organ in self._organs(place):
                inside = self._within(organ, family, wish, aspect)
                if inside is not None:
                    return inside
        blocked = next((p for p in wish.places if self.vocabulary.concept(p).kind != "region"), "")
        asked = wish.modality or wish.hint
        if not stated and not blocked and asked is not None:
            somewhere = self._anywhere(family, wish, aspect, asked)
            if somewhere is not None:
                return somewhere
        if family != "lesion" and not (stated or blocked or asked):
            cards = [c for c in self._pool(wish, aspect) if self._of_family(c, family)]
            if len(cards) == 1:
                return Found(cards[0], doubt=f"no organ was named; {cards[0].ability.target} was taken to be meant")
        word = self.vocabulary.concept(f"*:{family}").canonical
        if (
            stated
            or blocked
            or (asked is not None and not any(self.lexicon.fits(c, asked) for c in self.lexicon.cards))
        ):
            return Unserved(
                self._sorry(wish, f"{self.lexicon.name(stated or blocked)} {word}" if stated or blocked else word)
            )
        return Vague(f"Which {word} is meant: please name the organ and the imaging modality.")

    def _organs(self, place: str) -> list[str]:
        """The place and what contains it, up to but without the body region (a region itself stands alone)."""
        chain = [place]
        for outer in self.vocabulary.ancestors(place):
            if self.vocabulary.concept(outer).kind == "region":
                break
            chain.append(outer)
        return chain

    def _pool(self, wish: Wish, aspect: str) -> list[Card]:
        if wish.intent is Intent.SEGMENTATION:
            return self.segmenters
        cards = self.classifiers if wish.intent is Intent.CLASSIFICATION else [*self.classifiers, *self.segmenters]
        return [c for c in cards if not aspect or aspect in c.aspects or (aspect == "type" and len(c.classes) > 2)]

    def _of_family(self, card: Card, family: str) -> bool:
        return family in self._families(card) or any(
            k.endswith(f":{family}")
            or any(g.endswith(f":{family}") for g in (self.vocabulary.concept(k).is_a, *self.vocabulary.generals(k)))
            for k in card.keys
        )

    def _families(self, card: Card) -> set[str]:
        """Families of findings that a card's own names contain as a word ("thrombus" in "intraluminal thrombus")."""
        words = {w for name in (card.ability.target, *card.ability.synonyms) for w in words_of(name)}
        meanings = (self.lexicon.meanings.get((word,)) for word in words)
        return {k[2:] for m in meanings if m is not None for k in m.concepts if k.startswith("*:")}

    def _within(self, place: str, family: str, wish: Wish, aspect: str) -> Outcome | None:
        cards = [c for c in self._pool(wish, aspect) if self._of_family(c, family)]
        inside = [
            c
            for c in cards
            if place == c.modality.region
            or any(place in (self.lexicon.region_of(k), *self.vocabulary.ancestors(k)) for k in c.keys)
        ]
        return self._choose([Found(c) for c in inside], wish, f"{place}:{family}") if inside else None

    def _anywhere(self, family: str, wish: Wish, aspect: str, asked: Modality) -> Outcome | None:
        cards = [c for c in self._pool(wish, aspect) if self._of_family(c, family) and self.lexicon.fits(c, asked)]
        organs = {self.lexicon.region_of(k) for c in cards for k in c.keys}
        if len(organs) > 1:
            return Vague("Several organs are possible on these images: please name the organ.")
        return self._choose([Found(c) for c in cards], wish, f"*:{family}") if cards else None

    # -- choosing and explaining --------------------------------------------------------------------------------------

    def _choose(self, candidates: list[Found], wish: Wish, key: str) -> Outcome:
        name = self.lexicon.name(key)
        if not candidates:
            return Unserved(self._sorry(wish, name))
        fitting = [f for f in candidates if self.lexicon.fits(f.card, wish.modality)]
        if not fitting:
            made_for = ", ".join(dict.fromkeys(f.card.ability.modality for f in candidates))
            doing = "segments" if candidates[0].card.ability.intent is Intent.SEGMENTATION else "classifies"
            return Unserved(f"The installed weight that {doing} {name} was made for {made_for}, {OTHER_IMAGES}.")
        asked = wish.modality or wish.hint
        if asked is not None and asked.name:
            fitting = [f for f in fitting if asked.name in f.card.images] or fitting
        if len(fitting) > 1 and wish.hint is not None:
            fitting = [f for f in fitting if self.lexicon.fits(f.card, wish.hint)] or fitting
        whole = [f for f in fitting if key in f.card.keys or any(key in k for _, k in f.card.structures)] or fitting
        if len(whole) > 1:
            whole = [f for f in whole if key == f.card.main] or [f for f in whole if key in f.card.keys] or whole
        modalities = {f.card.modality.name for f in whole}
        if len(whole) > 1 and len(modalities) > 1 and (wish.modality is None or not wish.modality.name):
            if _alike(whole):
                return replace(whole[0], alternatives=tuple(f.card for f in whole[1:]))
            kinds = " or ".join(dict.fromkeys(f.card.ability.modality for f in whole))
            return Vague(f"On which images is {name} meant: {kinds}?")
        best = whole[0]
        if len(whole) > 1:
            others = ", ".join(f.card.ability.id for f in whole[1:])
            return Found(best.card, best.structures, f"{best.card.ability.id} was chosen; {others} would fit as well")
        return best

    def _sorry(self, wish: Wish, name: str) -> str:
        verb = "segments" if wish.intent is Intent.SEGMENTATION else "classifies"
        doing = f"{verb} {name}" if not wish.aspect else f"tells the {wish.aspect} of {name}"
        nearest = self.nearest(wish, name)
        return f"No installed weight {doing}; nearest: {nearest}." if nearest else f"No installed weight {doing}."

    def nearest(self, wish: Wish, name: str) -> str:
        """What the catalogue can do nearest to a wish, in the catalogue's terms."""

        def score(card: Card) -> float:
            points = 0.0
            if wish.intent is card.ability.intent:
                points += 1
            if wish.modality is not None and wish.modality.name and wish.modality.name == card.modality.name:
                points += 1.5
            places = {p for k in wish.concepts for p in (k, k.partition(":")[0], *self.vocabulary.ancestors(k))} - {
                "body"
            }
            own = {p for k in card.keys for p in (k, self.lexicon.region_of(k), *self.vocabulary.ancestors(k))} - {
                "body"
            }
            return points + 2 * bool(places & own)

        if not self.lexicon.cards:
            return ""
        best = max(self.lexicon.cards, key=score)
        return f"{best.ability.target} ({best.ability.intent.value}) on {best.ability.modality}"


def _with(wish: Wish, aspect: str) -> Wish:
    return replace(wish, aspect=aspect)


def _alike(found: Sequence[Found]) -> bool:
    """Whether one task, without its modality, stands for all of these: the router then decides by the image."""
    first = found[0]
    return first.card.ability.intent is Intent.SEGMENTATION and all(
        f.structures == first.structures
        and is_for(f.card.ability, Task(id=1, intent=Intent.SEGMENTATION, target=first.card.ability.target))
        for f in found
    )


def _distinct(cards: Sequence[Card]) -> list[Card]:
    seen: list[Card] = []
    for card in cards:
        if all(card is not other for other in seen):
            seen.append(card)
    return seen
