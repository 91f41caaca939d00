"""How is a module of this project started as a program of its own?

It runs with the Python and the checkout that run now, whatever the directory it works in.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def module(name: str, *options: str | Path) -> list[str]:
    """The command for `python -m name options`, with the project root on the path."""
    start = f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); runpy.run_module({name!r}, None, '__main__', True)"
    return [sys.executable, "-u", "-c", start, *map(str, options)]
