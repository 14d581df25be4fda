"""The knowledge bank's part of the command line: `medprompt knowledge list | show | write`."""

from __future__ import annotations

import argparse
import datetime
import json
import os
from typing import TYPE_CHECKING, Any

from .cli_planner import KEY_VARIABLE, agree_to_send_text, tell
from .errors import InvalidInput

if TYPE_CHECKING:
    from .knowledge.writing import Chat


def knowledge_list(options: argparse.Namespace) -> None:
    """One line per description: subject, modality, author."""
    from .knowledge.bank import descriptions

    for one in descriptions():
        if options.modality is None or options.modality.casefold() in one.modality.casefold():
            print(f"{one.subject}\t{one.modality}\t{one.kind}\t{one.author}")


def knowledge_show(options: argparse.Namespace) -> None:
    """One description, whole."""
    from .knowledge.bank import ASPECTS, describe

    found = describe(options.subject, options.modality)
    if options.json:
        print(found.model_dump_json(indent=1))
        return
    print(f"{found.subject} on {found.modality} ({found.kind}); also: {', '.join(found.synonyms) or 'no other names'}")
    for aspect in ASPECTS:
        print(f"{aspect + ':':12}{getattr(found, aspect) or '(nothing)'}")
    print(f"Written by {found.author} on {found.date}, asked: {found.prompt}")


def knowledge_write(options: argparse.Namespace) -> None:
    """Have a language model write a description, or take the user's own words, and keep it in the user's bank."""
    from .knowledge.bank import ASPECTS, Description, add_description
    from .knowledge.writing import written

    own = {aspect: text for aspect in ASPECTS if (text := getattr(options, aspect))}
    if own:
        made = Description(
            subject=options.subject,
            modality=options.modality,
            kind=options.kind,
            prompt="(written by hand)",
            author=options.author,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            **own,
        )
    else:
        made = written(options.subject, options.modality, options.kind, _chat(options))
    print(json.dumps(made.model_dump(mode="json"), indent=1, ensure_ascii=False))
    if options.dry_run:
        return
    tell(f"Kept in {add_description(made)}; read it, and correct it there if it is wrong.")


def _chat(options: argparse.Namespace) -> Chat:
    from .knowledge.writing import LocalChat, conversations

    if options.planner != "endpoint":
        return LocalChat(options.device)
    from .planner import EndpointPlanner

    if not options.endpoint or not options.model:
        raise InvalidInput("The endpoint needs an address and a model; give --endpoint URL and --model NAME.")
    endpoint = EndpointPlanner(options.endpoint, options.model, os.environ.get(KEY_VARIABLE), options.timeout)
    asked = conversations(options.subject, options.modality, options.kind)
    talk = "\n".join(f"[{turn['role']}] {turn['content']}" for one in asked.values() for turn in one)
    agree_to_send_text(endpoint, talk, "questions", options, "leave out --planner endpoint")
    return endpoint


def add_knowledge_commands(commands: Any, device: argparse.ArgumentParser, planning: argparse.ArgumentParser) -> None:
    """`knowledge list`, `show` and `write`."""
    knowledge = commands.add_parser(
        "knowledge", help="what structures and findings look like, in words that networks read"
    ).add_subparsers(required=True, metavar="WHAT")
    p = knowledge.add_parser("list", help="what there are texts for")
    p.set_defaults(do=knowledge_list)
    p.add_argument("--modality", help="only modalities with this in their name")

    p = knowledge.add_parser("show", help="one text, whole, with who wrote it and what was asked")
    p.set_defaults(do=knowledge_show)
    p.add_argument("subject")
    p.add_argument("--modality", required=True)
    p.add_argument("--json", action="store_true")

    p = knowledge.add_parser(
        "write",
        parents=[device, planning],
        help="have a language model write a missing text (--planner endpoint for a chat model of yours), or keep your "
        "own words",
    )
    p.set_defaults(do=knowledge_write, device="cpu")
    p.add_argument("subject")
    p.add_argument("--modality", required=True)
    p.add_argument("--kind", choices=("structure", "finding"), default="structure")
    for aspect in ("shape", "location", "neighbours", "appearance"):
        p.add_argument(f"--{aspect}", default="", metavar="TEXT", help="your own words; no model is asked")
    p.add_argument("--author", default="a person", help="who wrote those words")
    p.add_argument("--dry-run", action="store_true", help="show the text without keeping it")
