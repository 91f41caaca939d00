"""Which parts of README.md and docs/tables.md are written from the code? `make docs` writes them, a test compares.

    <!-- settings -->                    README    the table of settings.py
    <!-- host settings -->               README    what the Functions host itself reads
    <!-- jars -->                        README    the example's jars, from examples/README.md's own table
    <!-- flinkfuncs.… -->                both      the docstring of that module or function, word by word

Each part ends with `<!-- /… -->` of the same name.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import flinkfuncs.core
from flinkfuncs.health import HOST_SETTINGS
from flinkfuncs.settings import Settings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DESIGN = ROOT / "docs" / "design.md"
TABLES = ROOT / "docs" / "tables.md"
CAPACITY = ROOT / "docs" / "capacity.md"
EXAMPLES = ROOT / "examples" / "README.md"

_PART = re.compile(r"<!-- (?P<name>[a-z][\w. ]*) -->\n(?P<text>.*?)<!-- /(?P=name) -->", re.DOTALL)
_CODE = "flinkfuncs."


def written(document: str) -> str:
    """Return the document with every part as the code has it."""
    return _PART.sub(lambda part: f"<!-- {part['name']} -->\n{text_of(part['name'])}<!-- /{part['name']} -->", document)


def parts(document: str) -> list[str]:
    """Name the parts of a document."""
    return [part["name"] for part in _PART.finditer(document)]


def text_of(name: str) -> str:
    """Write one part."""
    if name.startswith(_CODE):
        return f"```text\n{docstring(name)}\n```\n"
    return {"settings": settings, "host settings": host_settings, "jars": jars}[name]()


def settings() -> str:
    """Write the table of the settings."""
    rows = [f"| `{name.upper()}` | {_default(field)} | {field.description} |" for name, field in _fields()]
    return "\n".join(["| setting | default | what for |", "|---|---|---|", *rows]) + "\n"


def host_settings() -> str:
    """Write the table of what the host reads."""
    rows = [f"| `{name}` | {text} |" for name, text in HOST_SETTINGS.items()]
    return "\n".join(["| setting | what for |", "|---|---|", *rows]) + "\n"


def jars() -> str:
    """Write the table of the example's jars."""
    rows = re.findall(r"^\| `.*\|.*\|.*\|$", EXAMPLES.read_text().partition("## The jars")[2], re.MULTILINE)
    shown = [re.sub(r"`([\w-]+)`", r"`sequence-\1.jar`", row.split(" | ")[0]) + " | " + _second(row) for row in rows]
    return "\n".join(["| jar | what it does |", "|---|---|", *shown]) + "\n"


def docstring(name: str) -> str:
    """Return the docstring of a module or a function of the code, indented no more than its first line."""
    try:
        return inspect.cleandoc(importlib.import_module(name).__doc__ or "")
    except ModuleNotFoundError:
        module, _, function = name.rpartition(".")
        return inspect.cleandoc(getattr(importlib.import_module(module), function).__doc__ or "")


def state_tables() -> list[str]:
    """Name every module and function of the two kinds' tables whose docstring holds a table."""
    named = [(name, thing) for module in _tables_modules() for name, thing in _documented(module)]
    return [name for name, thing in named if "----" in (thing.__doc__ or "")]


def _tables_modules() -> Iterator[ModuleType]:
    for module in pkgutil.walk_packages(flinkfuncs.core.__path__, "flinkfuncs.core."):
        if module.name.startswith(("flinkfuncs.core.session", "flinkfuncs.core.arm")):
            yield importlib.import_module(module.name)


def _documented(module: ModuleType) -> list[tuple[str, object]]:
    own = [(name, thing) for name, thing in vars(module).items() if inspect.isfunction(thing)]
    return [
        (module.__name__, module),
        *((f"{module.__name__}.{n}", f) for n, f in own if f.__module__ == module.__name__),
    ]


def _fields() -> list[tuple[str, FieldInfo]]:
    return list(Settings.model_fields.items())


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    text = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"`{text}`" if text else ""


def _second(row: str) -> str:
    return row.split(" | ")[1].rstrip(" |") + " |"


def main() -> None:
    """Write the parts anew."""
    for document in (README, TABLES):
        document.write_text(written(document.read_text()))


if __name__ == "__main__":
    main()
