"""The commands by name: where each lives and what it does in a line.

`masque --help` is answered from this table alone, so it stays quick; a command's module is imported when it
runs. A test holds the table against the modules.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEntry:
    """One command: `module` defines `app`, a Typer application of that name."""

    name: str
    module: str
    help: str


def _entry(name: str, text: str) -> CommandEntry:
    return CommandEntry(name=name, module=f"desktop.cli.commands.{name}_command", help=text)


COMMANDS = (
    _entry("new", "Make an empty project."),
    _entry("scene", "Add, list, set and remove scenes."),
    _entry("faces", "List the faces found on a scene's plate."),
    _entry("character", "Add, list and remove characters."),
    _entry("drive", "Let a video drive a character."),
    _entry("voice", "Let a character speak a sound file."),
    _entry("clips", "List and remove the clips and voices of a character."),
    _entry("curve", "Set, show or clear an intensity curve."),
    _entry("info", "Show what is in a project."),
    _entry("plan", "Show whether a render fits this machine, and how it would use its memory."),
    _entry("machine", "Show what Masque knows of this machine, measure it anew, forget what it learnt."),
    _entry("render", "Render scenes through the engine."),
    _entry("queue", "Show and control the render queue."),
    _entry("takes", "List, rate and annotate takes."),
    _entry("export", "Export takes for an editing tool."),
    _entry("relink", "Find media files that have moved."),
    _entry("version", "Save, list and restore versions of a project."),
    _entry("recover", "Bring back a damaged project from its newest good version."),
    _entry("models", "Add, check and list the weights of the diffusion renderer."),
    _entry("engine", "Start, stop and ask after the engine."),
    _entry("doctor", "Check that this machine has all that Masque needs."),
    _entry("demo", "Make, render and export a sample project."),
    _entry("benchmark", "Measure Masque on this machine."),
    _entry("window", "Open the window."),
)
