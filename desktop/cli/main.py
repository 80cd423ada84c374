"""`masque`: without arguments the window, else the command line.

Exit codes: 0 done, 1 something the user can mend, 2 a wrong command line, 3 a render failed or was cancelled,
4 a render will not fit this machine, 70 a fault of Masque, 130 interrupted.
"""

import importlib
import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from desktop.cli.command_table import COMMANDS, CommandEntry
from desktop.cli.failures import ExitCode, report_bug, report_user_error, report_wrong_usage
from desktop.cli.window_start import run_window
from engine.protocol.errors import UserError
from engine.protocol.version import masque_version
from projects_db.errors import ProjectError

if TYPE_CHECKING:  # what Typer's classes take and return; nothing needs it at run time
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter

# Typer tells wrong command lines with this class and has no public name for it.
UsageError: type[typer.BadParameter] = typer.BadParameter.__bases__[0]
MODULES = {entry.name: entry for entry in COMMANDS}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they run; listing them reads the command table only."""

    _is_listing = False

    def format_help(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the group's own help without importing a command."""
        self._is_listing = True
        super().format_help(ctx, formatter)

    def list_commands(self, ctx: "Context") -> list[str]:
        """Return the names in the table's order."""
        return list(MODULES)

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """Return the command; while help is listed, a stand-in that carries only its one line."""
        entry = MODULES.get(cmd_name)
        if entry is None:
            return None
        return _listed(entry) if self._is_listing else load_command(entry)


def load_command(entry: CommandEntry) -> "Command":
    """Import a command's module and return its command object."""
    command = typer.main.get_command(importlib.import_module(entry.module).app)
    command.name = entry.name
    return command


def _listed(entry: CommandEntry) -> "Command":
    stand_in = typer.Typer(add_completion=False)
    stand_in.command(name=entry.name, help=entry.help)(lambda: None)
    return typer.main.get_command(stand_in)


def build_group() -> "Command":
    """Return the whole command line."""
    app = typer.Typer(
        cls=LazyGroup,
        name="masque",
        help="Turn stills into expressive, speaking shots. Without a command the window opens.",
        add_completion=False,
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def open_window(
        ctx: typer.Context,
        version: Annotated[bool, typer.Option("--version", help="Show Masque's version and exit.")] = False,
    ) -> None:
        if version:
            sys.stdout.write(f"masque {masque_version()}\n")
            raise typer.Exit
        if ctx.invoked_subcommand is None:
            raise typer.Exit(run_window(None))

    return typer.main.get_command(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command line, return its exit code; errors are told in a sentence, as JSON with `--json`."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    as_json = "--json" in arguments
    try:
        code = build_group().main(args=arguments, prog_name="masque", standalone_mode=not as_json)
        return code if isinstance(code, int) else ExitCode.DONE
    except SystemExit as exit_request:
        return _code_of(exit_request)
    except UsageError as error:
        return report_wrong_usage(error.format_message())
    except (UserError, ProjectError) as error:
        return report_user_error(error, as_json=as_json)
    except (KeyboardInterrupt, BrokenPipeError) as end:
        return ExitCode.INTERRUPTED if isinstance(end, KeyboardInterrupt) else ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - the last place to keep a traceback from the user
        return report_bug(error, as_json=as_json)


def _code_of(exit_request: SystemExit) -> int:
    if exit_request.code is None:
        return ExitCode.DONE
    return exit_request.code if isinstance(exit_request.code, int) else ExitCode.USER_ERROR


if __name__ == "__main__":
    main()
