"""Where the ledger is, by its URL: read strictly, and shown without passwords."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mlo.config import Settings, load_settings
from jupyter_mlo.errors import InvalidInput, MloError
from jupyter_mlo.ledger.address import address_of, ledger_folder
from jupyter_mlo.ledger.publish import publish
from jupyter_mlo.ledger.store import open_ledger, upgrade
from jupyter_mlo.statements.envelope import Envelope
from tests.postgresql import Server

PG = "postgresql+psycopg://"


@pytest.mark.parametrize(
    ("url", "shown", "conninfo"),
    [
        (f"{PG}db/mlo", f"{PG}db/mlo", "postgresql://db/mlo"),
        (f"{PG}ada@db:5433/mlo", f"{PG}ada@db:5433/mlo", "postgresql://ada@db:5433/mlo"),
        (f"{PG}ada:s%40fe@db/mlo", f"{PG}ada@db/mlo", "postgresql://ada:s%40fe@db/mlo"),
        (
            f"{PG}ada@/mlo?host=%2Frun&password=x1y2&sslmode=require",
            f"{PG}ada@/mlo?host=%2Frun&sslmode=require",
            "postgresql://ada@/mlo?host=%2Frun&password=x1y2&sslmode=require",
        ),
        (f"{PG}[::1]:5432/mlo", f"{PG}[::1]:5432/mlo", "postgresql://[::1]:5432/mlo"),
        (f"{PG}a,b/mlo", f"{PG}a,b/mlo", "postgresql://a,b/mlo"),
    ],
)
def test_postgresql_s_own_addresses(
    settings: Settings, url: str, shown: str, conninfo: str
) -> None:
    address = address_of(replace(settings, ledger_url=url))
    assert (address.path, address.shown, address.conninfo) == (None, shown, conninfo)
    assert "s%40fe" not in repr(address)
    assert "x1y2" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        f"{PG}ada:se@cret@db/mlo",
        f"{PG}ada:se/cret@db/mlo",
        f"{PG}ada:se#cret@db/mlo",
        f"{PG}ada:se:cret@db/mlo",
        f"{PG}ada:se?cret@db/mlo",
        f"{PG}ada:secret@db:port/m lo",
        "postgresql://ada:secret@db/mlo",
        "mysql://ada:secret@db/mlo",
        "secret",
        "",
    ],
)
def test_what_cannot_be_read_is_refused_and_no_part_of_it_shown(
    settings: Settings, url: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        open_ledger(replace(settings, ledger_url=url))
    assert "cret" not in "".join(traceback.format_exception(refusal.value))


def test_each_database_has_a_folder_of_its_own_whoever_asks(settings: Settings) -> None:
    def folder(url: str) -> Path:
        return ledger_folder(replace(settings, ledger_url=url))

    assert ledger_folder(settings) == settings.ledger
    assert folder(f"{PG}ada@db/mlo") == folder(f"{PG}bob:x@db/mlo") == folder(f"{PG}db/mlo")
    assert len({folder(f"{PG}{rest}") for rest in ("db/mlo", "db/other", "other/mlo")}) == 3
    assert folder(f"{PG}db/mlo").parent == settings.ledger


def test_a_password_that_others_could_read_is_refused(
    home_env: dict[str, str], envelopes: list[Envelope]
) -> None:
    config = Path(home_env["MLO_HOME"]) / "mlo.toml"
    config.write_text(f'[ledger]\nurl = "{PG}ada:verysecret@127.0.0.1:1/mlo"\n')
    config.chmod(0o644)
    published = publish(load_settings(), envelopes[:1])
    assert published.waiting == 1
    assert "chmod 600" in published.why
    config.chmod(0o600)
    published = publish(load_settings(), envelopes[1:2])
    assert "cannot be reached" in published.why
    assert "verysecret" not in published.why


@pytest.mark.parametrize("way", ["url", "query", "wrong", "PGPASSFILE"])
def test_a_password_opens_the_ledger_and_is_in_nothing_that_is_said(
    settings: Settings,
    postgres: Server,
    tmp_path: Path,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    postgres.allow_passwords()
    name, password = f"secret_{way.lower()}", "t0p/s3cret@x"
    postgres.sql("postgres", f"CREATE DATABASE {name}")
    postgres.sql("postgres", f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{password}'")
    place = f"127.0.0.1:{postgres.port}/{name}"
    urls = {
        "url": f"{PG}{name}:t0p%2Fs3cret%40x@{place}",
        "query": f"{PG}{name}@{place}?password=t0p%2Fs3cret%40x",
        "wrong": f"{PG}{name}:t0p%2Fs3cret%40y@{place}",
        "PGPASSFILE": f"{PG}{name}@{place}",
    }
    if way == "PGPASSFILE":
        file = tmp_path / "pass"
        file.write_text(f"127.0.0.1:{postgres.port}:*:{name}:{password}\n")
        file.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(file))
    team = replace(settings, ledger_url=urls[way])
    if way == "wrong":
        with pytest.raises(MloError, match=r"cannot be reached: .*authentication failed") as error:
            upgrade(team)
        said = "".join(traceback.format_exception(error.value))
    else:
        upgrade(team)
        with open_ledger(team) as ledger:
            assert ledger.size == 0
        said = ""
    said += repr(team) + caplog.text
    for secret in ("t0p", "s3cret"):
        assert secret not in said
