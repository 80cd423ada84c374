"""Edits a project without end and says after each edit that it is committed; the tests run it and kill it.

Arguments: the project, a name for this writer, and optionally "stay" to stop inside a change.
"""

import sys
import time
from pathlib import Path

from projects_db.project_store import ProjectStore


def main() -> None:
    path, writer = Path(sys.argv[1]), sys.argv[2]
    store = ProjectStore.open(path)
    plate = next(asset.id for asset in store.assets() if asset.kind == "image")
    number = 0
    while True:
        name = f"{writer} {number}"
        with store.change("Add scene") as change:
            scene = change.add_scene(name=name, plate_asset_id=plate)
            change.update_scene(scene, prompt="x" * 3000)
            change.add_marker(scene_id=scene, frame=number, name=name, colour="#ffffff")
            if "stay" in sys.argv and number == 3:
                print("inside", flush=True)
                time.sleep(600)
        print(name, flush=True)
        number += 1


if __name__ == "__main__":
    main()
