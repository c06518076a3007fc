"""One kernel's observer in process: real keys, records and seals, and a clock moved by hand."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.trust import TrustStore
from jupyter_mlo.ledger.records import RecordStore
from jupyter_mlo.notebook.reading import notebook_from_json
from jupyter_mlo.notebook.sealing import seal_examined
from jupyter_mlo.notebook.verification import examine
from jupyter_mlo.server.chains import Chains
from jupyter_mlo.server.forms import Enrolling
from jupyter_mlo.server.observer import Asked, KernelObserver, Seen
from jupyter_mlo.server.people import Person, Sessions
from jupyter_mlo.server.who import Desk
from tests.server.conftest import PASSPHRASE, notebook

ADA, GRACE = (Person(name, name.title(), shared=False) for name in ("ada", "grace"))


class Bench:
    """One kernel's observer, and a clock that is moved by hand."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.now = settings, datetime.now(UTC).replace(microsecond=0)
        self.sessions = Sessions(settings)
        self.desk = Desk(settings, self.sessions, self.clock, hooked=True)
        self.seen: list[Seen] = []
        self.notices: list[str] = []
        self.said = 0
        self.store = RecordStore(settings.records)
        self.workers = ThreadPoolExecutor(1)
        self.observer = KernelObserver(
            "kernel",
            "python3",
            self.sessions,
            lambda: RecordStore(settings.records),
            self.clock,
            self.seen.append,
            lambda _, text: self.notices.append(text),
            logging.getLogger("test"),
        )

    def clock(self) -> datetime:
        return self.now

    def enrol(self, person: Person) -> str:
        form = Enrolling(name=f"{person.name} Sample", passphrase=PASSPHRASE)
        mlo = self.desk.enrol(person, form).mlo
        assert mlo is not None
        return mlo.id

    def begin(self, request: str, person: Person) -> None:
        self.ask(request, person)
        self.start(request)

    def ask(self, request: str, person: Person, code: str = "'slow'") -> None:
        assert self.observer.comes(request, person)
        signer = self.sessions.signer(person, self.now)
        mlo = None if signer is None else signer.mlo
        self.observer.asked(request, Asked(person, code, f"cell-{request}", mlo))

    def start(self, request: str) -> None:
        self._kernel_says(request, "execute_input", {"execution_count": 1})

    def end(self, request: str) -> None:
        result = {"data": {"text/plain": "'slow'"}, "metadata": {}, "execution_count": 1}
        self._kernel_says(request, "execute_result", result)
        self._kernel_says(request, "status", {"execution_state": "idle"})
        self.observer.close().join()

    def _kernel_says(self, request: str, kind: str, content: dict[str, Any]) -> None:
        self.said += 1
        header = f'{{"msg_id":"{self.said}","msg_type":"{kind}"}}'.encode()
        parent = json.dumps({"msg_id": request}).encode()
        self.observer.passes(header, parent, json.dumps(content).replace(": ", ":").encode())

    def verdict(self, request: str) -> tuple[str | None, int]:
        """Whose stamp a seal makes for the cell, and of how many cells it makes one."""
        cell = {
            "cell_type": "code",
            "id": f"cell-{request}",
            "source": "'slow'",
            "metadata": {},
            "execution_count": 1,
            "outputs": [
                {
                    "output_type": "execute_result",
                    "data": {"text/plain": "'slow'"},
                    "metadata": {},
                    "execution_count": 1,
                }
            ],
        }
        value = notebook(cell)
        signers = dict(self.sessions.signers(self.now))
        source = notebook_from_json(value).cells[0].digests.source
        records = self.store.matching([source])
        examined = examine(
            notebook_from_json(value),
            pool=Chains(self.settings, self.workers, str).pool(signers.values(), records),
            trust=TrustStore(self.settings).load(),
            now=self.now,
            records=lambda wanted: records,
        )
        signer = self.sessions.signer(ADA, self.now) or self.sessions.signer(GRACE, self.now)
        assert signer is not None
        made = seal_examined(value, examined, signer=signer, now=self.now, stampers=signers)
        found = [json.loads(stamp.payload)["predicate"]["mlo"] for stamp in made.stamps.values()]
        return (found[0] if found else None), len(found)
