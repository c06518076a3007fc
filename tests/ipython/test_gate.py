"""`identity.required`: which cells pass while nobody is logged in."""

from __future__ import annotations

import ast

import pytest
from IPython.core.error import InputRejected
from IPython.core.inputtransformer2 import TransformerManager

from jupyter_mlo.ipython.gate import Gate


def passes(cell: str) -> bool:
    tree = ast.parse(TransformerManager().transform_cell(cell))
    try:
        return Gate(lambda: False).visit(tree) is tree
    except InputRejected:
        return False


@pytest.mark.parametrize(
    "cell",
    [
        "%mlo_login",
        "%mlo_login ada --for 2h",
        "%load_ext jupyter_mlo\n%mlo_status",
        "%mlo verify x.ipynb",
        "# nothing",
    ],
)
def test_what_logs_in_and_asks_passes(cell: str) -> None:
    assert passes(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "1 + 1",
        "%mlo_login\nimport os",
        "%run x.py",
        "%%mlo_login\nx",
        "get_ipython().run_line_magic('mlo_status', (evil(), '')[1])",
        "get_ipython().run_line_magic('mlo_status', line=evil())",
        "get_ipython().run_line_magic(*evil())",
        "%mlo_status {evil()}",
        "%mlo_status $evil",
        "x = %mlo_status {evil()}",
        "evil().run_line_magic('mlo_status', '')",
    ],
)
def test_code_does_not_however_it_is_dressed(cell: str) -> None:
    assert not passes(cell)
