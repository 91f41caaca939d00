"""What is copied from npm's packages into the page, and how.

    python -m tests.browser.vendor       write it anew from the installed packages: `make vendor`

Each file is as its package has it, but for one import: a browser knows no bare names.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = Path(__file__).parent / "npm" / "node_modules"
FOLDER = ROOT / "flinkfuncs" / "page" / "vendor"
FILES = {
    "preact.mjs": "preact/dist/preact.mjs",
    "preact.LICENSE.txt": "preact/LICENSE",
    "hooks.mjs": "preact/hooks/dist/hooks.mjs",
    "htm.mjs": "htm/dist/htm.mjs",
    "htm.LICENSE.txt": "htm/LICENSE",
}
BARE, RELATIVE = 'from"preact"', 'from"./preact.mjs"'


def vendored(name: str) -> str:
    """Return a file as it has to be in the page."""
    text = (PACKAGES / FILES[name]).read_text()
    if name != "hooks.mjs":
        return text
    if text.count(BARE) != 1:
        raise ValueError(f"{FILES[name]} imports preact {text.count(BARE)} times")
    return text.replace(BARE, RELATIVE)


def main() -> None:
    """Write them all, and remove what is not among them."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.iterdir():
        path.unlink()
    for name in FILES:
        (FOLDER / name).write_text(vendored(name))


if __name__ == "__main__":
    main()
