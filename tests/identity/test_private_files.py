"""Private files: written whole with mode 0600, and refused where others could read or swap them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlo.errors import KeyFileError
from jupyter_mlo.identity.private_files import (
    MAX_SIZE,
    locked,
    read_mounted,
    read_private,
    write_private,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a" / "b" / "key"
    write_private(path, b"secret")
    return path


def test_what_was_written_is_read(path: Path) -> None:
    assert read_private(path, what="key file") == b"secret"
    write_private(path, b"other")
    assert read_private(path, what="key file") == b"other"
    assert os.listdir(path.parent) == ["key"]


def test_files_and_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        write_private(tmp_path / "new" / "key", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_new_file_never_replaces_one(path: Path) -> None:
    with pytest.raises(FileExistsError):
        write_private(path, b"other", replace=False)
    assert path.read_bytes() == b"secret"
    assert os.listdir(path.parent) == ["key"]


def test_without_hard_links_a_new_file_still_never_replaces_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "not here")

    monkeypatch.setattr(os, "link", no_links)
    write_private(path.with_name("second"), b"second", replace=False)
    assert path.with_name("second").read_bytes() == b"second"
    with pytest.raises(FileExistsError):
        write_private(path, b"other", replace=False)
    assert path.read_bytes() == b"secret"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, b"other")
    assert path.read_bytes() == b"secret"
    assert os.listdir(path.parent) == ["key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610])
def test_a_file_open_to_others_is_refused_with_the_command(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"read or written by others .mode {mode:04o}") as caught:
        read_private(path, what="key file")
    assert f"chmod 600 {path}" in caught.value.hint


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owner_is_read(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert read_private(path, what="key file") == b"secret"


def test_the_command_in_the_hint_can_be_pasted(tmp_path: Path) -> None:
    path = tmp_path / "it's a $(key)"
    path.write_bytes(b"")
    path.chmod(0o644)
    with pytest.raises(KeyFileError) as caught:
        read_private(path, what="key file")
    command = caught.value.hint.split(": ", 1)[1].split("; ")[0]
    subprocess.run(["sh", "-c", command], check=True, timeout=10)
    assert read_private(path, what="key file") == b""


def test_a_symbolic_link_is_refused(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(KeyFileError, match="is a symbolic link"):
        read_private(link, what="key file")


def test_a_folder_and_a_pipe_are_refused_at_once(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"), 0o600)
    for name in (path.parent, path.with_name("pipe")):
        with pytest.raises(KeyFileError, match="not a plain file"):
            read_private(name, what="key file")


def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(KeyFileError, match=r"belongs to user \d+, not to you") as caught:
        read_private(path, what="key file")
    assert "chown" in caught.value.hint


def test_a_huge_file_is_refused(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(MAX_SIZE + 1)
    with pytest.raises(KeyFileError, match="larger"):
        read_private(path, what="key file")


def test_a_missing_file_is_the_callers_question(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "none", what="key file")


def test_a_lock_excludes_other_processes(tmp_path: Path) -> None:
    counter = tmp_path / "count"
    counter.write_text("0")
    code = (
        "import sys, time; from pathlib import Path;"
        "from jupyter_mlo.identity.private_files import locked\n"
        "path = Path(sys.argv[1])\n"
        "for _ in range(20):\n"
        "    with locked(path.with_name('lock')):\n"
        "        count = int(path.read_text()); time.sleep(0.001)\n"
        "        path.write_text(str(count + 1))\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, counter]) for _ in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    assert counter.read_text() == "80"
    with locked(tmp_path / "lock"):
        pass


# Secrets that the system mounts (Kubernetes: root's, for a group, behind links).


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a pod sees it: whoever runs this is taken for root, and we for somebody else."""
    folder = tmp_path / "secret"
    (folder / "..2026_11_22").mkdir(parents=True)
    (folder / "..data").symlink_to("..2026_11_22")
    file = folder / "..2026_11_22" / "mandate"
    file.write_bytes(b"x")
    file.chmod(0o440)
    (folder / "mandate").symlink_to("..data/mandate")
    monkeypatch.setattr("jupyter_mlo.identity.private_files._ROOT", os.geteuid())
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    return folder / "mandate"


@pytest.mark.parametrize("mode", [0o440, 0o640, 0o400, 0o600])
def test_a_mounted_secret_is_read(mounted: Path, mode: int) -> None:
    mounted.resolve().chmod(mode)
    assert read_mounted(mounted, what="mandate file") == b"x"
    assert read_mounted(mounted.resolve(), what="mandate file") == b"x"
    with pytest.raises(KeyFileError):  # anything but a mandate
        read_private(mounted, what="key file")


@pytest.mark.parametrize("mode", [0o444, 0o460, 0o644, 0o441, 0o666])
def test_a_mounted_secret_that_others_can_read_or_change_is_not(mounted: Path, mode: int) -> None:
    mounted.resolve().chmod(mode)
    with pytest.raises(KeyFileError, match="open to more than a group"):
        read_mounted(mounted, what="mandate file")


def test_only_roots_files_are_taken_for_mounted(
    mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlo.identity.private_files._ROOT", 54321)
    with pytest.raises(KeyFileError, match="is a symbolic link"):
        read_mounted(mounted, what="mandate file")
    with pytest.raises(KeyFileError, match="belongs to user"):
        read_mounted(mounted.resolve(), what="mandate file")


def test_ones_own_file_is_ones_own_matter(path: Path) -> None:
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="read or written by others"):
        read_mounted(path, what="mandate file")
    path.chmod(0o600)
    assert read_mounted(path, what="mandate file")
