"""Do the commands of docs/first-steps.md do what it says, one after the other, as somebody types them?"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "first-steps.md"
VARIES = re.compile(r"…|[0-9a-f]{12,}|\d[\d.,:TZ-]*")  # ids, times and numbers; what is exact is asserted by itself


def blocks(language: str) -> list[str]:
    """The blocks of the page in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def shown() -> list[str]:
    """The lines that the page says will be seen."""
    return [line for block in blocks("text") for line in block.splitlines()]


def pattern_of(line: str) -> str:
    """What a line that is shown may look like another time."""
    return ".*".join(re.escape(part) for part in VARIES.split(line))


@pytest.fixture
def output(tmp_path: Path) -> Iterator[list[str]]:
    """What the commands write; whatever they started and did not end is ended here, and fails the test."""
    script = "\n".join(["make() { :; }", "exec 2>&1", *blocks("sh"), "echo the end"])
    environment = {**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path), "NO_COLOR": "1"}
    shell = ["/bin/bash", "-c", script]
    process = subprocess.Popen(
        shell, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process.communicate(timeout=540)[0].splitlines()
    finally:
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            left = False
        else:
            left = True
    assert not left, "something was left running"


@pytest.mark.nightly("it starts a cloud with a Flink of its own; tests/app has each command on the stand-in")
@pytest.mark.timeout(600)
def test_the_page_is_true(output: list[str]) -> None:
    """All of it is run in one shell; what the page shows is seen, in its order."""
    assert output[-1] == "the end", "\n".join(output)
    rest = iter(output)
    for line in shown():
        wanted = re.compile(pattern_of(line))
        assert any(wanted.fullmatch(seen) for seen in rest), f"not seen: {line}\n" + "\n".join(output)
    counts = [line.strip() for line in output if re.match(r' +"(lost|duplicated)":', line)]
    assert counts == ['"lost": 0,', '"duplicated": 0,'] * 3


def test_what_the_page_shows_may_vary_in_numbers_alone() -> None:
    """A word of the page that no command writes any more is noticed."""
    line = "20261129T014916Z-orders-3f2a9c1b7d4e SUCCEEDED, down for 0.9 s"
    assert re.fullmatch(pattern_of(line), "20271129T014917Z-orders-0f2a9c1b7d40 SUCCEEDED, down for 1.2 s")
    assert not re.fullmatch(pattern_of(line), line.replace("SUCCEEDED", "FAILED"))
