"""Running the command line in this process, as a script would: with `--json`, reading one object."""

import json

import pytest

from desktop.cli.main import run


@pytest.fixture
def masque(capsys):
    """Run a command that must succeed and return its JSON."""

    def call(*arguments):
        capsys.readouterr()
        code = run([*map(str, arguments), "--json"])
        out = capsys.readouterr().out
        assert code == 0, out
        return json.loads(out)

    return call


@pytest.fixture
def refused(capsys):
    """Run a command that must fail as the user's mistake and return its error object."""

    def call(*arguments):
        capsys.readouterr()
        code = run([*map(str, arguments), "--json"])
        captured = capsys.readouterr()
        assert code == 1, captured
        assert captured.err == ""
        error = json.loads(captured.out)["error"]
        assert error["message"].endswith((".", "!", "?"))
        assert error["next_step"]
        assert "Traceback" not in captured.out
        return error

    return call


@pytest.fixture
def duet(masque, samples, tmp_path):
    """A project with the sample still and two characters, Ada and Bruno."""
    project = tmp_path / "night.masque"
    masque("new", project)
    masque("scene", "add", project, samples / "duet.png", "--name", "Duet")
    masque("character", "add", project, "Duet", "Ada", "--face", 1)
    masque("character", "add", project, "Duet", "Bruno", "--face", 2)
    return project
