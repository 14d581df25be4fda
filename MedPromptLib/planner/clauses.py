"""Sentences into clauses: where one action or condition ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .items import Item
from .openings import CASES, for_only, inverted_condition

RESULTS = ("POS", "SEEN", "NEGRES", "MAL", "YES", "SIZE", "NOTHING")
"""Kinds that state a result."""

_BREAKS = {
    "AFTER": "then",
    "COMMA": "comma",
    "AND": "and",
    "OR": "or",
    "THEN": "then",
    "BUT": "but",
    "COLON": "colon",
    "ARROW": "arrow",
    "OPEN": "open",
    "CLOSE": "close",
    "DASH": "dash",
    "ELLIPSIS": "stop",
    "CANCEL": "cancel",
}
_ASKING = frozenset(
    [
        "does",
        "do",
        "is",
        "this",
        "is",
        "that",
        "is",
        "it",
        "are",
        "these",
        "any",
        "which",
        "whether",
        "what",
        "has",
        "this",
        "es",
        "est",
        "ist",
        "hay",
        "tem",
        "hat",
        "liegt",
        "zeigt",
        "e",
        "是",
        "吗",
        "存在",
        "是否",
        "有没有",
        "is",
        "are",
        "has",
        "est",
        "il",
        "est",
        "elle",
        "属于",
        "ob",
        "es",
        "este",
        "es",
        "esta",
        "presente",
        "mostra",
        "tiene",
        "e",
        "este",
        "e",
        "esta",
        "ist",
        "dieses",
        "ist",
        "das",
        "ist",
        "dies",
        "a",
    ]
) | {
    "is this",
    "is that",
    "is it",
    "are these",
    "has this",
    "es este",
    "es esta",
    "est il",
    "est elle",
    "is there",
    "are there",
    "any sign of",
}


@dataclass(slots=True)
class Clause:
    """One action, condition or piece of a list.

    Attributes:
        lead: `IF`, `UNLESS`, `ELSE`, `IFPOS`, `IFNEG`, or empty for an action.
        joint: how it is joined to what stands before: `start`, `comma`, `and`, `or`, `then`, `but`, `colon`, `arrow`,
            `open`, `close`, `dash`, `cancel` or `none` (no mark at all).
        negated: for a condition: true if its lead-in denies it ("if no …").
    """

    lead: str = ""
    joint: str = "start"
    items: list[Item] = field(default_factory=list)
    negated: bool = False

    def has(self, *kinds: str) -> bool:
        """Whether an item of one of these kinds is in the clause."""
        return any(i.kind in kinds for i in self.items)

    def all(self, *kinds: str) -> list[Item]:
        """The items of these kinds."""
        return [i for i in self.items if i.kind in kinds]

    @property
    def start(self) -> int:
        """Place of its first item."""
        return self.items[0].start if self.items else 0

    @property
    def end(self) -> int:
        """Place after its last item."""
        return self.items[-1].end if self.items else 0


@dataclass(slots=True)
class Sentence:
    """Clauses up to a full stop, question mark, semicolon or list number."""

    clauses: list[Clause]
    question: bool = False
    continues: bool = False
    """Begins with "then"."""


def is_verb(item: Item) -> bool:
    """Whether the item asks for something in a verb's place (a boundary inside comma-free sentences)."""
    if item.kind in ("RUN", "OTHER", "GRADE", "SEGIT", "SOFT"):
        return True
    return item.kind in ("SEG", "CLS") and item.form == "v" and item.text not in _ASKING


def sentences(items: list[Item]) -> Iterator[Sentence]:
    """The sentences of a prompt, in order."""
    current: list[Item] = []
    for index, item in enumerate(items):
        numbered = (
            item.kind == "NUM"
            and index + 1 < len(items)
            and items[index + 1].kind in ("CLOSE", "STOP")
            and item.number < 20
        )
        if numbered and (items[index + 1].kind == "CLOSE" or not current):
            if any(not i.is_small for i in current):
                yield _sentence(current, False)
            current = []
            continue
        if item.kind in ("STOP", "ASK", "SEMI"):
            if any(not i.is_small for i in current):
                yield _sentence(current, item.kind == "ASK")
            current = []
        else:
            current.append(item)
    if any(not i.is_small for i in current):
        yield _sentence(current, False)


def _sentence(items: list[Item], question: bool) -> Sentence:
    items = [
        i for i in items if not i.is_small or i.text in {"for", "if", "as", "should", "were", "had", "is", "was", "are"}
    ]
    items = inverted_condition(items, question)
    items = for_only(items)
    clauses: list[Clause] = []
    current = Clause()
    index = 0

    def close(joint: str) -> None:
        nonlocal current
        if current.items or current.lead:
            clauses.append(current)
            current = Clause(joint=joint)
        elif current.joint in ("none", "start") or joint in ("colon", "arrow", "cancel") or current.joint == "comma":
            current.joint = joint if current.joint != "start" else "start"
            if joint == "cancel":
                current.joint = "cancel"

    while index < len(items):
        item = items[index]
        kind = item.kind
        conditional = current.lead in ("IF", "UNLESS")
        content = conditional and (current.has("T", "PRON", "SEG", *RESULTS) or current.has("M") or current.has("NEG"))
        asking = next(
            (i for i in reversed(items[max(0, index - 8) : index]) if i.kind not in ("ONLY", "M", "PREP", "IMG", "W")),
            None,
        )
        if asking is not None and not conditional and _is_whether(item, asking, items[index + 1 :]):
            pass
        elif kind == "ELSE" and item.text in _ELSE_OR_IF_NOT and _states(items[index + 1 : index + 3]):
            close("none")
            current.lead, current.negated = "IF", True
        elif kind in ("IF", "UNLESS", "ELSE", "IFPOS", "IFNEG"):
            if kind == "IF" and not current.items and current.lead == "IF":
                index += 1
                continue
            close("none")
            current.lead = kind
            follows = next((i for i in items[index + 1 :] if not i.is_small and i.kind != "ONLY"), None)
            if kind in ("IFPOS", "IFNEG"):
                if (
                    follows is not None
                    and follows.kind in ("T", "MAL", "POS", "NEGRES", "SEEN", "PRON", "M", "NEG", "SIZE", "SIZE")
                ) or (follows is not None and follows.kind == "W" and follows.form != "small" and kind == "IFNEG"):
                    current.lead, current.negated = "IF", kind == "IFNEG"
                else:
                    close("none")
            elif kind == "ELSE":
                close("none")
        elif kind in ("CONDEND", "NEGCONDEND"):
            if current.lead not in ("IFPOS", "IFNEG"):
                current.lead = "IF" if current.lead in ("", "IF") else current.lead
                current.negated ^= kind == "NEGCONDEND"
            close("none")
        elif (
            item.text in {"就", "则", "便"}
            and not current.lead
            and current.has("T")
            and not any(map(is_verb, current.items))
        ):
            current.lead = "IF"
            close("none")
        elif item.text == "with" and current.items and current.items[-1].text in CASES and not conditional:
            pass
        elif kind in _BREAKS and not (kind == "THEN" and conditional and not content):
            if conditional and kind in ("AND", "OR", "COMMA") and (not content or _continues(items, index, kind)):
                current.items.append(item)
            elif kind == "ARROW" and not current.lead and _can_hold(current) and not any(map(is_verb, current.items)):
                current.lead = "IF"
                close("none")
            elif kind == "AND" and current.items and current.items[-1].kind == "BOTH" and len(current.items) == 1:
                pass
            else:
                close(_BREAKS[kind])
        elif (kind == "DESERVES" or item.text in {"get", "gets", "receive", "need"}) and (
            _only_subject(current) or _cases(current, item)
        ):
            current.lead = "IF"
            close("none")
        elif content and item.text in _STATING and _names_result(items[index + 1 :]):
            pass
        elif content and (
            item.text in _ENDING or _forbids(items, index) or is_verb(item) or _new_noun_phrase(current, items, index)
        ):
            close("none")
            current.items.append(item)
        else:
            current.items.append(item)
        index += 1
    close("none")
    first = next((i for i in items if not i.is_small), None)
    return Sentence(
        [c for c in clauses if c.items or c.lead],
        question,
        first is not None and first.kind == "THEN" and first.text in _THEN,
    )


_ELSE_OR_IF_NOT = frozenset(["si no", "se nao", "sinon"])
_SKIPPING = frozenset(["skip", "omit", "leave out", "hold off", "hold off on", "no need for", "spare me"])
_STATING = frozenset(["says", "say", "reads", "tells", "sagt", "dice", "dit", "diz"])
_ENDING = frozenset(["stop", "do nothing", "end", "leave it", "no action"])
_THEN = frozenset(["then", "dann", "entonces", "alors", "entao", "则", "就", "那就", "and", "then"])
_WHETHER = frozenset(("if", "si", "se", "s il", "s il y a", "ob", "falls", "wenn", "whether"))


def _is_whether(item: Item, asking: Item, following: list[Item]) -> bool:
    """Whether "if" opens what is asked: "tell me if it is cancer", "check if …"; "tell me if so" is a condition."""
    if asking.kind not in ("CLS", "SOFT") or asking.form != "v":
        return False
    after = next((i for i in following if not i.is_small), None)
    names = after is not None and after.kind in ("T", "MAL")
    return (item.kind == "IF" and item.text in _WHETHER) or (item.kind == "IFPOS" and names)


def _continues(items: list[Item], index: int, kind: str) -> bool:
    """Whether what follows a conjunction still belongs to the condition: it states a finding and asks for nothing."""
    chunk: list[Item] = []
    closed = ""
    for item in items[index + 1 :]:
        if item.kind in (
            "COMMA",
            "THEN",
            "COLON",
            "ARROW",
            "IF",
            "ELSE",
            "UNLESS",
            "IFPOS",
            "IFNEG",
            "AND",
            "OR",
            "BUT",
        ):
            closed = item.kind
            break
        if is_verb(item):
            return (
                bool(chunk)
                and kind != "COMMA"
                and any(i.kind == "T" for i in chunk)
                and (kind == "OR" or any(i.kind in RESULTS for i in chunk))
            )
        chunk.append(item)
    states = any(i.kind in ("T", "MAL", "POS", "NEGRES", "SEEN") for i in chunk) and not any(
        i.kind in ("SEG", "CLS") for i in chunk
    )
    if kind == "COMMA":
        return False
    return (
        states
        and closed not in ("IF", "UNLESS")
        and (kind == "OR" or closed != "" or any(i.kind in RESULTS for i in chunk))
    )


def _names_result(following: list[Item]) -> bool:
    """ "If it says HSIL, …": the verb belongs to the condition."""
    after = next((i for i in following if not i.is_small and i.kind != "QUOTE"), None)
    return after is not None and after.kind in ("T", "MAL", "POS", "NEGRES", "YES", "NO")


def _can_hold(clause: Clause) -> bool:
    """Whether a clause before an arrow names something that can be the case; images alone cannot."""
    return any(i.kind not in ("M", "W", "PREP", "IMG") for i in clause.items)


def _forbids(items: list[Item], index: int) -> bool:
    """Whether a comma-free condition ends here: "if it is a naevus skip the outline", "if benign do not segment it"."""
    item = items[index]
    if item.kind != "NEG" or items[index - 1].kind in ("AND", "OR", "COMMA", "BUT"):
        return False
    after = next((i for i in items[index + 1 :] if not i.is_small), None)
    orders = after is not None and after.kind in ("SEG", "SEGIT", "CLS", "RUN") and is_verb(after)
    return item.text in _SKIPPING or (item.text in {"do not", "never", "no need to"} and orders)


def _states(following: list[Item]) -> bool:
    """ "Si no se ve …" is a condition, "si no, …" the other case."""
    return bool(following) and following[0].kind in ("SEEN", "T", "POS")


def _only_subject(clause: Clause) -> bool:
    return (
        bool(clause.items)
        and clause.items[0].kind == "ONLY"
        and clause.has("T")
        and not any(map(is_verb, clause.items))
    )


def _cases(clause: Clause, verb: Item) -> bool:
    """ "The malignant ones get …", "a fracture means …"."""
    if any(map(is_verb, clause.items)) or clause.lead:
        return False
    first = next((i for i in clause.items if not i.is_small), None)
    if first is not None and first.kind == "MAL" and clause.has("T"):
        return True
    if verb.text in {"means", "mean"}:
        return clause.has("T", "POS", "NEGRES", "MAL")
    ones = any(i.text in {"ones", "one", *CASES} for i in clause.items)
    return ones and (clause.has("MAL") or any(i.form in ("class", "own") for i in clause.all("T")))


def _new_noun_phrase(clause: Clause, items: list[Item], index: int) -> bool:
    """A wanted thing named without a verb after a complete condition: "if TB is positive a lung mask"."""
    item = items[index]
    if item.kind != "T" or not clause.has("T", "PRON", "POS") or not clause.has(*RESULTS):
        return False
    following = items[index + 1] if index + 1 < len(items) else None
    before = items[index - 1]
    return (
        following is not None
        and following.kind in ("SEG", "CLS")
        and following.form in ("n", "v")
        and before.kind not in ("PREP", "AND", "OR")
    )
