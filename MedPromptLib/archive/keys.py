"""The secret of an archive: where it is kept, and the keys that are made from it."""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InvalidInput

SECRET_VARIABLE = "MEDPROMPT_ARCHIVE_SECRET"
SERVICE = "MedPrompt archive"
SALT_BYTES = 16
SHORTEST = 8
Ask = Callable[[str], str | None]
"""Shows a question and returns what was typed without echo, or None where nobody can be asked."""


@dataclass(frozen=True)
class Keys:
    """Keys of 32 bytes, each for one purpose: none of them tells another.

    Attributes:
        file: encrypts the file.
        pseudonyms: makes pseudonyms of identifiers.
        audit: signs the entries of the audit log.
    """

    file: bytes
    pseudonyms: bytes
    audit: bytes

    @property
    def check(self) -> str:
        """Tells whether a secret is the right one without telling anything about it."""
        return hmac.new(self.audit, b"MedPrompt archive key check", hashlib.sha256).hexdigest()

    def pseudonym(self, kind: str, identifier: str) -> str:
        """128 bits as 32 hexadecimal digits: the same for the same identifier, and without the key not to be guessed.

        Args:
            kind: what is named, such as `subject`; the same text as another kind gets another pseudonym.
        """
        text = f"{kind}\0{identifier}".encode()
        return hmac.new(self.pseudonyms, text, hashlib.sha256).hexdigest()[:32]

    def signature(self, kind: str, text: str) -> str:
        """HMAC-SHA256 of a text, 64 hexadecimal digits."""
        return hmac.new(self.audit, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()


@functools.lru_cache(maxsize=16)
def derived_keys(secret: str, salt: bytes) -> Keys:
    """Keys from a secret: scrypt (RFC 7914, N = 2¹⁵, r = 8, p = 1), then HKDF's expansion (RFC 5869) per purpose."""
    root = hashlib.scrypt(secret.encode(), salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32)

    def expanded(purpose: str) -> bytes:
        return hmac.new(root, purpose.encode() + b"\x01", hashlib.sha256).digest()

    return Keys(*(expanded(f"medprompt archive {purpose}") for purpose in ("file", "pseudonyms", "audit")))


def known_secret(salt: bytes) -> str | None:
    """The secret that `$MEDPROMPT_ARCHIVE_SECRET` or the system's keyring holds for the archive with this salt."""
    return os.environ.get(SECRET_VARIABLE) or _from_keyring(salt)


def find_secret(salt: bytes, shown: object, ask: Ask) -> str:
    """The secret of an existing archive: from the environment, the keyring, or the person asked.

    Raises:
        InvalidInput: nobody knows it.
    """
    secret = known_secret(salt) or ask(f"Secret of the archive {shown}: ")
    if not secret:
        raise InvalidInput(
            f"The secret of the archive {shown} is neither in the system's keyring nor in ${SECRET_VARIABLE}, and "
            "nobody can be asked here; set the variable or run the command in a terminal."
        )
    return secret


def new_secret(salt: bytes, shown: object, ask: Ask) -> tuple[str, str]:
    """The secret for a new archive, and a sentence that says where it is kept.

    Raises:
        InvalidInput: it can be kept nowhere and nobody can be asked, or it is too short.
    """
    secret = os.environ.get(SECRET_VARIABLE)
    if secret:
        return _long_enough(secret), f"Its secret is the one in ${SECRET_VARIABLE}."
    secret = secrets.token_urlsafe(32)
    if _to_keyring(salt, secret):
        return secret, (
            "Its secret is in the system's keyring; without it the archive is lost, so keep a copy elsewhere "
            f"(medprompt archive secret {shown})."
        )
    typed = ask(f"There is no system keyring here. New secret for the archive {shown}: ")
    if not typed:
        raise InvalidInput(
            f"A new archive needs a secret, and there is neither a system keyring nor anybody to ask; set "
            f"${SECRET_VARIABLE} or run the command in a terminal."
        )
    if ask("The same again: ") != typed:
        raise InvalidInput("The two secrets differ; nothing was made, so repeat the command.")
    return _long_enough(typed), "Its secret is only in your memory; without it the archive is lost."


def _long_enough(secret: str) -> str:
    if len(secret) < SHORTEST:
        raise InvalidInput(f"The secret has {len(secret)} characters; give one with {SHORTEST} or more.")
    return secret


def _from_keyring(salt: bytes) -> str | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        return keyring.get_password(SERVICE, salt.hex())
    except keyring.errors.KeyringError:
        return None  # locked, or no backend: the next place is tried


def _to_keyring(salt: bytes, secret: str) -> bool:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return False
    try:
        keyring.set_password(SERVICE, salt.hex(), secret)
    except keyring.errors.KeyringError:
        return False
    return True
