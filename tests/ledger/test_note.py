"""Signed notes: the reference implementation's published vector, and strictness."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlo.errors import KeyFileError, LedgerError
from jupyter_mlo.ledger.note import Note
from jupyter_mlo.ledger.note_keys import NoteSigner, NoteVerifier

VECTOR = json.loads((Path(__file__).parent / "vectors" / "signed_note.json").read_text())
NOTE = VECTOR["note"].encode()
PETER = NoteVerifier.from_vkey(VECTOR["vkey"])
OTHER = NoteSigner("other.example/log", bytes(range(32)))


def with_line(note: bytes, other: bytes) -> bytes:
    """``note`` with the signature lines of ``other`` added."""
    return note + other.rpartition(b"\n\n")[2]


def test_signing_gives_the_published_note_byte_for_byte() -> None:
    signer = NoteSigner.from_text(VECTOR["signer"])
    assert signer.sign(VECTOR["text"]) == NOTE
    assert signer.verifier.vkey == VECTOR["vkey"]
    assert signer.to_text() == VECTOR["signer"]


def test_the_published_note_holds_under_the_published_key() -> None:
    note = Note.from_bytes(NOTE)
    assert note.text == VECTOR["text"]
    assert note.check([OTHER.verifier, PETER]) == {PETER}


def test_every_cut_of_a_verifier_key_is_refused() -> None:
    vkey = VECTOR["vkey"]
    for start in range(len(vkey)):
        for end in range(start, len(vkey) + 1):
            if (start, end) != (0, len(vkey)):
                with pytest.raises(LedgerError):
                    NoteVerifier.from_vkey(vkey[start:end])


def test_every_changed_character_of_a_verifier_key_is_refused() -> None:
    vkey = VECTOR["vkey"]
    for at, char in enumerate(vkey):
        with pytest.raises(LedgerError):
            NoteVerifier.from_vkey(vkey[:at] + chr(ord(char) + 1) + vkey[at + 1 :])


@pytest.mark.parametrize("name", ["wrong_length", "unknown_algorithm"])
def test_keys_of_other_kinds_are_refused(name: str) -> None:
    with pytest.raises(LedgerError):
        NoteVerifier.from_vkey(VECTOR[name])


def test_every_changed_byte_of_a_note_is_found() -> None:
    for at in range(len(NOTE)):
        bent = NOTE[:at] + bytes([NOTE[at] ^ 1]) + NOTE[at + 1 :]
        with pytest.raises(LedgerError):
            Note.from_bytes(bent).check([PETER])


def test_lines_of_unknown_keys_are_ignored() -> None:
    note = Note.from_bytes(with_line(NOTE, OTHER.sign(VECTOR["text"])))
    assert note.check([PETER]) == {PETER}
    assert note.check([PETER, OTHER.verifier]) == {PETER, OTHER.verifier}
    same_name = NoteSigner("PeterNeumann", bytes(32)).verifier
    assert note.check([PETER, same_name]) == {PETER}


def test_a_known_key_s_false_line_refuses_the_note_even_beside_true_ones() -> None:
    false = OTHER.sign("another text\n")
    note = Note.from_bytes(with_line(NOTE, false))
    with pytest.raises(LedgerError, match=r"other\.example/log on this note does not hold"):
        note.check([PETER, OTHER.verifier])
    twice = Note.from_bytes(with_line(with_line(NOTE, OTHER.sign(VECTOR["text"])), false))
    with pytest.raises(LedgerError):
        twice.check([OTHER.verifier])


def test_a_note_that_nobody_known_signed_is_refused_and_says_who_did() -> None:
    with pytest.raises(LedgerError) as refusal:
        Note.from_bytes(NOTE).check([OTHER.verifier])
    assert "PeterNeumann" in refusal.value.hint


SIGNATURE = NOTE.rpartition(b"\n\n")[2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        VECTOR["text"].encode(),
        VECTOR["text"].encode() + b"\n",
        VECTOR["text"].encode() + SIGNATURE,
        NOTE[:-1],
        NOTE + b"\n",
        NOTE + b"rest\n",
        NOTE.replace("—".encode(), b"-"),
        NOTE.replace(b" PeterNeumann ", b" Peter Neumann "),
        NOTE.replace(b" PeterNeumann ", b" Peter+Neumann "),
        NOTE.replace(b" PeterNeumann ", b"  "),
        NOTE.replace(b"JnAM=", b"JnAN="),
        NOTE.replace(b"JnAM=", b"JnAM"),
        NOTE.replace(b"JnAM=", b"JnA M="),
        VECTOR["text"].encode() + "\n— PeterNeumann x08goA==\n".encode(),
        NOTE.replace(b"problem", b"prob\tlem"),
        NOTE.replace(b"problem", b"prob\x00lem"),
        NOTE.replace(b"\n", b"\r\n"),
        NOTE.replace(b"problem", b"prob\xfflem"),
        NOTE + SIGNATURE * 100,
        b"x" * (1024 * 1024) + NOTE,
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(LedgerError):
        Note.from_bytes(data).check([PETER])


@pytest.mark.parametrize("control", ["\t", "\x00", "\r", "\x1f"])
def test_a_control_character_refuses_a_note_however_well_it_is_signed(control: str) -> None:
    text = f"pay 1{control}000\n".encode()
    line = OTHER.verifier.key_hash + OTHER._key.sign(text)
    encoded = base64.b64encode(line)
    note = text + b"\n" + "— other.example/log ".encode() + encoded + b"\n"
    with pytest.raises(LedgerError, match="control character"):
        Note.from_bytes(note)


def test_at_least_sixteen_signatures_are_read() -> None:
    note = NOTE
    for n in range(15):
        note = with_line(note, NoteSigner(f"w{n}", bytes([n]) * 32).sign(VECTOR["text"]))
    assert len(Note.from_bytes(note).signatures) == 16


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_never_a_traceback(data: bytes) -> None:
    for candidate in (data, VECTOR["text"].encode() + b"\n" + data, NOTE + data + b"\n"):
        try:
            Note.from_bytes(candidate)
        except LedgerError:
            continue


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb"])
def test_names_that_no_line_can_carry_are_refused(name: str) -> None:
    with pytest.raises(LedgerError):
        NoteSigner(name, bytes(32))


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "carriage return\r\n"])
def test_text_that_no_note_can_carry_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match="newline"):
        OTHER.sign(text)


@pytest.mark.parametrize(
    "text", ["", VECTOR["vkey"], VECTOR["signer"][:-1], VECTOR["signer"].replace("c74f", "c74e")]
)
def test_a_damaged_private_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(KeyFileError) as refusal:
        NoteSigner.from_text(text)
    assert text == "" or text not in str(refusal.value)


def test_a_signer_s_text_forms_do_not_show_its_key() -> None:
    assert OTHER.to_text().rpartition("+")[2] not in repr(OTHER) + str(OTHER)
