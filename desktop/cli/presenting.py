"""What commands print: rich text for a person, one JSON object for a script."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
ProjectArgument = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="The project file.", show_default=False)
]
SceneArgument = Annotated[str, typer.Argument(metavar="SCENE", help="The scene's name.", show_default=False)]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The character's name.", show_default=False)
]


def present(as_json: bool, answer: object, *lines: str) -> None:
    """Print `answer` as JSON, or the lines for a person (rich markup)."""
    if as_json:
        sys.stdout.write(json.dumps(plain(answer), ensure_ascii=False) + "\n")
        return
    for line in lines:
        console().print(line, soft_wrap=True)


def console() -> Console:
    """Return the console for people, on standard output."""
    return Console(highlight=False)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a plain table."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(escape(str(cell)) for cell in row))
    return made


def shown(text: object) -> str:
    """Return text as it is, with rich's markup taken literally."""
    return escape(str(text))


def plain(value: object) -> object:
    """Return a record as JSON types: rationals as `n/d` text, paths and times as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(part) for name, part in asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    if isinstance(value, (Fraction, Path)):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value
