"""What a user sends with a job, and what is refused of it before anything is written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mlo.errors import Refused
from jupyter_mlo.integrations.scheduler.taken import check_folder
from tests.scheduler.conftest import ended, job_form, made, refused, write
from tests.server.conftest import Running, User

Two = tuple[User, User]
JOBS, DEFINITIONS = "/scheduler/jobs", "/scheduler/job_definitions"


def define(user: User, uri: str, **more: Any) -> str:
    found: str = user.post(DEFINITIONS, job_form(uri, **more))["job_definition_id"]
    return found


def counts(user: User) -> tuple[int, int]:
    """How many jobs and definitions everybody sees."""
    return len(user.get(JOBS)["jobs"]), len(user.get(DEFINITIONS)["job_definitions"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"output_formats": ["x"]}, "no such output format: x"),
        ({"output_formats": ["ipynb", "input"]}, "no such output format: input"),
        ({"input_filename": "../elsewhere.ipynb"}, "no file's name"),
        ({"input_filename": ".."}, "no file's name"),
    ],
)
def test_what_the_scheduler_could_not_do_is_not_written_down(
    server: Running, two: Two, more: dict[str, Any], said: str
) -> None:
    guest, other = two
    write(server, "formats.ipynb", "seed = 0", "'formats'")
    before = counts(other)
    form = job_form("formats.ipynb", **more)
    assert said in refused(guest.ask("POST", JOBS, json=form))
    assert said in refused(guest.ask("POST", DEFINITIONS, json=form))
    assert counts(other) == before


def test_a_definition_is_changed_to_nothing_that_cannot_be_done(server: Running, two: Two) -> None:
    guest, other = two
    write(server, "changed.ipynb", "seed = 0", "'changed'")
    route = f"{DEFINITIONS}/{define(guest, 'changed.ipynb', output_formats=None)}"
    for what, said in (
        ({"output_formats": ["x"], "schedule": "0 3 * * *"}, "no such output format"),
        ({"schedule": "whenever"}, "that is no schedule"),
        ({"schedule": "0 3 * * *", "timezone": "Nowhere/Else"}, "that is no schedule"),
    ):
        assert said in refused(guest.ask("PATCH", route, json=what))
    form = job_form("changed.ipynb", schedule="61 * * * *")
    before = counts(other)
    assert "that is no schedule" in refused(guest.ask("POST", DEFINITIONS, json=form))
    assert counts(other) == before
    job = guest.post(f"{route}/jobs")["job_id"]
    assert ended(guest, job)["status"] == "COMPLETED"


def test_the_scheduler_reads_the_file_that_was_looked_at(server: Running, two: Two) -> None:
    """Of two that one path may mean, it takes the one within the root."""
    guest, _ = two
    outside = server.root.parent / "twice.ipynb"
    write(server, "twice.ipynb", "seed = 0", "'outside'").rename(outside)
    (server.root / str(outside).lstrip("/")).parent.mkdir(parents=True)
    write(server, str(outside).lstrip("/"), "seed = 0", "'inside'")
    job = made(guest, str(outside))
    assert ended(guest, job)["status"] == "COMPLETED"
    staged = server.root.parent / "jupyter-data" / "scheduler_staging_area" / job
    assert "'inside'" in (staged / "twice.ipynb").read_text()


def test_links_out_of_the_root_are_not_taken_along(server: Running, two: Two) -> None:
    guest, other = two
    (server.root / "folder").mkdir()
    write(server, "folder/packed.ipynb", "seed = 0", "open('data/plain.txt').read()")
    (server.root / "folder" / "data").mkdir()
    (server.root / "folder" / "data" / "plain.txt").write_text("plain")
    secret = server.root.parent / "secret.txt"
    secret.write_text("secret")
    link = server.root / "folder" / "data" / "link.txt"
    link.symlink_to(secret)
    form = job_form("folder/packed.ipynb", package_input_folder=True)
    before = counts(other)
    for route in (JOBS, DEFINITIONS):
        said = refused(guest.ask("POST", route, json=form))
        assert "lead out of the server's root, or nowhere: data/link.txt" in said
    assert counts(other) == before
    link.unlink()
    job = made(guest, "folder/packed.ipynb", package_input_folder=True)
    assert ended(guest, job)["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("name", "target", "copied"),
    [
        ("a", "{root}/shared/file", True),
        ("a", "../shared", True),
        ("sub/a", "../../../outside", False),
        ("sub/a", "{root}/../outside/file", False),
        ("a", "/dev/zero", False),
        ("a", "nowhere", False),
        ("a", "a", False),
        ("sub/a", "..", False),
        ("sub/a", "../../../root", False),
        ("../shared/b", "{root}/../outside/file", True),
    ],
)
def test_which_links_can_be_taken_along(
    tmp_path: Path, name: str, target: str, copied: bool
) -> None:
    root = tmp_path / "root"
    for folder in (root / "folder" / "sub", root / "shared", tmp_path / "outside"):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    (root / "folder" / name).symlink_to(target.format(root=root))
    if copied:
        check_folder(str(root), root / "folder")
        return
    with pytest.raises(Refused, match=f"nowhere: {name}\n"):
        check_folder(str(root), root / "folder")


def test_a_link_behind_a_link_is_found(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "shared").mkdir()
    (root / "folder" / "a").symlink_to(root / "shared")
    (root / "shared" / "b").symlink_to(tmp_path)
    with pytest.raises(Refused, match="nowhere: a/b\n"):
        check_folder(str(root), root / "folder")
