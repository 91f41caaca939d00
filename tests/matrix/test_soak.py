"""The soak in small; `make soak` runs it whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .soak import run


@pytest.mark.nightly("kills everything several times over")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["ha", "no-ha"])
def test_updates_survive_whatever_is_lost_and_every_number_is_written_once(kind: str, tmp_path: Path) -> None:
    """Or as often as a rollback announced."""
    found = run(kind, tmp_path / kind, updates=4, seed=1, flink=os.environ.get("FLINK", "2.3.0"))
    assert found.faults == []
