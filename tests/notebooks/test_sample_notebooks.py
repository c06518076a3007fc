"""The sample notebooks run under plain papermill, where nobody is logged in."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

import jupyter_mlo.identity
from tests.throwaway import throwaway_environment

NOTEBOOKS = Path(jupyter_mlo.__file__).parent.parent / "notebooks"


def papermill(
    folder: Path, name: str, output: str = "", **parameters: str | float
) -> subprocess.CompletedProcess[str]:
    passed = [part for key, value in parameters.items() for part in ("-p", key, str(value))]
    return subprocess.run(
        [
            "papermill",
            str(NOTEBOOKS / f"{name}.ipynb"),
            f"{output or name}.ipynb",
            "--no-progress-bar",
            *passed,
        ],
        cwd=folder,
        env=throwaway_environment(folder),
        capture_output=True,
        text=True,
        timeout=180,
    )


def text_of(path: Path, cell: str) -> str:
    """What cell ``cell`` printed."""
    (found,) = [c for c in json.loads(path.read_text())["cells"] if c["id"] == cell]
    return "".join("".join(o.get("text", "")) for o in found["outputs"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which train.ipynb has run."""
    folder = tmp_path_factory.mktemp("trained")
    done = papermill(folder, "train")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def validated(trained: Path) -> Path:
    """The same folder, in which validate.ipynb has run with one threshold out of reach."""
    done = papermill(trained, "validate", min_auc=0.99)
    assert done.returncode == 0, done.stderr
    return trained


def test_training_leaves_the_model_both_parts_of_the_data_and_their_digests(trained: Path) -> None:
    digests = json.loads((trained / "loan-model" / "digests.json").read_text())
    assert set(digests) == {"model.skops", "training.csv", "held-out.csv"}
    for name, digest in digests.items():
        content = (trained / "loan-model" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
    rows = {
        n: len((trained / "loan-model" / n).read_text().splitlines()) - 1
        for n in digests
        if ".csv" in n
    }
    assert rows == {"training.csv": 1_491, "held-out.csv": 498}


def test_the_applicants_group_is_measured_and_never_a_feature(trained: Path) -> None:
    import skops.io

    model = skops.io.load(trained / "loan-model" / "model.skops", trusted=["numpy.dtype"])
    seen = set(model[0].feature_names_in_)
    assert not seen & {"black", "hispan", "white", "male", "married", "old", "dep", "min30"}
    header = (trained / "loan-model" / "held-out.csv").read_text().splitlines()[0].split(",")
    assert {"black", "hispan", "approve"} <= set(header)


def test_the_metrics_beat_approving_everybody(trained: Path) -> None:
    printed = dict(line.split() for line in text_of(trained / "train.ipynb", "fit").splitlines())
    assert 0.75 < float(printed["cv_auc"]) < 0.9
    assert float(printed["cv_accuracy"]) > float(printed["approved_share"])


def test_validation_measures_the_approval_gap_and_its_uncertainty(validated: Path) -> None:
    result = text_of(validated / "validate.ipynb", "result")
    assert {line.split()[0] for line in result.splitlines()} >= {"auc", "approval_ratio"}
    line = text_of(validated / "validate.ipynb", "ratio")
    ratio, low, high = (float(word) for word in line.replace(",", " ").split() if "0." in word)
    assert low < ratio < high < 1


def test_a_threshold_that_is_not_met_is_said_and_does_not_stop_the_notebook(
    validated: Path,
) -> None:
    assert "auc" in text_of(validated / "validate.ipynb", "result")
    assert "FAILS" in text_of(validated / "validate.ipynb", "result")


def test_validation_refuses_a_model_other_than_the_one_that_is_meant(trained: Path) -> None:
    done = papermill(trained, "validate", "refused", model_sha256="f" * 64)
    assert done.returncode != 0
    assert "model.skops is not the file that is meant" in done.stderr


def test_record_says_that_nobody_is_known_and_does_nothing_else(validated: Path) -> None:
    for name in ("train", "validate"):
        said = text_of(validated / f"{name}.ipynb", "record")
        assert said.startswith("jupyter-mlo: not on record: nobody is logged in")
    assert not list((validated / "mlo").iterdir())
