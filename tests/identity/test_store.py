"""The MLOs of a home: made whole or not at all, found by name, opened with care."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.errors import InvalidInput, KeyFileError, MloError, NotFound, WrongPassphrase
from jupyter_mlo.identity.ids import new_mlo_id
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.identity.private_files import write_private
from jupyter_mlo.identity.profiles import Profile
from jupyter_mlo.identity.store import Identity, IdentityStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def store(settings: Settings) -> IdentityStore:
    return IdentityStore(settings)


def create(store: IdentityStore, name: str, email: str = "", mlo: str = "") -> Identity:
    return store.create(
        Profile(name=name, email=email),
        "person",
        SigningKey.generate(),
        PASSPHRASE,
        b'{"self":1}',
        mlo=mlo or new_mlo_id(),
    )


@pytest.fixture
def ada(store: IdentityStore) -> Identity:
    return create(store, "Ada Sample", "ada@example.org")


# Making


def test_a_new_mlo_is_found_and_opened(store: IdentityStore, ada: Identity) -> None:
    assert store.all() == [ada]
    assert ada.label == f"Ada Sample ({ada.mlo})"
    key = store.unlock(ada, PASSPHRASE, NOW)
    assert key.key_id == ada.key_id
    assert store.enrolments(ada) == [b'{"self":1}']
    assert ada.profile.colour != "#888888"


def test_everything_is_private(ada: Identity, settings: Settings) -> None:
    assert stat.S_IMODE(ada.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(settings.identities.stat().st_mode) == 0o700
    for file in ada.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_the_folder_is_named_after_the_mlo(ada: Identity, settings: Settings) -> None:
    assert ada.folder == settings.identities / ada.mlo.replace(":", "-")


def test_a_key_is_never_overwritten(store: IdentityStore, ada: Identity) -> None:
    before = ada.key_file.read_bytes()
    with pytest.raises(KeyFileError, match="has a key in"):
        create(store, "Eve", mlo=ada.mlo)
    assert ada.key_file.read_bytes() == before
    assert [entry.name for entry in ada.folder.parent.iterdir()] == [ada.folder.name]


def test_a_race_for_one_mlo_leaves_the_first_key(
    store: IdentityStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlo = new_mlo_id()
    rename = os.rename

    def overtaken(source: Path, target: Path) -> None:
        target.mkdir()
        (target / "key.pem").write_text("first")
        rename(source, target)

    monkeypatch.setattr(os, "rename", overtaken)
    with pytest.raises(KeyFileError, match="has a key in"):
        create(store, "Eve", mlo=mlo)
    monkeypatch.undo()
    assert [entry.name for entry in settings.identities.iterdir()] == [mlo.replace(":", "-")]


def test_a_failure_half_way_leaves_nothing(
    store: IdentityStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_private

    def full(path: Path, content: bytes, *, replace: bool = True) -> None:
        if path.name == "profile.json":
            raise OSError(28, "No space left on device")
        written(path, content, replace=replace)

    monkeypatch.setattr("jupyter_mlo.identity.store.write_private", full)
    with pytest.raises(OSError, match="No space"):
        create(store, "Ada")
    assert list(settings.identities.iterdir()) == []
    assert store.all() == []


# Finding


def test_an_mlo_is_found_by_id_name_and_address(store: IdentityStore, ada: Identity) -> None:
    create(store, "Grace Sample")
    texts = [ada.mlo, ada.mlo[4:].lower().replace("-", ""), "ada  sample", "ADA@example.org"]
    assert [store.find(text) for text in texts] == [ada] * 4


def test_an_unknown_name_is_told_who_is_near(store: IdentityStore, ada: Identity) -> None:
    with pytest.raises(NotFound, match="no MLO Ada Sampel in this home") as caught:
        store.find("Ada Sampel")
    assert caught.value.hint == f"did you mean {ada.label}?"
    with pytest.raises(NotFound) as caught:
        store.find("Zebra")
    assert f"known here: {ada.label}" in caught.value.hint


def test_a_mistyped_id_is_told_so(store: IdentityStore, ada: Identity) -> None:
    typed = ada.mlo[:-1] + ("0" if ada.mlo[-1] != "0" else "1")
    with pytest.raises(InvalidInput, match="check character") as caught:
        store.find(typed)
    assert ada.mlo in caught.value.hint
    with pytest.raises(InvalidInput, match="check character"):
        store.find(typed[4:])


def test_an_unknown_id_is_not_found(store: IdentityStore, ada: Identity) -> None:
    with pytest.raises(NotFound, match="in this home"):
        store.find(new_mlo_id())


def test_with_nobody_enrolled_the_hint_is_to_enroll(store: IdentityStore) -> None:
    for text in ("Ada", new_mlo_id(), ""):
        with pytest.raises(NotFound, match="nobody is enrolled here") as caught:
            store.find(text)
        assert caught.value.hint == "jupyter mlo enroll"


def test_two_of_one_name_are_told_apart_by_id(store: IdentityStore, ada: Identity) -> None:
    other = create(store, "ada sample")
    with pytest.raises(NotFound, match="2 MLOs here are called") as caught:
        store.find("Ada Sample")
    assert ada.mlo in caught.value.hint
    assert other.mlo in caught.value.hint
    assert store.find("ada@example.org") == ada


def test_hostile_names_are_shown_escaped(store: IdentityStore, ada: Identity) -> None:
    profile = ada.folder / "profile.json"
    profile.write_text(json.dumps({"name": "\x1b[2Jroot\u202e"}))
    (evil,) = store.all()
    assert evil.label == rf"\x1b[2Jroot\u202e ({ada.mlo})"
    with pytest.raises(NotFound) as caught:
        store.find("\x1b[31mx")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("damage", ["text", "folder", "pipe", "device"])
def test_a_damaged_profile_is_named_and_does_not_hide_the_mlo(
    store: IdentityStore, ada: Identity, damage: str
) -> None:
    path = ada.folder / "profile.json"
    path.unlink()
    if damage == "text":
        path.write_text('{"name": 7}')
    elif damage == "folder":
        path.mkdir()
    elif damage == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    (found,) = store.all()
    assert (found.mlo, found.label, store.problems()) == (ada.mlo, ada.mlo, [])
    assert found.damage is not None
    assert str(path) in found.damage.message
    assert store.unlock(store.find(ada.mlo), PASSPHRASE, NOW)
    with pytest.raises(NotFound) as caught:
        store.find("Ada")
    assert "profile.json" in caught.value.hint


@pytest.mark.parametrize("name", ["identity.json", "enrolments.jsonl"])
def test_a_pipe_in_a_files_place_is_named_and_not_waited_for(
    store: IdentityStore, ada: Identity, name: str
) -> None:
    (ada.folder / name).unlink()
    os.mkfifo(ada.folder / name)
    with pytest.raises((MloError, OSError), match=f"{name}|plain file"):
        store.enrolments(store.find(ada.mlo))


def test_an_erased_profile_leaves_the_mlo(store: IdentityStore, ada: Identity) -> None:
    (ada.folder / "profile.json").unlink()
    assert store.find(ada.mlo).profile.name == ada.mlo
    assert store.unlock(store.find(ada.mlo), PASSPHRASE, NOW)


@pytest.mark.parametrize("content", [None, "", "{}", '{"version":2}', "[" * 100_000])
def test_a_damaged_folder_hides_nobody_else(
    store: IdentityStore, ada: Identity, content: str | None
) -> None:
    grace = create(store, "Grace Sample")
    file = ada.folder / "identity.json"
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert store.all() == [grace]
    (problem,) = store.problems()
    assert str(file) in problem.message
    with pytest.raises(KeyFileError, match=r"identity\.json"):
        store.find(ada.mlo)
    with pytest.raises(NotFound) as caught:
        store.find("Ada Sample")
    assert "could not be read" in caught.value.hint


def test_a_folder_of_another_name_is_refused(store: IdentityStore, ada: Identity) -> None:
    other = new_mlo_id()
    ada.folder.rename(ada.folder.parent / other.replace(":", "-"))
    with pytest.raises(KeyFileError, match=f"belongs to {ada.mlo}"):
        store.find(other)


def test_other_things_in_the_folder_are_left_alone(
    store: IdentityStore, ada: Identity, settings: Settings
) -> None:
    (settings.identities / ".new-123").mkdir()
    (settings.identities / "notes.txt").touch()
    assert store.all() == [ada]
    assert store.problems() == []


# Opening


def test_a_wrong_passphrase_says_whose_and_which_attempt(
    store: IdentityStore, ada: Identity
) -> None:
    with pytest.raises(WrongPassphrase, match=r"for Ada Sample .*\(attempt 1\)"):
        store.unlock(ada, "wrong", NOW)
    for _ in range(2):
        with pytest.raises(WrongPassphrase):
            store.unlock(ada, "wrong", NOW)
    with pytest.raises(WrongPassphrase, match="has to wait 1 s more"):
        store.unlock(ada, PASSPHRASE, NOW)
    assert store.unlock(ada, PASSPHRASE, NOW + timedelta(seconds=1))
    assert not (ada.folder / "attempts.json").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.unlink(), "key.pem of Ada Sample .* is missing"),
        (lambda p: p.write_bytes(b""), "key.pem cannot be read: it is empty"),
        (lambda p: p.write_bytes(p.read_bytes()[:300]), "key.pem cannot be read: it is cut short"),
        (lambda p: p.write_bytes(os.urandom(500)), "key.pem cannot be read: it is not a PEM file"),
        (lambda p: p.write_bytes(p.read_bytes().replace(b"\nM", b"\nN")), "checksum"),
        (lambda p: p.chmod(0o640), "key.pem can be read or written by others"),
        (lambda p: p.chmod(0o604), "key.pem can be read or written by others"),
        (lambda p: p.symlink_to(p.rename(p.with_name("x"))), "key.pem is a symbolic link"),
    ],
    ids=["missing", "empty", "truncated", "garbage", "changed", "group", "others", "link"],
)
def test_each_fault_of_a_key_file_has_its_own_message(
    store: IdentityStore, ada: Identity, spoil: object, said: str
) -> None:
    spoil(ada.key_file)  # type: ignore[operator]
    with pytest.raises(KeyFileError, match=said) as caught:
        store.unlock(ada, PASSPHRASE, NOW)
    assert caught.value.hint
    assert not (ada.folder / "attempts.json").exists()


def test_a_key_of_another_mlo_is_noticed(store: IdentityStore, ada: Identity) -> None:
    grace = create(store, "Grace")
    ada.key_file.write_bytes(grace.key_file.read_bytes())
    with pytest.raises(KeyFileError, match="holds another key than"):
        store.unlock(ada, PASSPHRASE, NOW)


# Enrolments


def test_enrolments_are_added_once_and_kept_as_signed(store: IdentityStore, ada: Identity) -> None:
    for _ in range(2):
        store.add_enrolment(ada, b'{ "by": "registrar" }')
    assert store.enrolments(ada) == [b'{"self":1}', b'{ "by": "registrar" }']
    with pytest.raises(ValueError, match="one line"):
        store.add_enrolment(ada, b"{\n}")


def test_missing_enrolments_are_named(store: IdentityStore, ada: Identity) -> None:
    (ada.folder / "enrolments.jsonl").unlink()
    with pytest.raises(KeyFileError, match=r"enrolments\.jsonl is missing"):
        store.enrolments(ada)
