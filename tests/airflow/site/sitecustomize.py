"""What every Python of the tests' Airflow does at its start: find Azure on this machine.

FRONT_PORT       names of Azure lead to 127.0.0.1 at this port, where front.py answers for them
OLD_IMPORTS      Airflow 3 finds the one module of Airflow 1 that the published sample imports
"""

import importlib
import os
import socket
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

AZURE = ("management.azure.com", "login.microsoftonline.com")
VAULTS = ".vault.azure.net"
MOVED = {"airflow.operators.python_operator": "airflow.providers.standard.operators.python"}

_getaddrinfo = socket.getaddrinfo


def redirected(host: Any, port: Any, *more: Any, **options: Any) -> Any:  # noqa: ANN401 - getaddrinfo's own
    """Look an address up; Azure's are the front's."""
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and (name in AZURE or name.endswith(VAULTS)):
        return _getaddrinfo("127.0.0.1", int(os.environ["FRONT_PORT"]), *more, **options)
    return _getaddrinfo(host, port, *more, **options)


class Moved:
    """Finds a module under the name that it had."""

    def find_spec(self, name: str, *_more: object) -> ModuleSpec | None:
        """Say that it can be loaded here."""
        return ModuleSpec(name, self) if name in MOVED else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module of today."""
        return importlib.import_module(MOVED[spec.name])

    def exec_module(self, _module: ModuleType) -> None:
        """It has run already."""


if "FRONT_PORT" in os.environ:
    socket.getaddrinfo = redirected
if "OLD_IMPORTS" in os.environ:
    sys.meta_path.append(Moved())
