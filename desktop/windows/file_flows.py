"""What the File menu does: new, open, recent, versions, close; and choosing files to bring in."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop.authoring.project_files import PROJECT_SUFFIX
from desktop.panels.desk import Desk
from desktop.state.notices import Notice, Remedy, Tone
from desktop.widgets.file_dialog import FileDialog
from engine.protocol.errors import UserError
from projects_db.errors import ProjectError
from projects_db.records import SnapshotRecord
from projects_db.recovery import recover_project

STILLS = "*.png *.jpg *.jpeg *.webp *.tif *.tiff *.bmp *.exr"
MOVING = "*.mp4 *.mov *.mkv *.webm *.avi *.m4v *.wav *.mp3 *.m4a *.flac *.ogg *.aac *.aif *.aiff"


class FileFlows(QObject):
    """Dialogs are opened, never executed: the event loop goes on below them."""

    def __init__(self, desk: Desk, window: QWidget) -> None:
        super().__init__(window)
        self._desk = desk
        self._window = window

    def ask_new(self) -> None:
        """Ask where the new project goes."""
        dialog = self._dialog(self.tr("New project"), self.tr("Masque project (*.masque)"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(PROJECT_SUFFIX.removeprefix("."))
        dialog.setLabelText(QFileDialog.DialogLabel.Accept, self.tr("Make project"))
        dialog.fileSelected.connect(lambda name: self.new_project(Path(name)))
        dialog.open()

    def ask_open(self) -> None:
        """Ask which project to open."""
        dialog = self._dialog(self.tr("Open project"), self.tr("Masque project (*.masque)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self.open_project(Path(name)))
        dialog.open()

    def ask_stills(self) -> None:
        """Ask for stills; each becomes a scene."""
        self._ask_files(
            self.tr("Choose stills"), f"{self.tr('Pictures')} ({STILLS})", self._desk.imports.add_scenes
        )

    def ask_media(self) -> None:
        """Ask for driving clips and voices; they go to the selected character, else to the media."""
        self._ask_files(
            self.tr("Choose driving clips and voices"),
            f"{self.tr('Video and sound')} ({MOVING})",
            self.add_media,
        )

    def ask_media_only(self) -> None:
        """Ask for driving clips and voices for the media list."""
        self._ask_files(
            self.tr("Choose driving clips and voices"),
            f"{self.tr('Video and sound')} ({MOVING})",
            self._desk.imports.add_media,
        )

    def add_media(self, paths: list[Path]) -> None:
        """Put media on the selected character, else into the media list."""
        character_id = self._desk.selection.character_id
        if character_id is not None and self._desk.session.character(character_id) is not None:
            self._desk.imports.place_files(character_id, paths, self._desk.playback.frame)
        else:
            self._desk.imports.add_media(paths)

    def ask_relink(self) -> None:
        """Ask for the folder that missing media were moved to."""
        dialog = self._dialog(self.tr("Where are the missing files?"), "")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda name: self.relink(Path(name)))
        dialog.open()

    def relink(self, folder: Path) -> None:
        """Find missing media below a folder by their content; the window goes on meanwhile."""
        self._desk.imports.relink(folder)

    def new_project(self, path: Path) -> None:
        """Make a project and open it."""
        self._take_over(lambda: self._desk.session.create(path))

    def open_project(self, path: Path) -> None:
        """Open a project; a damaged one can be brought back from its newest good version."""
        self._take_over(lambda: self._desk.session.open(path), path)

    def close_project(self) -> None:
        """Close the project."""
        self._desk.session.close()

    def ask_version_name(self) -> None:
        """Ask for a version's name and save it."""
        if self._desk.session.is_open:
            self._desk.questions.ask(
                self.tr("Save a version as"),
                initial="",
                accept=self.tr("Save version"),
                answer=self.save_version,
            )

    def save_version(self, name: str) -> None:
        """Keep the project as it is now under a name."""
        try:
            version = self._desk.session.store.save_version(name)
        except ProjectError as error:
            self._desk.notices.failed(error)
            return
        self._desk.notices.show(
            Notice(tone=Tone.NEWS, message=self.tr("Saved the version “%s”.") % version.name)
        )

    def versions(self) -> tuple[SnapshotRecord, ...]:
        """Return the open project's versions, the newest first."""
        if not self._desk.session.is_open:
            return ()
        try:
            return self._desk.session.store.versions()
        except ProjectError as error:
            self._desk.notices.failed(error)
            return ()

    def restore_version(self, version: SnapshotRecord) -> None:
        """Make the project what it was in a version; as it is now it is kept as a version too."""
        session = self._desk.session
        try:
            session.store.restore_version(version.file_name)
        except ProjectError as error:
            self._desk.notices.failed(error)
            return
        path = session.store.path
        session.close()
        self.open_project(path)
        message = (
            self.tr("The project is as it was in “%s”; what it was is kept as a version.") % version.name
        )
        self._desk.notices.show(Notice(tone=Tone.NEWS, message=message))

    def recover(self, path: Path) -> None:
        """Put the newest good version in the place of a damaged project, and open it."""
        try:
            version = recover_project(path)
        except ProjectError as error:
            self._desk.notices.failed(error)
            return
        self.open_project(path)
        message = self.tr("Back as of the version “%s”; the damaged file is kept beside it.") % version.name
        self._desk.notices.show(Notice(tone=Tone.NEWS, message=message))

    def _take_over(self, change: Callable[[], None], path: Path | None = None) -> None:
        try:
            change()
        except (ProjectError, UserError) as error:
            remedies = [Remedy(label=self.tr("Open another…"), act=self.ask_open)]
            if path is not None and isinstance(error, ProjectError) and error.code == "project_damaged":
                remedies.insert(
                    0, Remedy(label=self.tr("Bring back the newest version"), act=lambda: self.recover(path))
                )
            self._desk.notices.failed(error, *remedies)
            return
        self._desk.notices.dismiss()
        self._desk.preferences.remember_project(self._desk.session.store.path)

    def _ask_files(self, title: str, pattern: str, use: Callable[[list[Path]], None]) -> None:
        dialog = self._dialog(title, pattern)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda names: use([Path(name) for name in names]))
        dialog.open()

    def _dialog(self, title: str, pattern: str) -> QFileDialog:
        session = self._desk.session
        folder = session.store.folder if session.is_open else Path.home()
        dialog = FileDialog(self._window, title, folder)
        if pattern:
            dialog.setNameFilters([pattern, self.tr("All files (*)")])
        return dialog
