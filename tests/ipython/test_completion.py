"""Completion behind our magics, asked as front ends ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.profiles import Profile
from jupyter_mlo.identity.store import IdentityStore
from jupyter_mlo.statements.predicates.types import ACTIVITIES
from tests.ipython.conftest import Home
from tests.ipython.frontend import FrontEnd, start_kernel, stop_kernel

ADA = "mlo:7K3D-9QXA-2MFB"
OTHER = "mlo:1ZN9-69RK-V55W"


@pytest.fixture(scope="module")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    home = Home(tmp_path_factory.mktemp("home"))
    store = IdentityStore(home.settings)
    for name, mlo in (("Ada", ADA), ("Ada Sample", OTHER)):
        store.create(
            Profile(name=name), "person", SigningKey.generate(), "a passphrase", b"{}", mlo=mlo
        )
    (home.settings.home.parent / "home" / "analysis.ipynb").write_text("{}")
    frontend = FrontEnd(start_kernel(home.env))
    try:
        frontend.run("%load_ext jupyter_mlo")
        yield frontend
    finally:
        frontend.close()
        stop_kernel(frontend.manager)


def completed(frontend: FrontEnd, code: str) -> list[str]:
    """The whole text after each completion."""
    reply = frontend.request("complete_request", {"code": code, "cursor_pos": len(code)})
    before, after = code[: reply["cursor_start"]], code[reply["cursor_end"] :]
    return [before + match + after for match in reply["matches"]]


def test_verbs(frontend: FrontEnd) -> None:
    assert completed(frontend, "%mlo ver") == ["%mlo verify"]
    assert "%mlo activity" in completed(frontend, "%mlo ")
    assert "%mlo trust" not in completed(frontend, "%mlo ")
    assert completed(frontend, "mlo ver") == ["mlo verify"]


def test_magics(frontend: FrontEnd) -> None:
    found = completed(frontend, "%mlo_")
    assert {"%mlo_login", "%mlo_logout", "%mlo_status"} <= set(found)


def test_options(frontend: FrontEnd) -> None:
    assert completed(frontend, "%mlo_login --f") == ["%mlo_login --for"]
    assert completed(frontend, "%mlo verify --allow") == ["%mlo verify --allow-unstamped"]
    assert "%mlo_login --passphrase" not in completed(frontend, "%mlo_login --")


def test_activities(frontend: FrontEnd) -> None:
    assert completed(frontend, "%mlo activity tr") == ["%mlo activity training"]
    assert completed(frontend, "%mlo_login --activity va") == ["%mlo_login --activity validation"]
    assert completed(frontend, "%mlo activity ") == [
        f"%mlo activity {name}" for name in sorted(ACTIVITIES)
    ]


def test_known_mlos(frontend: FrontEnd) -> None:
    assert completed(frontend, "%mlo_login A") == ["%mlo_login Ada"]
    assert completed(frontend, "%mlo_login mlo:7") == [f"%mlo_login {ADA}"]
    assert completed(frontend, "%mlo_login mlo:7K3D-9") == [f"%mlo_login {ADA}"]


def test_verbs_of_verbs(frontend: FrontEnd) -> None:
    assert completed(frontend, "%mlo mandate cr") == ["%mlo mandate create"]
    assert completed(frontend, "%mlo mandate create --act") == ["%mlo mandate create --activity"]
    assert completed(frontend, "%mlo seal --meaning re") == ["%mlo seal --meaning reviewed"]


def test_files_are_left_to_ipython(frontend: FrontEnd) -> None:
    assert completed(frontend, "%mlo verify ana") == ["%mlo verify analysis.ipynb"]


def test_nonsense_completes_to_nothing_and_breaks_nothing(frontend: FrontEnd) -> None:
    frontend.run("%config Completer.use_jedi = False")  # it takes seconds to get going
    for code in (
        "%mlo nonsense x",
        "%mlo trust ",
        "%mlo 'unclosed ",
        "%mlo --",
        "%mlo_login --for ",
    ):
        completed(frontend, code)
    assert frontend.run("mlo = {'a': 1}\n1").reply["status"] == "ok"
    completed(frontend, "mlo[")
    assert frontend.run("del mlo").reply["status"] == "ok"
