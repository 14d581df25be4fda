"""Language models that word the facts of a report: they propose, the verifier disposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import EndpointFailed, MissingPackage
from ..knowledge import smollm
from .facts import Fact, Subject
from .grammar import Style, sentence_key, sentences
from .languages import Language

if TYPE_CHECKING:
    from ..planner import EndpointPlanner

LONGEST_ANSWER = 900
"""Tokens that the local model may write freely."""


class Writer(Protocol):
    """Words facts.

    Attributes:
        name: for the report's record.
    """

    name: str

    def word(self, facts: Sequence[Fact], style: Style, language: Language) -> str:
        """Text that says the facts, or tries to.

        Raises:
            MedPromptError: the model cannot be used.
        """


def plain_text(facts: Sequence[Fact], style: Style, language: Language) -> str:
    """The facts in the plainest of their sentences."""
    said: list[str] = []
    previous: Subject | None = None
    for fact in facts:
        said.append(sentences(fact, style, language, previous)[0])
        previous = fact.subject
    return paragraphs(facts, said, style, language)


def paragraphs(facts: Sequence[Fact], said: Sequence[str], style: Style, language: Language) -> str:
    """The sentences of facts, one line for each structure in a structured report, else all in one."""
    gap = " " if language.spaced else ""
    text, previous = "", None
    for fact, sentence in zip(facts, said, strict=True):
        apart = style == "structured" and fact.subject != previous
        text += (("\n" if apart else gap) if text else "") + sentence
        previous = fact.subject
    return text


def request(facts: Sequence[Fact], style: Style, language: Language) -> list[dict[str, str]]:
    """The conversation that asks a language model to word facts; it has the sentences and nothing else."""
    system = (
        f"You word measurements for a report in {language.data['name']} ({language.table('styles')[style]}). "
        "Say every statement once, in one sentence each, in the same order. Keep every number, unit, side, structure "
        "and degree of certainty exactly as it is. Add nothing: no interpretation, no advice, no other structure. "
        "Use plain sentences and only words of the statements. Answer with the text alone."
    )
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": plain_text(facts, style, language)},
    ]


class ChoosingWriter:
    """The local SmolLM2 under the grammar: of a fact's sentences it takes the most probable after the text so far.

    Whatever the model prefers, the text is made of sentences that say the facts. Probabilities are per token, so that
    length does not count. The choice is made once for each kind of sentence, so that both lungs are described alike,
    and by the sentences without their intervals, which are as long as all else.

    Args:
        device: `cpu`, `cuda`, `cuda:<n>` or `mps`.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.name = "local:smollm2-135m (chosen sentences)"
        self._device = device

    def word(self, facts: Sequence[Fact], style: Style, language: Language) -> str:
        """See `Writer`."""
        import torch

        model, tokenizer = smollm.loaded(self._device)
        wanted = f"Write a medical report in {language.data['name']}. {language.table('styles')[style]}."
        ids = smollm.prompt_ids(tokenizer, [{"role": "user", "content": wanted}])
        said: list[str] = []
        previous: Subject | None = None
        with torch.inference_mode():
            state = _State(model, ids)
            chosen: dict[tuple[str, int], int] = {}
            for fact in facts:
                options = sentences(fact, style, language, previous)
                kind = (sentence_key(fact), len(options))
                if kind not in chosen:
                    shorter = sentences(fact, style, language, previous, intervals=False)
                    tokens = [tokenizer(f" {option}", add_special_tokens=False)["input_ids"] for option in shorter]
                    chosen[kind] = state.best(tokens) if len(options) > 1 else 0
                    state.go_on(tokens[chosen[kind]])
                said.append(options[chosen[kind]])
                previous = fact.subject
        return paragraphs(facts, said, style, language)


class FreeWriter:
    """The local SmolLM2 without the grammar: it writes what it likes, token by token; the verifier mostly objects."""

    def __init__(self, device: str = "cpu") -> None:
        self.name = "local:smollm2-135m (free)"
        self._device = device

    def word(self, facts: Sequence[Fact], style: Style, language: Language) -> str:
        """See `Writer`."""
        return smollm.answer(request(facts, style, language), self._device, LONGEST_ANSWER)


class EndpointWriter:
    """A chat model that the user has chosen and agreed to send findings to; see `planner.consent`."""

    def __init__(self, endpoint: EndpointPlanner) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint

    def word(self, facts: Sequence[Fact], style: Style, language: Language) -> str:
        """See `Writer`."""
        text = " ".join(self._endpoint.answer(request(facts, style, language)).split())
        if not text:
            raise EndpointFailed("The endpoint answered with an empty text; try another model.")
        return text


def missing_model() -> str:
    """Empty if the local language model can be used, else what is missing."""
    from ..planner.local import available

    try:
        return available()
    except MissingPackage as error:
        return str(error)


class _State:
    """A model that has read a text so far."""

    def __init__(self, model: Any, ids: list[int]) -> None:
        from transformers import DynamicCache

        self._model, self._cache = model, DynamicCache(config=model.config)
        self._last = self._forward([ids], self._cache)[0, -1]

    def _forward(self, rows: list[list[int]], cache: Any) -> Any:
        import torch

        tokens = torch.tensor(rows, device=self._model.device)
        return torch.log_softmax(self._model(tokens, past_key_values=cache, use_cache=True).logits.float(), dim=-1)

    def best(self, options: Sequence[list[int]]) -> int:
        """Which of some continuations has the highest mean log-probability per token."""
        scores = []
        for tokens in options:
            total = float(self._last[tokens[0]])
            if len(tokens) > 1:
                logs = self._forward([tokens[:-1]], self._cache)[0]
                total += float(logs[range(len(tokens) - 1), tokens[1:]].sum())
                self._cache.crop(1 - len(tokens))
            scores.append(total / len(tokens))
        return scores.index(max(scores))

    def go_on(self, tokens: list[int]) -> None:
        """Read on."""
        self._last = self._forward([tokens], self._cache)[0, -1]
