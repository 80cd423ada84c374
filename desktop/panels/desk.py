"""What the panels work with, built once by the application and handed to each of them."""

from dataclasses import dataclass

from desktop.commands.character_edits import CharacterEdits
from desktop.commands.clip_edits import ClipEdits
from desktop.commands.curve_edits import CurveEdits
from desktop.commands.edit_history import EditHistory
from desktop.commands.imports import Imports
from desktop.commands.marker_edits import MarkerEdits
from desktop.commands.renders import Renders
from desktop.commands.scene_edits import SceneEdits
from desktop.engine_link.engine_link import EngineLink
from desktop.state.bundle_shelf import BundleShelf
from desktop.state.live_draft import LiveDraft
from desktop.state.media_looks import MediaLooks
from desktop.state.memory_outlook import MemoryOutlook
from desktop.state.notices import Notices
from desktop.state.playback import Playback
from desktop.state.player import Player
from desktop.state.preferences import Preferences
from desktop.state.project_session import ProjectSession
from desktop.state.questions import Questions
from desktop.state.render_choice import RenderChoice
from desktop.state.render_queue import RenderQueue
from desktop.state.selection import Selection
from desktop.state.stage_sources import StageSources
from desktop.theme.theme import Theme


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """State to bind to and edits to make. Panels keep nothing of it but what they show."""

    theme: Theme
    preferences: Preferences
    session: ProjectSession
    selection: Selection
    playback: Playback
    live: LiveDraft
    sources: StageSources
    player: Player
    looks: MediaLooks
    link: EngineLink
    queue: RenderQueue
    shelf: BundleShelf
    choice: RenderChoice
    outlook: MemoryOutlook
    notices: Notices
    questions: Questions
    history: EditHistory
    scenes: SceneEdits
    characters: CharacterEdits
    clips: ClipEdits
    curves: CurveEdits
    markers: MarkerEdits
    imports: Imports
    renders: Renders
