"""A shell's completion, written from the parser: commands, then each command's options; files where neither fits.

source <(flinkfuncs completion bash)      in ~/.bashrc
source <(flinkfuncs completion zsh)       in ~/.zshrc, after compinit
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

SHELLS = ("bash", "zsh")
_SCRIPT = """_flinkfuncs() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" command="" number
    for ((number = 1; number < COMP_CWORD; number++)); do
        case "${{COMP_WORDS[number]}}" in {names}) command="${{COMP_WORDS[number]}}"; break ;; esac
    done
    case "$command" in
        "") COMPREPLY=($(compgen -W "{first}" -- "$word")) ;;
{cases}
    esac
}}
complete -o default -F _flinkfuncs flinkfuncs"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def script(shell: str, whole: argparse.ArgumentParser, commands: Mapping[str, argparse.ArgumentParser]) -> str:
    """Write what the shell sources."""
    cases = [
        f'        {name}) COMPREPLY=($(compgen -W "{_options(one)}" -- "$word")) ;;' for name, one in commands.items()
    ]
    first = " ".join([*commands, _options(whole)])
    text = _SCRIPT.format(names="|".join(commands), first=first, cases="\n".join(cases))
    return (_ZSH if shell == "zsh" else "") + text


def _options(parser: argparse.ArgumentParser) -> str:
    names = [name for action in parser._actions for name in action.option_strings]  # argparse has no other list
    return " ".join(name for name in names if name.startswith("--"))
