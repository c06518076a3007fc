"""When a key ended, and when the ledger got the seal: each case, through `verify` of a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.delegation.revocation import Logged
from jupyter_mlo.notebook.reports import Demands
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from jupyter_mlo.statements.subjects import key_subject
from jupyter_mlo.statements.times import to_text
from tests.notebook.people import ALICE, NOON, Kernel, Person, code, notebook, seal, stream, verify

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: Alice's session lasts from :data:`NOON` on; it is revoked an hour later.
REVOKED = NOON + HOUR


class Facts:
    """A ledger that has the seal and the revocation at these places, with these proven times."""

    checkpoint: Mapping[str, object] = {"origin": "o", "size": 9, "root": "r"}

    def __init__(self, places: dict[str, Logged]) -> None:
        self._places = places

    def logged(self, statement_ids: Iterable[str]) -> dict[str, Logged]:
        return {one: self._places[one] for one in statement_ids if one in self._places}

    def newest_seal(self, notebook: str) -> tuple[str, int] | None:
        return None

    def uses(self, mandate: object) -> None:
        return None


@pytest.fixture(scope="module")
def alice() -> Person:
    return Person(ALICE, "alice")


@pytest.fixture(scope="module")
def sealed(alice: Person) -> dict[str, Any]:
    value = notebook(code("print(1)", "a"))
    session = alice.session()
    kernel = Kernel(session)
    kernel.run(value["cells"][0], stream("1\n"))
    return seal(value, session, kernel).value


def revocation(alice: Person, since: datetime | None, at: datetime = REVOKED) -> Envelope:
    said: dict[str, Any] = {"revokesKey": alice.key.key_id, "reason": "lost"}
    if since is not None:
        said |= {"reason": "compromised", "compromisedSince": to_text(since)}
    return alice.own().sign(types.REVOCATION, [key_subject(alice.key.key_id)], said, at)


BEFORE, WITHIN, LATER = NOON + HOUR / 2, REVOKED + DAY, REVOKED + 8 * DAY
EARLY, THEFT = NOON - HOUR, NOON + HOUR / 2 + HOUR / 4


@pytest.mark.parametrize(
    ("place", "since", "now", "outcome"),
    [
        # logged before: stands, whenever it is asked
        (Logged(1), None, LATER, "stands"),
        (Logged(1, BEFORE), None, LATER, "stands"),
        # logged after: late within the grace, proven or by the verifier's own clock
        (Logged(3), None, WITHIN, "late"),
        (Logged(3), None, LATER, "claimed"),
        (Logged(3, WITHIN), None, LATER, "late"),
        (Logged(3, LATER), None, LATER, "claimed"),
        # nowhere in the ledger
        (None, None, WITHIN, "claimed"),
        # compromised: only what is proven older
        (Logged(1, BEFORE), THEFT, LATER, "stands"),
        (Logged(1), THEFT, LATER, "claimed"),
        (Logged(1, THEFT), THEFT, LATER, "claimed"),
        (Logged(1, BEFORE), EARLY, LATER, "claimed"),
        (Logged(3, WITHIN), THEFT, LATER, "claimed"),
        (None, THEFT, WITHIN, "claimed"),
    ],
)
def test_a_key_was_revoked(
    alice: Person,
    sealed: dict[str, Any],
    place: Logged | None,
    since: datetime | None,
    now: datetime,
    outcome: str,
) -> None:
    ended = revocation(alice, since)
    assert judged(alice, sealed, place, now, ended) == outcome


@pytest.mark.parametrize(
    ("place", "outcome"),
    [
        (None, "stands"),
        (Logged(1), "stands"),
        (Logged(1, LATER), "stands"),
        (Logged(1, WITHIN, NOON), "stands"),
        (Logged(1, WITHIN, NOON + 9 * HOUR), "late"),
        (Logged(1, LATER + DAY, NOON + 9 * HOUR), "claimed"),
    ],
)
def test_a_session_expired(
    alice: Person, sealed: dict[str, Any], place: Logged | None, outcome: str
) -> None:
    assert judged(alice, sealed, place, LATER + DAY) == outcome


def judged(
    alice: Person, sealed: dict[str, Any], place: Logged | None, now: datetime, *ended: Envelope
) -> str:
    envelope = Envelope.from_json(sealed["metadata"]["mlo"]["seals"][0]["envelope"])
    places = {one.statement_id: Logged(2, REVOKED) for one in ended}
    if place is not None:
        places[envelope.statement_id] = place
    report = verify(sealed, alice, pool=Pool.of(ended), ledger=Facts(places), now=now)
    (cell,) = report.cells
    assert (cell.assurance, cell.remark) == (report.seal.assurance, report.seal.remark)
    assert report.holds(Demands()) is (str(cell.assurance) == "signed")
    assert report.unknown_keys() == []
    if cell.remark.startswith("late: "):
        return "late"
    return "claimed" if cell.remark else "stands"
