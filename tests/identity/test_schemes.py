"""Schemes of MLO IDs: their forms, and under which key each counts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import InvalidInput, Refused
from jupyter_mlo.identity import base58
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.schemes import check_rules, did_key, flaw, parse_id

#: From https://w3c-ccg.github.io/did-key-spec/ (P-256) and the W3C did:key test vectors.
DIDS = (
    "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
    "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv",
)
ORCID = "https://orcid.org/0000-0002-1825-0097"
DECLARED = {"bank": r"[a-z]{2,8}\d{4}"}


@pytest.mark.parametrize(
    ("data", "text"),
    [  # draft-msporny-base58-03, section 5
        (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
        (
            b"The quick brown fox jumps over the lazy dog.",
            "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
        ),
        (bytes.fromhex("0000287fb4cd"), "11233QC4"),
        (b"", ""),
    ],
)
def test_base58(data: bytes, text: str) -> None:
    assert base58.encode(data) == text
    assert base58.decode(text) == data


@given(st.binary(max_size=80))
def test_base58_goes_both_ways(data: bytes) -> None:
    assert base58.decode(base58.encode(data)) == data


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "é", " "])
def test_base58_has_no_other_digits(text: str) -> None:
    with pytest.raises(ValueError, match="no base58 digit"):
        base58.decode(text)


@pytest.mark.parametrize(
    "mlo",
    [
        "mlo:7K3D-9QXA-2MFB",
        ORCID,
        "https://orcid.org/0000-0002-1694-233X",
        "https://orcid.org/0000-0001-5109-3700",
        "spiffe://bank.example",
        "spiffe://bank.example/ns/risk/sa/nightly-1.2_x",
        *DIDS,
        "bank:ada0001",
    ],
)
def test_right_ones(mlo: str) -> None:
    assert flaw(mlo, DECLARED) == ""
    if not mlo.startswith("mlo:"):
        assert parse_id(mlo, schemes=DECLARED) == mlo


@pytest.mark.parametrize(
    ("mlo", "why"),
    [
        ("mlo:7k3d-9qxa-2mfb", "looks like"),
        ("https://orcid.org/0000-0002-1825-0098", "check digit"),
        ("https://orcid.org/0000-0002-1694-2330", "check digit"),
        ("https://orcid.org/0000-0002-1694-233x", "four groups"),
        ("https://orcid.org/0000000218250097", "four groups"),
        ("https://orcid.org/0000-0002-1825-0097/", "four groups"),
        ("https://orcid.org/٠٠٠٠-0002-1825-0097", "four groups|not declared"),
        ("http://orcid.org/0000-0002-1825-0097", "not declared"),
        ("https://orcid.org.evil.example/0000-0002-1825-0097", "not declared"),
        ("spiffe://Bank.example/a", "SPIFFE"),
        ("spiffe:///a", "SPIFFE"),
        ("spiffe://bank.example/", "SPIFFE"),
        ("spiffe://bank.example//a", "SPIFFE"),
        ("spiffe://bank.example/a/../b", "segment"),
        ("spiffe://bank.example/./b", "segment"),
        ("spiffe://bank.example:80/a", "SPIFFE"),
        ("spiffe://ada@bank.example/a", "SPIFFE"),
        ("spiffe://bank.example/a?b", "SPIFFE"),
        ("spiffe://bank.example/" + "a" * 2048, "SPIFFE"),
        ("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "not on P-256"),
        (DIDS[0] + "1", "not on P-256"),
        (DIDS[0].replace("did:key:z", "did:key:f"), "base58btc"),
        ("did:key:z0OIl", "base58btc"),
        ("did:key:z" + "z" * 5000, "not on P-256"),
        ("did:web:bank.example", "not declared"),
        ("bank:Ada0001", "declared to look like"),
        ("bank:ada0001\n", "declared to look like"),
        ("tax:1", "not declared"),
        ("urn:uuid:x", "not declared"),
    ],
)
def test_wrong_ones_and_why(mlo: str, why: str) -> None:
    import re

    assert re.search(why, flaw(mlo, DECLARED)), flaw(mlo, DECLARED)
    assert len(flaw(mlo, DECLARED)) < 200


@given(st.text(max_size=60) | st.sampled_from(["did:key:z", "spiffe://", ORCID]).flatmap(
    lambda head: st.text(max_size=40).map(lambda rest: head + rest)))  # fmt: skip
def test_nothing_breaks_the_reading(text: str) -> None:
    flaw(text, DECLARED)
    try:
        mlo = parse_id(text, schemes=DECLARED)
    except InvalidInput:
        return
    assert flaw(mlo, DECLARED) == ""


@pytest.mark.parametrize(
    "typed",
    [
        "0000-0002-1825-0097",
        "orcid.org/0000-0002-1825-0097",
        " HTTP://ORCID.org/0000-0002-1825-0097 ",
    ],
)
def test_an_orcid_is_read_as_people_write_it(typed: str) -> None:
    assert parse_id(typed) == ORCID


def test_a_did_key_is_its_key() -> None:
    key, other = SigningKey.generate().public, SigningKey.generate().public
    mlo = did_key(key)
    assert flaw(mlo, {}) == ""
    assert base58.decode(mlo.removeprefix("did:key:z"))[:2] == bytes([0x80, 0x24])
    check_rules(mlo, key, enrolled=False, schemes={})
    with pytest.raises(Refused, match="did:key of another key"):
        check_rules(mlo, other, enrolled=True, schemes={})


@pytest.mark.parametrize("mlo", [ORCID, "spiffe://bank.example/ada"])
def test_what_others_give_counts_only_through_a_registrar(mlo: str) -> None:
    key = SigningKey.generate().public
    check_rules(mlo, key, enrolled=True, schemes={})
    with pytest.raises(Refused, match="only through a registrar"):
        check_rules(mlo, key, enrolled=False, schemes={})


def test_declared_schemes_hold_where_they_are_declared() -> None:
    key = SigningKey.generate().public
    check_rules("bank:ada0001", key, enrolled=False, schemes=DECLARED)
    with pytest.raises(Refused, match="not declared here"):
        check_rules("bank:ada0001", key, enrolled=True, schemes={})
    # Nobody declares anew what means something already.
    assert flaw("did:web:x", {"did": ".*"}) != ""
    assert flaw("mlo:x", {"mlo": ".*"}) != ""


def test_no_id_keeps_a_declared_pattern_busy() -> None:
    # What slips past the configuration is at least no longer than this.
    assert "more than 256 characters" in flaw("bank:" + "a" * 257, {"bank": "a*"})
    assert flaw("bank:" + "a" * 256, {"bank": "a*"}) == ""
    start = time.perf_counter()
    assert "more than 256" in flaw("bank:" + "a" * 2000 + "!", {"bank": "(a+)+$"})
    assert time.perf_counter() - start < 1
