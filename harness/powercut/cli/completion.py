# SPDX-License-Identifier: ISC
"""``powercut completion``: the script that teaches a shell to complete powercut's words."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from powercut.cli.command import Command

#: The variable by which the script asks powercut for what could come next.
VARIABLE = "_POWERCUT_COMPLETE"


class _Bash(BashComplete):
    """Its script alone: which bash will read it, this process cannot know."""

    def source(self) -> str:
        return ShellComplete.source(self)


_SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": ZshComplete, "fish": FishComplete}


@click.command(
    "completion",
    cls=Command,
    arguments={"SHELL": f"{', '.join(_SHELLS)}"},
    examples=[
        'eval "$(powercut completion bash)"',
        "powercut completion zsh > _powercut",
        "powercut completion fish > powercut.fish",
    ],
)
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion_command(shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, engines, device models, kinds and traces.

    bash 4.4 or newer: put the first example into ~/.bashrc. zsh: the second writes a file for a folder of
    $fpath. fish: the third, into ~/.config/fish/completions.
    """
    click.echo(_script(shell))


def _script(shell: str) -> str:
    root = click.get_current_context().find_root().command
    script = _SHELLS[shell](root, {}, "powercut", VARIABLE).source()
    if shell == "fish":  # what is completed may have commas in it
        return script.replace('string split "," $completion', 'string split -m 1 "," $completion')
    return script
