"""Do README.md and docs/proofs.md quote the generated reports as these are?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import reports
from tests.documents import PROOFS, README, parts, written

NEW_SOAK = """\
Written by `make soak` on 2026-12-01, with Flink 2.3.0, seed 1; it took 40 minutes on a machine of 2 cores.

```json
{}
{}
```
"""


@pytest.mark.parametrize(("place", "part"), [(README, "proofs"), (PROOFS, "reports")])
def test_the_numbers_are_those_of_the_reports(place: Path, part: str) -> None:
    """`make docs` writes them."""
    document = place.read_text()
    assert part in parts(document)
    assert written(document) == document, f"{place.name} lags behind the reports: run `make docs`"


def test_every_report_is_listed() -> None:
    """Also one that a later version of Flink brings."""
    assert {path.stem for path in reports.DOCS.glob("crash-matrix*.md")} == set(reports.MATRICES)
    for name in (*reports.MATRICES, "wire-faults", "soak", "benchmarks"):
        assert f"]({name}.md)" in PROOFS.read_text(), name


def test_a_cell_that_is_wrong_is_not_passed_over(tmp_path: Path) -> None:
    """The table says how many are right, whatever the number."""
    text = (reports.DOCS / "wire-faults.md").read_text()
    right = reports.wire_faults()
    one_wrong = re.sub(r"\*\*(\d+)/\1\*\*", lambda found: f"**{int(found[1]) - 1}/{found[1]}**", text, count=1)
    (tmp_path / "wire-faults.md").write_text(one_wrong)
    assert reports.wire_faults(tmp_path) == reports.Cells(right.date, right.right - 1, right.tried)


def test_both_runs_of_a_soak_are_read(tmp_path: Path) -> None:
    """With high availability and without, as `make soak` writes them."""
    run = {"highAvailability": True, "updates": 60, "appKills": 41, "losses": {"TaskManager": 9, "storage": 8}}
    ends = {"lost": 0, "duplicated": 3, "downtimeSeconds": {"median": 0.214, "max": 31.04}}
    verdicts = [json.dumps(run | ends | {"highAvailability": kind}, indent=2) for kind in (True, False)]
    (tmp_path / "soak.md").write_text(NEW_SOAK.format(*verdicts))
    date, (first, second) = reports.soak(tmp_path)
    assert date == "2026-12-01"
    assert (first.high_availability, second.high_availability) == (True, False)
    assert (first.kills, first.losses, first.duplicated, first.max_seconds) == (41, 17, 3, 31.0)
