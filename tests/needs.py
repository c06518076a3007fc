"""What some tests need beyond Python: without it they say why they were skipped.

Continuous integration sets ``TESTS_SKIP_NOTHING``, and has everything: there nothing is skipped.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def not_here(why: str) -> NoReturn:
    """End a test that cannot run here."""
    if os.environ.get("TESTS_SKIP_NOTHING"):
        pytest.fail(f"not skipped, because TESTS_SKIP_NOTHING is set: {why}")
    pytest.skip(why)


def chromium() -> str:
    """Path of a Chromium, as Debian and others ship it; ends the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    not_here("there is no Chromium on PATH; apt install chromium, or its like")
