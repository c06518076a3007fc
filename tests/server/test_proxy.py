"""The recipe of docs/servers.md for a proxy that says who somebody is."""

from __future__ import annotations

import re
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.server.conftest import REPOSITORY, Start, User

Key = ec.EllipticCurvePrivateKey


def recipe(place: Path) -> str:
    """As it is written, but for where the proxy's public key is."""
    text = (REPOSITORY / "docs" / "servers.md").read_text()
    (found,) = re.findall(r"```python\n(# jupyter_server_config\.py; pip.*?)```", text, re.DOTALL)
    assert "/etc/jupyter/proxy.pem" in found
    return found.replace("/etc/jupyter/proxy.pem", str(place))


def said(key: Key, name: str, **more: object) -> dict[str, str]:
    """The header with which a proxy hands on a request."""
    claims = {"sub": name, "aud": "jupyter", "exp": time.time() + 60, **more}
    return {"X-Proxy-Token": jwt.encode(claims, key, algorithm="ES256")}


def test_whoever_the_proxy_vouches_for_is_told_apart_and_nobody_else(
    start: Start, tmp_path: Path
) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    place = tmp_path / "proxy.pem"
    place.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    server = start(config=recipe(place))
    ada, grace = User(server, "", "ada"), User(server, "", "grace")
    ada.headers, grace.headers = said(key, "ada"), said(key, "grace")
    me = ada.get("/jupyter-mlo/me")
    assert (me["user"]["username"], me["user"]["shared"]) == ("ada", False)
    assert grace.get("/jupyter-mlo/me")["user"]["username"] == "grace"
    stranger = User(server, "", "nobody")
    for headers in (
        {},
        {"X-Forwarded-User": "ada"},
        {"X-Proxy-Token": "ada"},
        said(other, "ada"),
        said(key, "ada", exp=time.time() - 60),
        said(key, "ada", aud="another"),
    ):
        stranger.headers = headers
        assert stranger.ask("GET", "/jupyter-mlo/me").status_code == 403, headers
