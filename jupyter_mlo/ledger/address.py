"""Where the ledger is: a file of one's own, or a PostgreSQL database that a team shares.

A password may stand in ``ledger.url``; it is in nothing that is shown. Errors of the database's
library may quote what it was handed, so an address is read strictly before the library sees it,
and :meth:`Address.without_secrets` goes over what the library says.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import InvalidInput

SCHEME: Final = "postgresql+psycopg"
#: What is left out of user and password has to be percent-encoded there (RFC 3986, section 3.2.1).
_POSTGRESQL: Final = re.compile(
    r"postgresql\+psycopg://"
    r"(?:(?P<user>[^:@/?#\s]*)(?::(?P<password>[^:@/?#\s]*))?@)?"
    r"(?P<host>[^@/?#\s]*)"
    r"(?:/(?P<name>[^@/?#\s]*))?"
    r"(?:\?(?P<query>[^@?#\s]*))?",
    re.ASCII,
)
_SECRET: Final = re.compile("password|secret|token", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """One ledger's address."""

    #: As it may be shown: without a password.
    shown: str
    #: The file of an embedded ledger; None where it is in PostgreSQL.
    path: Path | None = None
    #: What PostgreSQL's own library reads; empty for a file.
    conninfo: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def without_secrets(self, text: str) -> str:
        """``text`` with whatever stands for a password taken out."""
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text


def address_of(settings: Settings) -> Address:
    """Read ``ledger.url``.

    Raises:
        InvalidInput: it names no ledger that this version can open, or it holds a password that
            others may read.
    """
    url = settings.ledger_url
    kind, separator, rest = url.partition(":///")
    if separator and kind == "sqlite" and rest:
        path = settings.home / rest
        return Address(str(path), path)
    found = _POSTGRESQL.fullmatch(url)
    if found is None:
        # Not a part of it is shown: a password may be where it does not belong.
        raise InvalidInput(
            "ledger.url names no ledger that this version can open",
            hint="write sqlite:////absolute/path/ledger.sqlite3, or "
            f"{SCHEME}://USER@HOST/DATABASE (what stands for @ : / ? # in a password is "
            "percent-encoded), or leave ledger.url out",
        )
    query = parse_qsl(found["query"] or "", keep_blank_values=True)
    hidden = [value for name, value in query if _SECRET.search(name)]
    secrets = [
        *hidden,
        *([found["password"], unquote(found["password"])] if found["password"] else []),
    ]
    if secrets:
        _check_that_nobody_else_reads(settings.home / "mlo.toml")
    user = f"{found['user']}@" if found["user"] else ""
    open_query = urlencode([(name, value) for name, value in query if not _SECRET.search(name)])
    shown = f"{SCHEME}://{user}{found['host']}/{found['name'] or ''}"
    return Address(
        f"{shown}?{open_query}" if open_query else shown,
        conninfo="postgresql" + url.removeprefix(SCHEME),
        secrets=tuple(sorted({secret for secret in secrets if secret}, key=len, reverse=True)),
    )


def ledger_folder(settings: Settings) -> Path:
    """Where a home keeps what belongs to this ledger and not into its database.

    That is the last checkpoint that was seen here, and the checkpoint key of whoever keeps the
    ledger. Each database has a folder of its own: a home's own ledger is another log than its
    team's, and none is to be taken for the other's rollback.
    """
    address = address_of(settings)
    if address.path is not None:
        return settings.ledger
    place = re.sub(r"//[^@/?]*@", "//", address.shown)
    return settings.ledger / f"postgresql-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def _check_that_nobody_else_reads(config: Path) -> None:
    try:
        mode = config.stat().st_mode
    except OSError:
        return
    if mode & 0o077:
        raise InvalidInput(
            f"ledger.url in {config} holds a password, and others may read the file",
            hint=f"chmod 600 {config}; or keep the password in PostgreSQL's own file (PGPASSFILE)",
        )
