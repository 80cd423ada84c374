"""Any sequence of edits, undone in reverse and redone, passes through identical contents."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects_db.errors import ProjectError
from projects_db.project_change import ProjectChange
from projects_db.project_store import ProjectStore
from projects_db.records import (
    Channel,
    CurveKeyRecord,
    FaceRegionRecord,
    Interpolation,
    LoopMode,
    MediaKind,
    RegionBox,
    RegionKeyRecord,
    RegionShape,
    TakeFileRecord,
    TakeStatus,
)

Pick = Callable[[tuple], str]
NAMES = st.sampled_from(["Ada", "Bo", "Cy", "Dé", "One", "Two"])
NUMBERS = st.floats(min_value=0, max_value=2, allow_nan=False)
EDITS = st.tuples(
    st.sampled_from(
        [
            "add_scene",
            "update_scene",
            "move_scene",
            "remove_scene",
            "add_character",
            "update_character",
            "remove_character",
            "set_region",
            "driving",
            "voice",
            "curve",
            "marker",
            "take",
            "remove_asset",
            "project",
        ]
    ),
    st.integers(min_value=0, max_value=7),
    NAMES,
    NUMBERS,
)
CHANGES = st.lists(st.lists(EDITS, min_size=1, max_size=4), min_size=1, max_size=6)


class Editor:
    """Carries out a drawn edit on whatever is there."""

    def __init__(self, store: ProjectStore, change: ProjectChange) -> None:
        self.store, self.change = store, change

    def scene(self, number: int) -> str:
        scenes = self.store.scenes()
        return scenes[number % len(scenes)].id if scenes else "none"

    def character(self, number: int) -> str:
        people = [person for scene in self.store.scenes() for person in self.store.scene(scene.id).characters]
        return people[number % len(people)].id if people else "none"

    def asset(self, kind: MediaKind) -> str:
        return next((asset.id for asset in self.store.assets() if asset.kind is kind), "none")

    def edit(self, what: str, number: int, name: str, value: float) -> None:
        getattr(self, f"edit_{what}")(number, name, value)

    def edit_add_scene(self, number: int, name: str, value: float) -> None:
        self.change.add_scene(name=name, plate_asset_id=self.asset(MediaKind.IMAGE), length_frames=number + 1)

    def edit_update_scene(self, number: int, name: str, value: float) -> None:
        self.change.update_scene(self.scene(number), name=name, prompt=str(value), length_frames=None)

    def edit_move_scene(self, number: int, name: str, value: float) -> None:
        self.change.move_scene(self.scene(number), number // 2)

    def edit_remove_scene(self, number: int, name: str, value: float) -> None:
        self.change.remove_scene(self.scene(number))

    def edit_add_character(self, number: int, name: str, value: float) -> None:
        self.change.add_character(
            scene_id=self.scene(number), name=name, colour="#abcdef", region=region(number)
        )

    def edit_update_character(self, number: int, name: str, value: float) -> None:
        self.change.update_character(self.character(number), name=name, position=number // 4)

    def edit_remove_character(self, number: int, name: str, value: float) -> None:
        self.change.remove_character(self.character(number))

    def edit_set_region(self, number: int, name: str, value: float) -> None:
        self.change.set_region(self.character(number // 2), region(number))

    def edit_driving(self, number: int, name: str, value: float) -> None:
        clip = self.change.add_driving_clip(
            character_id=self.character(number),
            asset_id=self.asset(MediaKind.VIDEO),
            source_in_s=Fraction(number, 7),
            source_out_s=Fraction(number + 1, 7),
            start_frame=number,
            length_frames=number + 1,
        )
        self.change.update_driving_clip(clip, loop_mode=LoopMode.PING_PONG, gain_db=-value)

    def edit_voice(self, number: int, name: str, value: float) -> None:
        self.change.add_voice_clip(
            character_id=self.character(number),
            asset_id=self.asset(MediaKind.AUDIO),
            source_in_s=Fraction(0),
            source_out_s=Fraction(number + 1, 48000),
            start_frame=number,
            gain_db=value,
        )

    def edit_curve(self, number: int, name: str, value: float) -> None:
        keys = tuple(
            CurveKeyRecord(
                frame=frame * (number + 1),
                value=value,
                interpolation=Interpolation.BEZIER,
                handle_in=(-value, 0),
            )
            for frame in range(number % 3)
        )
        self.change.set_curve(self.character(number), list(Channel)[number % 2], keys)

    def edit_marker(self, number: int, name: str, value: float) -> None:
        self.change.add_marker(scene_id=self.scene(number), frame=number, name=name, colour="#123456")

    def edit_take(self, number: int, name: str, value: float) -> None:
        take_id = f"take {name} {number}"
        self.change.add_take(
            take_id=take_id,
            scene_id=self.scene(number),
            renderer="draft",
            seed=number,
            request="{}",
            directory="r",
        )
        file = TakeFileRecord(role="movie", label=name, relative_path="r/m.mp4", size_bytes=number)
        self.change.finish_take(take_id, status=TakeStatus.DONE, result=None, files=(file,) * 2, error=None)

    def edit_remove_asset(self, number: int, name: str, value: float) -> None:
        self.change.remove_asset(self.asset(list(MediaKind)[number % 3]))

    def edit_project(self, number: int, name: str, value: float) -> None:
        self.change.rename_project(name)
        self.change.set_frame_rate(Fraction(24000 + number, 1001))


def region(number: int) -> FaceRegionRecord:
    keys = tuple(
        RegionKeyRecord(
            frame=frame, box=RegionBox(x=0.1, y=frame / 100, width=0.3, height=0.1 + number / 100)
        )
        for frame in range(1 + number % 3)
    )
    return FaceRegionRecord(shape=RegionShape.BOX, feather=number / 10, keys=keys)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_edits_undone_in_reverse_and_redone_pass_through_identical_contents(
    changes: list, add_asset, content
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "random.masque"
        with ProjectStore.create(path, name="Random", frame_rate=Fraction(24)) as store:
            with store.change("Media") as media:
                for kind in MediaKind:
                    add_asset(media, kind, f"a.{kind}")
            contents, records = [content(path)], []
            for number, edits in enumerate(changes):
                with store.change(f"Change {number}") as change:
                    editor = Editor(store, change)
                    for edit in edits:
                        try:
                            editor.edit(*edit)
                        except ProjectError as error:
                            assert error.code in ("invalid", "not_found")
                records.append(change.record)
                contents.append(content(path))
            for record, before in zip(reversed(records), reversed(contents[:-1]), strict=True):
                store.revert(record)
                assert content(path) == before
            for record, after in zip(records, contents[1:], strict=True):
                store.apply_again(record)
                assert content(path) == after
