"""Running the command line in this process, as a script would: with `--json`, reading one object."""

import json
import shutil

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


@pytest.fixture(scope="session")
def duet_template(tmp_path_factory, samples):
    """A project with the sample still and two characters, Ada and Bruno, made once."""
    project = tmp_path_factory.mktemp("duet") / "night.masque"
    for arguments in (
        ("new", project),
        ("scene", "add", project, samples / "duet.png", "--name", "Duet"),
        ("character", "add", project, "Duet", "Ada", "--face", 1),
        ("character", "add", project, "Duet", "Bruno", "--face", 2),
    ):
        assert run([*map(str, arguments), "--json"]) == 0
    return project.parent


@pytest.fixture
def duet(duet_template, tmp_path):
    """A copy of that project of the test's own."""
    shutil.copytree(duet_template, tmp_path, dirs_exist_ok=True)
    return tmp_path / "night.masque"


@pytest.fixture(scope="session")
def driven_template(tmp_path_factory, duet_template, samples):
    """The duet with a clip on Ada and a voice on Bruno, made once."""
    folder = tmp_path_factory.mktemp("driven")
    shutil.copytree(duet_template, folder, dirs_exist_ok=True)
    project = str(folder / "night.masque")
    assert run(["drive", project, "Duet", "Ada", str(samples / "driver_smile.mp4"), "--json"]) == 0
    assert run(["voice", project, "Duet", "Bruno", str(samples / "voice.wav"), "--json"]) == 0
    return folder


@pytest.fixture
def driven(driven_template, tmp_path):
    """A copy of that project of the test's own."""
    shutil.copytree(driven_template, tmp_path / "driven")
    return tmp_path / "driven" / "night.masque"
