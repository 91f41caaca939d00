"""Is docs/command-line.md true? It names every command, option, exit code and way to configure, and no other."""

import argparse
import re

from flinkfuncs.core.operations import Outcome
from flinkfuncs_cli.__main__ import COMMANDS, parser
from flinkfuncs_cli.config import FIELDS
from flinkfuncs_cli.exits import OUTCOMES, Exit
from tests.documents import ROOT

TEXT = (ROOT / "docs" / "command-line.md").read_text()


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    (commands,) = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(commands.choices)


def test_the_page_names_every_command_and_no_other() -> None:
    """Each is a row of the table; and every command in an example is one of them."""
    rows = re.findall(r"^\| `([a-z-]+)[^`]*` \|", section("Commands").partition("###")[0], re.MULTILINE)
    assert sorted(rows) == sorted(command.name for command in COMMANDS)
    assert set(re.findall(r"\bflinkfuncs ([a-z][a-z-]*)", re.sub(r"pip.*", "", TEXT))) <= parsers().keys()


def test_the_page_names_every_option_and_no_other() -> None:
    """Of all commands together."""
    known = {name for one in parsers().values() for action in one._actions for name in action.option_strings}
    named = set(re.findall(r"(?<=`)--[a-z-]+|(?<= )--[a-z-]+", TEXT)) - {"--resource", "--topic"}
    assert named == {name for name in known if name.startswith("--")} - {"--help"}


def test_the_page_names_every_exit_code() -> None:
    """In the order of the numbers."""
    rows = re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)
    assert [int(row) for row in rows] == [code.value for code in Exit]


def test_the_page_names_everything_that_can_be_configured() -> None:
    """As a variable and in a profile."""
    for name in FIELDS:
        assert f"| `FLINKFUNCS_{name.upper()}` | `{name}` |" in section("Configure")


def test_the_page_of_pipelines_names_what_there_is() -> None:
    """Commands, options and files; and what each exit code means that a pipeline meets."""
    text = (ROOT / "docs" / "pipelines.md").read_text()
    options = {name for one in parsers().values() for action in one._actions for name in action.option_strings}
    assert set(re.findall(r"`flinkfuncs ([a-z]+) ", text)) <= parsers().keys()
    assert set(re.findall(r"(?<=`)--[a-z-]+|flinkfuncs [^`]*? (--[a-z-]+)", text)) - {""} <= options
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]*)\)", text) if not link.startswith("https://")]
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    rows = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert [int(row) for row in rows] == [code.value for code in Exit if code not in (Exit.DONE, Exit.INTERRUPTED)]


def test_every_outcome_of_the_app_has_an_exit_code() -> None:
    """The command line does not import the app, so a new outcome has to be noticed here."""
    assert set(OUTCOMES) == set(Outcome)
