"""Where a passphrase comes from: a descriptor, a file, the key ring, or the person.

Never from the command line: what stands there, every user of the machine can read while
the command runs, and the shell keeps it afterwards.
"""

from __future__ import annotations

import os
import shlex
import stat
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, Protocol

from jupyter_mlo.errors import InvalidInput, MissingExtra, PassphraseUnavailable

SHORTEST: Final = 8
_KEYRING_SERVICE: Final = "jupyter-mlo"
_LONGEST: Final = 64 * 1024

Source = Literal["fd", "file", "keyring", "prompt"]


class AsksSecrets(Protocol):
    """What is needed of a prompter."""

    def secret(self, question: str) -> str:
        """One line that is not shown; raises :class:`PassphraseUnavailable`."""


def source_of(
    *, fd: int | None, environ: Mapping[str, str], keyring_mlo: str | None = None
) -> Source:
    """From where :func:`read_passphrase` takes it first, given the same arguments."""
    if fd is not None:
        return "fd"
    if environ.get("MLO_PASSPHRASE_FILE"):
        return "file"
    return "keyring" if keyring_mlo else "prompt"


def read_passphrase(
    *,
    fd: int | None,
    environ: Mapping[str, str],
    ask: AsksSecrets,
    question: str = "passphrase",
    confirm: bool = False,
    keyring_mlo: str | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> str:
    """The passphrase, in Unicode's composed form.

    Args:
        fd: number of an open descriptor to read it from (``--passphrase-fd``).
        environ: where ``MLO_PASSPHRASE_FILE`` may name a file.
        question: what to ask the person.
        confirm: it is a new one: ask twice, and refuse a short one from any source.
        keyring_mlo: the MLO ID under which the profile says it was stored.
        note: is told what the person should know besides.

    Raises:
        PassphraseUnavailable: the named source has none, or nobody can be asked.
        InvalidInput: a new one is too short, or was typed differently three times.
    """
    source = source_of(fd=fd, environ=environ, keyring_mlo=keyring_mlo)
    passphrase: str | None
    if source == "fd":
        assert fd is not None
        passphrase = _from_fd(fd)
    elif source == "file":
        passphrase = _from_file(Path(os.path.expanduser(environ["MLO_PASSPHRASE_FILE"])), note)
    elif source == "keyring" and not confirm:
        assert keyring_mlo is not None
        passphrase = _from_keyring(keyring_mlo, note)
    else:
        passphrase = None
    if passphrase is None:
        passphrase = _typed_twice(ask, question, note) if confirm else ask.secret(question)
    if confirm:
        return new_passphrase(passphrase)
    passphrase = unicodedata.normalize("NFC", passphrase)
    if not passphrase:
        raise PassphraseUnavailable("the passphrase is empty", hint="type it, or press Ctrl-C")
    return passphrase


def new_passphrase(typed: str) -> str:
    """What somebody chose for a new key, in Unicode's composed form.

    Raises:
        PassphraseUnavailable: it is empty.
        InvalidInput: it is too short.
    """
    passphrase = unicodedata.normalize("NFC", typed)
    if not passphrase:
        raise PassphraseUnavailable("the passphrase is empty", hint="type it, or press Ctrl-C")
    if wrong := _why_too_weak(passphrase):
        raise InvalidInput(wrong, hint=_ADVICE)
    return passphrase


def store_in_keyring(mlo: str, passphrase: str) -> None:
    """Keep the passphrase of ``mlo`` in the desktop's key ring.

    Raises:
        MissingExtra: ``keyring`` is not installed.
        PassphraseUnavailable: there is no key ring here, or it refused.
    """
    keyring = _keyring()
    try:
        keyring.set_password(_KEYRING_SERVICE, mlo, passphrase)
    except Exception as error:  # back ends raise errors of their own
        raise PassphraseUnavailable(
            f"the key ring did not take the passphrase: {type(error).__name__}",
            hint="leave out --keyring, or see: keyring diagnose",
        ) from None


_ADVICE: Final = (
    f"use at least {SHORTEST} characters; four or five random words are easier to type "
    "and harder to guess than one odd one"
)


def _typed_twice(ask: AsksSecrets, question: str, note: Callable[[str], None]) -> str:
    for left in (2, 1, 0):
        first = ask.secret(f"new {question} (at least {SHORTEST} characters)")
        wrong = _why_too_weak(unicodedata.normalize("NFC", first))
        if not wrong:
            if ask.secret("the same again") == first:
                return first
            wrong = "the two passphrases differ"
        if left:
            note(f"{wrong}; once more, please. {_ADVICE if 'differ' not in wrong else ''}".rstrip())
    raise InvalidInput(f"{wrong}, three times; nothing was made", hint=_ADVICE)


def _why_too_weak(passphrase: str) -> str:
    if not passphrase.strip():
        return "the passphrase is empty"
    if len(passphrase) < SHORTEST:
        return f"the passphrase is shorter than {SHORTEST} characters"
    return ""


def _from_fd(fd: int) -> str:
    where = f"descriptor {fd} (--passphrase-fd)"
    data = b""
    try:
        # One byte at a time: what follows the line is for whoever reads the descriptor next.
        while len(data) <= _LONGEST and (byte := os.read(fd, 1)) not in (b"", b"\n"):
            data += byte
    except (OSError, OverflowError) as error:
        raise PassphraseUnavailable(
            f"no passphrase can be read from {where}: {getattr(error, 'strerror', error)}",
            hint="open it in the shell: jupyter mlo login --passphrase-fd 3 3< file",
        ) from None
    return _decoded(data, where)


def _from_file(path: Path, note: Callable[[str], None]) -> str:
    where = f"{path}, which MLO_PASSPHRASE_FILE names,"
    try:
        # Non-blocking: a named pipe without a writer would hang here.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PassphraseUnavailable(
            f"{where} cannot be read: {error.strerror}",
            hint="correct the path, or unset MLO_PASSPHRASE_FILE to be asked",
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PassphraseUnavailable(
                f"{where} is not a plain file", hint="for pipes there is --passphrase-fd"
            )
        if status.st_mode & 0o007:
            raise PassphraseUnavailable(
                f"{where} can be read or written by every user "
                f"(mode {stat.S_IMODE(status.st_mode):04o})",
                hint=f"chmod 600 {shlex.quote(str(path))}; for a secret of Kubernetes set "
                "defaultMode: 0400 (0440 with fsGroup), for one of Docker mode: 0400",
            )
        if status.st_mode & 0o070:
            note(f"note: {where} can be read by its group")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(_LONGEST + 1)
    finally:
        os.close(descriptor)
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    if b"\n" in line:
        raise PassphraseUnavailable(
            f"{where} has more than one line", hint="put the passphrase there and nothing else"
        )
    return _decoded(line, where)


def _decoded(data: bytes, where: str) -> str:
    data = data.removesuffix(b"\r")
    if not data:
        raise PassphraseUnavailable(f"{where} is empty", hint="put the passphrase there")
    if len(data) > _LONGEST:
        raise PassphraseUnavailable(f"{where} holds no passphrase: it is too long", hint="")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise PassphraseUnavailable(f"{where} is not UTF-8 text", hint="save it as UTF-8") from None


def _from_keyring(mlo: str, note: Callable[[str], None]) -> str | None:
    try:
        found = _keyring().get_password(_KEYRING_SERVICE, mlo)
    except MissingExtra as error:
        note(f"note: {error.message}")
        return None
    except Exception as error:  # locked, no desktop, back ends' own errors
        note(f"note: the key ring did not answer ({type(error).__name__})")
        return None
    if found is None:
        note(f"note: the key ring has no passphrase of {mlo} any more")
    return str(found) if found else None


class _Keyring(Protocol):
    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...


def _keyring() -> _Keyring:
    try:
        import keyring
    except ImportError:
        raise MissingExtra(
            "the passphrase is to come from the key ring, and the package keyring is missing",
            hint='pip install "jupyter-mlo[keyring]"; or name a file in MLO_PASSPHRASE_FILE',
        ) from None
    module: _Keyring = keyring
    return module
