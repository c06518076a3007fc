"""Mandates: a notebook runs unattended on an MLO's behalf, that notebook and nothing else.

A mandate is a key to which the MLO's own key delegates for some days, bound to the code of
one notebook, an activity, models and parameters. The private key stands only in the file
that is handed out; the home where it was made keeps the public part, to list and revoke.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from jupyter_mlo.config import open_plain
from jupyter_mlo.delegation.links import KeyCache, Link
from jupyter_mlo.delegation.mandate_given import content_or_path, missing
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.ranges import Range
from jupyter_mlo.delegation.revocation import Links
from jupyter_mlo.delegation.roles import Role
from jupyter_mlo.delegation.scope import EVERYTHING, Everything, Names, Scope
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import InvalidInput, KeyFileError, MloError, Refused
from jupyter_mlo.identity.keys import PublicKey, SigningKey
from jupyter_mlo.identity.private_files import MAX_SIZE, read_mounted
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.statements.canonical import canonical_bytes, is_exact
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.strict_json import read_json
from jupyter_mlo.statements.subjects import key_subject
from jupyter_mlo.statements.times import to_text

#: What runs for longer should be looked at by a person now and then.
LONGEST: Final = timedelta(days=366)

#: Parameter name → its permitted values, a range of numbers, or ``"*"`` for any.
Permitted = Mapping[str, Sequence[Any] | Range | Everything]


class MandateFile(BaseModel):
    """A mandate as it is written: ``key`` only in the file that is handed out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    version: Literal[1] = 1
    #: The notebook's file name, for people; what counts is the code digest in the scope.
    notebook: Annotated[str, StringConstraints(max_length=1024)]
    #: Enrolments, then the delegation itself: DSSE envelopes.
    chain: list[dict[str, Any]]
    #: PKCS#8, base64.
    key: str | None = None
    #: It is made over to the key of a runner; nobody else was handed one.
    runner: bool = False

    def to_bytes(self) -> bytes:
        """The file's content."""
        left_out = set() if self.runner else {"runner"}
        return self.model_dump_json(indent=2, exclude=left_out).encode() + b"\n"

    def without_key(self) -> Self:
        """The public part."""
        return self.model_copy(update={"key": None})


@dataclass(frozen=True, eq=False)
class Mandate:
    """A mandate that was read and whose chain holds; nothing is said of trust or revocation."""

    notebook: str
    chain: tuple[Envelope, ...]
    link: Link
    #: None in the public part that its maker keeps, and where it is made over to a runner's key.
    key: SigningKey | None
    #: It is made over to the key of a runner.
    runner: bool = False
    #: What is to be known of where it was read.
    notes: tuple[str, ...] = ()

    @property
    def mandate_id(self) -> str:
        """Statement ID of the delegation."""
        return self.chain[-1].statement_id

    @property
    def mlo(self) -> str:
        """On whose behalf."""
        return self.link.mlo

    @cached_property
    def scope(self) -> Scope:
        """What it permits."""
        assert self.link.scope is not None
        return self.link.scope

    @cached_property
    def _said(self) -> Mapping[str, Any]:
        said: Mapping[str, Any] = read_json(self.chain[-1].payload)["predicate"]
        return said

    @property
    def counted_in(self) -> str | None:
        """The ledger in which its uses are counted: the one whose checkpoint it quotes."""
        checkpoint = self._said.get("checkpoint")
        return str(checkpoint["origin"]) if checkpoint else None

    @property
    def replaces(self) -> str | None:
        """The mandate that it renews, or is a part of."""
        return self._said.get("replaces")

    @property
    def label(self) -> str:
        """How messages call it."""
        name = terminal_safe(self.notebook, limit=80)
        return f"the mandate {self.mandate_id[:12]} of {self.mlo} for {name}"

    @property
    def links(self) -> Links:
        """Its chain, as far as revocations can touch it."""
        link = self.link
        return Links(link.mlo, link.own_key_id, link.key_ids, link.delegation_ids)

    def signer(self, now: datetime, checkpoint: Mapping[str, Any] | None = None) -> Signer:
        """The hand that signs under it; activity and model are chosen where it permits just one.

        Raises:
            Refused: it is not in force ``now``.
            KeyFileError: this is only the public part.
        """
        if self.key is None:
            raise KeyFileError(
                f"the key of {self.label} is not here",
                hint="name the file that jupyter mlo mandate create wrote; one that was made over "
                "with --to is used where that runner's key is",
            )
        self.require_time(now)
        return Signer(
            mlo=self.mlo,
            key=self.key,
            delegation=self.mandate_id,
            chain=self.chain,
            kind="mandate",
            scope_json=self.scope.to_json(),
            activity=_only(self.scope.activities),
            model=_only(self.scope.models),
            expires=self.scope.not_after,
            checkpoint=checkpoint,
        )

    def require_time(self, now: datetime) -> None:
        """Raise :class:`Refused` unless it is in force ``now``."""
        permission = self.scope.permits(at=now)
        if not permission:
            began = permission.element == "notAfter"
            raise Refused(
                f"{self.label} is not in force: {permission.reason} ({permission.element})",
                hint="make a new one: jupyter mlo mandate create --help"
                if began
                else "wait until then, or correct this machine's clock",
            )


def check_lasts(lasts: timedelta) -> None:
    """Raise :class:`InvalidInput` unless a mandate may last so long."""
    if not timedelta() < lasts <= LONGEST:
        raise InvalidInput(
            f"a mandate of {lasts} is not made: it lasts up to {LONGEST.days} days",
            hint="make a new one before it ends; the notebook can stay as it is",
        )


def create_mandate(
    signer: Signer,
    *,
    notebook: str,
    code: str | Sequence[str],
    activities: Sequence[str],
    models: Sequence[str],
    parameters: Permitted | Everything,
    now: datetime,
    lasts: timedelta,
    uses: int | Everything = EVERYTHING,
    to: PublicKey | None = None,
) -> MandateFile:
    """Delegate to a new key, or to a runner's, for one notebook or for those of a folder.

    Args:
        signer: the MLO's own key.
        notebook: the file's name, or what several are called, for people.
        code: ``mloCodeV1`` of the notebook, or of each, hex.
        parameters: what a run may inject; nothing where empty.
        lasts: from ``now``; at most :data:`LONGEST`.
        uses: how many runs may start.
        to: the runner's key; the file holds no secret then.

    Raises:
        InvalidInput: ``lasts`` is not positive or too long, or a listed number is not exact.
    """
    check_lasts(lasts)
    scope = {
        "activities": list(activities),
        "models": list(models),
        "predicates": sorted(types.RECORDING),
        "code": [code] if isinstance(code, str) else sorted(set(code)),
        "parameters": _texts(parameters),
        "uses": uses,
        "delegate": [Role.RUN.value],
        "notBefore": to_text(now),
        "notAfter": to_text(now + lasts),
    }
    return issue(signer, notebook=notebook, scope=scope, now=now, to=to)


def issue(
    signer: Signer,
    *,
    notebook: str,
    scope: Mapping[str, Any],
    now: datetime,
    to: PublicKey | None = None,
    replaces: str | None = None,
) -> MandateFile:
    """Sign a mandate with this scope, as it stands in a delegation.

    Args:
        to: the runner's key; a new one by default, which the file then holds.
        replaces: the mandate that it renews, or is a part of.
    """
    key = SigningKey.generate() if to is None else None
    public = key.public if key is not None else to
    assert public is not None
    said = {"kind": "mandate", "publicKey": public.to_text(), "scope": scope}
    if replaces is not None:
        said["replaces"] = replaces
    delegation = signer.sign(types.DELEGATION, [key_subject(public.key_id)], said, now)
    return MandateFile(
        notebook=notebook,
        chain=[envelope.to_json() for envelope in (*signer.chain, delegation)],
        key=None if key is None else base64.b64encode(key.to_pkcs8()).decode(),
        runner=to is not None,
    )


def read_mandate(value: str | Path) -> Mandate:
    """:func:`read_any`, and its key must be there.

    Raises:
        KeyFileError: as :func:`read_any`; or the file has no private key.
    """
    mandate = read_any(value)
    if mandate.key is None:
        given = content_or_path(value)
        named = f"file {given}" if isinstance(given, Path) else "that was given as a value"
        raise KeyFileError(
            f"the mandate {named} has no private key",
            hint="it is the public part that its maker keeps, or is made over to the key of a "
            "runner; name the file that was handed out, there where it is to be used",
        )
    return mandate


def read_any(value: str | Path) -> Mandate:
    """Read a mandate from a file, or from its text (JSON, or base64 of it, as in a secret).

    Raises:
        KeyFileError: the file is missing, damaged or readable by others; what was read is no
            mandate; or its chain does not hold.
    """
    given = content_or_path(value)
    if isinstance(given, bytes):
        return read_content(given, "the mandate that was given as a value")
    where = f"the mandate file {given}"
    try:
        return read_content(read_mounted(given, what="mandate file"), where)
    except FileNotFoundError:
        raise missing(given) from None
    except KeyFileError:
        # Others may read what holds no key: one that was made over to a runner's.
        public = _without_key(given, where)
        if public is None:
            raise
        return public


def _without_key(path: Path, where: str) -> Mandate | None:
    try:
        with open_plain(path) as file:
            mandate = read_content(file.read(MAX_SIZE), where)
    except (MloError, OSError):
        return None
    return mandate if mandate.key is None else None


def read_content(content: bytes, where: str) -> Mandate:
    """A mandate, with its key or without; ``where`` is what messages call it.

    Raises:
        KeyFileError: it is no mandate, or its chain does not hold.
    """
    try:
        return verified(MandateFile.model_validate(read_json(content)), where)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = terminal_safe(".".join(map(str, first["loc"]))) or "the whole"
        why = f"{place}: {first['msg']}"
    except KeyFileError:
        raise
    except MloError as error:
        why = error.message
    raise KeyFileError(
        f"{where} is damaged, or is no mandate: {why}",
        hint="have a new one made: jupyter mlo mandate create --help",
    )


def verified(file: MandateFile, where: str) -> Mandate:
    """The mandate in ``file``, once its chain and its key have been checked against each other."""
    chain = tuple(map(Envelope.from_json, file.chain))
    if not chain:
        raise KeyFileError(f"{where} has no chain", hint="have a new one made")
    link = KeyCache().walk(chain[-1].statement_id, Pool.of(chain))
    if link.role is not Role.MANDATE:
        raise KeyFileError(
            f"{where} holds a delegation of kind {link.role.value!r}",
            hint="have one made with: jupyter mlo mandate create",
        )
    key = None
    if file.key is not None:
        try:
            key = SigningKey.from_pkcs8(base64.b64decode(file.key, validate=True))
        except (binascii.Error, ValueError):
            raise KeyFileError(
                f"the key in {where} is not base64", hint="have a new one made"
            ) from None
        if key.key_id != link.key.key_id:
            raise KeyFileError(
                f"the key in {where} is not the one that the MLO's own key delegated to",
                hint="its parts come from two mandates; name the file as it was handed out",
            )
    return Mandate(file.notebook, chain, link, key, file.runner)


def _texts(parameters: Permitted | Everything) -> dict[str, Any] | str:
    if isinstance(parameters, str):
        return parameters
    return {name: _written(name, values) for name, values in parameters.items()}


def _written(
    name: str, values: Sequence[Any] | Range | Everything
) -> list[str] | dict[str, Any] | str:
    if isinstance(values, str):
        return values
    listed = list(values.to_json().values()) if isinstance(values, Range) else values
    for value in listed:
        if not is_exact(value):
            raise InvalidInput(
                f"the parameter {terminal_safe(name, limit=80)} cannot be pinned to that number: "
                "beyond 2^53 JSON's whole numbers are not told apart",
                hint="pass it as text, or name the parameter without a value, to permit any",
            )
    if isinstance(values, Range):
        return values.to_json()
    return sorted(canonical_bytes(value).decode() for value in values)


def _only(names: Names) -> str | None:
    if isinstance(names, str) or len(names) != 1:
        return None
    return next(iter(names))
