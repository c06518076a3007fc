"""Mandates: made, handed out, read with suspicion, and held against each run."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlo.config import Settings
from jupyter_mlo.delegation.mandate_rules import check_run
from jupyter_mlo.delegation.mandate_store import MandateStore
from jupyter_mlo.delegation.mandates import (
    LONGEST,
    Mandate,
    MandateFile,
    create_mandate,
    read_any,
    read_mandate,
)
from jupyter_mlo.delegation.ranges import Range
from jupyter_mlo.delegation.revocation import make_revocation
from jupyter_mlo.delegation.roles import Role
from jupyter_mlo.delegation.runs import delegate_run
from jupyter_mlo.delegation.signer import Signer
from jupyter_mlo.delegation.trust import Trust
from jupyter_mlo.errors import InvalidInput, KeyFileError, NotFound, Refused
from jupyter_mlo.identity.keys import SigningKey
from jupyter_mlo.statements.envelope import Envelope
from jupyter_mlo.statements.predicates import types
from tests.delegation.actors import CODE, CONTENTS, NOW, RUN, Hand, answered, person, pinned
from tests.delegation.test_signer import signer_of

DAY = timedelta(days=1)


def own(hand: Hand) -> Signer:
    return Signer.own(hand.mlo, hand.key, hand.chain)


def made(hand: Hand, **terms: Any) -> MandateFile:
    """A mandate for training `loan` with the parameters seed (any) and alpha (0.1 or 1)."""
    usual: dict[str, Any] = {
        "notebook": "train.ipynb",
        "code": CODE,
        "activities": ["training"],
        "models": ["loan"],
        "parameters": {"seed": "*", "alpha": [0.1, 1]},
        "now": NOW,
        "lasts": 30 * DAY,
    }
    return create_mandate(own(hand), **(usual | terms))


@pytest.fixture
def ada() -> Hand:
    return person()


@pytest.fixture
def file(ada: Hand, tmp_path: Path) -> Path:
    path = tmp_path / "train.mandate"
    path.write_bytes(made(ada).to_bytes())
    path.chmod(0o600)
    return path


def checked(mandate: Mandate, **changes: Any) -> None:
    usual: dict[str, Any] = {
        "code": CODE,
        "parameters": {"seed": 7, "alpha": 1.0},
        "activity": "training",
        "model": "loan@3",
        "now": NOW + DAY,
    }
    check_run(mandate, **(usual | changes))


# -- reading -------------------------------------------------------------------------------


def test_it_is_read_from_its_file_and_from_a_value_alike(file: Path, ada: Hand) -> None:
    text = file.read_text()
    encoded = base64.b64encode(text.encode()).decode()
    for given in (file, str(file), text, f"\n {text}", encoded, f"{encoded[:76]}\n{encoded[76:]}"):
        mandate = read_mandate(given)
        assert mandate.mlo == ada.mlo
        assert mandate.notebook == "train.ipynb"
        assert mandate.key is not None


def test_secrets_that_were_quoted_marked_or_cut_at_their_padding_are_read(
    file: Path, tmp_path: Path
) -> None:
    text = file.read_text()
    # Of every length after division by three, so with each padding; and with bytes that the two
    # alphabets write differently.
    for padded in (text + " " * at + "\n" for at in range(3)):
        content = padded.encode()
        standard = base64.b64encode(content).decode()
        safe = base64.urlsafe_b64encode(content).decode()
        marked = base64.b64encode("\ufeff".encode() + content).decode()
        for given in (
            standard.rstrip("="),
            safe,
            safe.rstrip("="),
            f'"{standard}"',
            f"'{padded}'",
            f"\ufeff{padded}",
            f"  {marked}\n",
        ):
            assert read_mandate(given).notebook == "train.ipynb"
    for given in (f" {file}\n", f'"{file}"', f"'{file}'"):
        assert read_mandate(given).notebook == "train.ipynb"


def test_what_is_neither_file_nor_mandate_is_never_shown(file: Path) -> None:
    text = file.read_text()
    key = json.loads(text)["key"]
    encoded = base64.b64encode(text.encode()).decode()
    for given in (
        f"MLO_MANDATE={encoded}",
        f"MLO_MANDATE={text}",
        f"export MLO_MANDATE='{encoded}'",
        f"b'{encoded}'",
        encoded[:-3] + "!",
        encoded[: len(encoded) // 8 * 4 + 1],
        text[1:],
        text.replace("{", "%7B", 1),
        key,
        f"key={key}",
        f"mandates/{key}",
        encoded[:400] + "*",
        "\0",
        f"x{encoded}",
    ):
        with pytest.raises(
            KeyFileError, match=r"no file, and no mandate \(\d+ characters"
        ) as caught:
            read_mandate(given)
        said = caught.value.message + caught.value.hint
        assert len(said) < 400
        assert not any(part in said for part in (given, key[:24], encoded[:24]))


@pytest.mark.parametrize("given", ["", " \n", '""', "\ufeff"])
def test_an_empty_one_is_called_empty(given: str) -> None:
    with pytest.raises(KeyFileError, match="is empty"):
        read_mandate(given)


@pytest.mark.parametrize(
    "path",
    [
        "/run/secrets/mlo/train.mandate",
        "/secrets/mlo-mandate-of-the-nightly-training",
        f"mandates/{'0af3' * 16}.mandate",
        "/srv/CreditRisk2026/Models.v2/train.mandate",
        "/tmp/pytest-of-root/pytest-0/popen-gw0/test_a_missing_file_0/none.mandate",
    ],
)
def test_a_path_that_is_not_there_is_shown(path: str) -> None:
    with pytest.raises(KeyFileError, match="does not exist") as caught:
        read_mandate(path)
    assert path in caught.value.message


def test_a_file_whose_name_begins_like_encoded_json_is_a_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    file.rename("eyes")
    assert read_mandate("eyes").notebook == "train.ipynb"


def test_what_runs_under_it_is_attributed(file: Path, ada: Hand) -> None:
    signer = read_mandate(file).signer(NOW)
    assert (signer.activity, signer.model, signer.expires) == ("training", "loan", NOW + 30 * DAY)
    for predicate in (types.STAMP, types.SEAL, types.PROVENANCE):
        envelope = signer.sign(predicate, *CONTENTS[predicate], NOW)
        found = answered(envelope, signer.chain, pinned(ada))
        assert (found.mlo, found.kind) == (ada.mlo, Role.MANDATE)
    run = delegate_run(signer, RUN["id"], RUN["notebook"], NOW, timedelta(hours=1))
    envelope = run.sign(types.EVIDENCE, *CONTENTS[types.EVIDENCE], NOW)
    assert answered(envelope, run.chain, pinned(ada)).kind is Role.RUN


def test_where_it_permits_several_activities_none_is_chosen(ada: Hand) -> None:
    both = made(ada, activities=["training", "validation"], models=[])
    signer = read_mandate(both.to_bytes().decode()).signer(NOW)
    assert (signer.activity, signer.model) == (None, None)


def test_a_file_whose_name_could_be_base64_is_still_a_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    file.rename(file.parent / "abcd")
    assert read_mandate("abcd").notebook == "train.ipynb"


def test_where_everything_is_permitted_nothing_is_chosen(ada: Hand) -> None:
    hand = ada.delegates("mandate")
    parts = {"version": 1, "notebook": "x", "chain": [one.to_json() for one in hand.chain],
             "key": base64.b64encode(hand.key.to_pkcs8()).decode()}  # fmt: skip
    signer = read_mandate(json.dumps(parts)).signer(NOW)
    assert (signer.activity, signer.model) == (None, None)


def test_a_file_that_others_could_read_is_not_used(file: Path) -> None:
    for mode in (0o640, 0o604, 0o660, 0o644):
        file.chmod(mode)
        with pytest.raises(KeyFileError, match="read or written by others"):
            read_mandate(file)


def test_a_missing_file_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="does not exist") as caught:
        read_mandate(str(tmp_path / "none.mandate"))
    assert "MLO_MANDATE" in caught.value.hint


def content(file: Path, **changes: Any) -> str:
    return json.dumps(json.loads(file.read_text()) | changes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 2}, "version"),
        ({"version": "1"}, "version"),
        ({"extra": 1}, "extra"),
        ({"chain": []}, "no chain"),
        ({"chain": [{}]}, "envelope"),
        ({"chain": "x"}, "chain"),
        ({"key": 1}, "key"),
        ({"key": "*"}, "not base64"),
        ({"key": "QUJD"}, "PKCS#8"),
        ({"notebook": "x" * 2000}, "notebook"),
    ],
)
def test_a_damaged_mandate_is_named_with_the_place(
    file: Path, changes: Mapping[str, Any], why: str
) -> None:
    with pytest.raises(KeyFileError, match=why):
        read_mandate(content(file, **changes))


def test_what_is_no_json_is_named_as_such(file: Path) -> None:
    for text in ("", "{", '{"version": 1, "version": 1}', "[]", "\x00"):
        file.write_text(text)
        with pytest.raises(KeyFileError):
            read_mandate(file)
    with pytest.raises(KeyFileError, match="two members of one name"):
        read_mandate('{"version": 1, "version": 1}')


def test_a_key_of_another_mandate_is_noticed(file: Path) -> None:
    other = base64.b64encode(SigningKey.generate().to_pkcs8()).decode()
    with pytest.raises(KeyFileError, match="not the one that the MLO's own key delegated to"):
        read_mandate(content(file, key=other))


def test_a_chain_that_does_not_hold_is_refused(file: Path, ada: Hand) -> None:
    chain = json.loads(file.read_text())["chain"]
    with pytest.raises(KeyFileError, match="no enrolment of"):
        read_mandate(content(file, chain=chain[1:]))
    broken = json.loads(json.dumps(chain))
    broken[1]["signatures"][0]["sig"] = chain[0]["signatures"][0]["sig"]
    with pytest.raises(KeyFileError, match="does not hold"):
        read_mandate(content(file, chain=broken))
    session = ada.delegates("session")
    with pytest.raises(KeyFileError, match="kind 'session'"):
        read_mandate(content(file, chain=[e.to_json() for e in session.chain]))


def test_the_public_part_signs_nothing(file: Path) -> None:
    public = content(file, key=None)
    mandate = read_any(public)
    with pytest.raises(KeyFileError, match=r"the key of the mandate .* is not here"):
        mandate.signer(NOW)
    with pytest.raises(KeyFileError, match="given as a value has no private key"):
        read_mandate(public)
    file.write_text(public)
    with pytest.raises(KeyFileError, match="has no private key"):
        read_mandate(file)


# -- the run -------------------------------------------------------------------------------


def test_the_run_that_was_meant_may_start(file: Path) -> None:
    checked(read_mandate(file))
    checked(read_mandate(file), parameters={}, model=None, now=NOW)
    checked(read_mandate(file), parameters={"alpha": 0.1}, now=NOW + 30 * DAY)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"code": "d" * 64}, r"the notebook was changed.*cccccccccccc.*dddddddddddd \(code\)"),
        ({"parameters": {"beta": 1}}, r"'beta'.*\(parameters\.beta\)"),
        ({"parameters": {"alpha": 2}}, r"value 2 .*'alpha'.*\(parameters\.alpha\)"),
        ({"parameters": {"alpha": "1"}}, r"\(parameters\.alpha\)"),
        ({"activity": "validation"}, r"'validation'.*only training \(activities\)"),
        ({"model": "fraud"}, r"'fraud'.*only loan \(models\)"),
        ({"now": NOW - DAY}, r"begins only at .*\(notBefore\)"),
        ({"now": NOW + 31 * DAY}, r"ended at 2026-12-22T12:00:00.000Z \(notAfter\)"),
    ],
)
def test_any_other_run_is_refused_with_the_reason(
    file: Path, changes: Mapping[str, Any], why: str
) -> None:
    mandate = read_mandate(file)
    with pytest.raises(Refused, match=why) as caught:
        checked(mandate, **changes)
    assert mandate.mandate_id[:12] in caught.value.message
    assert "train.ipynb" in caught.value.message
    assert ("the notebook was changed" in caught.value.message) is ("code" in changes)
    assert ("mandate show" in caught.value.hint) is (not {"code", "now"} & set(changes))


def test_without_named_parameters_none_may_be_injected(ada: Hand) -> None:
    mandate = read_mandate(made(ada, parameters={}).to_bytes().decode())
    checked(mandate, parameters={})
    with pytest.raises(Refused, match=r"only none \(parameters\.seed\)"):
        checked(mandate, parameters={"seed": 7})


@pytest.mark.parametrize(
    "values", [[2**53 + 1], [1, [2**64 - 1]], [{"a": 10**400}], Range(0, 2**53 + 1)]
)
def test_no_parameter_is_pinned_to_a_number_that_json_rounds(ada: Hand, values: Any) -> None:
    with pytest.raises(InvalidInput, match="not told apart"):
        made(ada, parameters={"seed": values})
    exact = read_mandate(made(ada, parameters={"seed": [2**53, 2**60]}).to_bytes().decode())
    checked(exact, parameters={"seed": 2**60})
    with pytest.raises(Refused, match=r"does not permit the value 1152921504606846977"):
        checked(exact, parameters={"seed": 2**60 + 1})
    with pytest.raises(Refused, match=r"does not permit this run: .*nan.*\(parameters\.seed\)"):
        checked(exact, parameters={"seed": float("nan")})


def test_out_of_its_time_it_gives_no_signer(file: Path) -> None:
    for now in (NOW - DAY, NOW + 31 * DAY):
        with pytest.raises(Refused, match="not in force"):
            read_mandate(file).signer(now)


@pytest.mark.parametrize("lasts", [timedelta(), -DAY, LONGEST + DAY])
def test_it_lasts_some_time_and_not_for_ever(ada: Hand, lasts: timedelta) -> None:
    with pytest.raises(InvalidInput, match="is not made"):
        made(ada, lasts=lasts)


def test_only_an_own_key_makes_mandates(ada: Hand) -> None:
    with pytest.raises(Refused, match="may not issue"):
        create_mandate(
            signer_of(ada.delegates()),
            notebook="x",
            code=CODE,
            activities=[],
            models=[],
            parameters={},
            now=NOW,
            lasts=DAY,
        )


# -- the store -----------------------------------------------------------------------------


def test_the_home_keeps_the_public_part_only(settings: Settings, ada: Hand) -> None:
    whole = made(ada)
    kept = MandateStore(settings).add(whole)
    (path,) = settings.mandates.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert whole.key is not None
    assert whole.key not in path.read_text()
    assert kept.mandate_id == path.stem
    assert MandateStore(settings).find(kept.mandate_id[:8]).scope == kept.scope


def test_mandates_are_listed_by_their_end_and_damaged_ones_named(
    settings: Settings, ada: Hand
) -> None:
    store = MandateStore(settings)
    assert store.all() == ([], [])
    later, sooner = store.add(made(ada)), store.add(made(ada, lasts=DAY))
    (settings.mandates / "odd.json").write_text("{}")
    (settings.mandates / "odd.json").chmod(0o600)
    found, problems = store.all()
    assert [one.mandate_id for one in found] == [sooner.mandate_id, later.mandate_id]
    assert ["odd.json" in str(one) for one in problems] == [True]
    with pytest.raises(NotFound, match=r"no mandate zz"):
        store.find("zz")
    with pytest.raises(NotFound):
        store.find("")


def test_an_id_that_fits_two_mandates_names_neither(settings: Settings, ada: Hand) -> None:
    store = MandateStore(settings)
    ids = [store.add(made(ada)).mandate_id for _ in range(17)]  # two of them begin alike
    twice = next(one[0] for one in ids if sum(other[0] == one[0] for other in ids) > 1)
    with pytest.raises(NotFound, match="mandates begin with"):
        store.find(twice)


def revoked_at(hand: Hand, mandate: Mandate, now: datetime = NOW) -> Envelope:
    return make_revocation(own(hand), now=now, reason="ended", delegation=mandate.mandate_id)


def test_a_revoked_mandate_starts_nothing(settings: Settings, ada: Hand, file: Path) -> None:
    store, mandate = MandateStore(settings), read_mandate(file)
    revocation = revoked_at(ada, mandate)
    nothing = store.revocations_for(mandate, Trust())
    checked(mandate, revocations=nothing)
    from_ledger = store.revocations_for(mandate, Trust(), [revocation])
    with pytest.raises(Refused, match="was revoked at 2026-11-22T12:00:00"):
        checked(mandate, revocations=from_ledger)
    store.add_revocation(mandate.mandate_id, revocation)
    with pytest.raises(Refused, match="was revoked"):
        checked(mandate, revocations=store.revocations_for(mandate, Trust()))


def test_nobody_else_revokes_it(settings: Settings, ada: Hand, file: Path) -> None:
    store, mandate = MandateStore(settings), read_mandate(file)
    mallory = person()
    forged = [
        revoked_at(mallory, mandate),
        revoked_at(Hand(ada.mlo, mallory.key, None, mallory.chain), mandate),
    ]
    known = store.revocations_for(mandate, Trust(), [*forged, *mallory.chain])
    checked(mandate, revocations=known)
