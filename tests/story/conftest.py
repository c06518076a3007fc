"""A team of one's own for each module: stories stop its database, and start it again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.story.team import Home, Team, a_team


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """PostgreSQL, its roles, its sequencer."""
    with a_team(tmp_path_factory.mktemp("team")) as made:
        yield made


@pytest.fixture(scope="module")
def ada(team: Team) -> Home:
    """Ada Sample, who writes to the team's ledger and is trusted in her own home."""
    home = team.home("ada")
    home.enrol("Ada Sample")
    return home
