"""Digests of files that go on record."""

from __future__ import annotations

import hashlib
import os

import pytest

from jupyter_mlo.errors import InvalidInput, NotFound
from jupyter_mlo.runs import files
from jupyter_mlo.runs.files import digest_path


def test_a_file_is_read_in_pieces(tmp_path):
    content = os.urandom(3 * (1 << 20) + 7)
    (tmp_path / "model").write_bytes(content)
    (found,) = digest_path(tmp_path / "model", "the model")
    assert found.name == "the model"
    assert found.sha256 == hashlib.sha256(content).hexdigest()


def test_a_folder_stands_for_its_files(tmp_path):
    (tmp_path / "model" / "b").mkdir(parents=True)
    (tmp_path / "model" / "z").write_text("z")
    (tmp_path / "model" / "b" / "a").write_text("a")
    found = digest_path(tmp_path / "model", "m")
    assert [each.name for each in found] == ["m/b/a", "m/z"]


def test_a_symbolic_link_is_refused_and_its_target_named(tmp_path):
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(InvalidInput, match="symbolic link") as caught:
        digest_path(tmp_path / "link", "m")
    assert str(tmp_path / "real") in caught.value.hint


@pytest.mark.parametrize("target", ["file", "folder", "nothing"])
def test_a_symbolic_link_in_a_folder_is_refused(tmp_path, target):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "link").symlink_to(tmp_path / target)
    with pytest.raises(InvalidInput, match="symbolic link"):
        digest_path(tmp_path / "m", "m")


def test_what_is_not_there_is_said_with_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound, match=r"no file absent\.csv") as caught:
        digest_path(tmp_path.__class__("absent.csv"), "m")
    assert str(tmp_path) in caught.value.hint


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="plain file"):
        digest_path(tmp_path / "pipe", "m")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="no files"):
        digest_path(tmp_path, "m")


def test_a_folder_of_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 3)
    for number in range(4):
        (tmp_path / str(number)).touch()
    with pytest.raises(InvalidInput, match="more than 3 files"):
        digest_path(tmp_path, "m")


def test_a_file_that_is_written_to_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10)

    class Meddling:
        """Digests nothing; the file grows once, while it is read."""

        def update(self, data: bytes) -> None:
            if path.stat().st_size == 10:
                path.write_bytes(b"x" * 11)

    monkeypatch.setattr(files.hashlib, "sha256", Meddling)
    with pytest.raises(InvalidInput, match="written to while"):
        digest_path(path, "m")
