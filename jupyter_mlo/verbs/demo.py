"""Run the whole story on this machine: enrol, train and validate under mandates, verify, tamper.

A registrar and two sample MLOs are made in a throw-away home. The first gets a mandate to
train the sample model, the second one to validate it; both notebooks run through papermill, are
verified and blamed. Then a copy is altered, and what was altered is found and named.

Everything stays in one folder, which the next demo replaces; nothing outside it is touched. Needs
scikit-learn and the sample data: pip install "jupyter-mlo[demo]".

Examples:
  jupyter mlo demo
  jupyter mlo demo --dir /tmp/mlo-demo
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_mlo.errors import Refused
from jupyter_mlo.verbs.context import Context

if TYPE_CHECKING:
    from jupyter_mlo.verbs.demo_stage import Stage

TRAINER: Final = "Sample Trainer"
VALIDATOR: Final = "Sample Validator"
#: Cells of validate.ipynb that the altered copy is about.
OUTPUT_OF: Final = "score"
STAMP_OF: Final = "ratio"
#: The next three commands to try: what is found, what is refused, and how to be one of them.
NEXT: Final = (
    "jupyter mlo verify altered/validate.ipynb",
    "MLO_MANDATE=mandates/train.mandate papermill notebooks/validate.ipynb no.ipynb --engine mlo",
    "MLO_PASSPHRASE_FILE=passphrases/trainer jupyter mlo login 'Sample Trainer' --for 1h",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--dir",
        default="mlo-demo",
        metavar="DIR",
        help="the folder in which everything happens (default: %(default)s)",
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Play the story; 0 where everything went as it must, and what was altered was found."""
    from jupyter_mlo.verbs import demo_folder
    from jupyter_mlo.verbs.demo_stage import Stage

    demo_folder.require_demo_packages()
    began = time.monotonic()
    folder = Path(os.path.expanduser(arguments.dir)).absolute()
    demo_folder.make_folder(folder)
    demo_folder.copy_notebooks(folder)
    context.say(f"The demo plays in {folder}; its MLO_HOME is {folder / 'home'}.")
    stage = Stage(folder, context)
    enrol(stage)
    give_mandates(stage)
    train_and_validate(stage)
    look(stage)
    alter(stage)
    stage.title("The ledger")
    stage.shell("jupyter mlo ledger verify")
    stage.shell("jupyter mlo log")
    context.say(f"Done in {time.monotonic() - began:.0f} s. README.txt there says what is what.")
    context.say("\nTo look around:\n")
    for command in demo_folder.entrance(folder):
        context.say(f"  {command}")
    context.say("\nand then, for example:\n")
    for command in NEXT:
        context.say(f"  {command}")
    return 0


def enrol(stage: Stage) -> None:
    """A registrar and two sample MLOs whom it enrols and whom this home therefore knows."""
    stage.title("Who: a registrar enrols two sample MLOs")
    registrar = stage.passphrase("registrar")
    stage.shell("jupyter mlo registrar init --name 'Sample Registrar'", registrar)
    for name, passphrase in people(stage).items():
        stage.shell(f"jupyter mlo enroll --name '{name}' --email ''", passphrase)
        stage.shell(f"jupyter mlo registrar enrol '{name}'", registrar)
    key_id = json.loads(stage.output("jupyter mlo registrar list --json"))["keyId"]
    stage.shell(f"jupyter mlo trust add --registrar {key_id} --name 'Sample Registrar'")


def people(stage: Stage) -> dict[str, dict[str, str]]:
    """Both MLOs with the variable that names the file of their passphrase."""
    return {TRAINER: stage.passphrase("trainer"), VALIDATOR: stage.passphrase("validator")}


def give_mandates(stage: Stage) -> None:
    """One mandate a notebook, each from another MLO."""
    stage.title("On whose behalf: a mandate for each notebook, one notebook's code each")
    trainer, validator = people(stage).values()
    stage.shell(
        f"jupyter mlo mandate create notebooks/train.ipynb --as '{TRAINER}' --for 30d "
        "--activity training --model loan@1 --parameters seed "
        "--out mandates/train.mandate",
        trainer,
    )
    stage.shell(
        f"jupyter mlo mandate create notebooks/validate.ipynb --as '{VALIDATOR}' --for 30d "
        "--activity validation --model loan@1 --parameters model_sha256,min_auc "
        "--out mandates/validate.mandate",
        validator,
    )


def train_and_validate(stage: Stage) -> None:
    """Both notebooks through papermill; the second is told by digest which model is meant."""
    stage.title("Unattended: papermill trains and validates under the mandates")
    stage.shell(
        "papermill notebooks/train.ipynb runs/train.ipynb --engine mlo -p seed 1996",
        {"MLO_MANDATE": "mandates/train.mandate"},
        progress=True,
    )
    digests = json.loads((stage.folder / "loan-model" / "digests.json").read_text())
    stage.shell(
        "papermill notebooks/validate.ipynb runs/validate.ipynb --engine mlo "
        f"-p model_sha256 {digests['model.skops']}",
        {"MLO_MANDATE": "mandates/validate.mandate"},
        progress=True,
    )


def look(stage: Stage) -> None:
    """Verdicts and blame."""
    stage.title("Who ran which cell, and was anything changed since?")
    stage.shell("jupyter mlo verify --require enrolled runs/train.ipynb runs/validate.ipynb")
    stage.shell("jupyter mlo blame runs/validate.ipynb")


def alter(stage: Stage) -> None:
    """Alter a copy; raise where verify does not find exactly what was altered."""
    from jupyter_mlo.verbs.demo_altered import alter_copy

    stage.title("Somebody alters a copy: one output, and one stamp")
    copy = Path("altered") / "validate.ipynb"
    said = alter_copy(
        stage.folder / "runs" / "validate.ipynb",
        stage.folder / copy,
        output_of=OUTPUT_OF,
        stamp_of=STAMP_OF,
    )
    for line in said:
        stage.context.say(f"  {line}")
    stage.context.say()
    stage.shell(f"jupyter mlo verify {copy}", expect=1)
    found = failing_cells(stage.output(f"jupyter mlo verify --json {copy}"))
    if found != {OUTPUT_OF, STAMP_OF}:
        raise Refused(
            f"altered were {OUTPUT_OF} and {STAMP_OF}, and verify named {sorted(found)}",
            hint="this is a fault of ours: please report it",
        )


def failing_cells(report: str) -> set[str]:
    """Ids of the cells that do not hold, from ``verify --json`` of one notebook."""
    (notebook,) = json.loads(report)["notebooks"]
    return {cell["id"] for cell in notebook["cells"] if not cell["holds"]}
