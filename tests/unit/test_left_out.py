"""Where no browser is found the page's tests are left out, and that is said; where they may not be, it is a failure."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.browser.chromium import LEFT_OUT, REQUIRED
from tests.conftest import pytest_configure
from tests.documents import ROOT


def test_where_they_are_required_a_run_without_a_browser_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `.ci/run`; elsewhere it begins."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv(REQUIRED, "required")
    with pytest.raises(pytest.UsageError, match="apt-get install chromium-headless-shell"):
        pytest_configure()
    monkeypatch.delenv(REQUIRED)
    pytest_configure()


def test_elsewhere_they_are_left_out_and_the_end_of_the_run_says_how_to_get_one() -> None:
    """It is no failure: `make test` needs nothing but Python and make."""
    few = ["-p", "pytest_timeout", "-p", "no:cacheprovider"]  # to load every plugin would take longer than the rest
    command = [sys.executable, "-m", "pytest", *few, "tests/browser/test_policy.py"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"PATH": "/nowhere", REQUIRED: "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert LEFT_OUT in done.stdout
