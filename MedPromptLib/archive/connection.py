"""Opening an archive's SQLite file: shared by writers, durable, encrypted or plain, with errors in one sentence."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, MedPromptError, MissingPackage, OutputFailed
from .keys import SALT_BYTES

APPLICATION_ID = 0x4D645072
"""`MdPr` in the file's header, by which it is known as an archive."""
PLAIN_HEADER = b"SQLite format 3\0"
WAIT_SECONDS = 120.0
"""How long a writer waits for others before it gives up."""

LONGEST_JOURNAL = 32 * 2**20
"""Bytes of the write-ahead log from which it is moved into the file."""


def is_encrypted(path: Path) -> bool:
    """Whether an existing archive is encrypted: its first bytes are then random (they are SQLCipher's salt).

    Raises:
        InvalidInput: it cannot be read, or is too short for an archive.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(SALT_BYTES)
    except OSError as error:
        raise InvalidInput(f"The archive {path} cannot be read ({error.strerror}); check its path.") from error
    if len(head) < SALT_BYTES:
        raise InvalidInput(f"{path} is not an archive of MedPrompt; it is empty or cut off.")
    return head != PLAIN_HEADER


def salt_of(path: Path) -> bytes:
    """The salt of an encrypted archive."""
    with path.open("rb") as stream:
        return stream.read(SALT_BYTES)


def connect(path: Path, file_key: bytes | None = None, salt: bytes = b"", *, read_only: bool = False) -> Any:
    """A connection in autocommit mode; `transaction` makes changes.

    Args:
        file_key: 32 bytes of an encrypted archive, with its salt; None for a plain one.

    Raises:
        InvalidInput: the key does not fit, or the file is something else.
        MissingPackage: encryption needs a package.
        OutputFailed: it cannot be opened or made.
    """
    driver: Any = sqlite3 if file_key is None else _sqlcipher()
    address = path.absolute().as_uri() + ("?mode=ro" if read_only else "")
    with translated(path):
        connection = driver.connect(address, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
        connection.row_factory = driver.Row
        try:
            if file_key is not None:
                connection.execute("PRAGMA cipher_log_level = NONE")  # what is wrong is said in our own words
                connection.execute(f"PRAGMA key = \"x'{file_key.hex()}{salt.hex()}'\"")
            # In WAL mode only FULL makes each commit durable: an acknowledged filing survives a power failure.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except Exception:
            connection.close()
            raise
    return connection


def _sqlcipher() -> Any:
    try:
        from sqlcipher3 import dbapi2
    except ImportError as missing:
        raise MissingPackage("An encrypted archive needs the package sqlcipher3: pip install sqlcipher3") from missing
    return dbapi2


@contextmanager
def transaction(connection: Any, path: Path) -> Iterator[None]:
    """One change, whole or not at all; on leaving it is on the disk. Waits for other writers.

    Raises:
        OutputFailed: it could not be written; nothing was changed.
    """
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    _shorten_journal(connection, path)


def _shorten_journal(connection: Any, path: Path) -> None:
    """Move a long write-ahead log into the file: while many write without a pause, SQLite never finds the moment to."""
    journal = path.with_name(f"{path.name}-wal")
    # What was written is safe already, so that whatever hinders this is no failure.
    with contextlib.suppress(Exception):
        if journal.stat().st_size > LONGEST_JOURNAL:
            connection.execute("PRAGMA busy_timeout = 250")  # an open reader hinders it; then the next writer tries
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {1000 * WAIT_SECONDS:.0f}")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as one sentence for the user."""
    try:
        yield
    except MedPromptError:
        raise
    except Exception as error:
        if not _from_sqlite(error):
            raise
        sentence = _sentence(path, str(error))
        if sentence is None:
            raise
        raise sentence from error


def _from_sqlite(error: Exception) -> bool:
    # sqlcipher3 has exceptions of its own, with the names that the database interface (PEP 249) prescribes.
    return any(kind.__name__ == "DatabaseError" for kind in type(error).__mro__)


def _sentence(path: Path, reason: str) -> MedPromptError | None:
    """What the user is told, or None for what only a defect can cause."""
    text = reason.lower()
    if "not a database" in text:
        return InvalidInput(f"The secret does not fit the archive {path}, or the file is no archive; nothing was read.")
    if "readonly" in text or "read-only" in text:
        return OutputFailed(f"The archive {path} cannot be written, because its disk or file is read-only.")
    if "full" in text:
        return OutputFailed(
            f"The disk of the archive {path} is full; nothing was filed, so free some space and repeat."
        )
    if "unable to open" in text:
        return OutputFailed(f"The archive {path} cannot be opened or made; check that its folder exists and is yours.")
    if "locked" in text or "busy" in text:
        return OutputFailed(
            f"Another program has kept the archive {path} busy for {WAIT_SECONDS:g} s; nothing was changed, so repeat."
        )
    if "malformed" in text or "corrupt" in text:
        return InvalidInput(
            f"The archive {path} is damaged ({reason}); use a copy, or see what is left of it with sqlite3."
        )
    if "disk i/o" in text:
        return OutputFailed(f"The disk of the archive {path} fails ({reason}); nothing was changed.")
    return None
