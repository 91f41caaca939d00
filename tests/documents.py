"""Which parts of README.md and of the pages in docs/ are written from the code? `make docs` does it, a test compares.

    <!-- settings of … -->               a part of the table of settings.py: GROUPS says which
    <!-- host settings -->               what the Functions host itself reads
    <!-- jars -->                        the example's jars, from examples/README.md's own table
    <!-- proofs -->                      what the generated reports say, in a few numbers (README.md)
    <!-- reports -->                     what each of them says
    <!-- flinkfuncs.… -->                the docstring of that module or function, word by word

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
from tests import reports

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PROOFS = DOCS / "proofs.md"
DESIGN = DOCS / "design.md"
TABLES = DOCS / "tables.md"
CAPACITY = DOCS / "capacity.md"
EXAMPLES = ROOT / "examples" / "README.md"

# Each group of settings begins with the one named here, and ends before the next group.
GROUPS = {
    "settings of the cluster": "flink_cluster_kind",
    "settings of storage": "jars_container",
    "settings of savepoints and releases": "savepoint_schedule",
    "settings of times": "lease_seconds",
    "settings of a session cluster": "flink_rest_url",
    "settings of the ARM API": "arm_base_url",
    "settings of identities": "key_vault_url",
    "settings of the gateway": "gateway_tenant_id",
    "settings of sign-in": "api_authorization",
    "settings of messages": "notify_url",
    "settings of telemetry": "trace_url",
}

_PART = re.compile(r"<!-- (?P<name>[a-z][\w. -]*) -->\n(?P<text>.*?)<!-- /(?P=name) -->", re.DOTALL)
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
    if name in GROUPS:
        return settings(name)
    return ({"host settings": host_settings, "jars": jars} | reports.TABLES)[name]()


def pages() -> list[Path]:
    """Name every page that is for readers, whoever they are."""
    found = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "airflow/README.md")]
    return [
        *(page for page in found if page.exists()),
        *sorted(DOCS.glob("*.md")),
        *sorted(ROOT.glob("examples/**/*.md")),
    ]


def settings(group: str) -> str:
    """Write the table of one group of settings."""
    rows = [
        f"| `{name.upper()}` | {_default(field)} | {_linked(field.description)} |" for name, field in _fields(group)
    ]
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


def _fields(group: str) -> list[tuple[str, FieldInfo]]:
    fields = list(Settings.model_fields.items())
    names = [name for name, _ in fields]
    first = names.index(GROUPS[group])
    ends = [names.index(other) for other in GROUPS.values() if names.index(other) > first]
    return fields[first : min(ends, default=len(fields))]


def _linked(text: str | None) -> str:
    """Make links of the pages that a description names as files."""
    return re.sub(r"\bdocs/([\w-]+)\.md\b", r"[\1.md](\1.md)", text or "")


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    text = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"`{text}`" if text else ""


def _second(row: str) -> str:
    return row.split(" | ")[1].rstrip(" |") + " |"


def main() -> None:
    """Write the parts of README.md and of every page in docs/."""
    for page in (README, *sorted(DOCS.glob("*.md"))):
        page.write_text(written(page.read_text()))


if __name__ == "__main__":
    main()
