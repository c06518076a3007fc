"""Passphrases: from where they come, and what each source is told when it has none."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_mlo.errors import InvalidInput, MissingExtra, PassphraseUnavailable
from jupyter_mlo.identity.passphrase import read_passphrase, source_of, store_in_keyring


@dataclass
class Person:
    """Types the given lines, one a question."""

    lines: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def secret(self, question: str) -> str:
        self.questions.append(question)
        if not self.lines:
            raise PassphraseUnavailable("nobody is there", hint="…")
        return self.lines.pop(0)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(b"from the file\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    os.close(ends[0])


def read(fd: int | None = None, file: Path | None = None, **more: object) -> str:
    environ = {} if file is None else {"MLO_PASSPHRASE_FILE": str(file)}
    more.setdefault("ask", Person())
    return read_passphrase(fd=fd, environ=environ, **more)  # type: ignore[arg-type]


# Order


def test_a_descriptor_goes_before_the_file(pipe: tuple[int, int], secret_file: Path) -> None:
    os.write(pipe[1], b"from the descriptor\n")
    assert read(fd=pipe[0], file=secret_file) == "from the descriptor"
    os.close(pipe[1])


def test_the_file_goes_before_key_ring_and_person(secret_file: Path) -> None:
    person = Person(["typed"])
    assert read(file=secret_file, ask=person, keyring_mlo="mlo:x") == "from the file"
    assert person.questions == []


def test_else_the_person_is_asked() -> None:
    person = Person(["typed by hand"])
    assert read(ask=person, question="passphrase of Ada") == "typed by hand"
    assert person.questions == ["passphrase of Ada"]


def test_the_source_is_named() -> None:
    file = {"MLO_PASSPHRASE_FILE": "/x"}
    assert source_of(fd=0, environ=file, keyring_mlo="m") == "fd"
    assert source_of(fd=None, environ=file, keyring_mlo="m") == "file"
    assert source_of(fd=None, environ={"MLO_PASSPHRASE_FILE": ""}, keyring_mlo="m") == "keyring"
    assert source_of(fd=None, environ={}) == "prompt"


# Descriptor


def test_a_descriptor_gives_its_first_line_and_keeps_the_rest(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"one\r\ntwo\n")  # still open: nobody waits for its end
    assert read(fd=pipe[0]) == "one"
    assert read(fd=pipe[0]) == "two"
    os.close(pipe[1])
    with pytest.raises(PassphraseUnavailable, match="is empty"):
        read(fd=pipe[0])


def test_a_closed_descriptor_is_said_to_be_closed() -> None:
    with pytest.raises(PassphraseUnavailable, match=r"descriptor 987 .*Bad file descriptor"):
        read(fd=987)
    for no_descriptor in (-1, 10**20):
        with pytest.raises(PassphraseUnavailable, match=f"descriptor {no_descriptor}"):
            read(fd=no_descriptor)


# File


def test_one_trailing_newline_is_no_part_of_it(secret_file: Path) -> None:
    for content, passphrase in [
        (b"no newline", "no newline"),
        (b" spaces count \n", " spaces count "),
        (b"windows\r\n", "windows"),
        ("größe-密码\n".encode(), "größe-密码"),
        ("gro\u0308ße\n".encode(), "größe"),
    ]:
        secret_file.write_bytes(content)
        assert read(file=secret_file) == passphrase


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"two\nlines\n", "more than one line"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * 70_000, "too long"),
    ],
)
def test_a_file_without_a_passphrase_is_told_why(
    secret_file: Path, content: bytes, said: str
) -> None:
    secret_file.write_bytes(content)
    with pytest.raises(PassphraseUnavailable, match=said) as caught:
        read(file=secret_file)
    assert str(secret_file) in caught.value.message
    assert "lines" not in caught.value.message.replace("more than one line", "")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PassphraseUnavailable, match="none, which MLO_PASSPHRASE_FILE names,"):
        read(file=tmp_path / "none")


def test_a_home_of_nobody_is_named() -> None:
    with pytest.raises(PassphraseUnavailable, match="~nobody-of-that-name/secret, which"):
        read(file=Path("~nobody-of-that-name/secret"))


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_file_open_to_everybody_is_refused(secret_file: Path, mode: int) -> None:
    secret_file.chmod(mode)
    with pytest.raises(PassphraseUnavailable, match="by every user") as caught:
        read(file=secret_file)
    assert "chmod 600" in caught.value.hint
    assert "defaultMode" in caught.value.hint


def test_a_secret_of_kubernetes_is_taken_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "secret").write_bytes(b"mounted")
    (tmp_path / "..data" / "secret").chmod(0o440)
    (tmp_path / "secret").symlink_to("..data/secret")
    notes: list[str] = []
    assert read(file=tmp_path / "secret", note=notes.append) == "mounted"
    assert len(notes) == 1
    assert "group" in notes[0]


def test_a_private_file_needs_no_note(secret_file: Path) -> None:
    notes: list[str] = []
    read(file=secret_file, note=notes.append)
    assert notes == []


def test_a_pipe_or_folder_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(PassphraseUnavailable, match="not a plain file") as caught:
            read(file=path)
        assert "--passphrase-fd" in caught.value.hint


# New passphrases


def test_a_new_one_is_typed_twice() -> None:
    person = Person(["long enough", "long enough"])
    assert read(ask=person, confirm=True) == "long enough"
    assert len(person.questions) == 2


def test_a_new_one_may_be_mistyped_twice_but_not_three_times() -> None:
    notes: list[str] = []
    lines = ["long enough", "long enouhg", "short", "long enough", "long enough"]
    assert read(ask=Person(lines), confirm=True, note=notes.append) == "long enough"
    assert [note.split(";")[0] for note in notes] == [
        "the two passphrases differ",
        "the passphrase is shorter than 8 characters",
    ]
    with pytest.raises(InvalidInput, match="differ, three times"):
        read(ask=Person(["long enough", "other enough"] * 3), confirm=True)


@pytest.mark.parametrize("weak", ["sh0rt", "1234567", "         "])
def test_a_weak_new_one_is_refused_from_every_source(
    weak: str, secret_file: Path, pipe: tuple[int, int]
) -> None:
    secret_file.write_text(weak)
    os.write(pipe[1], weak.encode())
    os.close(pipe[1])
    for source in ({"file": secret_file}, {"fd": pipe[0]}, {"ask": Person([weak] * 3)}):
        with pytest.raises(InvalidInput, match=r"shorter than 8|is empty") as caught:
            read(confirm=True, **source)
        assert "characters" in caught.value.hint
        assert weak not in str(caught.value)


def test_an_old_short_one_still_opens() -> None:
    assert read(ask=Person(["short"])) == "short"
    with pytest.raises(PassphraseUnavailable, match="empty"):
        read(ask=Person([""]))


# Key ring


class Ring(SimpleNamespace):
    """A key ring in memory, in place of a desktop's."""

    def __init__(self) -> None:
        super().__init__(kept={})

    def get_password(self, service: str, user: str) -> str | None:
        found: str | None = self.kept.get((service, user))
        return found

    def set_password(self, service: str, user: str, password: str) -> None:
        self.kept[service, user] = password


def test_the_key_ring_gives_back_what_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", Ring())
    store_in_keyring("mlo:x", "from the ring")
    assert read(keyring_mlo="mlo:x") == "from the ring"
    assert read(keyring_mlo=None, ask=Person(["typed"])) == "typed"


def test_a_key_ring_that_fails_leads_to_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring()
    monkeypatch.setitem(sys.modules, "keyring", ring)
    notes: list[str] = []
    assert read(keyring_mlo="mlo:x", ask=Person(["typed"]), note=notes.append) == "typed"

    def locked(*_: str) -> str:
        raise RuntimeError("secret from the back end")

    monkeypatch.setattr(ring, "get_password", locked)
    monkeypatch.setattr(ring, "set_password", locked)
    assert read(keyring_mlo="mlo:x", ask=Person(["typed"]), note=notes.append) == "typed"
    assert ["has no passphrase" in notes[0], "did not answer" in notes[1]] == [True, True]
    assert "secret" not in "".join(notes)
    with pytest.raises(PassphraseUnavailable, match="did not take"):
        store_in_keyring("mlo:x", "from the ring")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtra) as caught:
        store_in_keyring("mlo:x", "from the ring")
    assert 'pip install "jupyter-mlo[keyring]"' in caught.value.hint
    notes: list[str] = []
    assert read(keyring_mlo="mlo:x", ask=Person(["typed"]), note=notes.append) == "typed"
    assert "keyring is missing" in notes[0]


def test_a_new_one_does_not_come_from_the_key_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring()
    ring.set_password("jupyter-mlo", "mlo:x", "from the ring")
    monkeypatch.setitem(sys.modules, "keyring", ring)
    typed = ["long enough", "long enough"]
    assert read(keyring_mlo="mlo:x", ask=Person(typed), confirm=True) == "long enough"
