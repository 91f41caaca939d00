"""Is there a browser for the page's tests? Debian's Chromium: Playwright's own would be a download."""

from __future__ import annotations

import os
import shutil

# The first has no window to draw, and takes half the processor time of the others.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
REQUIRED = "BROWSER_TESTS"  # `required`: a run without a browser fails
LEFT_OUT = "the page's tests were left out: no Chromium was found (Debian: apt-get install chromium-headless-shell)"


def chromium() -> str | None:
    """Return its path, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def is_required() -> bool:
    """Whether a run without the page's tests is a failure."""
    return os.environ.get(REQUIRED) == "required"
