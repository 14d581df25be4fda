"""Words that carry the grammar of a request, in each language: verbs, conditions, negations, results, conjunctions.

A line is `KIND.form : phrases`. The kinds are explained in `KINDS`; forms of verbs are `v` (finite or gerund), `n`
(noun), `vn` (either, by position) and `p` (participle).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from .cues_english import ENGLISH
from .cues_languages import EAST_ASIAN, FRENCH, GERMAN, PORTUGUESE, SPANISH
from .text import fold, unfolded

KINDS = {
    "SEG": "asks for a mask",
    "SEGIT": "asks for a mask of what was mentioned",
    "CLS": "asks for a label",
    "SOFT": "find, locate: a mask for anatomy, a label for findings",
    "RUN": "do, give, run: opens a clause, says nothing more",
    "OTHER": "an action no weight performs",
    "META": "addresses the program, not the image",
    "IF": "opens a condition",
    "UNLESS": "opens a negated condition",
    "ELSE": "the opposite of the last condition",
    "CONDEND": "closes a condition that stands before it",
    "NEGCONDEND": "closes a negated condition",
    "THEN": "the next step",
    "REGARDLESS": "ends conditions",
    "NEG": "leaves out what follows",
    "POSTNEG": "leaves out what stands before",
    "CANCEL": "takes back what was asked",
    "ONLY": "only",
    "BUT": "ends a negation",
    "POS": "a positive result",
    "SEEN": "present, found",
    "NEGRES": "a negative result",
    "YES": "yes",
    "NO": "no",
    "MAL": "benign or malignant",
    "ASPECT": "which property is asked",
    "PRON": "it, them",
    "BOTH": "both, all of them",
    "ALL": "everything",
    "NOTHING": "nothing",
    "AND": "and",
    "OR": "or",
    "PREP": "in, of, on",
    "NEAR": "next to",
    "FOR": "for",
    "IMG": "an image of unnamed kind",
    "EVID": "sign of, suggesting",
    "SIZE": "larger than",
    "QUESTION": "opens a question",
    "DESERVES": "deserves, needs",
    "POLITE": "says nothing",
    "ALLBUT": "everything except",
}

LANGUAGES = {"en": ENGLISH, "es": SPANISH, "de": GERMAN, "fr": FRENCH, "pt": PORTUGUESE, "cjk": EAST_ASIAN}

MARKERS = {
    "en": "as no be been need by or which if when unless otherwise then at him her them their its segment check "
    "classify outline give tell run mask the this that is are of on for if and with check please me from does "
    "there it to image scan a i in an you my was not show whether what find has have only any just",
    "es": "el la los las en esta este por del si hay una un es y dime que con para de no solo quiero favor imagen "
    "nada tiene hazme o comprueba segun ambos su lo al mi",
    "de": "die der das den dem im auf dieses diesem diese falls wenn ist und ein eine einen bitte nicht nur mit ob "
    "gibt es zu des auf kein keine segmentiere zeige ich sowie",
    "fr": "cas en quel delimite le la les sur cette cet ce dans est une un et il y du des si pas "
    "avec moi ou au mais je sinon s l d qu "
    "ne aux segmente montre cherche puis",
    "pt": "o os as na no nas nos em esta este se um uma e ha nao dos da do das com apenas por favor imagem caso "
    "houver segmente qual ao tem pelo raio nesta neste",
}
"""Frequent small words by which the language of a prompt is guessed."""


class Cue(NamedTuple):
    """What a phrase does in a sentence."""

    kind: str
    form: str


@lru_cache(maxsize=8)
def cues(language: str) -> dict[tuple[str, ...], Cue]:
    """Phrases of a language (plus English) and what they do; phrases marked `@x` are left out on purpose."""
    table: dict[tuple[str, ...], Cue] = {}
    names = ["cjk", language] if language == "cjk" else ["cjk", "en", language]
    for name in dict.fromkeys(names):
        if name == language and name not in ("en", "cjk"):
            for foreign in _FALSE_FRIENDS.get(language, "").split():
                table.pop((foreign,), None)
        for line in unfolded(LANGUAGES[name]):
            head, _, phrases = line.partition(" : ")
            kind, _, form = head.strip().partition(".")
            for phrase in map(str.strip, phrases.split(",")):
                if not phrase or phrase.endswith("@x"):
                    continue
                words = tuple(fold(phrase).split())
                earlier = table.get(words)
                if earlier and name == language and name == "en" and earlier.kind != kind:
                    continue
                table[words] = Cue(kind, form)
    return table


_FALSE_FRIENDS = {
    "es": "has no sin a",
    "de": "die so also was hat in an am bar not test rand",
    "fr": "on as a or but ignore mark",
    "pt": "as no a do for mask",
}
"""English cues that mean something else in another language."""


def guess_language(words: list[str], cjk: bool) -> str:
    """`en`, `es`, `de`, `fr`, `pt` or `cjk`, by small words and verbs; English when in doubt."""
    if cjk:
        return "cjk"
    scores = dict.fromkeys(MARKERS, 0.0)
    for word in words:
        for language, markers in _MARKER_SETS.items():
            scores[language] += word in markers
            scores[language] += 1.5 * (language != "en" and word in _verbs(language))
    best = max(scores, key=lambda language: (scores[language], language == "en"))
    return best if scores[best] > scores["en"] else "en"


_MARKER_SETS = {language: frozenset(text.split()) for language, text in MARKERS.items()}


@lru_cache(maxsize=8)
def _verbs(language: str) -> frozenset[str]:
    """Single words that only this language uses for asking, not English ones."""
    found = set()
    for line in unfolded(LANGUAGES[language]):
        if line.startswith(("SEG", "CLS", "SOFT", "IF", "UNLESS", "ELSE")):
            found |= {p.strip() for p in line.partition(" : ")[2].split(",") if " " not in p.strip() and "@" not in p}
    english = {p.strip() for line in unfolded(ENGLISH) for p in line.partition(" : ")[2].split(",")}
    return frozenset(fold(w) for w in found - english)
