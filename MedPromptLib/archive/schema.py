"""The archive's tables, one migration after the other; the file's `user_version` says how many it has seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from .connection import APPLICATION_ID, transaction

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,       -- 32 hexadecimal digits, from the run itself: the same run is filed once
  project TEXT NOT NULL,
  filed TEXT NOT NULL,             -- ISO 8601, UTC
  started TEXT NOT NULL,
  image TEXT NOT NULL,             -- pseudonyms
  subject TEXT NOT NULL,
  study TEXT NOT NULL,
  modality TEXT NOT NULL,
  provenance TEXT NOT NULL,        -- JSON without findings
  header TEXT NOT NULL,            -- DICOM JSON model without identifiers
  descriptor BLOB                  -- of the image: 87 little-endian float32
);
CREATE INDEX runs_by_start ON runs (started);
CREATE INDEX runs_by_subject ON runs (subject);

CREATE TABLE findings (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs,
  number INTEGER NOT NULL,         -- within the run, from 1
  target TEXT NOT NULL,
  structure TEXT NOT NULL,
  result TEXT NOT NULL,
  weight TEXT NOT NULL,
  document TEXT NOT NULL,          -- JSON, whole
  decision TEXT NOT NULL DEFAULT '',
  reviewer TEXT NOT NULL DEFAULT '',
  UNIQUE (run, number)
);
CREATE INDEX findings_by_weight ON findings (weight);
CREATE INDEX findings_by_decision ON findings (decision) WHERE decision <> '';

CREATE TABLE measures (
  finding INTEGER NOT NULL REFERENCES findings,
  name TEXT NOT NULL,
  dimension TEXT NOT NULL,         -- length (mm), area (mm²), volume (mm³), share, pixels, hu, number
  value REAL NOT NULL,
  PRIMARY KEY (finding, dimension, name)
) WITHOUT ROWID;
CREATE INDEX measures_by_value ON measures (dimension, value);

CREATE TABLE decisions (
  id INTEGER PRIMARY KEY,
  finding INTEGER NOT NULL REFERENCES findings,
  decision TEXT NOT NULL,
  reviewer TEXT NOT NULL,
  note TEXT NOT NULL,
  at TEXT NOT NULL
);

CREATE TABLE tags (run INTEGER NOT NULL REFERENCES runs, kind TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (run, kind, value)) WITHOUT ROWID;
CREATE INDEX tags_by_value ON tags (value, kind, run);

CREATE TABLE files (run INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL, PRIMARY KEY (run, name)) WITHOUT ROWID;
CREATE TABLE pieces (sha256 TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (sha256, number));

CREATE VIRTUAL TABLE words USING fts5(what, result, rest, tokenize = 'porter unicode61 remove_diacritics 2');

CREATE TABLE audit (
  number INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  details TEXT NOT NULL,           -- JSON
  hash TEXT NOT NULL
);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER decisions_stay BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
CREATE TRIGGER decisions_are_kept BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END
"""

_LIKENESS = """
CREATE TABLE phrases (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE,       -- a finding in words, without numbers
  vector BLOB                      -- 384 little-endian float32 once somebody has looked for something similar
);
ALTER TABLE findings ADD COLUMN phrase INTEGER REFERENCES phrases;
ALTER TABLE findings ADD COLUMN log_size REAL;
CREATE INDEX findings_by_phrase ON findings (phrase, log_size)
"""


def _statements(script: str) -> Callable[[Any], None]:
    def run(connection: Any) -> None:
        statement = ""
        for line in script.splitlines():
            statement += line.split("--")[0] + "\n"
            if _complete(statement):
                connection.execute(statement)
                statement = ""
        if statement.strip():
            connection.execute(statement)

    return run


def _complete(statement: str) -> bool:
    import sqlite3

    return sqlite3.complete_statement(statement)


def _add_likeness(connection: Any) -> None:
    from .documents import described

    _statements(_LIKENESS)(connection)
    rows = connection.execute(
        "SELECT findings.id, document, modality FROM findings JOIN runs ON runs.id = findings.run"
    ).fetchall()
    for row in rows:
        found = described(json.loads(row["document"]), row["modality"])
        phrase = phrase_id(connection, found.phrase)
        connection.execute(
            "UPDATE findings SET phrase = ?, log_size = ? WHERE id = ?", (phrase, found.log_size, row["id"])
        )


def phrase_id(connection: Any, text: str) -> int:
    """The number of a phrase, which is added if it is new."""
    found = connection.execute("SELECT id FROM phrases WHERE text = ?", (text,)).fetchone()
    if found is None:
        return int(connection.execute("INSERT INTO phrases (text) VALUES (?)", (text,)).lastrowid)
    return int(found["id"])


MIGRATIONS: tuple[Callable[[Any], None], ...] = (_statements(_FIRST), _add_likeness)
"""Each brings the file from the version that is its index to the next one. They are never changed, only added to."""
VERSION = len(MIGRATIONS)


def version_of(connection: Any) -> int:
    """How many migrations the file has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def must_be_an_archive(connection: Any, path: Path) -> None:
    """Refuse other programs' files and archives of a newer MedPrompt.

    Raises:
        InvalidInput: it is one of them.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise InvalidInput(
            f"{path} is a database of another program, not an archive of MedPrompt; choose another file."
        )
    if version_of(connection) > VERSION:
        raise InvalidInput(
            f"The archive {path} has version {version_of(connection)} and this MedPrompt knows {VERSION}; "
            "update MedPrompt, nothing was changed."
        )


def migrate(connection: Any, path: Path) -> bool:
    """Bring an older archive up to date, in one step or not at all; True if there was something to do.

    Raises:
        OutputFailed: it could not be written; the archive is as it was.
    """
    if version_of(connection) == VERSION:
        return False
    with transaction(connection, path):
        before = version_of(connection)  # another process may have been quicker
        for migration in MIGRATIONS[before:]:
            migration(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    return before < VERSION
