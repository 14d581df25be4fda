"""Greedy decoding under a grammar, made fast by guessing that a span goes on as the prompt does.

A span can only be a run of the prompt's own words, and a number can only refer to an earlier line, so whatever the
model prefers, the text is in the line format. The grammar is enforced by xgrammar; words that the prompt continues
with are proposed in one pass and kept as far as the model agrees, which changes the speed but not the result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MOST_TASKS = 12
"""Task lines the grammar allows; more than the longest sensible request needs."""

MOST_TOKENS = 220
LOOK_AHEAD = 6
"""Tokens proposed at once."""

_WORD = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿]|[^\W_぀-ヿ㐀-䶿一-鿿豈-﫿]+", re.UNICODE)


def encoded(tokenizer: Any, prompt: str, reading: str) -> tuple[list[int], list[int]]:
    """Token ids of a prompt with its frame, and of its reading with the end mark.

    Marks typed by a user ("<|im_end|>") stay ordinary text.
    """
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    words = tokenizer(f" {prompt}", add_special_tokens=False, split_special_tokens=True)["input_ids"]
    lines = tokenizer(reading, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return [start, *words, end], [*lines, end]


def grammar(prompt: str) -> str:
    """The line format for one prompt, in the EBNF that xgrammar reads; whatever it derives, `parse_lines` accepts."""
    words = list(_WORD.finditer(prompt))
    if not words:
        return 'root ::= "ask"'
    rules = []
    for index, word in enumerate(words):
        text = json.dumps(word[0], ensure_ascii=False)
        gap = _continued(prompt, words, index)
        if gap is None:
            rules.append(f"w{index} ::= {text}")
        elif gap:
            rules.append(f"w{index} ::= {text} ({json.dumps(gap, ensure_ascii=False)} w{index + 1})?")
        else:
            rules.append(f"w{index} ::= {text} w{index + 1}?")
    lines = []
    for before in range(MOST_TASKS + 1):  # l3 is a line that has three task lines before it, which it may refer to
        tail = f" i{before}? c{before}?" if before else ""
        task = f'(verb " " term image?{tail} | "all" (" seg" | " cls")? image?{tail})'
        following = f' ("\\n" l{before + 1})?' if before < MOST_TASKS else ""
        another = f" | {task}{following}" if before < MOST_TASKS else ""
        lines.append(f'l{before} ::= remark ("\\n" l{before})?{another}')
    return "\n".join(
        [
            "root ::= l0",
            *lines,
            'remark ::= "ask" | "skip " span | "on " span | "not " verb " " term image?',
            'verb ::= "seg" | "cls" | "type" | "malig" | "grade" | "any"',
            'term ::= span (" + " span)?',
            'image ::= " @ " term',
            f"span ::= {' | '.join(f'w{index}' for index in range(len(words)))}",
            *(_references(before) for before in range(1, MOST_TASKS + 1)),
            *rules,
        ]
    )


def _continued(prompt: str, words: list[re.Match[str]], index: int) -> str | None:
    """What stands between a word and the next if a span may go on there, else None.

    It may not where the text would then read like the format's own marks (" @ ", " + ", " in 3", " if 2").
    """
    if index + 1 == len(words):
        return None
    after = words[index + 1]
    gap = prompt[words[index].end() : after.start()]
    if "\n" in gap or len(gap) > 4 or gap in (" @ ", " + ", " & ", " / "):
        return None
    following = words[index + 2][0] if index + 2 < len(words) else ""
    return None if after[0] in ("in", "if") and following.isdigit() else gap


def _references(before: int) -> str:
    """`in N` and `if N …` for a line with this many task lines before it."""
    earlier = " | ".join(f'"{n}"' for n in range(1, before + 1))
    one = f'({earlier}) (" yes" | " no" | " is " span | " not " span | " > " span | " < " span)'
    return f'i{before} ::= " in " ({earlier})\nc{before} ::= " if " {one} ((" & " | " / ") {one})?'


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text with the model's certainty.

    Attributes:
        text: in the line format.
        certainty: probability of the least certain token among those the grammar allowed, 0 to 1.
        complete: False if the text was cut off at `MOST_TOKENS`.
    """

    text: str
    certainty: float
    complete: bool


class Stopped(Exception):
    """Decoding was cancelled."""


class Decoder:
    """Holds a model, its tokenizer and the compiled token table.

    Args:
        model: a transformers causal language model, in evaluation mode.
        tokenizer: its tokenizer.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        import xgrammar

        self.model, self.tokenizer = model, tokenizer
        self._end = tokenizer.convert_tokens_to_ids("<|im_end|>")
        size = model.get_input_embeddings().weight.shape[0]
        table = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=size, stop_token_ids=[self._end])
        self._compiler = xgrammar.GrammarCompiler(table, max_threads=1, cache_enabled=False)
        self._bitmask = xgrammar.allocate_token_bitmask(1, size)
        self._xgrammar = xgrammar

    def decode(self, prompt: str, cancelled: Callable[[], bool] = lambda: False) -> Decoded:
        """The most probable reading of a prompt, token by token.

        Raises:
            Stopped: `cancelled` returned True.
        """
        import torch
        from transformers import DynamicCache

        matcher = self._xgrammar.GrammarMatcher(self._compiler.compile_grammar(grammar(prompt)))
        frame, _ = encoded(self.tokenizer, prompt, "")
        cache = DynamicCache(config=self.model.config)
        with torch.inference_mode():
            logits = self._forward(frame, cache)[-1:]
            done: list[int] = []
            proposed: list[int] = []
            certainty = 1.0
            while len(done) < MOST_TOKENS:
                if cancelled():
                    raise Stopped
                # logits[i] predicts what follows the i-th proposed token
                accepted = 0
                for row in range(logits.shape[0]):
                    token, probability = self._choice(matcher, logits[row])
                    certainty = min(certainty, probability)
                    if token == self._end:
                        return Decoded(self._text(done), certainty, True)
                    done.append(token)
                    matcher.accept_token(token)
                    if row < len(proposed) and proposed[row] == token:
                        accepted += 1
                        continue
                    break
                rejected = len(proposed) - accepted
                if rejected:
                    cache.crop(-rejected)
                proposed = self._proposal(frame, done)
                logits = self._forward([done[-1], *proposed], cache)
        return Decoded(self._text(done), certainty, False)

    def _forward(self, tokens: list[int], cache: Any) -> Any:
        import torch

        device = self.model.device
        out = self.model(torch.tensor([tokens], device=device), past_key_values=cache, use_cache=True)
        return out.logits[0].float().cpu()

    def _choice(self, matcher: Any, logits: Any) -> tuple[int, float]:
        import torch

        matcher.fill_next_token_bitmask(self._bitmask, 0)
        self._xgrammar.apply_token_bitmask_inplace(logits, self._bitmask[0])
        best = int(torch.argmax(logits))
        return best, float(torch.softmax(logits, dim=-1)[best])

    def _proposal(self, frame: list[int], done: list[int]) -> list[int]:
        """What the prompt continues with after the last two tokens (else the last one)."""
        if len(done) >= 2:
            pair = done[-2:]
            for at in range(len(frame) - 2, 0, -1):
                if frame[at - 1 : at + 1] == pair:
                    return frame[at + 1 : at + 1 + LOOK_AHEAD]
        if done[-1] in frame:
            at = frame.index(done[-1])
            return frame[at + 1 : at + 1 + LOOK_AHEAD]
        return []

    def _text(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text
