"""`masque models`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from desktop.authoring.model_bundles import (
    CheckProgress,
    add_model,
    list_models,
    make_test_model,
    verify_model,
)
from desktop.cli.failures import ExitCode
from desktop.cli.model_text import (
    WEIGHTS_ARE_RANDOM,
    bundle_answer,
    bundle_lines,
    known_answer,
    known_lines,
)
from desktop.cli.presenting import JsonOption, present, shown
from engine.bundles.registry import forget, installed_bundle, installed_bundles
from engine.locations import engine_locations
from engine.protocol.errors import UserError

app = typer.Typer(
    help="Add, check and list the weights of the diffusion renderer.",
    no_args_is_help=True,
    add_completion=False,
)


class Layout(StrEnum):
    """The layouts a test bundle can be written in."""

    ORIGINAL = "original"
    DIFFUSERS = "diffusers"


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the installed bundles and the ones that could be."""
    found = list_models(engine_locations().data)
    lines = [line for listed in found.installed for line in bundle_lines(listed)]
    if not found.installed:
        lines.append("No model bundle is installed; the draft renderer needs none.")
    lines += [line for known in found.others for line in known_lines(known)]
    answer = {
        "installed": [bundle_answer(listed) for listed in found.installed],
        "not_installed": [known_answer(known) for known in found.others],
    }
    present(as_json, answer, *lines)


@app.command()
def add(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the bundle's files.")],
    name: Annotated[str | None, typer.Option(help="What to call the bundle.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a folder of weights, every file of it, and register it. Nothing is copied."""
    data = engine_locations().data
    with _progress_bar(quiet=as_json) as on_progress:
        bundle = add_model(data, folder, name=name, on_progress=on_progress)
    listed = next(each for each in list_models(data).installed if each.bundle.name == bundle.name)
    present(as_json, bundle_answer(listed), *bundle_lines(listed))


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The bundle; all without.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check all files of the installed bundles again and record them as they are now."""
    data = engine_locations().data
    bundles = installed_bundles(data) if name is None else (installed_bundle(data, name),)
    names = [bundle.name for bundle in bundles]
    if not names:
        present(as_json, {"verified": []}, "No model bundle is installed.")
    answers = [_verify(data, each, as_json=as_json) for each in names]
    if as_json and names:
        present(True, {"verified": answers})
    if any("error" in answer for answer in answers):
        raise typer.Exit(ExitCode.USER_ERROR)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The bundle's name.")],
    as_json: JsonOption = False,
) -> None:
    """Forget a bundle. Its files stay where they are."""
    bundle = forget(engine_locations().data, name)
    present(
        as_json,
        {"removed": name, "folder": bundle.folder},
        f"{shown(name)} is forgotten. Its files stay in {shown(bundle.folder)}.",
    )


@app.command("make-test-bundle")
def make_test_bundle(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or an empty one.")],
    layout: Annotated[Layout, typer.Option(help="How the files are laid out.")] = Layout.ORIGINAL,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bundle.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a tiny bundle of random weights, to try the diffusion renderer without a graphics card."""
    console = Console(stderr=True, quiet=as_json)
    with console.status("Making the bundle") if console.is_terminal else nullcontext():
        place = make_test_model(folder, layout=layout.value, seed=seed)
    present(
        as_json,
        {"folder": place},
        f"A test bundle is in {shown(place)}; its {WEIGHTS_ARE_RANDOM}.",
        f"Add it with: masque models add {shown(place)}",
    )


def _verify(data: Path, name: str, *, as_json: bool) -> dict[str, object]:
    """Verify one bundle, tell a person at once, and return the answer for a script."""
    try:
        with _progress_bar(quiet=as_json) as on_progress:
            verified = verify_model(data, name, on_progress=on_progress)
    except UserError as error:
        if not as_json:
            sys.stderr.write(f"{name}: {error.report.sentence()}\n")
        return {"name": name, "error": error.report}
    files = sum(len(part.files) for part in verified.bundle.parts.values())
    if not as_json:
        present(False, None, f"{shown(name)}: all {files} files are whole.")
        for path in verified.new_content:
            present(
                False, None, f"  {shown(path)} is not the file that was added; it is recorded as it is now."
            )
    return {"name": name, "files": files, "new_content": verified.new_content}


@contextmanager
def _progress_bar(*, quiet: bool) -> Iterator[Callable[[CheckProgress], None]]:
    """Yield what shows the check's progress: a bar on the error stream when a person looks, else nothing."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda progress: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Starting", total=None)

        def show(progress: CheckProgress) -> None:
            bar.update(
                task,
                description=shown(progress.file),
                completed=progress.bytes_done,
                total=progress.bytes_total,
            )

        yield show
