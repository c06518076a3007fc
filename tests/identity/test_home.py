"""Homes: on a network, in memory, or gone with the container, told from the mount table."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_mlo.identity.home import (
    Mount,
    Place,
    in_container,
    parse_mount_output,
    parse_mountinfo,
    this_place,
    warnings,
)

LINUX = r"""
22 28 0:21 / /proc rw,nosuid shared:13 - proc proc rw
28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
90 28 0:55 / /home/ada rw,relatime shared:50 - nfs4 filer:/home/ada rw,vers=4.2
91 28 0:56 / /mnt/my\040share rw - cifs //server/share rw
92 28 0:57 / /mnt/remote rw - fuse.sshfs ada@host:/ rw
93 28 0:58 / /run/user/1000 rw - tmpfs tmpfs rw
94 90 259:3 / /home/ada/local rw - xfs /dev/sdb1 rw
broken line
95 28 0:60 / /mnt/nfs rw
"""
DOCKER = """
500 400 0:70 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c
501 500 0:71 / /dev rw,nosuid - tmpfs tmpfs rw
502 500 259:2 /var/lib/docker/volumes/keys/_data /data rw - ext4 /dev/sda1 rw
503 500 259:2 /var/lib/kubelet/pods/1/volumes/kubernetes.io~empty-dir/home /scratch rw - ext4 /d rw
"""
MACOS = """
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse, protect, root data)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
//ada@filer/team%20share on /Volumes/team share (old) (smbfs, nodev, nosuid, mounted by ada)
filer:/export on /Volumes/export (nfs, nodev)
"""


@pytest.mark.parametrize(
    ("home", "kind"),
    [
        ("/home/ada/.local/share/jupyter/jupyter-mlo", "nfs4"),
        ("/mnt/my share/mlo", "cifs"),
        ("/mnt/remote", "fuse.sshfs"),
        ("/home/ada/local/mlo", ""),
        ("/home/adam/mlo", ""),
        ("/mnt/nfs", ""),
        ("/srv/mlo", ""),
    ],
)
def test_linux_network_homes_are_noticed(home: str, kind: str) -> None:
    place = Place(parse_mountinfo(LINUX), in_container=False)
    assert place.network_kind(Path(home)) == kind


@pytest.mark.parametrize(
    ("home", "kind"),
    [
        ("/Volumes/team share (old)/mlo", "smbfs"),
        ("/Volumes/export/mlo", "nfs"),
        ("/System/Volumes/Data/Users/ada/Library/Jupyter", ""),
        ("/Users/ada", ""),
    ],
)
def test_macos_network_homes_are_noticed(home: str, kind: str) -> None:
    place = Place(parse_mount_output(MACOS), in_container=False)
    assert place.network_kind(Path(home)) == kind


@pytest.mark.parametrize(
    ("home", "said"),
    [
        ("/home/ada/.local/share/jupyter", "container's own layer (overlay)"),
        ("/dev/shm/mlo", "kept in memory (tmpfs)"),
        ("/scratch/mlo", "emptyDir volume"),
        ("/data/mlo", ""),
    ],
)
def test_homes_that_end_with_their_container_are_noticed(home: str, said: str) -> None:
    reason = Place(parse_mountinfo(DOCKER), in_container=True).why_it_vanishes(Path(home))
    assert said in reason
    assert bool(reason) == bool(said)


def test_outside_of_a_container_only_memory_vanishes() -> None:
    place = Place(parse_mountinfo(DOCKER), in_container=False)
    assert place.why_it_vanishes(Path("/home/ada/mlo")) == ""
    assert "memory" in place.why_it_vanishes(Path("/dev/shm/mlo"))


def test_a_root_of_another_kind_vanishes_with_its_container_too() -> None:
    place = Place([Mount(Path("/"), "ext4")], in_container=True)
    assert "ext4" in place.why_it_vanishes(Path("/root"))


def test_of_two_mounts_at_one_place_the_later_counts() -> None:
    mounts = [Mount(Path("/home"), "ext4"), Mount(Path("/home"), "nfs4")]
    assert Place(mounts, in_container=False).network_kind(Path("/home/ada")) == "nfs4"


def test_a_warning_in_a_cell_gives_the_reason_and_no_path(tmp_path: Path) -> None:
    place = Place([Mount(Path("/"), "tmpfs")], in_container=False)
    (said,) = warnings(tmp_path / "mlo", place, called="the folder of your keys")
    assert said.startswith("the folder of your keys will not last: it is kept in memory (tmpfs)")
    assert str(tmp_path) not in said


def test_a_warning_says_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "not there yet" / "mlo"
    place = Place([Mount(Path("/"), "nfs4")], in_container=True)
    network, vanishing = warnings(home, place)
    assert str(home) in network
    assert "nfs4" in network
    assert "MLO_HOME" in network
    assert "Mount a volume" in vanishing


def test_a_link_to_another_file_system_is_followed(tmp_path: Path) -> None:
    target = tmp_path / "net"
    target.mkdir()
    (tmp_path / "home").symlink_to(target)
    place = Place([Mount(Path("/"), "ext4"), Mount(target.resolve(), "nfs4")], in_container=False)
    assert len(warnings(tmp_path / "home" / "mlo", place)) == 1


def test_without_a_mount_table_nothing_is_said() -> None:
    assert warnings(Path("/home/ada"), Place([], in_container=True)) == []


def test_containers_are_known_by_their_marks(tmp_path: Path) -> None:
    assert not in_container({}, tmp_path)
    assert in_container({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, tmp_path)
    assert in_container({"container": "podman"}, tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".containerenv").touch()
    assert in_container({}, tmp_path)
    (tmp_path / "run" / ".containerenv").unlink()
    (tmp_path / ".dockerenv").touch()
    assert in_container({}, tmp_path)


def test_this_machine_has_a_root() -> None:
    mount = this_place(os.environ).mount_of(Path("/"))
    assert mount is not None
    assert mount.point == Path("/")
