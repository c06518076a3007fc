"""A team of one's own for each test: stories stop its database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.story.team import Home, Team, a_team


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    """PostgreSQL, its roles, its sequencer."""
    with a_team(tmp_path) as made:
        yield made


@pytest.fixture
def ada(team: Team) -> Home:
    """Ada Sample, who writes to the team's ledger and is trusted in her own home."""
    home = team.home("ada")
    home.enrol("Ada Sample")
    return home
