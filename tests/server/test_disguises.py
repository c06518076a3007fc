"""Requests that are written so that a server might read past them."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from tests.server.conftest import Running, Start, until

V1 = "v1.kernel.websocket.jupyter.org"
STEAL = "open('stolen', 'w').close()"


@pytest.fixture
def server(start: Start) -> Running:
    return start("ada", mlo_toml="[identity]\nrequired = true\n")


def request(code: str, asked: str = "asked") -> dict[str, Any]:
    """An execute_request of a front end."""
    return {
        "header": {
            "msg_id": asked,
            "msg_type": "execute_request",
            "username": "",
            "session": "disguised",
            "date": "2026-11-22T12:00:00Z",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {"cellId": "c1"},
        "content": {"code": code, "silent": False},
        "channel": "shell",
    }


def hidden(message: dict[str, Any]) -> str:
    """In JSON that does not show what it is."""
    return json.dumps(message).replace("execute_request", r"execute\u005frequest")


def with_buffers(message: dict[str, Any]) -> bytes:
    """In the older protocol's binary form."""
    packed = json.dumps(message).encode()
    return struct.pack("!iII", 2, 12, 12 + len(packed)) + packed + b"buffer"


def in_parts(message: dict[str, Any], header: str) -> bytes:
    """In the newer protocol, with a header as it is written here."""
    names = ("parent_header", "metadata", "content")
    parts = [b"shell", header.encode(), *(json.dumps(message[name]).encode() for name in names)]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def headers_of_two_kinds(message: dict[str, Any]) -> list[str]:
    """One header that is an execute_request to whoever takes the first member, or the last."""
    whole = json.dumps(message["header"])
    other = '"msg_type": "comm_info_request"'
    return [whole.replace("{", f"{{{other}, ", 1), f"{whole[:-1]}, {other}}}"]


@pytest.mark.parametrize("disguise", [hidden, with_buffers])
def test_what_is_disguised_is_refused_and_attributed_like_all(
    server: Running, disguise: Any
) -> None:
    ada = server.user("ada")
    wire = ada.connect(ada.kernel())
    sent = disguise(request(STEAL))
    send = wire.socket.send if isinstance(sent, str) else wire.socket.send_binary
    send(sent)
    assert wire.wait("asked", STEAL, None)["outputs"][0]["ename"] == "NotRun"
    assert not (server.root / "stolen").exists()
    mlo = ada.enrol("Ada Sample")
    send(disguise(request("'shown'", "again")))
    outputs = wire.wait("again", "'shown'", "c1")["outputs"]
    assert outputs[0]["metadata"]["mlo"].startswith(mlo)


def test_a_header_that_can_be_read_in_two_ways_is_refused(server: Running) -> None:
    ada = server.user("ada")
    kernel = ada.kernel()
    wire = ada.connect(kernel, protocol=V1)
    message = request(STEAL)
    for header in (json.dumps(message["header"]), *headers_of_two_kinds(message)):
        wire.socket.send_binary(in_parts(message, header))
    ada.enrol("Ada Sample")
    plain = request("open('mine', 'w').close()", "plain")
    wire.socket.send_binary(in_parts(plain, json.dumps(plain["header"])))
    until((server.root / "mine").exists)
    assert not (server.root / "stolen").exists()
