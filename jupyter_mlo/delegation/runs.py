"""The leaf key of one run: what a run's kernel is given instead of the session or mandate.

It may put metrics, data and results on record for that run and nothing else; it issues no
further keys and ends by itself. Read in kernels: imports nothing heavy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from jupyter_mlo.delegation.roles import Role, signable
from jupyter_mlo.delegation.scope import EVERYTHING, Scope, intersect
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.errors import KeyFileError, Refused, StatementError
from jupyter_mlo.identity.keys import PublicKey, SigningKey
from jupyter_mlo.identity.private_files import read_private, write_private
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.strict_json import read_json
from jupyter_mlo.statements.subjects import key_subject
from jupyter_mlo.statements.times import from_text

#: The key in a run's kernel ends after this, whatever else it depends on.
LONGEST: Final = timedelta(days=7)


@dataclass(frozen=True)
class RunDelegation:
    """A delegation to a key for one run: all that the key's holder needs, and nothing secret."""

    mlo: str
    #: What a verifier needs: the delegator's chain, then the delegation itself.
    chain: tuple[Envelope, ...]
    scope: Mapping[str, Any]
    #: ``{"id", "notebook"}``.
    run: Mapping[str, str]
    activity: str | None
    model: str | None
    checkpoint: Mapping[str, Any] | None

    def signer(self, key: SigningKey) -> Signer:
        """The hand of whoever holds the key."""
        return Signer(
            mlo=self.mlo,
            key=key,
            delegation=self.chain[-1].statement_id,
            chain=self.chain,
            kind="run",
            scope_json=self.scope,
            activity=self.activity,
            model=self.model,
            expires=from_text(self.scope["notAfter"]),
            checkpoint=self.checkpoint,
            run=self.run,
        )


def delegate_run_to(
    signer: Signer,
    public: PublicKey,
    run_id: str,
    notebook_id: str,
    now: datetime,
    lasts: timedelta,
) -> RunDelegation:
    """Delegate from a session, mandate or own key to a key that somebody else holds, for one run.

    Activity and model are those of ``signer``, where it has chosen any, else all that it
    may name; the key ends after ``lasts`` or with ``signer``, whichever comes first.

    Args:
        public: made where the run goes on; its private part never leaves there.
        run_id: ``urn:uuid:…`` of the run.
        notebook_id: ``urn:uuid:…`` of the notebook that the run writes.

    Raises:
        Refused: ``signer`` may not delegate now, or may not act on its activity or model.
    """
    scope = _scope(signer, now, lasts).to_json()
    run = {"id": run_id, "notebook": notebook_id}
    delegation = signer.sign(
        types.DELEGATION,
        [key_subject(public.key_id)],
        {"kind": "run", "publicKey": public.to_text(), "scope": scope, "run": run},
        now,
    )
    return RunDelegation(
        mlo=signer.mlo,
        chain=(*signer.chain, delegation),
        scope=scope,
        run=run,
        activity=signer.activity,
        model=signer.model,
        checkpoint=signer.checkpoint,
    )


def delegate_run(
    signer: Signer, run_id: str, notebook_id: str, now: datetime, lasts: timedelta
) -> Signer:
    """The same to a new key that is made here; arguments and errors as above."""
    key = SigningKey.generate()
    return delegate_run_to(signer, key.public, run_id, notebook_id, now, lasts).signer(key)


def write_run(signer: Signer, path: Path) -> None:
    """Keep a run's signer in a file of mode 0600, for the kernel that ``MLO_RUN`` tells of it.

    After a crash there is no such kernel, and nobody needs the file.
    """
    write_private(path, json.dumps(signer.to_json()).encode(), durable=False)


def load_run(path: Path) -> Signer:
    """The signer that :func:`write_run` kept; one that has ended refuses when it signs.

    Raises:
        KeyFileError: the file is missing, damaged, or others could read it.
    """
    try:
        signer = Signer.from_json(read_json(read_private(path, what="run key file")))
    except FileNotFoundError:
        raise KeyFileError(
            f"the run key file {path} is missing",
            hint="the run that wrote it has ended; what it did stays on record",
        ) from None
    except StatementError as error:
        raise KeyFileError(
            f"the run key file {path} is damaged: {error.message}", hint="run the notebook again"
        ) from None
    if signer.kind != "run":
        raise KeyFileError(
            f"{path} holds the key of a {signer.kind}, not of a run",
            hint="MLO_RUN is set by the engine; do not set it yourself",
        )
    return signer


def _scope(signer: Signer, now: datetime, lasts: timedelta) -> Scope:
    own = Scope(
        activities=frozenset({signer.activity}) if signer.activity else EVERYTHING,
        models=frozenset({signer.model}) if signer.model else EVERYTHING,
        predicates=signable(Role.RUN),
        code=frozenset(),
        parameters={},
        not_before=now,
        not_after=now + lasts,
    )
    if signer.scope is None:
        return own
    permission = signer.scope.permits(activity=signer.activity, model=signer.model)
    if not permission:
        raise Refused(
            f"the {signer.kind} of {signer.mlo} does not permit this run: {permission.reason} "
            f"({permission.element})",
            hint="choose an activity and a model that it permits, or have a wider one made",
        )
    return intersect(signer.scope, own)
