"""Where are edits made? In copies of the tree, so that nobody who works in it meets them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .mutations import ROOT, Mutation

INSTALLED = Path("localcloud/azurite/node_modules")  # what the tests need, and git does not know
# For what runs in a copy: a file that is changed twice in a second, to the same length, would be read from its old
# bytecode.
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "300"}


@contextmanager
def copies(number: int) -> Iterator[list[Path]]:
    """Copy the tree as it is here, changed and new files included, so many times."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    files = [name for name in names if name and (ROOT / name).is_file()]
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        made = [Path(directory) / str(number) for number in range(number)]
        for copy in made:
            for name in files:
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
            (copy / INSTALLED).symlink_to((ROOT / INSTALLED).resolve())
        yield made


@contextmanager
def edited(copy: Path, mutation: Mutation) -> Iterator[None]:
    """Make a mutation in a copy, and take it back."""
    file = copy / mutation.path
    text = file.read_text()
    file.write_text(mutation.made(text))
    try:
        yield
    finally:
        file.write_text(text)
