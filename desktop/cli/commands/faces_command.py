"""`masque faces`."""

import typer

from desktop.authoring.characters import faces_on_plate
from desktop.authoring.project_files import open_project
from desktop.cli.presenting import JsonOption, ProjectArgument, SceneArgument, console, present, table

app = typer.Typer(add_completion=False)


@app.command(help="List the faces found on a scene's plate.")
def faces(project: ProjectArgument, scene: SceneArgument, as_json: JsonOption = False) -> None:
    """List the faces found on a scene's plate, from the left; boxes are shares of the plate."""
    with open_project(project) as store:
        found = faces_on_plate(store, store.scene_named(scene))
    rows = [
        (number, face.view, f"{face.x:.3f},{face.y:.3f},{face.width:.3f},{face.height:.3f}")
        for number, face in enumerate(found, start=1)
    ]
    listed = [
        {"number": number, "view": view, "region": region, "confidence": face.confidence}
        for (number, view, region), face in zip(rows, found, strict=True)
    ]
    if found:
        present(as_json, {"faces": listed})
        if not as_json:
            console().print(table(("face", "view", "region x,y,width,height"), rows))
    else:
        present(
            as_json,
            {"faces": []},
            "No face was found. Give the region yourself: "
            "masque character add PROJECT SCENE NAME --region x,y,width,height.",
        )
