"""What a plan gives up, in words for people."""

from engine.protocol.memory_plan import Concession, PlanPhase

_GIVEN_UP = {
    Concession.NONE: "nothing is given up",
    Concession.SMALLER_PIECES: "fewer tokens go through a layer at a time",
    Concession.FEWER_RESIDENT_BLOCKS: "fewer blocks stay on the device",
    Concession.NO_RESIDENT_BLOCKS: "every block comes to the device when it is needed",
    Concession.BANK_ON_HOST: "keys and values come to the device block by block",
    Concession.SMALLER_TILES: "pictures are encoded and decoded in smaller tiles",
    Concession.NARROW_TOKENS: "tokens are kept in the narrow number format",
    Concession.EIGHT_BIT_WEIGHTS: "weights are kept in 8 bits",
    Concession.SHORTER_SEGMENTS: "segments are half as long",
    Concession.SHORTEST_SEGMENTS: "segments are as short as they can be",
}
_DOING = {
    PlanPhase.PROMPT: "reading the prompt",
    PlanPhase.PLATE_PICTURE: "looking at the plate",
    PlanPhase.SPEECH: "listening to the voice",
    PlanPhase.PLATE_LATENTS: "encoding the plate",
    PlanPhase.KEYS_AND_VALUES: "loading the transformer",
    PlanPhase.DENOISING: "denoising",
    PlanPhase.DECODING: "decoding the pictures",
}


def given_up(concession: Concession) -> str:
    """Return the last thing a plan gives up, as a clause without a full stop."""
    return _GIVEN_UP[concession]


def doing(phase: PlanPhase) -> str:
    """Return what a render does in a phase: "denoising"."""
    return _DOING[phase]
