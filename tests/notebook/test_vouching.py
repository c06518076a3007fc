"""When a record counts more than the stamp that a cell carries."""

from __future__ import annotations

import pytest

from jupyter_mlo.delegation.actor import Actor
from jupyter_mlo.notebook.matching import Match, Tie
from jupyter_mlo.notebook.recorded import Recorded, State
from jupyter_mlo.notebook.stamps import HOLDS
from jupyter_mlo.notebook.vouching import supersedes
from jupyter_mlo.statements.predicates.notebook import Stamp

ADA, GRACE, HELPER, TEAM = "mlo:ADA", "mlo:GRACE", "mlo:HELPER", "mlo:TEAM"


def match(actor: Actor, execution: str = "e1", started: str = "1") -> Match:
    state = State("r1", "2", ())
    recorded = Recorded(
        actor, execution, 1, "k", "python3", "c1", "s", started, "training", None, (state,)
    )
    return Match(recorded, state, Tie.ID, (), 0, ("r1",))


def stamp(execution: str = "e1", started: str = "1") -> Stamp:
    return Stamp.model_construct(
        execution=type("Execution", (), {"id": execution}), started=started, updated_by=[]
    )


@pytest.mark.parametrize(
    ("of_record", "of_stamp", "counts_more"),
    [
        (Actor(ADA), Actor(ADA), False),
        (Actor(ADA, HELPER), Actor(ADA, HELPER), False),
        (Actor(ADA, HELPER), Actor(ADA), True),
        (Actor(ADA), Actor(ADA, HELPER), True),
        (Actor(ADA, None, TEAM), Actor(ADA), True),
        (Actor(GRACE), Actor(ADA), True),
    ],
)
def test_whose_an_execution_was_its_record_says(of_record, of_stamp, counts_more) -> None:
    assert supersedes(match(of_record), stamp(), of_stamp, HOLDS) is counts_more


def test_an_earlier_execution_counts_less_whosever_it_is() -> None:
    assert not supersedes(match(Actor(ADA, HELPER), "e0", "0"), stamp(), Actor(ADA), HOLDS)
