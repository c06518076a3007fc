"""Stamps and a seal when a notebook is saved through this server.

Runs inside Jupyter's save, on its event loop: digests and signatures only, and files of our own;
no ledger, no network, no waiting for anybody. Whatever goes wrong here, the notebook is saved, as
it was sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.errors import MloError, SessionError
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.notebook.layout import MEMBER
from jupyter_mlo.notebook.reading import Notebook, notebook_from_json
from jupyter_mlo.notebook.resealing import Remembered, remember, reseal
from jupyter_mlo.notebook.sealing import SealedNotebook, seal_examined
from jupyter_mlo.notebook.stamps import place_of
from jupyter_mlo.notebook.verification import examine
from jupyter_mlo.server import metrics
from jupyter_mlo.server.answers import Intended, Written
from jupyter_mlo.statements.envelope import Envelope

if TYPE_CHECKING:
    from jupyter_mlo.server.app import MloApp
    from jupyter_mlo.server.people import Person

#: Notebooks of which is held in memory what was written into them.
_NOTEBOOKS = 500
#: Seconds after the last save until seals are put into the ledger.
QUIET = 0.5
#: How long what a person means to say waits for their save.
INTENDED = timedelta(minutes=1)


@dataclass
class _Known:
    """What this server knows of a notebook that it has saved."""

    #: ``metadata.mlo`` of the notebook, and of its cells by their ids.
    notebook: Any = None
    cells: dict[str, Any] = field(default_factory=dict)
    #: For the next seal, where this server made the last one.
    sealed: Remembered | None = None
    #: Digests of each ``metadata.mlo`` of the notebook that was there before this one.
    before: set[bytes] = field(default_factory=set)


class SaveHook:
    """Called by Jupyter's contents manager before it writes a file."""

    #: Jupyter names hooks in its log.
    __name__ = "jupyter_mlo.server.saving.SaveHook"

    def __init__(self, app: MloApp) -> None:
        self._app = app
        self._records = RecordStore(app.settings.records)
        self._stamps = RecordStore(app.settings.stamps)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        #: User and path → how their next save is meant, and until when.
        self._intended: dict[tuple[str, str], tuple[str, datetime]] = {}
        #: What waits in the outbox is published when nobody has saved for a moment.
        self._timer: threading.Timer | None = None
        self._timing = threading.Lock()

    @property
    def records(self) -> RecordStore:
        """Where this server's observers keep their records."""
        return self._records

    def intend(self, person: Person, path: str, meaning: str) -> Intended:
        """How this person's next save of a notebook is to be meant.

        Raises:
            SessionError: they are not signed in, and so cannot say anything.
        """
        now = self._app.clock()
        if self._app.sessions.signer(person, now) is None:
            raise SessionError("you are not signed in", hint="sign in in the MLO panel")
        self._intended[person.username, path] = meaning, now + INTENDED
        return Intended(path=path, meaning=meaning, seconds=int(INTENDED.total_seconds()))

    def written(self, path: str) -> Written:
        """What the last save of a notebook wrote into it."""
        known = self._known.get(path) or _Known()
        return Written(path=path, notebook=known.notebook, cells=known.cells)

    def close(self) -> None:
        """Publish what waits, and close what is open."""
        with self._timing:
            waiting = self._timer is not None and self._timer.is_alive()
            if self._timer is not None:
                self._timer.cancel()
        if waiting:
            self._flush()
        self._records.close()
        self._stamps.close()

    def __call__(
        self, *, model: dict[str, Any], path: str, contents_manager: Any, **_: Any
    ) -> None:
        """Stamp and seal the notebook in ``model``, where it is one and somebody may."""
        if model.get("type") != "notebook" or not isinstance(model.get("content"), Mapping):
            return
        try:
            outcome = self._save(model, path, contents_manager)
        except MloError as error:
            self._app.log.warning("jupyter-mlo: %s was saved without a seal: %s", path, error)
            outcome = "failed"
        except Exception:
            self._app.watching.failed("seal a notebook when it was saved")
            outcome = "failed"
        metrics.SAVES.labels(outcome).inc()

    def _save(self, model: dict[str, Any], path: str, contents: Any) -> str:
        value = model["content"]
        if value.get("nbformat") != 4:
            return "older"
        known = self._known_of(path, contents)
        _restore(value, known)
        now = self._app.clock()
        signers = dict(self._app.sessions.signers(now))
        person = self._saver()
        signer = None if person is None else self._app.sessions.signer(person, now)
        if person is None or signer is None:
            self._remember(path, known, value)
            return "unsealed"
        signers[signer.mlo] = signer
        meaning, until = self._intended.pop((person.username, path), ("held", now))
        sealed = self._sealed(value, known, signer, signers, meaning if now < until else "held")
        if sealed.seal is not None:
            model["content"] = sealed.value
            self._keep(sealed)
            self._publish(sealed, signer, path)
        self._remember(path, known, sealed.value)
        return "sealed" if sealed.seal is not None else "unchanged"

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
        known: _Known,
        signer: Signer,
        signers: Mapping[str, Signer],
        meaning: str,
    ) -> SealedNotebook:
        now, trust = self._app.clock(), TrustStore(self._app.settings).load()
        pool = Pool.of([link for one in signers.values() for link in one.chain])
        if known.sealed is not None:
            found = reseal(
                value,
                known.sealed,
                signer=signer,
                stampers=signers,
                now=now,
                pool=pool,
                trust=trust,
                records=self._recorded,
                placed=self._placed,
                meaning=meaning,
            )
            if found is not None:
                known.sealed = found[1]
                return found[0]
        notebook = notebook_from_json(value)
        examined = examine(notebook, pool=pool, trust=trust, now=now, records=self._recorded)
        sealed = seal_examined(
            value,
            examined,
            signer=signer,
            now=now,
            meaning=meaning,
            placed=self._placed(_sources(notebook)),
            stampers=signers,
        )
        known.sealed = remember(sealed, examined, self._recorded)
        return sealed

    def _recorded(self, sources: Iterable[bytes]) -> Iterable[Envelope]:
        return self._records.matching(sources)

    def _placed(self, sources: Iterable[bytes]) -> dict[str, str]:
        """Execution → the notebook in which it was stamped."""
        places = map(place_of, self._stamps.matching(sources))
        return dict(place for place in places if place is not None)

    def _known_of(self, path: str, contents: Any) -> _Known:
        known = self._known.get(path)
        if known is None:
            known = _Known()
            with contextlib.suppress(Exception):  # a new file, or a manager without files
                before = _file_of(path, contents)
                if isinstance(before, Mapping):
                    _note(known, before)
        return known

    def _remember(self, path: str, known: _Known, value: Mapping[str, Any]) -> None:
        _note(known, value)
        self._known[path] = known
        self._known.move_to_end(path)
        if len(self._known) > _NOTEBOOKS:
            self._known.popitem(last=False)

    def _keep(self, sealed: SealedNotebook) -> None:
        """Keep new stamps: they say of which notebook an execution is."""
        cells = sealed.value["cells"]
        for position, stamp in sealed.stamps.items():
            cell_id = cells[position].get("id")
            source = _source_of(stamp)
            if source is not None:
                self._stamps.append(stamp, source, cell_id if isinstance(cell_id, str) else None)

    def _publish(self, sealed: SealedNotebook, signer: Signer, path: str) -> None:
        from jupyter_mlo.ledger.content import content_of
        from jupyter_mlo.ledger.outbox import Outbox

        Outbox(self._app.settings).put([content_of(one) for one in sealed.to_publish])
        self._publish_soon()
        detail = f"{len(sealed.stamps)} cells stamped"
        self._app.on_loop(lambda: self._app.act("seal", mlo=signer.mlo, path=path, detail=detail))

    def _publish_soon(self) -> None:
        with self._timing:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(QUIET, self._flush)
            self._timer.daemon = True
            self._timer.start()

    def _flush(self) -> None:
        """What waits in the outbox, into the ledger."""
        from jupyter_mlo.ledger.publish import publish

        try:
            publish(self._app.settings, [])
        except Exception:
            self._app.watching.failed("put a seal into the ledger: it waits in the outbox")


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


def _file_of(path: str, contents: Any) -> Any:
    """The notebook that stands there now."""
    import json

    with open(contents._get_os_path(path.strip("/")), "rb") as file:
        return json.load(file)


def _note(known: _Known, value: Mapping[str, Any]) -> None:
    metadata = value.get("metadata")
    if isinstance(metadata, Mapping) and MEMBER in metadata:
        known.notebook = metadata[MEMBER]
        known.before.add(_digest(known.notebook))
    for cell in value.get("cells") or []:
        if isinstance(cell, Mapping) and isinstance(cell.get("metadata"), Mapping):
            stamp, cell_id = cell["metadata"].get(MEMBER), cell.get("id")
            if stamp is not None and isinstance(cell_id, str):
                known.cells[cell_id] = stamp


def _restore(value: Any, known: _Known) -> None:
    """Give a front end's notebook back what it does not know: the newest seal, and stamps.

    What stands there and was never there before was read from a file that something else has
    sealed: it is newer than what this server knows.
    """
    metadata = value.setdefault("metadata", {})
    if MEMBER in metadata and _digest(metadata[MEMBER]) not in known.before:
        known.sealed = None
        known.cells.clear()
    elif known.notebook is not None:
        metadata[MEMBER] = known.notebook
    for cell in value.get("cells") or []:
        if isinstance(cell, dict) and cell.get("cell_type") == "code" and cell.get("outputs"):
            stamp = known.cells.get(str(cell.get("id")))
            if stamp is not None:
                cell.setdefault("metadata", {}).setdefault(MEMBER, stamp)


def _digest(value: Any) -> bytes:
    return hashlib.sha256(msgspec.json.encode(value)).digest()
