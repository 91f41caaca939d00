"""What is in git? That is what is packed and deployed; whatever else lies in a working copy is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def tracked(folder: Path = ROOT) -> list[Path]:
    """Return the files below a folder that git tracks and that are there, by their absolute paths."""
    git = shutil.which("git")
    assert git
    command = [git, "ls-files", "-z", "--full-name", str(folder)]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return sorted(path for path in paths if path.is_file())
