"""What is wrong, or may be, with what drives a character, each with its remedy as a link."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from desktop.panels.desk import Desk
from desktop.widgets.labels import TextTone, label, link_button
from projects_db.records import CharacterRecord, DrivingClipRecord, VoiceClipRecord

MOST_FINDINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about a driver, and what can be done about it."""

    title: str
    text: str
    remedies: tuple[tuple[str, Callable[[], object]], ...] = ()


class DriverCheck(QWidget):
    """Boxes with findings for the selected character."""

    relink_wanted = Signal()
    media_wanted = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)

    def show_character(self, character: CharacterRecord) -> None:
        """Show what there is to say about a character's drivers."""
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        findings = list(self._findings(character))[:MOST_FINDINGS]
        self.setVisible(bool(findings))
        self._column.addWidget(label(self.tr("Driver check"), TextTone.HEADING))
        for finding in findings:
            self._column.addWidget(_box(finding))

    def _findings(self, character: CharacterRecord) -> Iterator[Finding]:
        clips: tuple[DrivingClipRecord | VoiceClipRecord, ...] = (
            *character.driving_clips,
            *character.voice_clips,
        )
        if not clips:
            yield Finding(
                title=self.tr("Nothing drives %s yet") % character.name,
                text=self.tr("Drop a driving clip or a voice on the character's track, or choose one."),
                remedies=((self.tr("Choose media…"), self.media_wanted.emit),),
            )
        for clip in clips:
            yield from self._missing(clip)
            yield from self._beyond_end(clip)
        yield from self._warnings(character)
        if clips and self._desk.live.draft is not None and not self._desk.live.draft.shot.warnings:
            yield Finding(
                title=self._clip_name(clips[0]),
                text=self.tr("Read to the end without trouble; the draft shows it."),
            )

    def _missing(self, clip: DrivingClipRecord | VoiceClipRecord) -> Iterator[Finding]:
        asset = self._desk.session.assets.get(clip.asset_id)
        if asset is not None and asset.missing:
            yield Finding(
                title=asset.name,
                text=self.tr("The file is missing."),
                remedies=((self.tr("Find it…"), self.relink_wanted.emit),),
            )

    def _beyond_end(self, clip: DrivingClipRecord | VoiceClipRecord) -> Iterator[Finding]:
        session, clips = self._desk.session, self._desk.clips
        end = clip.start_frame + clips.length_frames(clip)
        length, rate = session.length_frames, session.frame_rate
        if end <= length:
            return
        text = self.tr("Ends at %.1f s; the scene ends at %.1f s.") % (
            float(end / rate),
            float(length / rate),
        )
        yield Finding(
            title=self._clip_name(clip),
            text=text,
            remedies=(
                (self.tr("Trim to scene"), lambda: clips.trim_to_frame(clip.id, length)),
                (self.tr("Extend scene"), lambda: self._desk.scenes.set_length(end)),
            ),
        )

    def _warnings(self, character: CharacterRecord) -> Iterator[Finding]:
        draft = self._desk.live.draft
        for warning in draft.shot.warnings if draft is not None else ():
            if any(self._clip_name(clip) in warning for clip in character.driving_clips):
                yield Finding(title=self.tr("In the driving clip"), text=warning)

    def _clip_name(self, clip: DrivingClipRecord | VoiceClipRecord) -> str:
        asset = self._desk.session.assets.get(clip.asset_id)
        return asset.name if asset else self.tr("Clip")


def _box(finding: Finding) -> QFrame:
    box = QFrame()
    box.setObjectName("box")
    column = QVBoxLayout(box)
    column.setContentsMargins(10, 8, 10, 8)
    column.setSpacing(2)
    column.addWidget(label(finding.title, TextTone.STRONG, wraps=True))
    column.addWidget(label(finding.text, TextTone.QUIET, wraps=True))
    if finding.remedies:
        row = QHBoxLayout()
        row.setSpacing(10)
        for text, act in finding.remedies:
            button = link_button(text)
            button.clicked.connect(_caller(act))
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
    box.setSizePolicy(box.sizePolicy().horizontalPolicy(), box.sizePolicy().verticalPolicy())
    column.setAlignment(Qt.AlignmentFlag.AlignTop)
    return box


def _caller(act: Callable[[], object]) -> Callable[[], None]:
    def call() -> None:
        act()

    return call
