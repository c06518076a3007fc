"""How a run talks with its kernel: through sockets in a private folder, where the kernel can.

jupyter_client looks for free TCP ports and lets go of them before the kernel takes them: of
kernels that start side by side, now and then one finds a port taken and dies. Ports are open to
every account of a machine besides.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

#: Bytes of a folder for sockets: the path of one has 104 at most on macOS, 107 on Linux.
_LONGEST: Final = 80


def speaks_ipc(spec: Any) -> bool:
    """Whether the kernel of a kernelspec listens where jupyter_client looks for it.

    That joins path and number by a hyphen, as ipykernel does. Kernels of other languages join
    them by a colon (IRkernel, IJulia), or know TCP only; those of other provisioners may run on
    another machine.
    """
    return (
        os.name == "posix"
        and "ipykernel_launcher" in spec.argv
        and "kernel_provisioner" not in spec.metadata
        and "JUPYTER_DEFAULT_PROVISIONER_NAME" not in os.environ
    )


def socket_folder() -> Path:
    """Make a private folder for sockets, whose paths are short enough."""
    place = tempfile.gettempdir()
    if len(os.fsencode(place)) >= _LONGEST:
        place = "/tmp"
    return Path(tempfile.mkdtemp(prefix="mlo-", dir=place))
