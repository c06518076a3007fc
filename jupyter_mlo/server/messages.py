"""Messages as they pass a kernel's websocket, where they are not lines of JSON."""

from __future__ import annotations

from typing import Any, cast

from jupyter_server.services.kernels.connection import base

#: Of the protocol in which messages come as they go to the kernel, in parts.
V1 = "v1.kernel.websocket.jupyter.org"


def read_v1(raw: bytes) -> tuple[str, list[bytes]]:
    """Channel, and header, parent header, metadata, content, buffers."""
    found = base.deserialize_msg_from_ws_v1(raw)  # type: ignore[no-untyped-call]
    return cast(tuple[str, list[bytes]], found)


def write_v1(message: Any, channel: str, pack: Any = None) -> bytes:
    """The same from its parts, or from a whole message and how its parts are packed."""
    return cast(bytes, base.serialize_msg_to_ws_v1(message, channel, pack))  # type: ignore[no-untyped-call]


def read_binary(raw: bytes) -> dict[str, Any]:
    """A message of the older protocol that comes with buffers."""
    return cast(dict[str, Any], base.deserialize_binary_message(raw))  # type: ignore[no-untyped-call]


def write_binary(message: dict[str, Any]) -> bytes:
    """The same from the message."""
    return cast(bytes, base.serialize_binary_message(message))  # type: ignore[no-untyped-call]
