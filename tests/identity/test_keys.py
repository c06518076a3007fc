"""Keys: signatures that others' tools accept, one ID a key, and key files that say why."""

from __future__ import annotations

import base64
import copy
import hashlib
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlo.errors import InvalidInput, KeyFileError, StatementError, WrongPassphrase
from jupyter_mlo.identity.keys import PublicKey, SigningKey, parse_key_id
from jupyter_mlo.identity.pbes2 import check_pem, encrypt_key

VECTORS = Path(__file__).parent / "vectors"
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def pem(key: SigningKey) -> bytes:
    return key.encrypt(PASSPHRASE)


def quick_pem(key: SigningKey, passphrase: str = PASSPHRASE) -> bytes:
    """Few iterations: for tests that are not about the work factor."""
    return encrypt_key(key.to_pkcs8(), passphrase, iterations=1000)


# Signatures and IDs


def test_a_signature_holds_for_its_data_only(key: SigningKey) -> None:
    signature = key.sign(b"data")
    assert key.public.verifies(signature, b"data")
    assert not key.public.verifies(signature, b"date")
    assert not key.public.verifies(b"", b"data")
    assert not SigningKey.generate().public.verifies(signature, b"data")


@settings(max_examples=50)
@given(junk=st.binary(max_size=80))
def test_junk_is_no_signature(junk: bytes) -> None:
    assert not PublicKey.from_text((VECTORS / "own_key_v1.spki").read_text().strip()).verifies(
        junk, b"data"
    )


def test_cryptography_verifies_our_signature(key: SigningKey) -> None:
    public = load_der_public_key(key.public.der)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(key.sign(b"data"), b"data", ec.ECDSA(hashes.SHA256()))


def test_openssl_verifies_our_signature(key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / "key.der").write_bytes(key.public.der)
    (tmp_path / "sig").write_bytes(key.sign(b"data"))
    (tmp_path / "data").write_bytes(b"data")
    command = ["openssl", "dgst", "-sha256", "-keyform", "DER", "-verify", "key.der"]
    command += ["-signature", "sig", "data"]
    assert subprocess.run(command, cwd=tmp_path, timeout=20).returncode == 0
    (tmp_path / "data").write_bytes(b"date")
    assert subprocess.run(command, cwd=tmp_path, timeout=20).returncode != 0


def test_the_key_id_is_the_digest_of_the_spki(key: SigningKey) -> None:
    assert key.key_id == "sha256:" + hashlib.sha256(key.public.der).hexdigest()
    assert PublicKey.from_der(key.public.der) == key.public
    assert PublicKey.from_text(key.public.to_text()).key_id == key.key_id


def test_a_compressed_point_is_refused(key: SigningKey) -> None:
    public = load_der_public_key(key.public.der)
    point = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    assert load_der_public_key(compressed) == public  # others read it, under another digest
    with pytest.raises(StatementError, match="one form"):
        PublicKey.from_der(compressed)


def test_another_encoding_of_the_same_size_is_refused(key: SigningKey) -> None:
    parity = key.public.der[-1] & 1
    hybrid = key.public.der[:26] + bytes([6 + parity]) + key.public.der[27:]
    other_curve = key.public.der.replace(bytes.fromhex("2a8648ce3d030107"), b"\x2a" * 8)
    for der in (hybrid, other_curve):
        with pytest.raises(StatementError, match="one form"):
            PublicKey.from_der(der)


@pytest.mark.parametrize(
    "other",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["P-384", "secp256k1", "Ed25519"],
)
def test_other_kinds_of_keys_are_refused(
    other: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> None:
    der = other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(StatementError, match="not a P-256 key"):
        PublicKey.from_der(der)
    private = other.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyFileError, match=r"not P-256|not an elliptic-curve"):
        SigningKey.from_pkcs8(private)


def test_a_point_off_the_curve_is_refused(key: SigningKey) -> None:
    changed = key.public.der[:-1] + bytes([key.public.der[-1] ^ 1])
    with pytest.raises(StatementError, match="not on the curve"):
        PublicKey.from_der(changed)


@pytest.mark.parametrize("change", [lambda d: d + b"\0", lambda d: d[:-1], lambda d: b""])
def test_a_longer_or_shorter_spki_is_refused(change: object, key: SigningKey) -> None:
    with pytest.raises(StatementError):
        PublicKey.from_der(change(key.public.der))  # type: ignore[operator]


def test_a_key_text_has_one_form(key: SigningKey) -> None:
    text = key.public.to_text()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet.index(text[-3])
    second = text[:-3] + alphabet[last | 1] + "=="
    assert base64.b64decode(second) == key.public.der
    for wrong in (second, text + "\n", " " + text, text.rstrip("="), "é", ""):
        with pytest.raises(StatementError):
            PublicKey.from_text(wrong)


def test_threads_share_a_key(key: SigningKey) -> None:
    with ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(lambda i: key.sign(b"%d" % i), range(200)))
    assert all(key.public.verifies(s, b"%d" % i) for i, s in enumerate(signatures))


def _sign_in_child(key: SigningKey, out: object) -> None:
    out.send_bytes(key.sign(b"child"))  # type: ignore[attr-defined]


def test_a_forked_child_signs_with_the_key(key: SigningKey) -> None:
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    child = fork.Process(target=_sign_in_child, args=(key, theirs))
    child.start()
    assert ours.poll(20)
    signature = ours.recv_bytes()
    child.join(20)
    assert key.public.verifies(signature, b"child")
    assert signature != key.sign(b"child")


def test_a_private_key_shows_itself_nowhere(key: SigningKey) -> None:
    secret = key._key.private_numbers().private_value
    assert str(secret) not in repr(key)
    assert f"{secret:x}" not in repr(key)
    assert not hasattr(key, "__dict__")
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            copied(key)


def test_keys_import_neither_pydantic_nor_ssh() -> None:
    code = (
        "import sys, jupyter_mlo.identity.keys;"
        "print(*[m for m in ('pydantic','sqlalchemy','stdnum','nbformat',"
        "'cryptography.hazmat.primitives.serialization.ssh') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == ""


# Unencrypted form


def test_pkcs8_comes_back_as_the_same_key(key: SigningKey) -> None:
    assert SigningKey.from_pkcs8(key.to_pkcs8()).key_id == key.key_id


@pytest.mark.parametrize("junk", [b"", b"junk", b"\x30\x03\x02\x01\x00"])
def test_junk_is_no_pkcs8(junk: bytes) -> None:
    with pytest.raises(KeyFileError, match="not unencrypted PKCS#8"):
        SigningKey.from_pkcs8(junk)


# Encrypted form


def test_the_passphrase_opens_the_key(key: SigningKey, pem: bytes) -> None:
    assert SigningKey.decrypt(pem, PASSPHRASE).key_id == key.key_id


def test_the_vector_of_version_1_opens_for_ever() -> None:
    opened = SigningKey.decrypt((VECTORS / "own_key_v1.pem").read_bytes(), PASSPHRASE)
    assert opened.public.to_text() == (VECTORS / "own_key_v1.spki").read_text().strip()


def test_openssl_opens_our_key_and_sees_the_work_factor(
    key: SigningKey, pem: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    opened = subprocess.run(
        ["openssl", "pkey", "-in", "key.pem", "-passin", f"pass:{PASSPHRASE}", "-pubout"],
        cwd=tmp_path,
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert key.public.to_text() in opened.stdout.decode().replace("\n", "")
    parsed = subprocess.run(
        ["openssl", "asn1parse", "-in", path, "-i"],
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    for part in ("PBES2", "PBKDF2", ":0927C0", "hmacWithSHA256", "aes-256-cbc"):  # 600,000
        assert part in parsed.stdout


def test_cryptography_opens_our_key(key: SigningKey, pem: bytes) -> None:
    opened = load_pem_private_key(pem, PASSPHRASE.encode())
    assert opened.public_key() == load_der_public_key(key.public.der)


def test_openssl_key_files_are_opened(tmp_path: Path) -> None:
    command = (
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes-256-cbc "
        "-pass pass:from-openssl -out key.pem"
    )
    subprocess.run(command.split(), cwd=tmp_path, timeout=20, check=True)
    theirs = (tmp_path / "key.pem").read_bytes()
    assert SigningKey.decrypt(theirs, "from-openssl").sign(b"data")
    with pytest.raises(WrongPassphrase):
        SigningKey.decrypt(theirs, "other")


def test_two_encryptions_differ_in_every_random_part(key: SigningKey) -> None:
    first, second = (base64.b64decode(b"".join(quick_pem(key).split(b"\n")[3:-2])) for _ in "ab")
    assert first[-128:] != second[-128:]
    # salt after the OID of PBKDF2, initialisation vector after that of AES-256-CBC
    for oid, heads in (("2a864886f70d01050c", 4), ("60864801650304012a", 2)):
        at = [der.index(bytes.fromhex(oid)) + len(oid) // 2 + heads for der in (first, second)]
        assert first[at[0] : at[0] + 16] != second[at[1] : at[1] + 16]


def test_a_passphrase_of_any_script_works(key: SigningKey) -> None:
    pem = quick_pem(key, "пароль-密码-🔑")
    assert SigningKey.decrypt(pem, "пароль-密码-🔑").key_id == key.key_id


def test_a_wrong_passphrase_is_never_taken_for_damage(key: SigningKey) -> None:
    # One wrong passphrase in 256 leaves valid CBC padding and fails later, when the key is parsed.
    pem = quick_pem(key)
    for i in range(600):
        with pytest.raises(WrongPassphrase) as caught:
            SigningKey.decrypt(pem, f"guess {i}")
        assert "guess" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda p: b"", "it is empty"),
        (lambda p: b" \n", "it is empty"),
        (lambda p: p[: len(p) // 2], "cut short"),
        (lambda p: b"not a key\n", "not a PEM file"),
        (lambda p: bytes(range(256)), "not a PEM file"),
        (lambda p: p.replace(b"\nM", b"\nMA", 1), "base64 is damaged|checksum"),
    ],
    ids=["empty", "blank", "truncated", "text", "binary", "inserted"],
)
def test_a_damaged_file_is_never_taken_for_a_wrong_passphrase(
    damage: object, said: str, key: SigningKey
) -> None:
    damaged = damage(quick_pem(key))  # type: ignore[operator]
    with pytest.raises(KeyFileError, match=said) as caught:
        SigningKey.decrypt(damaged, PASSPHRASE)
    assert "backup" in caught.value.hint
    with pytest.raises(KeyFileError, match=said):
        check_pem(damaged)


def test_a_changed_byte_anywhere_in_the_key_is_damage(key: SigningKey) -> None:
    pem = quick_pem(key).decode()
    head, body = pem.split("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    for place in range(0, 300, 7):
        if body[place] in "\n=-":
            continue
        other = "A" if body[place] != "A" else "B"
        changed = head + "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        changed += body[:place] + other + body[place + 1 :]
        with pytest.raises(KeyFileError, match="checksum"):
            SigningKey.decrypt(changed.encode(), PASSPHRASE)


def test_keys_that_are_not_ours_are_named(key: SigningKey) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = other.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyFileError, match="not an elliptic-curve key"):
        SigningKey.decrypt(encrypt_key(der, PASSPHRASE, iterations=1000), PASSPHRASE)
    plain = load_pem_private_key(quick_pem(key), PASSPHRASE.encode()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.raises(KeyFileError, match="not an encrypted key"):
        SigningKey.decrypt(plain, PASSPHRASE)


# Fingerprints


def test_a_whole_fingerprint_is_read(key: SigningKey) -> None:
    assert parse_key_id(f" {key.key_id.upper()}\n") == key.key_id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sha256:" + "ab" * 31, "62 hexadecimal digits"),
        ("sha256:" + "ab" * 33, "66 hexadecimal digits"),
        ("ab" * 32, "lacks 'sha256:'"),
        ("sha256:" + "xy" * 32, "not sha256:"),
        ("", "not sha256:"),
        ("\x1b[31m", "not sha256:"),
    ],
)
def test_a_shortened_or_wrong_fingerprint_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        parse_key_id(text)
    assert "\x1b" not in str(caught.value)
