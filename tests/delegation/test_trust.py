"""Trust: only what somebody said here, and a second key for a known MLO is a conflict."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation import trust as trust_module
from jupyter_mlo.delegation.trust import Trust, TrustStore
from jupyter_mlo.errors import InvalidInput, NotFound, Refused

ADA = "mlo:7K3D-9QXA-2MFB"
GRACE = "mlo:1M0D-9QXA-2MF5"
KEY, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32


@pytest.fixture
def store(settings: Settings) -> TrustStore:
    return TrustStore(settings)


def test_at_first_nobody_is_trusted(store: TrustStore) -> None:
    assert store.load() == Trust()


def test_what_was_added_is_there_for_the_next_process(
    store: TrustStore, settings: Settings
) -> None:
    store.add(ADA, KEY)
    store.add_registrar(OTHER, "Bank")
    assert TrustStore(settings).load() == Trust({ADA: frozenset({KEY})}, {OTHER: "Bank"})
    assert stat.S_IMODE(settings.trust_file.stat().st_mode) == 0o600


def test_a_second_key_is_a_conflict_unless_it_replaces_the_first(store: TrustStore) -> None:
    store.add(ADA, KEY)
    store.add(ADA, KEY)
    with pytest.raises(Refused, match=f"{ADA} is pinned here with another key: {KEY}") as caught:
        store.add(ADA, OTHER)
    assert "--replace" in caught.value.hint
    assert store.load().pins[ADA] == {KEY}
    store.add(ADA, OTHER, replacing=True)
    assert store.load().pins[ADA] == {OTHER}


def test_what_was_removed_is_gone(store: TrustStore) -> None:
    store.add(ADA, KEY)
    store.add(GRACE, KEY)
    store.remove(ADA)
    assert store.load().pins == {GRACE: {KEY}}
    with pytest.raises(NotFound, match=f"{ADA} is not pinned here"):
        store.remove(ADA)
    with pytest.raises(NotFound, match=f"the key {OTHER} of {GRACE} is not pinned"):
        store.remove(GRACE, OTHER)
    store.remove(GRACE, KEY)
    assert store.load() == Trust()


def test_registrars_come_and_go(store: TrustStore) -> None:
    store.add_registrar(KEY, "Bank")
    store.add_registrar(KEY, "The Bank")
    assert store.load().registrars == {KEY: "The Bank"}
    store.remove_registrar(KEY)
    with pytest.raises(NotFound, match="no registrar here"):
        store.remove_registrar(KEY)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"version": 2}',
        '{"pins": {"Ada": []}}',
        f'{{"pins": {{"{ADA}": ["sha256:abc"]}}}}',
        f'{{"pins": {{"{ADA}": "{KEY}"}}}}',
        '{"roots": {}}',
    ],
)
def test_a_damaged_file_is_never_taken_for_an_empty_one(
    store: TrustStore, settings: Settings, content: str
) -> None:
    settings.trust_file.write_text(content)
    with pytest.raises(InvalidInput, match=r"trust\.json is damaged") as caught:
        store.load()
    assert "backup" in caught.value.hint
    with pytest.raises(InvalidInput):
        store.add(ADA, KEY)
    assert settings.trust_file.read_text() == content


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_named_and_not_waited_for(
    store: TrustStore, settings: Settings, kind: str
) -> None:
    settings.home.mkdir(exist_ok=True, parents=True)
    if kind == "pipe":
        os.mkfifo(settings.trust_file)
    elif kind == "folder":
        settings.trust_file.mkdir()
    else:
        settings.trust_file.symlink_to("/dev/zero")
    with pytest.raises(InvalidInput, match="not a plain file"):
        store.load()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(
    store: TrustStore, settings: Settings, mode: int
) -> None:
    store.add(ADA, KEY)
    settings.trust_file.chmod(mode)
    with pytest.raises(InvalidInput, match="can be written by others") as caught:
        store.load()
    assert "chmod 600" in caught.value.hint
    settings.trust_file.chmod(0o644)
    assert store.load().pins


def test_a_file_of_another_user_is_refused(
    store: TrustStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(ADA, KEY)
    real = os.fstat

    def others(descriptor: int) -> os.stat_result:
        fields = list(real(descriptor))
        fields[stat.ST_UID] = os.geteuid() + 7
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", others)
    with pytest.raises(InvalidInput, match=r"belongs to user \d+, who can change whom you trust"):
        store.load()


def test_processes_that_add_at_once_lose_nothing(store: TrustStore) -> None:
    code = (
        "from jupyter_mlo.config import load_settings\n"
        "from jupyter_mlo.delegation.trust import TrustStore\n"
        "store = TrustStore(load_settings())\n"
        "print('ready', flush=True)\n"
        f"store.add_registrar({OTHER!r}, 'theirs')\n"
    )
    with store.lock():
        trust = store.load()
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        store.save(trust.trust_registrar(KEY, "ours"))
    assert child.wait(60) == 0
    child.stdout.close()
    assert store.load().registrars == {KEY: "ours", OTHER: "theirs"}


def test_a_kind_stays_with_the_pin_and_is_not_changed_by_the_way(settings: Settings) -> None:
    store = TrustStore(settings)
    store.add(ADA, KEY, kind="team")
    store.add(ADA, KEY)
    assert store.load().kinds == {ADA: "team"}
    with pytest.raises(Refused, match="pinned here as a team, not as a person"):
        store.add(ADA, KEY, kind="person")
    assert store.add(ADA, OTHER, kind="person", replacing=True).kinds == {ADA: "person"}
    store.remove(ADA)
    assert store.load().kinds == {}


def test_a_file_that_says_no_kinds_is_read_and_written_as_before(settings: Settings) -> None:
    TrustStore(settings).add(ADA, KEY)
    text = settings.trust_file.read_text()
    assert "kinds" not in text
    assert TrustStore(settings).load().kinds == {}
    settings.trust_file.write_text(text.replace('"pins"', f'"kinds": {{"{ADA}": "boss"}}, "pins"'))
    with pytest.raises(InvalidInput, match="kinds"):
        TrustStore(settings).load()


def test_a_file_is_read_again_when_anybody_wrote_it(
    store: TrustStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust_module, "_COARSE", -1)
    assert store.load_again() == Trust()
    store.add(ADA, KEY)
    first = store.load_again()
    assert first.pins == {ADA: {KEY}}
    assert store.load_again() is first
    TrustStore(settings).add(GRACE, OTHER)
    assert store.load_again().pins == {ADA: {KEY}, GRACE: {OTHER}}
    before = settings.trust_file.stat()
    TrustStore(settings).remove(ADA, KEY)
    TrustStore(settings).add(ADA, OTHER)  # as long as before, and of the time that it had
    os.utime(settings.trust_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.load_again().pins == {ADA: {OTHER}, GRACE: {OTHER}}
    settings.trust_file.chmod(0o666)
    with pytest.raises(InvalidInput, match="can be written by others"):
        store.load_again()
    settings.trust_file.unlink()
    assert store.load_again() == Trust()


def test_a_file_that_was_written_just_now_is_not_remembered(store: TrustStore) -> None:
    store.add(ADA, KEY)
    assert store.load_again() is not store.load_again()
