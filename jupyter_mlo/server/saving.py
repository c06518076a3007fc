"""Stamps and a seal when a notebook is saved through this server.

Runs inside Jupyter's save, on its event loop: digests and signatures only, and files of our own;
no ledger, no network, no waiting for anybody but the disk, and for that while Jupyter writes the
notebook: what is to be published is on disk before the save is answered. Whatever goes wrong here,
the notebook is saved, as it was sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlo.delegation.actor import Actor
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.errors import MloError, SessionError
from jupyter_mlo.identity.safe_text import terminal_safe
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.notebook.reading import Notebook, notebook_from_json
from jupyter_mlo.notebook.resealing import look_of, remember, reseal
from jupyter_mlo.notebook.sealing import SealedNotebook, seal_examined, stamp_examined
from jupyter_mlo.notebook.stamps import place_of
from jupyter_mlo.notebook.verification import examine
from jupyter_mlo.server import metrics
from jupyter_mlo.server.answers import Intended, Written
from jupyter_mlo.server.intentions import Intentions
from jupyter_mlo.server.known import Known, KnownNotebooks
from jupyter_mlo.server.publishing import Publishing
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.words import count_of

if TYPE_CHECKING:
    from jupyter_mlo.notebook.vouching import RecordSource
    from jupyter_mlo.server.app import MloApp
    from jupyter_mlo.server.people import Person

#: Cells that have run and were not saved yet that are remembered.
_RAN = 100_000
#: Seconds that a notebook which Jupyter is writing is waited for: a write that fails is not told.
_WRITING = 10.0
#: How often the server's own MLO seals a notebook in which people only write.
SERVED = timedelta(seconds=30)


class _Execution(msgspec.Struct):
    id: str


class _Recorded(msgspec.Struct):
    mlo: str
    execution: _Execution
    delegation: str | None = None


class _Said(msgspec.Struct):
    """Of a record: whose execution it is."""

    predicate: _Recorded


class SaveHook:
    """Called by Jupyter's contents manager before it writes a file."""

    #: Jupyter names hooks in its log.
    __name__ = "jupyter_mlo.server.saving.SaveHook"

    def __init__(self, app: MloApp) -> None:
        self._app = app
        self._records = RecordStore(app.settings.records)
        self._stamps = RecordStore(app.settings.stamps)
        self._trust = TrustStore(app.settings)
        self._known = KnownNotebooks()
        #: Cells that ran since they were saved: the same again after a restart looks the same.
        self._ran: set[str] = set()
        #: How many notebooks Jupyter has begun to write.
        self.writes = 0
        #: Those that it is writing, and since when by the monotonic clock.
        self._writing: dict[str, float] = {}
        self._intentions = Intentions()
        self._publishing = Publishing(app)

    @property
    def records(self) -> RecordStore:
        """Where this server's observers keep their records."""
        return self._records

    def intend(self, person: Person, path: str, meaning: str, shown: str) -> Intended:
        """How this person's next save of a notebook is to be meant, if it is what they were shown.

        Raises:
            SessionError: they are not signed in, and so cannot say anything.
        """
        now = self._app.clock()
        if self._app.sessions.signer(person, now) is None:
            raise SessionError("you are not signed in", hint="sign in in the MLO panel")
        seconds = self._intentions.add(person, path, meaning, shown, now)
        self._app.together.touch(path)
        return Intended(path=path, meaning=meaning, seconds=seconds)

    def ran(self, cell: str) -> None:
        """A cell has run: its stamp is of another execution from now on. On the event loop."""
        if len(self._ran) < _RAN:
            self._ran.add(cell)

    async def at_rest(self, path: str) -> None:
        """Wait until Jupyter has written a notebook that it is writing: it is half there."""
        while time.monotonic() - self._writing.get(path, -_WRITING) < _WRITING:
            await asyncio.sleep(0.01)

    def written(self, path: str) -> Written:
        """What the last save of a notebook wrote into it."""
        known = self._known.seen(path)
        return Written(path=path, notebook=known.notebook, cells=known.cells)

    def saved(self, *, model: dict[str, Any], os_path: str, **_: Any) -> None:
        """Called by Jupyter's contents manager after it has written a file."""
        path = str(model.get("path", "")).strip("/")
        self._writing.pop(path, None)
        self._known.written(path, os_path)
        self._publishing.finish(path)

    def close(self) -> None:
        """Publish what waits, and close what is open."""
        self._publishing.close()
        self._records.close()
        self._stamps.close()

    def __call__(
        self, *, model: dict[str, Any], path: str, contents_manager: Any, **_: Any
    ) -> None:
        """Stamp and seal the notebook in ``model``, where it is one and somebody may."""
        if model.get("type") != "notebook" or not isinstance(model.get("content"), Mapping):
            return
        self.writes += 1
        self._writing[path.strip("/")] = time.monotonic()
        try:
            outcome = self._save(model, path, contents_manager)
        except MloError as error:
            where = terminal_safe(path)
            self._app.log.warning("jupyter-mlo: %s was saved without a seal: %s", where, error)
            outcome = "failed"
        except Exception:
            self._app.watching.failed("seal a notebook when it was saved")
            outcome = "failed"
        metrics.SAVES.labels(outcome).inc()

    def _save(self, model: dict[str, Any], path: str, contents: Any) -> str:
        value = model["content"]
        if value.get("nbformat") != 4:
            return "older"
        known = self._known.of(path, contents)
        known.restore(value)
        now = self._app.clock()
        person = self._saver()
        background = person is None
        person, meaning = self._intentions.take(person, path, value, now)
        signer = None if person is None else self._app.sessions.signer(person, now)
        served = signer is None and background
        if served:
            signer = self._app.service.signer(now)
        signers = dict(self._app.sessions.signers(now))
        if signer is not None:
            signers[signer.actor] = signer
        early = served and known.served is not None and now - known.served < SERVED
        records = self._records_for(path, None if background else signer)
        sealed = self._sealed(
            value, known, signer, signers, meaning, now, records, served=served, early=early
        )
        if sealed.seal is not None or sealed.stamps:
            model["content"] = sealed.value
            self._keep(sealed)
        if signer is not None and sealed.seal is not None:
            detail, mlo = f"{count_of(len(sealed.stamps), 'cell')} stamped", signer.mlo
            self._publishing.begin(
                path,
                sealed.to_publish,
                lambda: self._app.act("seal", mlo=mlo, path=path, detail=detail),
            )
            known.served = now if served else None
        self._known.remember(path, known, sealed.value)
        if background:
            self._app.together.write(path, known.notebook, known.cells)
            if early and sealed.seal is None and known.served is not None:
                self._app.together.nudge(path, known.served + SERVED - now)
        if sealed.seal is not None:
            return "sealed"
        return "stamped" if sealed.stamps else "unsealed" if signer is None else "unchanged"

    def _saver(self) -> Person | None:
        """Who saves, if it is a request of somebody's to save.

        Tasks in the background inherit the context of whichever request began them: what they
        save is nobody's.
        """
        from jupyter_server import CallContext
        from jupyter_server.services.contents.handlers import ContentsHandler

        handler = CallContext.get(CallContext.JUPYTER_HANDLER)
        if not isinstance(handler, ContentsHandler) or handler._finished:
            return None
        if handler.request.method not in ("PUT", "POST", "PATCH"):
            return None
        return self._app.watching.person(handler.current_user)

    def _sealed(
        self,
        value: Mapping[str, Any],
        known: Known,
        signer: Signer | None,
        signers: Mapping[Actor, Signer],
        meaning: str,
        now: datetime,
        records: RecordSource,
        *,
        served: bool,
        early: bool,
    ) -> SealedNotebook:
        """With the stamps that records vouch for, and with a seal if somebody seals.

        Args:
            served: the server's own MLO seals.
            early: it was sealed just now, so that only new stamps are a reason for another seal.
        """
        if not signers:
            return SealedNotebook(dict(value), None, (), {}, 0, ())
        trust = self._trust.load_again()
        self._forget_what_ran(value, known)
        if known.sealed is not None and signer is not None and not early:
            pool = self._app.chains.pool(signers.values(), ())
            found = reseal(
                value,
                known.sealed,
                signer=signer,
                stampers=signers,
                now=now,
                pool=pool,
                trust=trust,
                records=records,
                placed=self._placed,
                meaning=meaning,
                of_anybody=served,
            )
            if found is not None:
                known.sealed = found[1]
                return found[0]
        known.sealed = None
        notebook = notebook_from_json(value)
        sources = _sources(notebook)
        pool = self._app.chains.pool(signers.values(), records(set(sources)))
        placed = self._placed(sources)
        examined = examine(notebook, pool=pool, trust=trust, now=now, records=records)
        if signer is None or early:
            stamped = stamp_examined(value, examined, stampers=signers, now=now, placed=placed)
            if signer is None or not stamped.stamps:
                return stamped
        sealed = seal_examined(
            value,
            examined,
            signer=signer,
            now=now,
            meaning=meaning,
            placed=placed,
            stampers=signers,
            of_anybody=served,
        )
        known.sealed = remember(sealed, examined, records)
        return sealed

    def _records_for(self, path: str, saver: Signer | None) -> RecordSource:
        """Records that a save of this notebook goes by.

        Where a server's users are told apart, whoever saves can have their own cells stamped
        anywhere, and those of others where they ran them: nobody shows another's cell among theirs.
        What was run again since, just so, is the last one's.
        """

        def of_here(sources: Iterable[bytes]) -> list[Envelope]:
            found = self._records.matching(sources)
            return [one for one in found if self._is_of_here(one, path, saver)]

        return of_here

    def _is_of_here(self, record: Envelope, path: str, saver: Signer | None) -> bool:
        try:
            said = msgspec.json.decode(record.payload, type=_Said).predicate
        except msgspec.MsgspecError:
            return False
        if self._app.whereabouts.is_over(said.execution.id):
            return False
        if not self._app.named or self._app.whereabouts.is_of(said.execution.id, path):
            return True
        if saver is None or said.mlo != saver.mlo:
            return False
        # Of what its person ran, an assistant's own is only what it ran itself.
        return not saver.assisting or said.delegation == saver.delegation

    def _forget_what_ran(self, value: Mapping[str, Any], known: Known) -> None:
        for cell in value.get("cells") or () if self._ran else ():
            if isinstance(cell, dict) and cell.get("id") in self._ran:
                self._ran.discard(cell["id"])
                if known.sealed is not None:
                    known.sealed.cells.pop(look_of(cell), None)

    def _placed(self, sources: Iterable[bytes]) -> dict[str, str]:
        """Execution → the notebook in which it was stamped."""
        places = map(place_of, self._stamps.matching(sources))
        return dict(place for place in places if place is not None)

    def _keep(self, sealed: SealedNotebook) -> None:
        """Keep new stamps: they say of which notebook an execution is."""
        cells = sealed.value["cells"]
        for position, stamp in sealed.stamps.items():
            cell_id = cells[position].get("id")
            source = _source_of(stamp)
            if source is not None:
                self._stamps.append(stamp, source, cell_id if isinstance(cell_id, str) else None)


def _sources(notebook: Notebook) -> list[bytes]:
    return [
        cell.digests.source
        for cell in notebook.cells
        if cell.kind == "code" and not cell.undigestable
    ]


def _source_of(statement: Envelope) -> bytes | None:
    """``mloSourceV1`` that a record or stamp is about, 32 bytes."""
    import base64

    from jupyter_mlo.statements.strict_json import read_json

    try:
        said = read_json(statement.payload)["predicate"]["source"]
        return base64.urlsafe_b64decode(f"{said}=")
    except (MloError, LookupError, TypeError, ValueError):
        return None
