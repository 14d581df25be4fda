"""Random damage: to the bytes of a file, and to the values of a JSON document."""

from __future__ import annotations

import copy
import math
from random import Random
from typing import Any

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
TEXTS = (
    "",
    " ",
    "\x00",
    "\x1b[2J\x1b]0;title\x07",
    "../../outside",
    "/outside",
    "C:\\outside",
    "a/b",
    "%s%n%d",
    "x" * 70_000,
    "\u202e\ufeff\ud7ff",
    "NaN",
    "💥",
    "\n".join("line" for _ in range(50)),
)
VALUES = (
    None, True, False, 0, -1, 1, 3, 10**6, 2**31, 2**63, 2**70, -(2**63), 0.5, 1e-300, 1e300, math.nan, math.inf,
    -math.inf, [], {}, [[]], [None], {"": None}, *TEXTS,
)  # fmt: skip


def damaged(data: bytes, random: Random) -> bytes:
    """The bytes after one to four of: cut off, changed, zeroed, removed, doubled, inserted, numbers made extreme."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if not out:
            break
        # Headers are at the start and matter most.
        reach = len(out) if random.random() < 0.4 else min(len(out), 600)
        at = random.randrange(reach)
        length = random.choice((1, 2, 4, 8, 64))
        kind = random.randrange(8)
        if kind == 0:
            del out[random.randrange(len(out)) :]
        elif kind == 1:
            out[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            out[at : at + length] = bytes(len(out[at : at + length]))
        elif kind == 3:
            del out[at : at + length]
        elif kind == 4:
            out[at:at] = out[at : at + length * 8]
        elif kind == 5:
            out[at:at] = random.randbytes(length)
        elif kind == 6:
            size, order = random.choice((2, 4, 8)), random.choice(("little", "big"))
            out[at : at + size] = (random.choice(NUMBERS) & ((1 << 8 * size) - 1)).to_bytes(size, order)
        else:
            out[at : at + length] = random.randbytes(length)
    return bytes(out)


def changed(document: Any, random: Random) -> Any:
    """The JSON document with one to three parts removed, doubled, renamed or replaced by something unexpected."""
    out = copy.deepcopy(document)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = list(_places(out))
        if not places:
            return random.choice(VALUES)
        holder, key = random.choice(places)
        kind = random.randrange(6)
        if kind == 0 and isinstance(holder, dict):
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[random.choice(TEXTS) or "name"] = holder.pop(key)
        elif kind == 2 and isinstance(holder, list):
            holder.extend([copy.deepcopy(holder[key])] * random.choice((1, 3, 500)))
        elif kind == 3:
            other, place = random.choice(places)
            holder[key] = copy.deepcopy(other[place])
        elif isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool) and random.random() < 0.6:
            holder[key] = random.choice([value for value in VALUES if isinstance(value, (int, float))])
        else:
            holder[key] = copy.deepcopy(random.choice(VALUES))
    return out


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _places(inner)
