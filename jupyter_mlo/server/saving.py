"""Stamps and a seal when a notebook is saved through this server.

Runs inside Jupyter's save, on its event loop: digests and signatures only, and files of our own;
no ledger, no network, no waiting for anybody. Whatever goes wrong here, the notebook is saved, as
it was sent.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.errors import MloError, SessionError
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.notebook.layout import MEMBER
from jupyter_mlo.notebook.reading import Notebook, notebook_from_json
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
#: How long what a person means to say waits for their save.
INTENDED = timedelta(minutes=1)


@dataclass
class _Known:
    """What this server knows of a notebook that it has saved."""

    #: ``metadata.mlo`` of the notebook, and of its cells by their ids.
    notebook: Any = None
    cells: dict[str, Any] = field(default_factory=dict)


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
        self._publishing, self._waiting = threading.Lock(), threading.Event()

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
        self._intended[_name(person), path] = meaning, now + INTENDED
        return Intended(path=path, meaning=meaning, seconds=int(INTENDED.total_seconds()))

    def written(self, path: str) -> Written:
        """What the last save of a notebook wrote into it."""
        known = self._known.get(path) or _Known()
        return Written(path=path, notebook=known.notebook, cells=known.cells)

    def close(self) -> None:
        """Close what is open."""
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
        meaning, until = self._intended.pop((_name(person), path), ("held", now))
        sealed = self._sealed(value, signer, signers, meaning if now < until else "held")
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
        signer: Signer,
        signers: Mapping[str, Signer],
        meaning: str,
    ) -> SealedNotebook:
        notebook = notebook_from_json(value)
        now = self._app.clock()
        sources = _sources(notebook)
        records = self._records.matching(sources)
        places = map(place_of, self._stamps.matching(sources))
        examined = examine(
            notebook,
            pool=Pool.of([link for one in signers.values() for link in one.chain]),
            trust=TrustStore(self._app.settings).load(),
            now=now,
            records=lambda wanted: records,
        )
        return seal_examined(
            value,
            examined,
            signer=signer,
            now=now,
            meaning=meaning,
            placed=dict(place for place in places if place is not None),
            stampers=signers,
        )

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
        self._app.workers.submit(self._flush)
        detail = f"{len(sealed.stamps)} cells stamped"
        self._app.on_loop(lambda: self._app.act("seal", mlo=signer.mlo, path=path, detail=detail))

    def _flush(self) -> None:
        """What waits in the outbox, into the ledger; one at a time."""
        from jupyter_mlo.ledger.publish import publish

        self._waiting.set()
        while self._waiting.is_set() and self._publishing.acquire(blocking=False):
            try:
                self._waiting.clear()
                publish(self._app.settings, [])
            except Exception:
                self._app.watching.failed("put a seal into the ledger: it waits in the outbox")
            finally:
                self._publishing.release()


def _name(person: Person) -> str:
    """Under which a person's next save is waited for; anonymous users are all the account."""
    return "" if person.shared else person.username


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
    for cell in value.get("cells") or []:
        if isinstance(cell, Mapping) and isinstance(cell.get("metadata"), Mapping):
            stamp, cell_id = cell["metadata"].get(MEMBER), cell.get("id")
            if stamp is not None and isinstance(cell_id, str):
                known.cells[cell_id] = stamp


def _restore(value: Any, known: _Known) -> None:
    """Give a front end's notebook back what it does not know: the newest seal, and stamps."""
    if known.notebook is not None:
        value.setdefault("metadata", {})[MEMBER] = known.notebook
    for cell in value.get("cells") or []:
        if isinstance(cell, dict) and cell.get("cell_type") == "code" and cell.get("outputs"):
            stamp = known.cells.get(str(cell.get("id")))
            if stamp is not None:
                cell.setdefault("metadata", {}).setdefault(MEMBER, stamp)
