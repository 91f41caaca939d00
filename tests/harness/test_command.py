"""What the command line makes of cells: only a whole run in which all is right, and all was crossed, is a success."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from . import command
from .calls import Crossing, Recorded
from .command import Kind
from .lanes import in_shifts
from .methods import methods
from .rows import BY_NAME
from .verdict import Judged, Wrong, judged

STOP, START = "POST flink /jobs/:id/stop", "POST flink /jars/:jar/run"
LOOK = "GET flink /jobs/:id/status"


@dataclass(frozen=True)
class Cell:
    """A cell that ends as its name says."""

    row: str
    name: str

    @property
    def sites(self) -> Sequence[str]:
        """The call that it is about."""
        return {"stop": [STOP], "start": [START], "a read": [LOOK]}.get(self.name, [START])


def bring_about(cell: Cell) -> bool:
    if cell.name == "WRONG":
        raise Wrong("two copies")
    return cell.name not in ("unreached", "a read")


def run(cells: Sequence[Cell]) -> tuple[Sequence[Judged[Cell]], set[str]]:
    return [judged(cell, partial(bring_about, cell), str) for cell in cells], set()


def kind(*names: str, crossed: set[str]) -> Kind[Cell]:
    row = BY_NAME["STOP"]
    return Kind(
        rows=[row],
        not_crossed=[],
        record=lambda rows: [Recorded([Crossing(STOP, 1, "")], crossed) for _ in rows],
        cells=lambda recordings: [Cell(row, name) for row in recordings for name in names],
        run=run,
        tables=lambda _: "",
        document=lambda _: "the page",
        summary={"flink": "2.3.0"},
    )


@pytest.mark.parametrize(
    ("names", "left_out", "arguments", "code", "kept"),
    [
        (["stop", "start"], 0, [], 0, True),
        (["stop", "WRONG"], 0, [], 1, True),
        (["stop", "start", "unreached"], 0, [], 0, True),
        (["stop", "a read"], 0, [], 0, True),
        (["unreached"], 0, [], 1, True),
        (["stop", "start"], 1, [], 1, True),
        (["stop", "WRONG"], 0, ["--sites", "stop"], 0, False),
        (["stop", "WRONG"], 0, ["--every", "2"], 0, False),
        (["stop"], 0, ["--rows", "START"], 1, False),
    ],
    ids=[
        "right",
        "wrong",
        "one not tried",
        "a read not met",
        "none tried",
        "not crossed",
        "by site",
        "each second",
        "no such row",
    ],
)
def test_only_what_was_tried_and_is_right_counts_and_only_a_whole_run_is_kept(  # noqa: PLR0917 - the row
    names: list[str],
    left_out: int,
    arguments: list[str],
    code: int,
    kept: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code says so, and the last line is JSON."""
    page = tmp_path / "page.md"
    options = command.parser("tests", "…", lanes="…").parse_args([*arguments, "--keep", str(page)])
    assert command.main(kind(*names, crossed=set(sorted(methods())[left_out:])), options) == code
    assert page.exists() is kept
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["flink"] == "2.3.0"
    assert (last["right"] == last["cells"] > 0) is (code == 0 or left_out > 0)


def test_a_write_that_no_cell_met_fails_a_whole_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named; of a run of a part nobody can say that."""
    page = tmp_path / "page.md"
    for arguments, code in (([], 1), (["--sites", "jars"], 1), (["--every", "2"], 0)):
        options = command.parser("tests", "…", lanes="…").parse_args([*arguments, "--keep", str(page)])
        assert command.main(kind("stop", "unreached", crossed=methods()), options) == code
        named = [line for line in capsys.readouterr().out.splitlines() if line.startswith("never met")]
        assert named == ([] if arguments else [f"never met: {START}"])


def test_a_run_in_parts_runs_nothing_again_that_was_right_and_keeps_its_page_when_it_is_whole(tmp_path: Path) -> None:
    """A cell that was wrong is run again, and counts as it ended last."""
    results, page = tmp_path / "results", tmp_path / "page.md"
    options = command.parser("tests", "…", lanes="…").parse_args(["--results", str(results), "--keep", str(page)])
    report = command.reporting(verbose=False, results=results)
    ran = list[str]()

    def part(cells: Sequence[Cell]) -> tuple[Sequence[Judged[Cell]], set[str]]:
        done, _ = run(cells[:2])
        ran.extend(one.cell.name for one in done)
        for one in done:
            report(one)
        return done, set()

    whole = replace(kind("stop", "WRONG", "start", crossed=methods()), run=part)
    assert command.main(whole, options) == 1
    assert not page.exists()
    assert command.main(whole, options) == 1
    assert ran == ["stop", "WRONG", "WRONG", "start"]
    assert page.exists()


def test_every_item_is_done_once_in_its_order_on_lanes_of_open_clouds() -> None:
    """As many at once as there are lanes; without time no cloud is opened."""
    opened, reported = list[int](), list[int]()

    @contextmanager
    def cloud(number: int) -> Iterator[list[str]]:
        opened.append(number)
        yield ["one lane", "another"]

    def work(_lane: str, item: int) -> int:
        return item * item

    assert in_shifts(cloud, range(20), work, reported.append, minutes=1) == [item * item for item in range(20)]
    assert (opened, sorted(reported)) == ([1], [item * item for item in range(20)])
    assert in_shifts(cloud, range(20), work, reported.append, minutes=-1) == []
    assert opened == [1]
