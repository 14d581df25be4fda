"""The archive's part of the command line: `medprompt archive …`, `medprompt audit …`, and `run --archive`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_planner import asked, tell
from .errors import InvalidInput, OutputFailed

if TYPE_CHECKING:
    from .archive import Archive, Filed
    from .archive.search import Filters, Hit

ARCHIVE_VARIABLE = "MEDPROMPT_ARCHIVE"


def ask_secret(question: str) -> str | None:
    """A secret from the terminal, without echo; None where there is none."""
    if not sys.stdin.isatty():
        return None
    from getpass import getpass

    return getpass(question, stream=sys.stderr)


def open_archive(path: Path | None, *, make: bool = False) -> Archive:
    """The archive that the options name.

    Args:
        make: a plain one is made if there is no such file.
    """
    from .archive import Archive

    if path is None:
        raise InvalidInput(f"No archive was named; give --archive FILE or set ${ARCHIVE_VARIABLE}.")
    way = Archive.create if make and not path.exists() else Archive.open
    archive = way(path, ask=ask_secret)
    for note in archive.notes:
        tell(note)
    return archive


def observer(options: argparse.Namespace) -> Callable[[str, dict[str, object]], None] | None:
    """What logs endpoint calls in the archive of the options, if there is one."""
    path: Path | None = getattr(options, "archive", None)
    if path is None:
        return None

    def observe(event: str, details: dict[str, object]) -> None:
        with open_archive(path, make=True) as archive:
            archive.log(event, details)

    return observe


def add_archive_option(parser: argparse.ArgumentParser, text: str) -> None:
    """`--archive FILE`, which a variable may set."""
    named = os.environ.get(ARCHIVE_VARIABLE)
    parser.add_argument(
        "--archive",
        type=Path,
        metavar="FILE",
        default=Path(named) if named else None,
        help=f"{text} (or ${ARCHIVE_VARIABLE})",
    )


def add_filing_options(parser: argparse.ArgumentParser, *, one_subject: bool = True) -> None:
    """How a run is filed.

    Args:
        one_subject: whether all images are of one person, who then can be named.
    """
    parser.add_argument("--project", default="", help="label under which runs are filed and exported")
    if one_subject:
        parser.add_argument(
            "--subject-id",
            default="",
            metavar="ID",
            help="whose image it is, where no DICOM header says so; not stored itself",
        )
    parser.add_argument(
        "--without-scene", action="store_true", help="file no scene bundle, which holds the image itself"
    )


def say_filed(filed: Filed) -> None:
    """What became of a run, for the user."""
    for warning in filed.warnings:
        tell(f"Warning: {warning}")
    print(f"{'Filed' if filed.new else 'Already filed'} as {filed.run[:8]}")


# -- commands ------------------------------------------------------------


def archive_init(options: argparse.Namespace) -> None:
    """Make an archive."""
    from .archive import Archive
    from .archive.privacy import read_profile

    if options.archive is None:
        raise InvalidInput("A new archive needs a name; give --archive FILE.")
    privacy = read_profile(options.privacy) if options.privacy else None
    with Archive.create(options.archive, encrypted=options.encrypt, privacy=privacy, ask=ask_secret) as archive:
        for note in archive.notes:
            tell(note)
        print(f"{options.archive}: {'encrypted' if options.encrypt else 'not encrypted'}; anchor {archive.head()}")


def archive_add(options: argparse.Namespace) -> None:
    """File runs that were written to folders."""
    if options.input and len(options.folders) > 1:
        raise InvalidInput("--input names one image; give one run folder with it.")
    with open_archive(options.archive, make=True) as archive:
        for folder in options.folders:
            image = None
            if options.input:
                from .images import read_image

                image = read_image(options.input)
            say_filed(
                archive.add_run(
                    folder,
                    image=image,
                    source=options.input,
                    subject=options.subject_id,
                    project=options.project,
                    with_scene=not options.without_scene,
                )
            )


def archive_search(options: argparse.Namespace) -> None:
    """Findings by words, sizes and decisions."""
    with open_archive(options.archive) as archive:
        _show(archive.search(" ".join(options.words), _filters(archive, options), options.limit), options)


def _filters(archive: Archive, options: argparse.Namespace) -> Filters:
    from .archive.search import Filters

    subject = options.subject
    if options.subject_id:
        subject = archive.keys.pseudonym("subject", options.subject_id.strip())
    return Filters(
        weight=options.weight, reviewer=options.reviewer, modality=options.modality, project=options.project,
        run=options.run, subject=subject, since=options.since, until=options.until, tags=tuple(options.tag),
    )  # fmt: skip


def _show(hits: list[Hit], options: argparse.Namespace) -> None:
    from .archive.search import as_json, as_text

    if options.json:
        print(as_json(hits))
    elif hits:
        print(*as_text(hits), sep="\n")
        if len(hits) == options.limit:
            tell(f"There may be more than {options.limit}; see --limit.")
    else:
        tell("Nothing was found.")


def archive_similar(options: argparse.Namespace) -> None:
    """Runs on similar images, or similar findings."""
    if sum(map(bool, (options.image, options.like, options.words))) != 1 or (options.finding and not options.like):
        raise InvalidInput(
            "Say what to compare with: --image IMAGE, --like RUN, --like RUN --finding N, or --words TEXT."
        )
    with open_archive(options.archive) as archive:
        if options.words or options.finding:
            like = archive.likeness
            found = (
                like.findings(options.words, None, options.limit)
                if options.words
                else like.findings_like(options.like, options.finding, options.limit)
            )
            _show(found, options)
            return
        if options.image:
            from .images import read_image

            runs = archive.likeness.images(read_image(options.image), options.limit)
        else:
            runs = archive.likeness.images_like_run(options.like, options.limit)
        rows = [(likeness, archive.run_named(name)) for name, likeness in runs]
        if options.json:
            names = ("name", "started", "modality", "subject", "image", "project")
            print(json.dumps([{"likeness": round(v, 4), **{n: row[n] for n in names}} for v, row in rows], indent=1))
            return
        for likeness, row in rows:
            prompt = json.loads(row["provenance"]).get("prompt", "")
            print(f"{likeness:.2f}  {row['name'][:8]}  {row['started'][:16]}  {row['modality']:18} {prompt}")
        if not rows:
            tell("Nothing was found.")


def archive_show(options: argparse.Namespace) -> None:
    """What the archive holds of a run."""
    from .archive.search import Filters, as_text

    with open_archive(options.archive) as archive:
        run = archive.run_named(options.id)
        if options.json:
            print(json.dumps(archive.provenance(run["id"]), indent=1, ensure_ascii=False))
            return
        for name in ("name", "project", "filed", "started", "image", "subject", "study", "modality"):
            if run[name]:
                print(f"{name:9} {run[name]}")
        print(f"{'prompt':9} {json.loads(run['provenance']).get('prompt', '')}")
        tags = archive.connection.execute("SELECT kind, value FROM tags WHERE run = ?", (run["id"],)).fetchall()
        print(f"{'tags':9} {', '.join(f'{kind}:{value}' for kind, value in tags)}")
        for file in archive.files(run["id"]):
            print(f"{'file':9} {file['name']} ({file['bytes'] / 1e6:.1f} MB)")
        hits = archive.search("", Filters(run=run["name"]), limit=1000)
        print(*as_text(sorted(hits, key=lambda h: h.number)), sep="\n")


def archive_decide(options: argparse.Namespace) -> None:
    """Keep what a person decided about a finding."""
    with open_archive(options.archive) as archive:
        archive.decide(options.id, options.finding, options.decision, options.reviewer, options.note)


def archive_erase(options: argparse.Namespace) -> None:
    """Take runs out for good."""
    from .archive.erasing import runs_of_subject

    if bool(options.id) == bool(options.subject_id):
        raise InvalidInput(
            "Say what to erase: one or more RUNs, or --subject-id ID for all runs on a subject's images."
        )
    with open_archive(options.archive) as archive:
        names = options.id or runs_of_subject(archive, options.subject_id)
        if not names:
            raise InvalidInput("The archive has no run on an image of this subject; nothing was erased.")
        rows = [archive.run_named(name) for name in names]
        for row in rows:
            tell(f"{row['name'][:8]}  {row['started'][:16]}  {row['modality']}")
        if not options.yes and not (sys.stdin.isatty() and asked(f"Erase {len(rows)} runs for good?")):
            raise InvalidInput("Nothing was erased, because you have not confirmed it; repeat the command with --yes.")
        erased = archive.erase([row["name"] for row in rows], options.reason)
        print(
            f"{options.archive}: {len(erased)} runs erased; exports, copies and the runs' own folders are not reached"
        )


def archive_get(options: argparse.Namespace) -> None:
    """A run's files in a folder again."""
    from .archive.transfer import write_run_folder

    with open_archive(options.archive) as archive:
        print(*write_run_folder(archive, options.id, options.out), sep="\n")


def archive_export(options: argparse.Namespace) -> None:
    """A project as a zip file."""
    from .archive.transfer import export_project

    with open_archive(options.archive) as archive:
        print(f"{options.file}: {export_project(archive, options.file, options.project)} runs")


def archive_import(options: argparse.Namespace) -> None:
    """File the runs of an exported project."""
    from .archive.transfer import import_project

    with open_archive(options.archive, make=True) as archive:
        new, known = import_project(archive, options.file, options.project)
        print(f"{options.archive}: {new} new runs, {known} were there already")


def archive_check(options: argparse.Namespace) -> int:
    """Whether the file is whole."""
    with open_archive(options.archive) as archive:
        problems = archive.check()
        for problem in problems:
            tell(problem)
        if not problems:
            print(f"{options.archive}: whole")
        return InvalidInput.exit_code if problems else 0


def archive_secret(options: argparse.Namespace) -> None:
    """Show the secret, to keep a copy of it."""
    with open_archive(options.archive) as archive:
        print(archive.secret())


def audit_verify(options: argparse.Namespace) -> int:
    """Check the log, and the archive against it."""
    from .archive.audit import parsed_anchor

    anchors = [parsed_anchor(text) for text in options.anchor]
    with open_archive(options.archive) as archive:
        verdict = archive.verify(anchors)
    for problem in verdict.problems:
        tell(problem)
    if verdict.problems:
        return InvalidInput.exit_code
    print(f"{options.archive}: {verdict.head.number} entries, whole; anchor {verdict.head}")
    return 0


def audit_head(options: argparse.Namespace) -> None:
    """The anchor: keep it where nobody who can write to the archive can change it."""
    with open_archive(options.archive) as archive:
        print(archive.head())


def audit_log(options: argparse.Namespace) -> None:
    """The entries."""
    from .archive.audit import entries

    with open_archive(options.archive) as archive:
        found = entries(archive.connection, options.last)
    if options.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for e in found:
        details = " ".join(f"{k}={v}" for k, v in e["details"].items() if k != "digest" and v not in ("", None))
        print(f"{e['number']:6} {e['at'][:19]} {e['actor']:12} {e['action']:15} {details}")


def bench_archive(options: argparse.Namespace) -> int:
    """Fill an archive from many processes, kill some, and measure searches."""
    from .archive.bench import Plan, benchmark

    if options.findings < options.writers or options.writers < 1:
        raise OutputFailed("The bench needs at least one writer, and a finding for each.")
    plan = Plan(options.findings, options.writers, options.kills, options.encrypt, options.rounds)
    good = True
    for line, fine in benchmark(plan, options.work):
        print(line, flush=True)
        good = good and fine
    return 0 if good else 1


# -- options ------------------------------------------------------------


def add_archive_commands(commands: Any) -> None:
    """`medprompt archive …` and `medprompt audit …`."""
    where = argparse.ArgumentParser(add_help=False)
    add_archive_option(where, "the archive")
    found = argparse.ArgumentParser(add_help=False)
    found.add_argument("--json", action="store_true", help="everything about each hit")
    found.add_argument("--limit", type=int, default=50)
    filing = argparse.ArgumentParser(add_help=False)
    add_filing_options(filing)

    actions = commands.add_parser("archive", help="keep runs and find them again").add_subparsers(
        required=True, metavar="ACTION"
    )

    def action(name: str, do: Callable[..., object], text: str, *parents: argparse.ArgumentParser) -> Any:
        parser = actions.add_parser(name, parents=[where, *parents], help=text)
        parser.set_defaults(do=do)
        return parser

    p = action("init", archive_init, "make an archive; `run --archive` and `add` make a plain one themselves")
    p.add_argument("--encrypt", action="store_true", help="encrypt the whole file (needs the package sqlcipher3)")
    p.add_argument(
        "--privacy", type=Path, metavar="FILE.toml", help="what is kept of identifiers; see privacy-and-audit.md"
    )
    p = action("add", archive_add, "file a run that was written to a folder", filing)
    p.add_argument("folders", type=Path, nargs="+", metavar="RUN_DIR")
    p.add_argument("--input", type=Path, metavar="IMAGE", help="what the run was made on, for its DICOM header")
    p = action("search", archive_search, "findings by words, sizes and decisions", found)
    p.add_argument("words", nargs="*", metavar="WORDS", help='such as "left pleural nodule > 10 mm, accepted"')
    for name, text in (
        ("weight", "id of the weight"),
        ("reviewer", "who decided"),
        ("modality", "such as 'chest x-ray'"),
        ("project", "label"),
        ("run", "beginning of a run's name"),
        ("subject", "a pseudonym"),
        ("subject-id", "the identifier itself"),
        ("since", "date or time, of the run"),
        ("until", "date (the whole day) or time"),
    ):
        p.add_argument(f"--{name}", default="", help=text)
    p.add_argument("--tag", action="append", default=[], metavar="KIND:VALUE", help="repeatable; all must be there")
    p = action("similar", archive_similar, "runs on similar images, or similar findings", found)
    p.add_argument("--image", type=Path, metavar="IMAGE")
    p.add_argument("--like", default="", metavar="RUN")
    p.add_argument("--finding", type=int, metavar="N", help="with --like: findings like this one of the run")
    p.add_argument("--words", default="", metavar="TEXT", help="findings that mean something like this")
    p = action("show", archive_show, "what is kept of a run")
    p.add_argument("id", metavar="RUN")
    p.add_argument("--json", action="store_true", help="its provenance")
    p = action("decide", archive_decide, "keep what a person decided about a finding")
    p.add_argument("id", metavar="RUN")
    p.add_argument("finding", type=int)
    p.add_argument("decision", metavar="accepted|rejected|edited|undecided")
    p.add_argument("--reviewer", default="", help="default: $MEDPROMPT_USER or the account's name")
    p.add_argument("--note", default="")
    p = action("erase", archive_erase, "take runs out for good; the log keeps that it was done")
    p.add_argument("id", nargs="*", metavar="RUN")
    p.add_argument("--subject-id", default="", metavar="ID", help="all runs on the images of this subject")
    p.add_argument("--reason", default="", help="kept in the log; name nobody in it")
    p.add_argument("--yes", action="store_true", help="do not ask")
    p = action("get", archive_get, "a run's files in a folder again")
    p.add_argument("id", metavar="RUN")
    p.add_argument("--out", type=Path, required=True, metavar="DIR")
    for name, do, text in (
        ("export", archive_export, "a project, or everything, as a zip file"),
        ("import", archive_import, "file the runs of such a zip file"),
    ):
        p = action(name, do, text)
        p.add_argument("file", type=Path, metavar="FILE.zip")
        p.add_argument("--project", default="")
    action("check", archive_check, "whether the file is whole")
    action("secret", archive_secret, "show the secret, to keep a copy of it")

    actions = commands.add_parser("audit", help="the log of what was done").add_subparsers(
        required=True, metavar="ACTION"
    )
    p = action("verify", audit_verify, "find edits, deletions, reordering and truncation")
    p.add_argument(
        "--anchor", action="append", default=[], metavar="N:HASH", help="what `audit head` printed; repeatable"
    )
    action("head", audit_head, "print the anchor, to be kept elsewhere")
    p = action("log", audit_log, "print the entries")
    p.add_argument("--last", type=int, metavar="N")
    p.add_argument("--json", action="store_true")


def add_bench_archive(parser: argparse.ArgumentParser) -> None:
    """Of `bench archive`."""
    parser.set_defaults(do=bench_archive)
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--writers", type=int, default=20)
    parser.add_argument("--kills", type=int, default=20, help="so many writers are killed while they write")
    parser.add_argument("--rounds", type=int, default=200, help="searches of each kind")
    parser.add_argument("--encrypt", action="store_true")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="where the archive is made (default: a temporary folder)"
    )
