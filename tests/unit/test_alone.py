"""Does `make alone` notice a test file that is red by itself?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.alone.__main__ import main

SHARED = "import os\ndef test_it():\n    assert os.environ.{call}\n"
FILES = {
    "test_first.py": SHARED.format(call="setdefault('PREPARED', 'yes')"),
    "test_leans_on_the_first.py": SHARED.format(call="get('PREPARED')"),
    "test_nightly.py": "import pytest\n@pytest.mark.nightly('long')\ndef test_it():\n    raise AssertionError\n",
}


@pytest.fixture(autouse=True)
def few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """To load every one of them would take longer than the rest."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p pytest_timeout -p no:cacheprovider")


def test_a_file_that_leans_on_another_one_is_red_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file is listed with its time, and the red ones again with their output; nightly tests are left out."""
    (tmp_path / "tests").mkdir()
    for name, text in FILES.items():
        (tmp_path / "tests" / name).write_text(text)
    assert main([], root=tmp_path) == 1
    said = capsys.readouterr().out
    listed = re.findall(r"^(green|red) +[\d.]+ s  (\S+)$", said, re.MULTILINE)
    assert listed == [("green", "tests/test_first.py"), ("red", "tests/test_leans_on_the_first.py")]
    assert "FAILED tests/test_leans_on_the_first.py::test_it" in said
    assert said.endswith("\n1 of 2 files are green alone\nred: tests/test_leans_on_the_first.py\n")
    assert main(["tests/test_first.py"], root=tmp_path) == 0


def test_no_file_is_no_success(tmp_path: Path) -> None:
    """A folder that is misspelt would otherwise be green."""
    assert main(["misspelt"], root=tmp_path) == 1
