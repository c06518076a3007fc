"""How a Jupyter server tells its kernels that it has noted a request.

The server that sees a cell asked for knows best who asked, and makes the record; then the hook in
the kernel stays quiet (DESIGN: "One execution, one stamp"). It says so in the request's metadata,
with a code under the key that it and the kernel share: metadata of a cell, which front ends send
along, cannot say it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: In the metadata of an execute_request.
MEMBER = "mlo_server"


@dataclass(frozen=True)
class Noted:
    """What the server says of a request."""

    #: Somebody answers for it.
    attributed: bool
    #: The session is the account's; else the authenticated user's own, which only the server has.
    shared: bool
    #: The front end has the MLO panel, where one can sign in.
    panel: bool

    def to_json(self, key: bytes, request_id: str) -> dict[str, Any]:
        """For the metadata of the request with this ID; ``key`` is the kernel's message key."""
        said = {"attributed": self.attributed, "shared": self.shared, "panel": self.panel}
        return {**said, "mac": _mac(key, request_id, said)}

    @classmethod
    def of(cls, request: Mapping[str, Any], key: bytes) -> Noted | None:
        """What the server said of this execute_request; None where no server noted it."""
        found = (request.get("metadata") or {}).get(MEMBER)
        if not isinstance(found, Mapping):
            return None
        said = {name: value for name, value in found.items() if name != "mac"}
        mac = _mac(key, str(request["header"]["msg_id"]), said)
        if set(said) != {"attributed", "shared", "panel"} or not hmac.compare_digest(
            mac, str(found.get("mac"))
        ):
            return None
        return cls(**{name: value is True for name, value in said.items()})


def _mac(key: bytes, request_id: str, said: Mapping[str, Any]) -> str:
    text = json.dumps(["jupyter-mlo noted v1", request_id, said], sort_keys=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
