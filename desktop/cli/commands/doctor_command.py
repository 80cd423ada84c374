"""`masque doctor`."""

import sys

import typer

from desktop.cli.failures import ExitCode
from desktop.cli.machine_checks import Verdict, check_machine
from desktop.cli.presenting import JsonOption, console, present, shown

app = typer.Typer(add_completion=False)

MARKS = {
    Verdict.GOOD: "[green]good[/green]",
    Verdict.WARNING: "[yellow]note[/yellow]",
    Verdict.FAILED: "[red]bad [/red]",
}


@app.command(help="Check that this machine has all that Masque needs.")
def doctor(as_json: JsonOption = False) -> None:
    """Check Python, packages, codecs, folders, disk, the graphics card and the window's libraries."""
    results = check_machine()
    present(as_json, {"checks": results})
    if not as_json:
        for result in results:
            remedy = f"\n       {shown(result.remedy)}" if result.remedy else ""
            line = f"{MARKS[result.verdict]}   [bold]{result.name}[/bold]: {shown(result.found)}{remedy}"
            console().print(line, soft_wrap=True)
    if any(result.verdict is Verdict.FAILED for result in results):
        sys.exit(ExitCode.USER_ERROR)
