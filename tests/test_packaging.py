"""What is shipped: the wheel, the source distribution, and what an import of the package costs.

The front end is built before it is packed, where it is stale: half a minute, once.
"""

from __future__ import annotations

import ast
import gzip
import importlib.metadata
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from jupyter_mlo.verbs.overview import VERBS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Loaded when used, never by importing the package or by asking for help.
HEAVY = {
    "IPython",
    "alembic",
    "ipykernel",
    "ipywidgets",
    "jupyter_client",
    "jupyter_server",
    "nbclient",
    "nbformat",
    "pandas",
    "papermill",
    "pydantic",
    "sqlalchemy",
    "tornado",
    "traitlets",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=280,
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prefix of an installation of the wheel without this tree."""
    prefix = tmp_path_factory.mktemp("prefix")
    pip = "-m pip --disable-pip-version-check install -q --no-deps --no-index --ignore-installed"
    subprocess.run(
        [sys.executable, *pip.split(), "--prefix", str(prefix), str(wheel)], check=True, timeout=120
    )
    return prefix


def tracked(*patterns: str) -> set[str]:
    """Files of the package in this tree; caches and the built front end left out."""
    return {
        str(path.relative_to(ROOT))
        for pattern in patterns
        for path in ROOT.glob(pattern)
        if path.is_file() and not {"__pycache__", "labextension"} & set(path.parts)
    }


def python(code: str, *arguments: str, **environ: str) -> str:
    """What a new interpreter prints; raises where it fails."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environ},
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def test_the_wheel_holds_every_module_and_data_file_of_the_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = tracked("jupyter_mlo/**/*.py", "jupyter_mlo/**/*.json", "jupyter_mlo/**/*.typed")
    assert "jupyter_mlo/py.typed" in wanted
    assert wanted <= names


def test_the_wheel_holds_licence_and_notebooks_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    notebooks = {name.rsplit("/", 1)[1] for name in names if name.endswith(".ipynb")}
    assert notebooks == {"train.ipynb", "validate.ipynb"}
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_the_wheels_metadata_name_licence_python_and_readme(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
    metadata = HeaderParser().parsestr(archive.read(name).decode())
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_payload().startswith("# jupyter-mlo")


def test_every_entry_point_of_the_wheel_loads(installed: Path) -> None:
    (site,) = installed.glob("lib/python*/site-packages")
    listed = python(
        "import importlib.metadata as m, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "(d,) = list(m.distributions(name='jupyter-mlo', path=[sys.argv[1]]))\n"
        "for e in d.entry_points:\n"
        "    e.load()\n"
        "    print(e.group, e.name)\n"
        "import jupyter_mlo; assert jupyter_mlo.__file__.startswith(sys.argv[1])\n",
        str(site),
    )
    declared = {**PROJECT.get("entry-points", {}), "console_scripts": PROJECT["scripts"]}
    wanted = {f"{group} {name}" for group, points in declared.items() for name in points}
    assert set(listed.splitlines()) == wanted


def test_the_demo_finds_its_notebooks_where_the_wheel_put_them(
    installed: Path, tmp_path: Path
) -> None:
    (site,) = installed.glob("lib/python*/site-packages")
    python(
        "import sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from jupyter_mlo.verbs import demo_folder as demo\n"
        "assert demo.__file__.startswith(sys.argv[1])\n"
        "folder = Path(sys.argv[2]); demo.make_folder(folder); demo.copy_notebooks(folder)\n",
        str(site),
        str(tmp_path / "demo"),
    )
    for name in ("train.ipynb", "validate.ipynb"):
        copied = (tmp_path / "demo" / "notebooks" / name).read_bytes()
        assert copied == (ROOT / "notebooks" / name).read_bytes()


def test_the_source_distribution_can_be_tested(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = tracked("jupyter_mlo/**/*.py", "tests/**/*.py", "notebooks/*.ipynb", "docs/*.md")
    assert wanted | {"LICENSE", "README.md", "Makefile", "pyproject.toml", ".ci/run"} <= names
    assert {"hatch_build.py", "labextension/src/index.ts"} <= names
    assert not [name for name in names if "node_modules" in name]


def test_the_wheel_puts_the_front_end_where_jupyterlab_looks(installed: Path) -> None:
    folder = installed / "share/jupyter/labextensions/jupyter-mlo"
    package = json.loads((folder / "package.json").read_text())
    assert package["version"] == importlib.metadata.version("jupyter-mlo")
    assert (folder / package["jupyterlab"]["_build"]["load"]).is_file()
    assert (folder / "schemas/jupyter-mlo/plugin.json").is_file()
    assert json.loads((folder / "install.json").read_text())["packageName"] == "jupyter-mlo"
    scheduler = installed / "etc/jupyter/jupyter_jupyter_scheduler_config.json"
    named = json.loads(scheduler.read_text())["SchedulerApp"]["scheduler_class"]
    assert named == "jupyter_mlo.integrations.scheduler.scheduling.MloScheduler"
    config = installed / "etc/jupyter/jupyter_server_config.d/jupyter_mlo.json"
    assert json.loads(config.read_text()) == {
        "ServerApp": {"jpserver_extensions": {"jupyter_mlo": True}}
    }


def test_the_hooks_of_servers_and_jupyterlab_name_what_is_there(installed: Path) -> None:
    import jupyter_mlo

    (point,) = jupyter_mlo._jupyter_server_extension_points()
    assert point["app"].name == "jupyter_mlo"
    (path,) = jupyter_mlo._jupyter_labextension_paths()
    assert (ROOT / "jupyter_mlo" / path["src"] / "package.json").is_file()
    assert (installed / "share/jupyter/labextensions" / path["dest"]).is_dir()


def test_the_front_end_is_small_and_brings_nothing_of_restrictive_licence(installed: Path) -> None:
    static = installed / "share/jupyter/labextensions/jupyter-mlo/static"
    assert sum(len(gzip.compress(path.read_bytes())) for path in static.glob("*.js")) < 150_000
    brought = json.loads((static / "third-party-licenses.json").read_text())["packages"]
    assert {each["licenseId"] for each in brought} <= {"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause"}


def test_the_lock_names_no_registry_and_nothing_copyleft_at_run_time() -> None:
    text = (ROOT / "labextension/package-lock.json").read_text()
    assert '"resolved"' not in text
    for path, package in json.loads(text)["packages"].items():
        if path and not package.get("dev"):
            assert package.get("integrity"), path
            # JupyterLab's own, which it brings itself; a choice of licences is one.
            licence = package.get("license", "")
            assert " OR " in licence or not re.search("GPL|SSPL|BUSL|NC|UNLICENSED", licence), path


def test_the_source_distribution_builds_with_neither_git_nor_node(
    built: Path, wheel: Path, tmp_path: Path
) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")],
        cwd=tree,
        env={**os.environ, "PATH": str(tmp_path)},
        check=True,
        capture_output=True,
        timeout=120,
    )
    (again,) = (tmp_path / "dist").glob("*.whl")
    assert not (tree / "labextension/node_modules").exists()
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(wheel).namelist()


def test_the_front_end_is_stale_after_any_change_of_what_it_is_made_of(tmp_path: Path) -> None:
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))
    source, there = tmp_path / "labextension", tmp_path / "built"
    for name in ("src", "style", "schema"):
        shutil.copytree(ROOT / "labextension" / name, source / name)
    for name in ("package.json", "package-lock.json", "tsconfig.json"):
        shutil.copy(ROOT / "labextension" / name, source)
    there.mkdir()
    assert not hook["is_up_to_date"](source, there)
    (there / "inputs.sha256").write_text(hook["digest_of_inputs"](source))
    assert hook["is_up_to_date"](source, there)
    for name in ("src/model.ts", "style/base.css", "schema/plugin.json", "package-lock.json"):
        before = (source / name).read_bytes()
        (source / name).write_bytes(before + b" ")
        assert not hook["is_up_to_date"](source, there), name
        (source / name).write_bytes(before)
    (source / "src/icon.ts").rename(source / "src/icons.ts")
    assert not hook["is_up_to_date"](source, there)


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = python("import jupyter_mlo, sys; print(*{n.split('.')[0] for n in sys.modules})")
    assert not HEAVY & set(loaded.split())
    assert "cryptography" not in loaded.split()


@pytest.mark.parametrize("argv", [["--help"], *([name, "--help"] for name in VERBS)], ids=" ".join)
def test_help_loads_nothing_heavy(argv: list[str]) -> None:
    loaded = python(
        "import sys\n"
        "from jupyter_mlo.cli.main import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "print('LOADED', *{n.split('.')[0] for n in sys.modules})",
        *argv,
    )
    assert not HEAVY & set(loaded.rsplit("LOADED", 1)[1].split())


def imported_distributions() -> dict[str, set[str]]:
    """Distribution → modules of the package that import from it."""
    owners = importlib.metadata.packages_distributions()
    found: dict[str, set[str]] = {}
    for name in tracked("jupyter_mlo/**/*.py"):
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.Import):
                tops = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                tops = {node.module.split(".")[0]}
            else:
                continue
            for top in tops - set(sys.stdlib_module_names) - {"jupyter_mlo"}:
                some = owners.get(top, [top])
                # Of several that share a folder, the one that is called like it.
                for owner in [top] if top in some else some:
                    found.setdefault(_normal(owner), set()).add(name)
    return found


def _normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!; ]", requirement, maxsplit=1)[0]).lower()


def test_whatever_the_package_imports_is_declared() -> None:
    declared = {_normal(line) for line in PROJECT["dependencies"]} | {
        _normal(line)
        for extra, lines in PROJECT["optional-dependencies"].items()
        for line in lines
        if extra != "test"
    }
    undeclared = {k: v for k, v in imported_distributions().items() if k not in declared}
    assert not undeclared


def test_every_extra_that_a_message_names_exists() -> None:
    for name in tracked("jupyter_mlo/**/*.py"):
        for extra in re.findall(r"jupyter-mlo\[([a-z]+)\]", (ROOT / name).read_text()):
            assert extra in PROJECT["optional-dependencies"], name


def test_the_sample_notebooks_hold_no_outputs_and_stable_ids() -> None:
    import nbformat

    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)
        assert "parameters" in ids
        for cell in notebook.cells:
            assert not cell.get("outputs"), (path.name, cell.id)
            assert cell.get("execution_count") is None
