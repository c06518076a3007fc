"""`key`: rotation, revocation, backup and a second device, by the command and two homes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.identity import rotation
from jupyter_mlo.identity.store import IdentityStore
from tests.verbs.conftest import PASSPHRASE
from tests.verbs.workshop import Workshop


@pytest.fixture
def laptop(tmp_path: Path) -> dict[str, str]:
    """Another home of the same person."""
    for name in ("laptop", "laptop-runtime"):
        (tmp_path / name).mkdir(mode=0o700)
    return {
        "MLO_HOME": str(tmp_path / "laptop"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "laptop-runtime"),
    }


@pytest.fixture
def sealed(cli, ada, secret, settings: Settings, tmp_path: Path) -> Callable[[str], Path]:
    """Runs and seals a notebook as Ada, who logs in for it."""

    def make(name: str) -> Path:
        assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
        path = Workshop(settings, tmp_path / "work").executed(name)
        done = cli("seal", path)
        assert done.status == 0, done.err
        return path

    return make


def keys(cli, **environ: str) -> list[tuple[str, str]]:
    listed = json.loads(cli("key", "list", "--json", **environ).out)["keys"]
    return [(one["keyId"], one["state"].split(" ")[0]) for one in listed]


def test_a_rotation_keeps_what_was_signed_and_ends_the_sessions(
    cli, ada, sealed, secret, tmp_path: Path
) -> None:
    before = sealed("before.ipynb")
    ((old, state),) = keys(cli)
    assert state == "in"
    done = cli("key", "rotate", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert "the session of the old key has ended" in done.out
    found = dict(keys(cli))
    assert found.pop(old) == "revoked"
    ((new, state),) = found.items()
    assert (state, new != old) == ("in", True)
    assert "nobody is logged in" in cli("status").out
    # What the old key signed verifies as before, what the new one signs as well.
    done = cli("verify", before)
    assert (done.status, "late" in done.out) == (0, False), done.out
    after = sealed("after.ipynb")
    assert cli("verify", after).status == 0
    assert cli("ledger", "verify").status == 0
    # Somebody who has pinned only the old key knows the new one by it, from the file alone.
    other = {"MLO_HOME": str(tmp_path / "other")}
    cli("trust", "add", ada, old, **other)
    assert cli("verify", after, **other).status == 0
    # And the other way round.
    another = {"MLO_HOME": str(tmp_path / "another")}
    cli("trust", "add", ada, new, **another)
    assert cli("verify", after, **another).status == 0
    # A stranger's key in the same name is a conflict still.
    stranger = {"MLO_HOME": str(tmp_path / "stranger")}
    cli("trust", "add", ada, "sha256:" + "0" * 64, **stranger)
    done = cli("verify", after, **stranger)
    assert (done.status, "conflict" in done.out) == (1, True)


def test_an_old_file_and_key_do_not_come_back_after_a_rotation(
    cli, ada, sealed, secret, settings: Settings, tmp_path: Path, identity_folder
) -> None:
    """Whoever kept the old key file signs with it; its revocation is in the ledger."""
    import shutil

    shutil.copytree(identity_folder(ada), tmp_path / "stolen")
    sealed("before.ipynb")
    assert cli("key", "rotate", MLO_PASSPHRASE_FILE=secret).status == 0
    shutil.rmtree(identity_folder(ada))
    shutil.copytree(tmp_path / "stolen", identity_folder(ada))
    path = sealed("forged.ipynb")
    done = cli("verify", path)
    assert done.status == 1
    assert "revoked" in done.out
    # It revokes nothing any more either.
    done = cli("key", "revoke", "--reason", "lost", MLO_PASSPHRASE_FILE=secret)
    assert done.status == 1
    assert done.told("was revoked")


def test_an_interrupted_rotation_is_finished(
    cli, ada, secret, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rotation.os.replace
    for at in range(3):
        moved: list[Path] = []

        def move(source: Path, target: Path, at: int = at, moved: list[Path] = moved) -> None:
            if Path(source).parent.name == "next":
                if len(moved) == at:
                    raise KeyboardInterrupt
                moved.append(source)
            real(source, target)

        before = IdentityStore(settings).all()[0].key_id
        with monkeypatch.context() as patch:
            # The command runs in a fork of this process.
            patch.setattr("jupyter_mlo.identity.rotation.os.replace", move)
            assert cli("key", "rotate", MLO_PASSPHRASE_FILE=secret).status != 0
        (identity,) = IdentityStore(settings).all()
        assert rotation.pending(identity) is not None
        assert "rotate finishes it" in cli("key", "list").out
        done = cli("key", "rotate")  # no passphrase needed
        assert done.status == 0, done.err
        (identity,) = IdentityStore(settings).all()
        assert rotation.pending(identity) is None
        assert identity.key_id != before
        assert cli("login", MLO_PASSPHRASE_FILE=secret).status == 0
        assert cli("ledger", "verify").status == 0


def test_a_backup_is_encrypted_and_opens_in_another_home(
    cli, ada, sealed, secret, laptop, tmp_path: Path
) -> None:
    path, file = sealed("train.ipynb"), tmp_path / "ada.backup"
    done = cli("key", "backup", file, MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert file.stat().st_mode & 0o777 == 0o600
    for plain in (b"Ada Sample", ada.encode(), b"PRIVATE KEY", PASSPHRASE.encode()):
        assert plain not in file.read_bytes()
    assert cli("key", "backup", file, MLO_PASSPHRASE_FILE=secret).told("left as it is")
    done = cli("key", "restore", file, MLO_PASSPHRASE_FILE=secret, **laptop)
    assert done.status == 0, done.err
    assert "restored Ada Sample" in done.out
    assert cli("verify", path, **laptop).status == 0
    assert cli("login", MLO_PASSPHRASE_FILE=secret, **laptop).status == 0
    assert cli("key", "restore", file, MLO_PASSPHRASE_FILE=secret, **laptop).told("already")


@pytest.mark.parametrize("change", [b"", b"{}", b"[1]", b"x", "altered", "another passphrase"])
def test_a_damaged_backup_says_so(
    cli, ada, secret, laptop, tmp_path: Path, change: bytes | str
) -> None:
    file = tmp_path / "ada.backup"
    cli("key", "backup", file, MLO_PASSPHRASE_FILE=secret)
    if change == "altered":
        value = json.loads(file.read_text())
        value["sealed"] = value["sealed"][:40] + "AAAA" + value["sealed"][44:]
        file.write_text(json.dumps(value))
    elif change == "another passphrase":
        Path(secret).write_text("another one than that\n")
    else:
        assert isinstance(change, bytes)
        file.write_bytes(change)
    done = cli("key", "restore", file, MLO_PASSPHRASE_FILE=secret, **laptop)
    assert done.status == 2
    assert done.told("backup", "hint:")


def test_a_second_device(
    cli, ada, sealed, secret, laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, answer = tmp_path / "laptop.jsonl", tmp_path / "laptop.signed.jsonl"
    ((first, _),) = keys(cli)
    done = cli("key", "add", ada, "--export", request, "--name", "Ada Sample",
               MLO_PASSPHRASE_FILE=secret, **laptop)  # fmt: skip
    assert done.status == 0, done.err
    done = cli("key", "add", "--sign", request, MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    ((second, _),) = keys(cli, **laptop)
    assert second in done.err  # shown before the passphrase was asked
    done = cli("key", "add", "--import", answer, MLO_PASSPHRASE_FILE=secret, **laptop)
    assert done.status == 0, done.err
    assert first in done.err
    assert keys(cli) == [(first, "in"), (second, "in")]
    assert keys(cli, **laptop) == [(second, "in"), (first, "in")]
    # What either device seals verifies on the other.
    here = sealed("here.ipynb")
    assert cli("verify", here, **laptop).status == 0
    assert cli("login", MLO_PASSPHRASE_FILE=secret, **laptop).status == 0
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", laptop["JUPYTER_RUNTIME_DIR"])
    there = Workshop(load_settings({**cli.environ, **laptop}), tmp_path / "there").executed()
    assert cli("seal", there, **laptop).status == 0
    other = {"MLO_HOME": str(tmp_path / "other")}
    cli("trust", "add", ada, first, **other)
    done = cli("verify", there, **other)
    assert done.status == 0, done.out
    # The first takes back the second.
    done = cli("key", "revoke", "--reason", "lost", "--key", second, MLO_PASSPHRASE_FILE=secret)
    assert done.status == 0, done.err
    assert keys(cli) == [(first, "in"), (second, "revoked")]
    # A file that vouches for nobody here is refused.
    done = cli("key", "add", "--import", answer, MLO_PASSPHRASE_FILE=secret)
    assert done.told("vouches for no key of this home")


def test_a_revocation_says_why_and_since_when(cli, ada, sealed, secret) -> None:
    path = sealed("train.ipynb")
    wrong = cli("key", "revoke", "--reason", "compromised", MLO_PASSPHRASE_FILE=secret)
    assert wrong.told("--compromised-since goes with")
    done = cli("key", "revoke", "--reason", "compromised", "--compromised-since", "1d",
               MLO_PASSPHRASE_FILE=secret)  # fmt: skip
    assert done.status == 0, done.err
    assert "nobody is logged in" in cli("status").out
    done = cli("verify", path)
    assert done.status == 1
    assert "the key may have been in other hands since" in done.out
    assert "jupyter mlo reaffirm" in done.out
    assert "trust add" not in done.out


def test_without_compromise_what_was_logged_stays(cli, ada, sealed, secret) -> None:
    path = sealed("train.ipynb")
    assert cli("key", "revoke", "--reason", "left", MLO_PASSPHRASE_FILE=secret).status == 0
    done = cli("verify", path)
    assert (done.status, "late" in done.out) == (0, False), done.out
    assert cli("ledger", "verify").status == 0


def test_login_and_status_say_that_the_key_was_revoked(cli, ada, secret) -> None:
    assert cli("key", "revoke", "--reason", "lost", MLO_PASSPHRASE_FILE=secret).status == 0
    done = cli("login", MLO_PASSPHRASE_FILE=secret)
    assert (done.status, "was revoked" in done.err) == (0, True), done.err
    assert "was revoked" in cli("status").err
