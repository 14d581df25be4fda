"""`Archive`: one file that holds runs, and everything that is done with it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, OutputFailed
from . import audit
from .connection import APPLICATION_ID, connect, is_encrypted, salt_of, transaction, translated
from .documents import described
from .filing import Record, record_of
from .keys import SALT_BYTES, Ask, Keys, derived_keys, find_secret, new_secret
from .privacy import PrivacyProfile
from .query import DECISIONS
from .schema import MIGRATIONS, VERSION, migrate, must_be_an_archive, phrase_id

if TYPE_CHECKING:
    from ..images import MedicalImage
    from .search import Filters, Hit
    from .similar import Likeness

PIECE_BYTES = 8 * 2**20
"""Files are stored in pieces of this size, so that large scenes need little memory."""


def _nobody(question: str) -> None:
    """Where nobody can be asked."""


@dataclass(frozen=True)
class Filed:
    """What became of a run.

    Attributes:
        run: its name in the archive.
        new: False if it was there already.
        warnings: sentences for the user.
    """

    run: str
    new: bool
    warnings: tuple[str, ...] = ()


class Archive:
    """An open archive; use it as `with Archive.open(path) as archive:`. One object per thread and process.

    Attributes:
        path: of the file.
        notes: what was done on opening, such as a migration.
    """

    def __init__(self, path: Path, connection: Any, keys: Keys | None, ask: Ask) -> None:
        self.path, self.connection = path, connection
        self._keys, self._ask = keys, ask
        self.notes: tuple[str, ...] = ()

    # -- opening ------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        encrypted: bool = False,
        privacy: PrivacyProfile | None = None,
        secret: str | None = None,
        ask: Ask = _nobody,
    ) -> Archive:
        """A new archive; it appears whole or not at all.

        Args:
            secret: default: a new one in the system's keyring; see `keys.new_secret`.

        Raises:
            InvalidInput: the file exists, or there is no place for a secret.
            OutputFailed: it cannot be written.
            MissingPackage: encryption needs a package.
        """
        if path.exists():
            raise InvalidInput(f"{path} exists already; choose another file, or leave it and file runs to it.")
        salt, note = secrets.token_bytes(SALT_BYTES), ""
        folder = None
        try:
            folder = tempfile.TemporaryDirectory(prefix=".medprompt-", dir=path.absolute().parent)
            draft = Path(folder.name) / path.name
            if secret is None:
                secret, note = new_secret(salt, path, ask)
            keys = derived_keys(secret, salt)
            connection = connect(draft, keys.file if encrypted else None, salt)
            with contextlib.closing(connection):
                _furnish(connection, draft, keys, salt, privacy or PrivacyProfile())
            draft.chmod(0o600)  # whoever is to share it can be given leave
            os.link(draft, path)  # unlike a renaming, this never replaces what another process made meanwhile
        except FileExistsError as error:
            raise InvalidInput(f"{path} exists already; another process has just made it.") from error
        except OSError as error:
            raise OutputFailed(
                f"The archive {path} cannot be made ({error.strerror}); choose another place."
            ) from error
        finally:
            if folder is not None:
                folder.cleanup()
        archive = cls.open(path, secret=secret)
        archive.notes = (note,) if note else ()
        return archive

    @classmethod
    def open(cls, path: Path, *, secret: str | None = None, ask: Ask = _nobody, read_only: bool = False) -> Archive:
        """An existing archive; one of an older MedPrompt is brought up to date.

        Args:
            secret: default: from `$MEDPROMPT_ARCHIVE_SECRET`, the system's keyring, or asked for when it is needed:
                at once for an encrypted archive, else before something is filed, decided or verified.

        Raises:
            InvalidInput: no such file, no archive, of a newer MedPrompt, or the secret does not fit.
            OutputFailed: it is of an older MedPrompt and cannot be written.
        """
        keys = None
        if is_encrypted(path):
            salt = salt_of(path)
            keys = derived_keys(secret or find_secret(salt, path, ask), salt)
            connection = connect(path, keys.file, salt, read_only=read_only)
        else:
            connection = connect(path, read_only=read_only)
        archive = cls(path, connection, keys, ask)
        try:
            with translated(path):
                must_be_an_archive(connection, path)
                if migrate(connection, path):
                    archive.notes = (f"The archive {path} was brought to version {VERSION}.",)
                if secret is not None and keys is None:
                    archive._keys = archive._fitting(secret)
        except BaseException:
            connection.close()
            raise
        return archive

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def keys(self) -> Keys:
        """The archive's keys.

        Raises:
            InvalidInput: the secret is not known or does not fit.
        """
        if self._keys is None:
            self._keys = self._fitting(find_secret(self._salt, self.path, self._ask))
        return self._keys

    def _fitting(self, secret: str) -> Keys:
        keys = derived_keys(secret, self._salt)
        if self._meta("key check") != keys.check:
            raise InvalidInput(f"The secret does not fit the archive {self.path}; nothing was read or changed.")
        return keys

    def secret(self) -> str:
        """The secret that the environment or the system's keyring holds, for a copy.

        Raises:
            InvalidInput: neither holds the right one.
        """
        secret = find_secret(self._salt, self.path, _nobody)
        self._fitting(secret)
        return secret

    @property
    def _salt(self) -> bytes:
        return bytes.fromhex(self._meta("salt"))

    def _meta(self, name: str) -> str:
        with translated(self.path):
            row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise InvalidInput(f"The archive {self.path} is damaged (no {name}); use a copy.")
        return str(row["value"])

    @functools.cached_property
    def privacy(self) -> PrivacyProfile:
        """What is kept of identifiers; chosen when the archive was made."""
        return PrivacyProfile.model_validate_json(self._meta("privacy"))

    # -- filing ------------------------------------------------------------

    def add_run(
        self,
        folder: Path,
        *,
        image: MedicalImage | None = None,
        source: Path | None = None,
        subject: str = "",
        project: str = "",
        documents: Sequence[Mapping[str, Any]] | None = None,
        with_scene: bool = True,
        written: Sequence[Path] | None = None,
    ) -> Filed:
        """File the run in a folder; for the arguments see `filing.record_of`.

        Raises:
            InvalidInput: no run, or an identifier could not be removed; nothing is stored.
            OutputFailed: the archive cannot be written; nothing is stored.
        """
        with record_of(
            folder, self.keys, self.privacy, image=image, source=source, subject=subject, project=project,
            documents=documents, with_scene=with_scene, written=written,
        ) as record:  # fmt: skip
            return self.file(record)

    def file(self, record: Record) -> Filed:
        """File a record; when this returns, it is on the disk."""
        keys = self.keys
        with transaction(self.connection, self.path):
            return self._insert(record, keys)

    def _insert(self, record: Record, keys: Keys) -> Filed:
        do, name = self.connection.execute, record.name
        if do("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone():
            return Filed(name, False, record.warnings)
        values = (
            name, record.project, audit.now(), record.started, record.image, record.subject, record.study,
            record.modality, audit.canonical(record.provenance), audit.canonical(record.header), record.descriptor,
        )  # fmt: skip
        places = ", ".join("?" * len(values))
        run = do(f"INSERT INTO runs ({', '.join(audit.RUN_COLUMNS)}) VALUES ({places})", values).lastrowid
        ids = [self._insert_finding(run, n, document, record.modality) for n, document in enumerate(record.findings, 1)]
        for kind, value in record.tags:
            do("INSERT INTO tags VALUES (?, ?, ?)", (run, kind, value))
        for file, path in record.files.items():
            do("INSERT INTO files VALUES (?, ?, ?, ?)", (run, file, self._insert_file(path), path.stat().st_size))
        digest = audit.run_digest(self.connection, run)
        audit.append(
            self.connection,
            keys,
            "run filed",
            {"run": name, "digest": digest, "findings": len(ids), "project": record.project},
        )
        for number, decision in record.decisions.items():
            self._insert_decision(keys, name, number, ids[number - 1], decision, "", "as the run came")
        return Filed(name, True, record.warnings)

    def _insert_finding(self, run: int, number: int, document: Mapping[str, Any], modality: str) -> int:
        do, found = self.connection.execute, described(document, modality)
        text = (found.target, found.structure, found.outcome, found.weight)
        finding = do(
            "INSERT INTO findings (run, number, target, structure, result, weight, document, phrase, log_size) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run, number, *text, audit.canonical(document), phrase_id(self.connection, found.phrase), found.log_size),
        ).lastrowid
        do(
            "INSERT INTO words (rowid, what, result, rest) VALUES (?, ?, ?, ?)",
            (finding, found.what, found.result, found.rest),
        )
        for (name, dimension), value in found.measures.items():
            do("INSERT INTO measures VALUES (?, ?, ?, ?)", (finding, name, dimension, value))
        return int(finding)

    def _insert_file(self, path: Path) -> str:
        """Its SHA-256; a file that is there already is not stored again."""
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            if not self.connection.execute("SELECT 1 FROM pieces WHERE sha256 = ?", (sha256,)).fetchone():
                stream.seek(0)
                for number, piece in enumerate(iter(lambda: stream.read(PIECE_BYTES), b"")):
                    self.connection.execute("INSERT INTO pieces VALUES (?, ?, ?)", (sha256, number, piece))
        return sha256

    # -- decisions and the log ------------------------------------------------------------

    def decide(self, run: str, number: int, decision: str, reviewer: str = "", note: str = "") -> None:
        """Keep what a person decided about a finding; earlier decisions stay.

        Args:
            run: its name, or the beginning of it.
            number: the finding's, from 1.
            decision: accepted, rejected, edited or undecided.

        Raises:
            InvalidInput: no such finding, or another word.
        """
        word = DECISIONS.get(decision.strip().lower())
        if word is None:
            raise InvalidInput(f"The decision '{decision}' is not known; give accepted, rejected, edited or undecided.")
        keys = self.keys
        name = self.run_named(run)["name"]
        with transaction(self.connection, self.path):
            row = self.connection.execute(
                "SELECT findings.id FROM findings JOIN runs ON runs.id = run WHERE name = ? AND number = ?",
                (name, number),
            ).fetchone()
            if row is None:
                raise InvalidInput(f"Run {name} has no finding {number}; see `medprompt archive show {name[:8]}`.")
            self._insert_decision(keys, name, number, row["id"], word, reviewer or audit.actor(), note)

    def _insert_decision(
        self, keys: Keys, run: str, number: int, finding: int, decision: str, reviewer: str, note: str, at: str = ""
    ) -> None:
        at, do = at or audit.now(), self.connection.execute
        do(
            "INSERT INTO decisions (finding, decision, reviewer, note, at) VALUES (?, ?, ?, ?, ?)",
            (finding, decision, reviewer, note, at),
        )
        do("UPDATE findings SET decision = ?, reviewer = ? WHERE id = ?", (decision, reviewer, finding))
        audit.append(
            self.connection, keys, "decision",
            {"run": run, "finding": number, "decision": decision, "reviewer": reviewer, "note": note, "at": at},
        )  # fmt: skip

    def erase(self, runs: Sequence[str], reason: str = "") -> tuple[str, ...]:
        """Take runs out for good; see `erasing.erase`."""
        from .erasing import erase

        return erase(self, runs, reason)

    def log(self, action: str, details: Mapping[str, object]) -> audit.Head:
        """Add an entry to the audit log; when this returns, it is on the disk."""
        keys = self.keys
        with transaction(self.connection, self.path):
            return audit.append(self.connection, keys, action, details)

    def verify(self, anchors: Sequence[audit.Head] = ()) -> audit.Verdict:
        """Check the audit log and that the archive is as it says; see `audit.verify`."""
        keys = self.keys
        with self._one_moment():
            return audit.verify(self.connection, keys, tuple(anchors))

    def head(self) -> audit.Head:
        """The last entry of the audit log, as an anchor."""
        with translated(self.path):
            return audit.head_of(self.connection)

    @contextlib.contextmanager
    def _one_moment(self) -> Iterator[None]:
        """What is read within is of one moment, whatever others write."""
        with translated(self.path):
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("ROLLBACK")

    # -- reading ------------------------------------------------------------

    def run_named(self, name: str) -> dict[str, Any]:
        """A run's row by its name or the beginning of it (4 digits or more).

        Raises:
            InvalidInput: none or several.
        """
        if len(name) < 4 or not name.isalnum():
            raise InvalidInput(f"'{name}' is not a run's name; give 4 or more of its 32 digits.")
        with translated(self.path):
            rows = self.connection.execute(
                "SELECT * FROM runs WHERE name GLOB ? LIMIT 2", (f"{name.lower()}*",)
            ).fetchall()
        if len(rows) != 1:
            raise InvalidInput(
                f"{'No run has' if not rows else 'Several runs have'} the name {name}; see `archive search`."
            )
        return dict(rows[0])

    def documents(self, run: int) -> list[dict[str, Any]]:
        """A run's findings as documents, with their present decisions."""
        order = "SELECT document, decision FROM findings WHERE run = ? ORDER BY number"
        with translated(self.path):
            rows = self.connection.execute(order, (run,)).fetchall()
        return [{**json.loads(row["document"]), "decision": row["decision"]} for row in rows]

    def provenance(self, run: int) -> dict[str, Any]:
        """A run's provenance as JSON value, with its findings and their present decisions."""
        with translated(self.path):
            row = self.connection.execute("SELECT provenance FROM runs WHERE id = ?", (run,)).fetchone()
        return {**json.loads(row["provenance"]), "findings": self.documents(run)}

    def files(self, run: int) -> list[dict[str, Any]]:
        """A run's files: name, sha256, bytes."""
        with translated(self.path):
            order = "SELECT name, sha256, bytes FROM files WHERE run = ? ORDER BY name"
            return [dict(row) for row in self.connection.execute(order, (run,))]

    def pieces(self, sha256: str) -> Iterator[bytes]:
        """A file's bytes, piece by piece."""
        with translated(self.path):
            for row in self.connection.execute("SELECT data FROM pieces WHERE sha256 = ? ORDER BY number", (sha256,)):
                yield row["data"]

    def search(self, text: str = "", filters: Filters | None = None, limit: int = 50) -> list[Hit]:
        """Findings by words, sizes and decisions; see `query.parsed` and `search.find`."""
        from .search import find

        return find(self, text, filters, limit)

    @functools.cached_property
    def likeness(self) -> Likeness:
        """Search by similar image and similar finding."""
        from .similar import Likeness

        return Likeness(self)

    def check(self) -> tuple[str, ...]:
        """What SQLite and its word index say about the file; nothing if it is whole."""
        with translated(self.path):
            found = [row[0] for row in self.connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
            found += [
                f"A row of {row[0]} refers to nothing." for row in self.connection.execute("PRAGMA foreign_key_check")
            ]
            counts = self.connection.execute(
                "SELECT (SELECT count(*) FROM findings), (SELECT count(*) FROM words_docsize)"
            ).fetchone()
            if counts[0] != counts[1]:
                found.append(f"The word index knows {counts[1]} of {counts[0]} findings.")
        return tuple(found)


def _furnish(connection: Any, path: Path, keys: Keys, salt: bytes, privacy: PrivacyProfile) -> None:
    """Make the tables of a new archive."""
    with translated(path):
        connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection, path):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        for migration in MIGRATIONS:
            migration(connection)
        for name, value in (("salt", salt.hex()), ("key check", keys.check), ("privacy", privacy.model_dump_json())):
            connection.execute("INSERT INTO meta VALUES (?, ?)", (name, value))
        audit.append(connection, keys, "archive made", {"privacy": json.loads(privacy.model_dump_json())})
