"""What kind of place a home is: on a network, in memory, or gone with its container.

Keys and ledger outlive what they are kept on only if somebody notices in time. The rules
take a mount table; reading the system's own is the last function.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: File systems of other machines: SQLite's WAL fails there, and locks may not hold.
# fmt: off
_NETWORK = frozenset({
    "nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "afpfs",
    "webdav", "davfs", "davfs2", "9p", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "pvfs2",
    "orangefs", "acfs", "sshfs", "s3fs", "gcsfuse", "blobfuse", "blobfuse2", "rclone", "goofys",
    "juicefs", "mountpoint-s3", "curlftpfs",
})
# fmt: on
_IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_LAYERS = frozenset({"overlay", "overlayfs", "aufs", "fuse-overlayfs"})


@dataclass(frozen=True)
class Mount:
    """A mounted file system: where, which kind, and which part of it (Linux only)."""

    point: Path
    kind: str
    root: str = "/"


@dataclass(frozen=True)
class Place:
    """The mounts of a machine, and whether this process runs in a container."""

    mounts: Sequence[Mount]
    in_container: bool

    def mount_of(self, path: Path) -> Mount | None:
        """The mount that holds ``path`` (absolute, links resolved); the last one mounted wins."""
        holding = [mount for mount in self.mounts if path.is_relative_to(mount.point)]
        depth = max((len(mount.point.parts) for mount in holding), default=0)
        deepest = [mount for mount in holding if len(mount.point.parts) == depth]
        return deepest[-1] if deepest else None

    def network_kind(self, path: Path) -> str:
        """The kind of network file system that holds ``path``; empty where it is a local one."""
        mount = self.mount_of(path)
        if mount is None:
            return ""
        return mount.kind if mount.kind.removeprefix("fuse.") in _NETWORK else ""

    def why_it_vanishes(self, path: Path) -> str:
        """With what ``path`` will be gone; empty where it stays."""
        mount = self.mount_of(path)
        if mount is None:
            return ""
        kind = mount.kind.removeprefix("fuse.")
        if kind in _IN_MEMORY:
            return f"it is kept in memory ({mount.kind}) and ends with the machine or container"
        if not self.in_container:
            return ""
        if "kubernetes.io~empty-dir" in mount.root:
            return "it is an emptyDir volume and ends with its pod"
        if kind in _LAYERS or mount.point == Path("/"):
            return f"it stands in the container's own layer ({mount.kind}) and ends with it"
        return ""


def warnings(home: Path, place: Place, *, called: str = "") -> list[str]:
    """What the owner of ``home`` should know: one sentence each, with what to do.

    Args:
        called: what it is called instead of its path, where paths are not passed on.
    """
    path, called = resolved(home), called or str(home)
    found = []
    if network := place.network_kind(path):
        found.append(
            f"{called} is on a network file system ({network}): locks may not hold there, and the "
            "ledger is slower. Set MLO_HOME to a local folder that is backed up, or use one "
            "ledger for the team"
        )
    if reason := place.why_it_vanishes(path):
        found.append(
            f"{called} will not last: {reason}. Mount a volume, and set MLO_HOME to a folder "
            "on it, before anything is signed that has to be checked later"
        )
    return found


def resolved(path: Path) -> Path:
    """``path`` without symbolic links, also where its last parts do not exist yet."""
    return Path(os.path.realpath(path))


def parse_mountinfo(text: str) -> list[Mount]:
    """The mounts in ``/proc/self/mountinfo`` (proc(5)); lines of another form are left out."""
    mounts = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")[0]
        if separator and len(fields) >= 6 and kind:
            mounts.append(Mount(Path(_unescaped(fields[4])), kind, _unescaped(fields[3])))
    return mounts


def parse_mount_output(text: str) -> list[Mount]:
    """The mounts that ``mount`` prints on macOS: ``//ada@host/s on /Volumes/s (smbfs, …)``."""
    found = re.findall(r"^.+? on (/.*) \(([^,()]+)[^()]*\)$", text, re.MULTILINE)
    return [Mount(Path(point), kind.strip()) for point, kind in found]


def in_container(environ: Mapping[str, str], root: Path = Path("/")) -> bool:
    """Whether this process seems to run in a container (Docker, Podman, Kubernetes, nspawn)."""
    marks = (root / ".dockerenv", root / "run" / ".containerenv")
    named = environ.get("KUBERNETES_SERVICE_HOST") or environ.get("container")
    return bool(named) or any(mark.exists() for mark in marks)


def this_place(environ: Mapping[str, str]) -> Place:
    """The mounts of this machine; none where they cannot be read, which then warns of nothing."""
    mounts: list[Mount] = []
    try:
        if sys.platform == "darwin":
            done = subprocess.run(
                ["/sbin/mount"], capture_output=True, text=True, timeout=5, check=False
            )
            mounts = parse_mount_output(done.stdout)
        else:
            mounts = parse_mountinfo(
                Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
            )
    except (OSError, subprocess.SubprocessError):
        pass
    return Place(mounts, in_container(environ))


def _unescaped(text: str) -> str:
    """Undo the octal escapes of proc(5): space, tab, newline and backslash."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
