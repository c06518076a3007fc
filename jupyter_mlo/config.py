"""Frozen settings: where things are kept, and what the local policy asks.

``MLO_HOME`` moves keys, trust, records, runs and the ledger together. ``mlo.toml`` in
that home, and in the project's folder or one above it, holds the policy; a project may
only tighten what the home says.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from jupyter_mlo.errors import InvalidInput

#: How late a statement may be logged after its key ended, unless the policy says less or more.
GRACE = timedelta(days=7)
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True)
class Policy:
    """What the local policy asks."""

    #: An unattributed run or cell is refused before it starts.
    identity_required: bool = False
    #: ``time.grace``: what is logged so late after its key ended still counts, and is called late.
    grace: timedelta = GRACE
    #: ``identity.schemes``: schemes of MLO IDs that the organisation declares, with the pattern
    #: (a regular expression) of what stands behind the colon.
    schemes: Mapping[str, str] = field(default_factory=dict)

    def tightened(self, project: Policy) -> Policy:
        """This policy as far as a project's own leaves it: a project only tightens."""
        return Policy(
            identity_required=self.identity_required or project.identity_required,
            grace=min(self.grace, project.grace),
            schemes=self.schemes,
        )


@dataclass(frozen=True)
class Settings:
    """Where everything is; all paths are absolute."""

    home: Path
    #: Sessions: emptied by the operating system or at logout, never part of a backup.
    runtime: Path
    policy: Policy
    #: May hold a password, so it is in nothing that is shown (``ledger/address.py``).
    ledger_url: str = field(repr=False)

    @property
    def identities(self) -> Path:
        """One folder per MLO: key, enrolments, profile."""
        return self.home / "identities"

    @property
    def trust_file(self) -> Path:
        """Pins and registrars that this installation trusts."""
        return self.home / "trust.json"

    @property
    def registrar(self) -> Path:
        """The registrar's key and its statements, where this home is a registrar's."""
        return self.home / "registrar"

    @property
    def records(self) -> Path:
        """Records of executed cells, one file per kernel."""
        return self.home / "records"

    @property
    def stamps(self) -> Path:
        """Stamps that were made here when notebooks were sealed."""
        return self.home / "stamps"

    @property
    def runs(self) -> Path:
        """One folder per papermill run: journal and statements made in its kernel."""
        return self.home / "runs"

    @property
    def mandates(self) -> Path:
        """Mandates created here."""
        return self.home / "mandates"

    def mandates_of(self, username: str) -> Path:
        """Mandates of one user of a server that tells people apart; its name may be any text."""
        name = hashlib.sha256(username.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return self.home / "server-mandates" / name

    @property
    def leases(self) -> Path:
        """Uses of mandates that were set aside for runs on this machine."""
        return self.home / "leases"

    @property
    def labels(self) -> Path:
        """Which entries of the ledger are of which predicate, and how far it was read for that."""
        return self.home / "ledger-labels.json"

    @property
    def counted(self) -> Path:
        """What was found in the ledger about each mandate, and how far it was read for that."""
        return self.home / "counted"

    @property
    def runner(self) -> Path:
        """The key of this home as a runner, to which mandates are made over."""
        return self.home / "runner"

    @property
    def outbox(self) -> Path:
        """Statements that wait for the ledger."""
        return self.home / "outbox"

    @property
    def ledger(self) -> Path:
        """The embedded ledger and its checkpoint key."""
        return self.home / "ledger"

    @property
    def session_file(self) -> Path:
        """The session of this OS account for this home."""
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return self.runtime / f"jupyter-mlo-session-{name}.json"


#: Whose ``mlo.toml`` is read: the home's and the project's, the home's alone, or none.
Asked = Literal["project", "home", "nobody"]


def load_settings(
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    *,
    asked: Asked = "project",
) -> Settings:
    """Settings from the environment and ``mlo.toml``.

    Args:
        asked: whose ``mlo.toml`` is read. What does not depend on a policy does not ask for it,
            so that a damaged file is not in its way.

    Raises:
        InvalidInput: an ``mlo.toml`` cannot be read, or holds something unknown; or ``MLO_HOME``
            is relative, which would be another home in each folder.
    """
    from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir

    env = os.environ if environ is None else environ
    named = env.get("MLO_HOME")
    home = Path(os.path.expanduser(named)) if named else Path(jupyter_data_dir()) / "jupyter-mlo"
    if named and not home.is_absolute():
        raise InvalidInput(
            f"MLO_HOME is {named}, which is another place in each folder",
            hint="kernels and runs start in their notebook's folder, so name the whole path: "
            'export MLO_HOME="$PWD/…"',
        )
    home = home.absolute()
    own = _read_toml(home / "mlo.toml") if asked != "nobody" else {}
    url = own.get("ledger", {}).get("url")
    settings = Settings(
        home=home,
        runtime=Path(jupyter_runtime_dir()).absolute(),
        policy=_policy(own, home / "mlo.toml", _HOME_MEMBERS),
        ledger_url=url or f"sqlite:///{home / 'ledger' / 'ledger.sqlite3'}",
    )
    return in_project(settings, cwd) if asked == "project" else settings


def in_project(settings: Settings, cwd: Path | None = None) -> Settings:
    """``settings``, with the policy tightened by the project in whose folders ``cwd`` is.

    Raises:
        InvalidInput: the project's ``mlo.toml`` cannot be read, or holds something unknown.
    """
    for folder in [start := (cwd or Path.cwd()), *start.parents]:
        project = folder / "mlo.toml"
        if project != settings.home / "mlo.toml" and os.path.lexists(project):
            policy = _policy(_read_toml(project), project, _PROJECT_MEMBERS)
            return replace(settings, policy=settings.policy.tightened(policy))
    return settings


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file for reading; links are followed. Never waits, whatever stands there.

    Raises:
        FileNotFoundError: there is nothing.
        OSError: it cannot be opened, or it is a folder, a pipe or a device.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a plain file", str(path))
    return os.fdopen(descriptor, "rb")


def _read_toml(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        return {}
    try:
        with open_plain(path) as file:
            text = file.read().decode("utf-8")
        import tomllib

        return tomllib.loads(text)
    except (OSError, RecursionError, ValueError) as error:  # ValueError: no UTF-8, or no TOML
        why = (isinstance(error, OSError) and error.strerror) or error
        raise InvalidInput(
            f"{path} cannot be read: {why}", hint="mend or remove the file"
        ) from None


_Members = Mapping[str, Mapping[str, type]]
#: A project tightens the policy; where things are kept is not its to say.
_PROJECT_MEMBERS: _Members = {"identity": {"required": bool}, "time": {"grace": str}}
_HOME_MEMBERS: _Members = {
    **_PROJECT_MEMBERS,
    "identity": {"required": bool, "schemes": dict},
    "ledger": {"url": str},
}


def _policy(table: Mapping[str, Any], path: Path, known: _Members) -> Policy:
    for section, members in table.items():
        if section not in known or not isinstance(members, dict):
            raise InvalidInput(
                f"{path} has the unknown section [{section}]",
                hint=f"known sections: {', '.join(known)}",
            )
        for name, value in members.items():
            kind = known[section].get(name)
            if kind is None or not isinstance(value, kind):
                raise InvalidInput(
                    f"{path}: {section}.{name} is unknown or not of the right type",
                    hint=f"known in [{section}]: "
                    + ", ".join(f"{key} ({form.__name__})" for key, form in known[section].items()),
                )
    identity = table.get("identity", {})
    grace = table.get("time", {}).get("grace")
    return Policy(
        identity_required=identity.get("required", False),
        # A project that says nothing loosens nothing.
        grace=_grace(grace, path) if grace is not None else _UNSAID[known is _PROJECT_MEMBERS],
        schemes=_schemes(identity.get("schemes", {}), path),
    )


#: Characters behind the colon of an ID of a declared scheme.
LONGEST_DECLARED: Final = 256
#: Ways through a declared pattern that are tried in a fraction of a second: two ``+``, not three.
_MOST_WAYS: Final = 100_000
_UNSAID = {True: timedelta.max, False: GRACE}


def _grace(text: str, path: Path) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})\s*([wdhm])", text.strip())
    if found is None:
        raise InvalidInput(
            f"{path}: time.grace is not a duration", hint='a number and a unit: grace = "7d"'
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _ways(pattern: str) -> int:
    """An upper bound of the ways in which ``pattern`` can go through an ID of the longest kind.

    Python's matcher may try them all. What is not known here counts as too many.
    """
    from re import _parser  # type: ignore[attr-defined]

    def through(items: Any) -> int:
        ways = 1
        for operator, value in items:
            ways = min(ways * of(str(operator), value), _MOST_WAYS + 1)
        return ways

    def of(operator: str, value: Any) -> int:
        if operator in ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "CATEGORY"):
            return 1
        if operator == "SUBPATTERN":
            return through(value[-1])
        if operator == "BRANCH":
            return int(sum(map(through, value[1])))
        if operator in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, items = value
            once = through(items)
            ways = 0
            # What has to repeat more often than there are characters repeats nothing, too.
            fewest, most = (min(int(bound), LONGEST_DECLARED) for bound in (least, most))
            for times in range(fewest, most + 1):
                ways += once**times
                if ways > _MOST_WAYS:
                    break
            return max(ways, 1)
        return _MOST_WAYS + 1

    return through(_parser.parse(pattern))


def _schemes(declared: Mapping[str, Any], path: Path) -> Mapping[str, str]:
    for name, pattern in declared.items():
        if not re.fullmatch(r"[a-z][a-z0-9+.-]{1,31}", name) or not isinstance(pattern, str):
            raise InvalidInput(
                f"{path}: identity.schemes.{name!r} is no scheme with a pattern",
                hint='[identity.schemes]\n  bank = "[a-z]{2,8}[0-9]{4}"',
            )
        try:
            re.compile(pattern)
        except (re.error, RecursionError) as error:
            raise InvalidInput(
                f"{path}: the pattern of identity.schemes.{name} is wrong: {error}",
                hint="it is a regular expression of Python's",
            ) from None
        if _ways(pattern) > _MOST_WAYS:
            raise InvalidInput(
                f"{path}: the pattern of identity.schemes.{name} can match in too many ways: an ID "
                "could keep every verification busy for years",
                hint="bound what repeats, and repeat nothing that repeats: [a-z]{1,8}[0-9]{4}; "
                "no look-around, no references to groups",
            )
    return dict(declared)
