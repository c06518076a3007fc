"""What looks secret is not put on record, at any depth."""

from __future__ import annotations

import json

import pytest

from jupyter_mlo.lifecycle.provenance import plain_parameters
from jupyter_mlo.lifecycle.secret_parameters import AT_THE_END, WITHHELD, WITHIN, looks_secret


@pytest.mark.parametrize(
    "name",
    [
        *WITHIN,
        *AT_THE_END,
        "DB_PASSWORD",
        "passwd2",
        "api_key",
        "apiKey",
        "API-KEY",
        "x.api.key",
        "aws_secret_access_key",
        "hf_token",
        "sasToken",
        "token1",
        "client_secret_value",
        "azure_account_key",
    ],
)
def test_names_of_secrets(name):
    assert looks_secret(name)
    assert plain_parameters({name: "hunter2"}) == {name: WITHHELD}


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "seed",
        "max_tokens",
        "token_limit",
        "tokenizer",
        "key",
        "primary_key",
        "auth_url",
        "pass",
    ],
)
def test_names_of_others(name):
    assert plain_parameters({name: "hunter2"}) == {name: "hunter2"}


def test_nothing_of_it_stays_wherever_it_stands():
    plain = plain_parameters(
        {
            "password": 123456,
            "token": "x" * 10_000,
            "db": {"user": "ada", "password": "hunter2", "hosts": [{"pwd": ["hunter2"]}]},
            "url": "postgresql://ada:hunter2@db.example/loans",
            "urls": ["https://db.example:8080/a@b", "s3://k:hunter2@x"],
        }
    )
    text = json.dumps(plain)
    assert "hunter2" not in text
    assert "123456" not in text
    assert "sha256" not in text
    assert plain["db"]["user"] == "ada"
    assert plain["urls"][0] == "https://db.example:8080/a@b"
