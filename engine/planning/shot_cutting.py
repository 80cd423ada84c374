"""A shot cut into passes of the transformer: how many tokens, branches and characters each of them has."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from engine.planning.adapter_names import AdapterName
from engine.planning.character_tokens import (
    MOST_KEPT_TOKENS,
    timeline_tokens,
    tokens_in_windows,
    window_ranges,
)
from engine.planning.guidance import ShotBranches, guidance_scales, weighted_branches
from engine.planning.latent_grid import FRAMES_PER_LATENT, latent_frame_count
from engine.planning.model_time import ModelTime
from engine.planning.network_sizes import BundleSizes
from engine.planning.prompt_text import clean_prompt
from engine.planning.region_area import least_area, most_area
from engine.planning.shot_pieces import continuation_pieces, shot_pieces, shot_windows
from engine.protocol.curves import Channel, value_at
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import CharacterInput, RenderRequest

SHORTEST_SEGMENT = 17
"""Video frames of the shortest pass that a plan goes down to, where the overlap allows it."""

_CHANNELS = {AdapterName.EXPRESSION: Channel.EXPRESSION, AdapterName.VOICE: Channel.VOICE}
_Counts = Counter[tuple[frozenset[AdapterName], ...]]
"""How often which adapters speak in the branches of a step of a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterLoad:
    """What an adapter brings to a pass: `tokens` of each character, at most `window` seen by a latent frame.

    `is_whole`: all of the picture attends to it, since there is but one character; else rows are gathered:
    `shared_of_frame` is how much of the picture (0..1) attends to all the adapter's characters, at most, and
    `own_of_frame` how much to a single one of several.
    """

    name: AdapterName
    width: int
    characters: int
    tokens: int
    window: int
    is_whole: bool = False
    shared_of_frame: float = 1.0
    own_of_frame: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether keys and values are kept in the bank; else each block makes them anew."""
        return self.tokens <= MOST_KEPT_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchCount:
    """How often, over all steps and passes, so many branches are computed together, with so many adapters.

    `speaking`: for each branch the adapters that speak in it.
    """

    speaking: tuple[frozenset[AdapterName], ...]
    times: int

    @property
    def branches(self) -> int:
        """How many branches are computed together."""
        return len(self.speaking)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLoad:
    """A shot cut for passes of `segment_frames` video frames.

    `latent_frames`: of the longest pass; `pieces` are rendered one after another, `windows`: how many passes
    a step of a piece has at most; `known_latents`: the latent frames a piece knows from the one before.
    `steps`: what the steps of all pieces compute. `adapters`: those that any character brings.
    """

    segment_frames: int
    latent_frames: int
    piece_latents: int
    pieces: int
    windows: int
    known_latents: int
    steps: tuple[BranchCount, ...]
    adapters: tuple[AdapterLoad, ...]

    @property
    def branches(self) -> int:
        """The most branches of a step."""
        return max(count.branches for count in self.steps)

    @property
    def forwards(self) -> int:
        """The forwards of the transformer over all steps and pieces."""
        return sum(count.branches * count.times for count in self.steps)

    def of_shorter_shot(self, latent_frames: int) -> "SegmentLoad":
        """Return the memory's side of a shorter shot cut alike; what its steps compute stays as it was."""
        if self.windows > 1:
            share, window = latent_frames / self.piece_latents, min(self.latent_frames, latent_frames)
            adapters = tuple(replace(load, tokens=ceil(share * load.tokens)) for load in self.adapters)
            return replace(self, latent_frames=window, piece_latents=latent_frames, adapters=adapters)
        most = latent_frame_count(self.segment_frames)
        overlap = min(self.known_latents, most - 1)
        pieces = continuation_pieces(latent_frames, most=most, overlap=overlap)
        longest = max(piece.end - piece.start for piece in pieces)
        return replace(
            self,
            latent_frames=longest,
            piece_latents=longest,
            pieces=len(pieces),
            known_latents=max(piece.known for piece in pieces),
        )


def segment_lengths(settings: DiffusionSettings, time: ModelTime) -> tuple[int, ...]:
    """Return a segment's frames as asked for, about half of the longest pass, and the shortest.

    Each is 4k+1 and longer than the overlap; what is not shorter than the one before is left out.
    """
    step = FRAMES_PER_LATENT
    longest = min(settings.segment_frames, time.model_frame_count)
    least = settings.overlap_frames // step * step + 1 + step
    half = max(least, longest // 2 // step * step + 1)
    shortest = max(least, SHORTEST_SEGMENT)
    lengths = [settings.segment_frames]
    for frames in (half, min(half, shortest)):
        if frames < min(longest, lengths[-1]):
            lengths.append(frames)
    return tuple(lengths)


class ShotCutting:
    """A request on the transformer's clock: its characters' tokens, and its branches in any pass."""

    def __init__(
        self, request: RenderRequest, settings: DiffusionSettings, time: ModelTime, sizes: BundleSizes
    ) -> None:
        self._request = request
        self._settings = settings
        self._time = time
        self._sizes = sizes
        self._people = {
            AdapterName.EXPRESSION: [each for each in request.characters if each.driving],
            AdapterName.VOICE: [each for each in request.characters if each.voices],
        }
        self._adapters = [name for name, people in self._people.items() if people]
        self._heard = {name: self._heard_frames(name) for name in self._adapters}
        self._scales = guidance_scales(settings.guidance, frozenset(self._adapters))
        same = clean_prompt(request.prompt) == clean_prompt(request.negative_prompt)
        self._texts_differ = self._scales.text != 1.0 and not same
        self._steps: dict[ShotBranches, _Counts] = {}

    @property
    def texts(self) -> int:
        """How many texts are encoded: at a text scale of 1 the negative one has no weight."""
        return 1 if self._scales.text == 1.0 else 2

    def cut(self, segment_frames: int) -> SegmentLoad:
        """Return the shot in passes of so many video frames."""
        settings = replace(self._settings, segment_frames=segment_frames)
        windows = shot_windows(settings, self._time.latent_frames, seed=self._request.seed)
        pieces = shot_pieces(settings, self._time.latent_frames)
        spans = [(piece.start, piece.end) for piece in pieces]
        passes = [windows.windows(step) for step in range(self._settings.steps)] if windows else None
        seen = spans if passes is None else [(0, self._time.latent_frames)]
        return SegmentLoad(
            segment_frames=segment_frames,
            latent_frames=max(end - start for start, end in (spans if passes is None else passes[0])),
            piece_latents=max(end - start for start, end in spans),
            pieces=len(pieces),
            windows=1 if passes is None else max(map(len, passes)),
            known_latents=max(piece.known for piece in pieces),
            steps=self._counted(
                self._counts_of_pieces(spans) if passes is None else self._in_windows(passes)
            ),
            adapters=tuple(self._load(name, seen, compacted=windows is None) for name in self._adapters),
        )

    def _load(self, name: AdapterName, spans: list[tuple[int, int]], *, compacted: bool) -> AdapterLoad:
        width = self._sizes.adapter_widths.get(name)
        if width is None:
            raise UserError(
                f"The model bundle {self._settings.bundle} lacks the {name} adapter that a character needs.",
                next_step="Render with another bundle, or add what is missing and verify the bundle.",
                code=ErrorCode.RENDERER_UNAVAILABLE,
            )
        timeline, ranges = timeline_tokens(name, self._time), window_ranges(name, self._time)
        shown = [tokens_in_windows(ranges[start:end], timeline) for start, end in spans]
        return AdapterLoad(
            name=name,
            width=width,
            characters=len(self._people[name]),
            tokens=max(shown) if compacted else timeline,
            window=ranges[0][1] - ranges[0][0] + 1,
            is_whole=len(self._request.characters) == 1,
            shared_of_frame=self._shared_of_frame(name),
            own_of_frame=self._own_of_frame(name),
        )

    def _shared_of_frame(self, name: AdapterName) -> float:
        """Return the picture's share that is in no region of a character this adapter tells apart, at most.

        With one character that is its own region too; regions may grow, so they are taken as they are drawn.
        """
        people = self._people[name]
        apart = self._request.characters if len(people) > 1 else self._without(people[0])
        return 1.0 - max((least_area(character.region, self._request) for character in apart), default=0.0)

    def _without(self, one: CharacterInput) -> list[CharacterInput]:
        return [each for each in self._request.characters if each is not one]

    def _own_of_frame(self, name: AdapterName) -> float:
        people = self._people[name]
        if len(people) == 1:
            return 0.0
        return max(most_area(character.region, self._request) for character in people)

    def _heard_frames(self, name: AdapterName) -> frozenset[int]:
        """Return the latent frames in which any character's strength for an adapter is not 0."""
        channel = _CHANNELS[name]
        return frozenset(
            frame
            for frame in range(self._time.latent_frames)
            if any(self._is_heard(character, channel, frame) for character in self._people[name])
        )

    def _is_heard(self, character: CharacterInput, channel: Channel, frame: int) -> bool:
        curve = character.curve(channel)
        span = self._time.latent_span(frame)
        return curve is None or any(
            value_at(curve, self._time.project_position(each), channel) > 0 for each in span
        )

    def _counts_of_pieces(self, spans: list[tuple[int, int]]) -> Iterator[_Counts]:
        for start, end in spans:
            yield self._branches_of_steps(self._shot_branches(start, end))

    def _in_windows(self, passes: list[tuple[tuple[int, int], ...]]) -> Iterator[_Counts]:
        for step, windows in enumerate(passes):
            yield Counter(self._speaking(self._shot_branches(start, end), step) for start, end in windows)

    def _shot_branches(self, start: int, end: int) -> ShotBranches:
        adapters = frozenset(
            name for name in self._adapters if not self._heard[name].isdisjoint(range(start, end))
        )
        return ShotBranches(adapters=adapters, texts_differ=self._texts_differ)

    def _branches_of_steps(self, shot: ShotBranches) -> _Counts:
        if shot not in self._steps:
            self._steps[shot] = Counter(self._speaking(shot, step) for step in range(self._settings.steps))
        return self._steps[shot]

    def _speaking(self, shot: ShotBranches, step: int) -> tuple[frozenset[AdapterName], ...]:
        branches = weighted_branches(self._scales, shot, step=step, steps=self._settings.steps)
        return tuple(branch.adapters for branch in branches)

    def _counted(self, counts: Iterator[_Counts]) -> tuple[BranchCount, ...]:
        total: _Counts = Counter()
        for each in counts:
            total.update(each)
        return tuple(BranchCount(speaking=speaking, times=times) for speaking, times in total.items())
