"""The DAG of the tests: a real ``PapermillOperator`` each time, under the mandate in MLO_MANDATE.

Everything but ``revoke`` is what a user writes. Tasks go on whatever became of those before.
"""

import os
import subprocess
from datetime import timedelta
from pathlib import Path

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG, task

FOLDER = Path(os.environ["NIGHTLY_FOLDER"])


def run(name: str, notebook: str, seed: int, **options: object) -> PapermillOperator:
    return PapermillOperator(
        task_id=name,
        input_nb=str(FOLDER / notebook),
        output_nb=str(FOLDER / f"{name}-{{{{ ti.try_number }}}}.ipynb"),
        parameters={"seed": seed},
        trigger_rule="all_done",
        **options,
    )


@task(trigger_rule="all_done")
def revoke() -> None:
    """What the person does meanwhile, elsewhere: her passphrase is not the scheduler's."""
    environ = {name: value for name, value in os.environ.items() if name != "MLO_MANDATE"}
    environ["MLO_PASSPHRASE_FILE"] = str(FOLDER.parent / "passphrase")
    subprocess.run(
        ["jupyter-mlo", "mandate", "revoke", str(FOLDER / "train.mandate")],
        check=True,
        env=environ,
    )


with DAG("nightly", schedule=None) as dag:
    (
        run("train", "train.ipynb", 7)
        >> run("parameter", "train.ipynb", 21)
        >> run("changed", "changed.ipynb", 7)
        >> run("again", "train.ipynb", 13, retries=1, retry_delay=timedelta(0))
        >> revoke()
        >> run("revoked", "train.ipynb", 7)
    )
