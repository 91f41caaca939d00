"""Does `make alone` notice a test file that is red by itself?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alone.__main__ import main

SHARED = "import os\ndef test_it():\n    assert os.environ.{call}\n"
FILES = {
    "test_first.py": SHARED.format(call="setdefault('PREPARED', 'yes')"),
    "test_leans_on_the_first.py": SHARED.format(call="get('PREPARED')"),
    "test_nightly.py": "import pytest\n@pytest.mark.nightly('long')\ndef test_it():\n    raise AssertionError\n",
}


def test_a_file_that_leans_on_another_one_is_red_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file is listed with its time, and the red ones again with their output; nightly tests are left out."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines() if line.startswith(("green", "red ", "none")) and " s " in line]
    words = ["green", "red", "none"]
    assert [(word, Path(file).name) for word, _, _, file in lines] == list(zip(words, FILES, strict=True))
    assert "FAILED" in said
    assert said.rstrip().splitlines()[-2:] == [
        "red where they run alone:",
        f"  {tmp_path / 'test_leans_on_the_first.py'}",
    ]
    assert main([str(tmp_path / "test_first.py"), str(tmp_path / "test_nightly.py")]) == 0
