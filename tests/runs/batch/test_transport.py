"""Where the sockets of kernels are."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

import pytest

from jupyter_mlo.runs.transport import socket_folder


@pytest.mark.parametrize("name", ["a" * 100, "é" * 60])
def test_a_socket_can_be_made_however_long_the_name_of_the_folder_for_temporary_files(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / name
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    folder = socket_folder()
    try:
        assert len(str(folder / "kernel-5").encode()) < 100
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        folder.rmdir()
