"""`shown` and `asked`, imported when something of them is used first: the host lists the functions without either."""

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["asked", "shown"]

if TYPE_CHECKING:
    from . import asked, shown
else:

    class _Later:
        """A module of this package, under its own name."""

        def __init__(self, name: str) -> None:
            self._name = f"{__package__}.{name}"

        def __getattr__(self, name: str) -> object:
            return getattr(import_module(self._name), name)

    asked, shown = _Later("asked"), _Later("shown")
