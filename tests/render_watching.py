"""Listening to a render in this process."""


class Watching:
    """Keeps what a render tells; `stop_when` looks at each phase and may stop it."""

    def __init__(self, stop_when=lambda phase: False):
        self.phases, self.shares, self.previews = [], [], []
        self._stop_when, self._stop = stop_when, False

    def step(self):
        pass

    def progress(self, phase, frames_done, seconds_left, share=None):
        self.phases.append(phase)
        self.shares.append(share)
        self._stop = self._stop or self._stop_when(phase)

    def preview(self, frame, jpeg):
        assert jpeg().startswith(b"\xff\xd8")
        self.previews.append(frame)

    def should_stop(self):
        return self._stop

    def steps(self):
        return [phase for phase in self.phases if "tep " in phase]
