"""The planner's part of the command line: which planner, what is asked before a run, and its training and benches."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InvalidInput, NotConfirmed, printable

if TYPE_CHECKING:
    from .catalog import Ability
    from .plan import Plan
    from .planner import EndpointPlanner, Planner, Verdict

ENDPOINT_VARIABLE, MODEL_VARIABLE, KEY_VARIABLE = "MEDPROMPT_ENDPOINT", "MEDPROMPT_MODEL", "MEDPROMPT_API_KEY"


def tell(line: str) -> None:
    """Say something to the user, beside the results."""
    print(printable(line), file=sys.stderr, flush=True)


def read_text(path: Path) -> str:
    """A text file's content.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The file {path} cannot be read ({error}); expected a text file in UTF-8.") from error


def chosen_planner(options: argparse.Namespace, abilities: Sequence[Ability]) -> Planner:
    """The planner the options name; asks before the first use of an endpoint."""
    from .planner import AgreementPlanner, EndpointPlanner, LanguageModelPlanner, RulePlanner

    if options.planner == "rules":
        return RulePlanner()
    if options.planner == "local":
        return LanguageModelPlanner(options.language_model, options.adapter)
    if options.planner == "agreement":
        if options.language_model or options.adapter:
            return AgreementPlanner(model=LanguageModelPlanner(options.language_model, options.adapter))
        return AgreementPlanner.default()
    if not options.endpoint or not options.model:
        raise InvalidInput("The endpoint planner needs an address and a model; give --endpoint URL and --model NAME.")
    from .cli_archive import observer

    endpoint = EndpointPlanner(
        options.endpoint,
        options.model,
        api_key=os.environ.get(KEY_VARIABLE),
        timeout=options.timeout,
        observe=observer(options),
    )
    _agree_to_send(endpoint, getattr(options, "prompt", None), abilities, options)
    return AgreementPlanner(model=endpoint)


def _agree_to_send(
    endpoint: EndpointPlanner, prompt: str | None, abilities: Sequence[Ability], options: argparse.Namespace
) -> None:
    """Ask before the first use of an endpoint; flag likely identifiers at every use."""
    from .planner.consent import Consents, disclosure, identifiers

    consents = Consents()
    flagged = identifiers(prompt or "")
    for found in flagged:
        tell(f"This may identify somebody ({found.kind}): {found.text}")
    if options.agree_to_send or (consents.given(endpoint) and not flagged):
        if options.agree_to_send:
            consents.give(endpoint)
        tell(f"The text of the prompt is sent to {options.endpoint}; images never are.")
        return
    tell(disclosure(endpoint, prompt or "(the prompts of the file)", abilities))
    if not (sys.stdin.isatty() and asked("Send it?")):
        raise InvalidInput(
            "Nothing was sent, because you have not agreed to it; repeat the command with --agree-to-send, "
            "or leave out --planner endpoint."
        )
    consents.give(endpoint)


def agree_to_send_text(
    endpoint: EndpointPlanner, talk: str, what: str, options: argparse.Namespace, other: str
) -> None:
    """Ask before the first use of an endpoint for texts other than prompts; flag likely identifiers at every use.

    Args:
        talk: all that will be sent, for the user to read.
        what: what it is, for messages and for the list of what was agreed to: `findings`.
        other: what to do instead of agreeing, for the message.

    Raises:
        InvalidInput: the user has not agreed; nothing was sent.
    """
    from .planner.consent import Consents, identifiers

    consents = Consents(what=what)
    flagged = identifiers(talk)
    if options.agree_to_send or (consents.given(endpoint) and not flagged):
        if options.agree_to_send:
            consents.give(endpoint)
        tell(f"The {what} are sent as text to {options.endpoint}; images and names never are.")
        return
    marks = "".join(f"\n! This may identify somebody ({i.kind}): {i.text}" for i in flagged)
    tell(f"To {endpoint.url} (model {endpoint.model}) will be sent this text and nothing else:\n{talk}{marks}")
    if not (sys.stdin.isatty() and asked("Send it?")):
        raise InvalidInput(
            f"Nothing was sent, because you have not agreed to it; repeat the command with --agree-to-send, or {other}."
        )
    consents.give(endpoint)


def confirmed(verdict: Verdict, abilities: Sequence[Ability], options: argparse.Namespace) -> Plan:
    """The verdict's plan, once the user has agreed where agreement is needed."""
    for note in verdict.notes:
        tell(note)
    if verdict.decision == "confirm" and not options.yes:
        from .planner import explain

        tell(explain(verdict, abilities))
        if not (sys.stdin.isatty() and asked("Run this plan?")):
            raise NotConfirmed(
                f"{verdict.question()} To run the plan as it is, repeat the command with --yes.", verdict
            )
    return verdict.plan


def asked(question: str) -> bool:
    """A yes or no from the terminal; anything but yes is no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def train_planner(options: argparse.Namespace) -> None:
    """Fine-tune the planner's language model; run the same line with --resume to continue."""
    from .training.planner_training import Settings, train_planner

    folder = train_planner(
        options.work,
        Settings(steps=options.steps, seed=options.seed, rate=options.rate),
        base=options.base,
        start=options.start,
        minutes=options.minutes,
        resume=options.resume,
        report=tell,
    )
    print(f"The adapter is in {folder}; to ship it, copy its files to weights/planner.")


def bench_plans(options: argparse.Namespace) -> None:
    """Score a planner on prompts with gold plans."""
    from .catalog import load_abilities
    from .planner.scoring import score

    abilities = load_abilities(options.catalog)
    gold = [json.loads(line) for line in read_text(options.gold).splitlines() if line.strip()]
    found = score(chosen_planner(options, abilities), abilities, gold)
    print(*found.lines(), *(found.wrong if options.wrong else ()), sep="\n")


def bench_robustness(options: argparse.Namespace) -> int:
    """Plan prompts that try to break the planner; the exit code says whether any did."""
    from itertools import islice

    from .catalog import Catalog, load_abilities
    from .planner.scoring import robustness
    from .training.prompts.adversarial import adversarial

    abilities = load_abilities(options.catalog) if options.catalog else Catalog.load(options.weights).abilities
    words = tuple(sorted({name for a in abilities for name in (a.id, a.target)}))
    prompts = islice(adversarial(words, options.seed), options.count)
    found = robustness(chosen_planner(options, abilities), abilities, prompts)
    print(*found.lines(), sep="\n")
    return 1 if found.problems else 0


def bench_planner(options: argparse.Namespace) -> None:
    """Time the planners, cold and warm."""
    from .benchmark import benchmark_planners
    from .catalog import Catalog, load_abilities

    abilities = load_abilities(options.catalog) if options.catalog else Catalog.load(options.weights).abilities
    for line in benchmark_planners(abilities):
        print(line)


def planning_options() -> argparse.ArgumentParser:
    """Options of every command that plans."""
    from .cli_archive import add_archive_option

    planning = argparse.ArgumentParser(add_help=False)
    add_archive_option(planning, "file the run in this archive, and log what is sent to an endpoint")
    planning.add_argument(
        "--planner",
        choices=("agreement", "rules", "local", "endpoint"),
        default="agreement",
        help="rules and language model together (default), one of them, or the rules with an endpoint's model",
    )
    planning.add_argument(
        "--language-model", type=Path, metavar="DIR", help="a transformers folder instead of the packaged model"
    )
    planning.add_argument("--adapter", type=Path, metavar="DIR", help="an adapter for it that writes the line format")
    planning.add_argument("--agree-to-send", action="store_true", help="the prompt may be sent to the endpoint")
    planning.add_argument("--yes", action="store_true", help="run a plan that would have to be confirmed first")
    planning.add_argument(
        "--endpoint",
        default=os.environ.get(ENDPOINT_VARIABLE),
        help=f"OpenAI-compatible address (or ${ENDPOINT_VARIABLE})",
    )
    planning.add_argument(
        "--model", default=os.environ.get(MODEL_VARIABLE), help=f"model name there (or ${MODEL_VARIABLE})"
    )
    planning.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for the endpoint")
    planning.add_argument("--router", choices=("lexicon", "paper"), default="lexicon", help="how weights are chosen")
    return planning


def add_planner_commands(
    commands: Any,
    places: argparse.ArgumentParser,
    device: argparse.ArgumentParser,
    planning: argparse.ArgumentParser,
    bench_run: Callable[..., None],
) -> Any:
    """`train-planner` and `bench`; returns what further benches are added to."""
    from .cli_archive import add_bench_archive
    from .cli_cards import add_bench_weights
    from .cli_inputs import add_bench_sequences

    p = commands.add_parser("train-planner", help="fine-tune the planner's language model on synthetic requests")
    p.set_defaults(do=train_planner)
    p.add_argument("--work", type=Path, default=Path("runs/planner"), metavar="DIR", help="checkpoint, log, adapter")
    p.add_argument("--base", type=Path, metavar="DIR", help="another transformers folder than SmolLM2-135M-Instruct")
    p.add_argument("--start", type=Path, metavar="DIR", help="begin from this adapter instead of a new one")
    p.add_argument("--steps", type=int, default=1800)
    p.add_argument("--rate", type=float, default=6e-4, help="peak learning rate")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--minutes", type=float, default=float("inf"), help="stop, with a checkpoint, after this long")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint")

    bench = commands.add_parser("bench", help="measure speed and correctness").add_subparsers(
        required=True, metavar="WHAT"
    )
    p = bench.add_parser("run", parents=[places, device, planning], help="a warm two-task run, prompt to nodes")
    p.set_defaults(do=bench_run)
    p.add_argument("--rounds", type=int, default=10)
    add_bench_weights(bench.add_parser("weights", parents=[places], help="each weight on one image, on the CPU"))
    add_bench_sequences(bench.add_parser("sequences", help="guesses of MR sequences, and unregistered images noticed"))
    add_bench_archive(
        bench.add_parser("archive", help="an archive under many writers, killed ones too, and its searches")
    )
    p = bench.add_parser("planner", parents=[places], help="each planner and the policy, cold and warm")
    p.set_defaults(do=bench_planner)
    p.add_argument("--catalog", type=Path, help="a JSON list of cards instead of the installed weights")
    p = bench.add_parser("robustness", parents=[places, planning], help="prompts that try to break the planner")
    p.set_defaults(do=bench_robustness)
    p.add_argument("--catalog", type=Path, help="a JSON list of cards instead of the installed weights")
    p.add_argument("--count", type=int, default=2000)
    p.add_argument("--seed", type=int, default=1)
    p = bench.add_parser("plans", parents=[planning], help="how often plans are right, on prompts with gold plans")
    p.set_defaults(do=bench_plans)
    p.add_argument("--catalog", type=Path, required=True, help="a JSON list of cards")
    p.add_argument("--gold", type=Path, required=True, help="JSON lines with id, category, prompt and gold plan")
    p.add_argument("--wrong", action="store_true", help="list what went wrong")
    return bench
