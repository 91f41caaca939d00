"""What others wrote of the page: exactly what the pinned packages bring, and their licences."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.browser.vendor import FILES, FOLDER, PACKAGES, vendored
from tests.tracked import tracked

LOCK = json.loads((PACKAGES.parent / "package-lock.json").read_text())["packages"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_as_its_package_has_it(name: str) -> None:
    """But for the import that a browser could not resolve: `make vendor` writes them."""
    assert (FOLDER / name).read_text() == vendored(name)


def test_there_are_no_others() -> None:
    """Nor is one without its licence."""
    assert {path.name for path in tracked(FOLDER)} == set(FILES)
    assert {source.partition("/")[0] for source in FILES.values()} == {
        Path(name).name.partition(".")[0] for name in FILES if name.endswith(".LICENSE.txt")
    }


def test_the_packages_are_pinned_with_their_hashes_and_name_no_registry() -> None:
    """The versions that are installed are those of the lock file."""
    wanted = json.loads((PACKAGES.parent / "package.json").read_text())
    pinned = wanted["dependencies"] | wanted["devDependencies"]
    assert {path.removeprefix("node_modules/") for path in LOCK} - {""} == set(pinned)
    for name, version in pinned.items():
        locked = LOCK[f"node_modules/{name}"]
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert locked["version"] == version
        assert locked["integrity"].startswith("sha512-")
        assert json.loads((PACKAGES / name / "package.json").read_text())["version"] == version
    assert "http" not in json.dumps([locked | {"funding": None} for locked in LOCK.values()])
