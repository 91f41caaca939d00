"""What do the generated reports in docs/ say, in numbers? README.md and docs/proofs.md quote them: `make docs`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
MATRICES = ("crash-matrix", "crash-matrix-1.20.5", "crash-matrix-1.17.2")  # the newest Flink first


@dataclass(frozen=True)
class Cells:
    """How many cells of a report are right of those that were tried."""

    date: str
    right: int
    tried: int

    def __str__(self) -> str:
        """As a table says it."""
        return f"{self.right:,} of {self.tried:,} right"


@dataclass(frozen=True)
class Matrix(Cells):
    """A crash matrix."""

    flink: str
    sites: int


@dataclass(frozen=True)
class Run:
    """One run of the soak; `high_availability` None: the report does not say."""

    high_availability: bool | None
    updates: int
    kills: int
    losses: int
    lost: int
    duplicated: int
    median_seconds: float
    max_seconds: float


@dataclass(frozen=True)
class Ratio:
    """One row of the benchmarks."""

    what: str
    against: str
    ratio: float


def matrix(name: str, docs: Path = DOCS) -> Matrix:
    """Read a crash matrix."""
    text = (docs / f"{name}.md").read_text()
    date, flink = _words(r"Written by `make crash-matrix` on (\S+), with Flink (\S+)\.\n", text)
    right, tried, sites = _words(r"^(\d+) of (\d+) cells are right; there are (\d+) call sites", text)
    return Matrix(date, int(right), int(tried), flink, int(sites))


def wire_faults(docs: Path = DOCS) -> Cells:
    """Read the wire faults: the sum of all tables."""
    text = (docs / "wire-faults.md").read_text()
    (date,) = _words(r"`make wire-faults`, ([\d-]+):", text)
    totals = re.findall(r"\*\*(\d+)/(\d+)\*\* \|$", text, re.MULTILINE)
    return Cells(date, sum(int(right) for right, _ in totals), sum(int(tried) for _, tried in totals))


def soak(docs: Path = DOCS) -> tuple[str, list[Run]]:
    """Read the soak: its date, and its runs."""
    text = (docs / "soak.md").read_text()
    (date,) = _words(r"Written by `make soak` on (\S+), with", text)
    return date, [_run(verdict) for verdict in _documents(_words(r"```json\n(.*?)```", text)[0])]


def benchmarks(docs: Path = DOCS) -> list[Ratio]:
    """Read the benchmarks."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \| ([\d.]+) \|", (docs / "benchmarks.md").read_text(), re.MULTILINE)
    return [Ratio(what, against, float(ratio)) for what, against, ratio in rows]


def summary(docs: Path = DOCS) -> str:
    """Write the table of README.md."""
    newest, *older = (matrix(name, docs) for name in MATRICES)
    olders = ", ".join(f"{one.flink}: {one}" for one in older)
    faults = wire_faults(docs)
    rows = [
        (
            "[Crash matrix](docs/crash-matrix.md)",
            "the app is killed (SIGKILL) before and after every outside call of every action that starts, stops or "
            "saves a job, on a real Flink",
            f"{newest} on Flink {newest.flink} ({newest.date}); update and rollback on {olders}",
        ),
        (
            "[Wire faults](docs/wire-faults.md)",
            "calls are refused, cut off, answered late or with garbage, alone and in pairs, and others write to the "
            "job's record at the same moment; Flink is simulated",
            f"{faults} ({faults.date})",
        ),
        *_soaked(docs),
        *(("[Benchmarks](docs/benchmarks.md)", *_benched(one)) for one in benchmarks(docs)[:1]),
    ]
    return _table(("proof", "what is done", "result"), rows)


def in_full(docs: Path = DOCS) -> str:
    """Write the table of docs/proofs.md."""
    date, runs = soak(docs)
    matrices = [(name, matrix(name, docs)) for name in MATRICES]
    rows = [
        (f"[{name}.md]({name}.md)", one.date, f"Flink {one.flink}, {one.sites} call sites: {one}")
        for name, one in matrices
    ]
    faults = wire_faults(docs)
    rows += [("[wire-faults.md](wire-faults.md)", faults.date, str(faults))]
    rows += [("[soak.md](soak.md)", date, _result(run)) for run in runs]
    rows += [
        ("[benchmarks.md](benchmarks.md)", "", f"{one.what}: {one.ratio:g} times {one.against}")
        for one in benchmarks(docs)
    ]
    return _table(("report", "date", "result"), rows)


TABLES = {"proofs": summary, "reports": in_full}


def _soaked(docs: Path) -> Iterator[tuple[str, str, str]]:
    date, runs = soak(docs)
    for run in runs:
        about = {True: ", with high availability", False: ", without high availability", None: ""}
        lost = f", and part of the cluster or its storage {run.losses} times" if run.losses else ""
        yield (
            "[Soak](docs/soak.md)",
            f"{run.updates} updates of one job on a real Flink{about[run.high_availability]}, while the app is killed "
            f"{run.kills} times{lost}",
            f"{_counted(run)} ({date})",
        )


def _benched(one: Ratio) -> tuple[str, str]:
    return f"{one.what}, against {one.against}", f"{one.ratio:g} times as long"


def _counted(run: Run) -> str:
    return (
        f"{run.lost} records lost, {run.duplicated} duplicated; "
        f"downtime {run.median_seconds:g} s in the median, {run.max_seconds:g} s at most"
    )


def _result(run: Run) -> str:
    kind = {True: "with high availability, ", False: "without high availability, ", None: ""}[run.high_availability]
    return f"{kind}{run.updates} updates, the app killed {run.kills} times: {_counted(run)}"


def _run(verdict: Mapping[str, Any]) -> Run:
    times = verdict.get("downtimeSeconds") or verdict["downtime_seconds"]
    return Run(
        high_availability=verdict.get("highAvailability"),
        updates=verdict["updates"],
        kills=verdict["appKills"] if "appKills" in verdict else verdict["kills"],
        losses=sum(verdict.get("losses", {}).values()),
        lost=verdict["lost"],
        duplicated=verdict["duplicated"],
        median_seconds=round(times["median"], 1),
        max_seconds=round(times["max"], 1),
    )


def _documents(text: str) -> Iterator[Mapping[str, Any]]:
    """Read JSON documents that follow one another."""
    rest = text.strip()
    while rest:
        found, end = json.JSONDecoder().raw_decode(rest)
        yield found
        rest = rest[end:].lstrip()


def _words(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    assert found, f"no {pattern!r}"
    return found.groups()


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"
