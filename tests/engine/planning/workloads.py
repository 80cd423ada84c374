"""Renders as plans see them: shots of the published model, of many sizes."""

from fractions import Fraction

from hypothesis import strategies as st

from engine.bundles.installed_bundle import PartName
from engine.planning.adapter_names import AdapterName
from engine.planning.network_sizes import BundleSizes, EncoderSize, SpeechSize, TransformerSize, VaeSize
from engine.planning.shot_cutting import AdapterLoad, BranchCount, SegmentLoad
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision, Solver
from tests.engine.planning.machines import GB

SPEAKING = frozenset({AdapterName.EXPRESSION, AdapterName.VOICE})


def encoder(parameters, width, layers, heads, feed_forward, embedding):
    return EncoderSize(
        parameters=parameters,
        width=width,
        layers=layers,
        heads=heads,
        feed_forward=feed_forward,
        embedding=embedding,
    )


PUBLISHED = BundleSizes(
    transformer=TransformerSize(
        width=5120,
        heads=40,
        blocks=40,
        feed_forward=13824,
        frequency_width=256,
        text_width=4096,
        image_width=1280,
        image_tokens=257,
        channels_in=36,
        channels_out=16,
    ),
    text_encoder=encoder(5_680_910_336, 4096, 24, 64, 10240, 256384 * 4096),
    image_encoder=encoder(630_766_080, 1280, 32, 16, 5120, 1280 * 5120),
    speech_encoder=SpeechSize(encoder=encoder(94_371_712, 768, 12, 12, 3072, 768 * 3072), channels=512),
    vae=VaeSize(parameters=126_892_531, channels=96, residual_blocks=2, latent_channels=16),
    adapter_widths={AdapterName.EXPRESSION: 2048, AdapterName.VOICE: 2048},
    file_bytes={
        PartName.TRANSFORMER: 66 * GB,
        PartName.TEXT_ENCODER: 23 * GB,
        PartName.IMAGE_ENCODER: 2 * GB,
        PartName.VAE: GB // 2,
        PartName.SPEECH_ENCODER: GB // 4,
        PartName.EXPRESSION_ADAPTER: 3 * GB,
        PartName.VOICE_ADAPTER: 2 * GB,
    },
)


def segment(frames, *, pieces=1, characters=1, branches=2, steps=30, timeline=None):
    latents = (frames - 1) // 4 + 1
    loads = tuple(
        AdapterLoad(
            name=name,
            width=2048,
            characters=characters,
            tokens=timeline or tokens,
            window=window,
            is_whole=characters == 1,
            shared_of_frame=0.8,
            own_of_frame=0.2 if characters > 1 else 0.0,
        )
        for name, tokens, window in (
            (AdapterName.EXPRESSION, 24 * frames, 97),
            (AdapterName.VOICE, 50 * frames // 23, 17),
        )
    )
    speaking = (SPEAKING, *(frozenset(),) * (branches - 1))
    return SegmentLoad(
        segment_frames=frames,
        latent_frames=latents,
        piece_latents=latents,
        pieces=pieces,
        windows=1,
        known_latents=0 if pieces == 1 else 4,
        steps=(BranchCount(speaking=speaking, times=steps * pieces),),
        adapters=loads,
    )


def workload(width=832, height=480, frames=81, *, pieces=1, precision=Precision.AUTO, **changes):
    segments = [segment(frames, pieces=pieces, **changes)]
    for shorter in (frames // 8 * 4 + 1, 17):
        if shorter < segments[-1].segment_frames:
            more = -(-frames * pieces // shorter)
            segments.append(segment(shorter, pieces=more, **changes))
    return Workload(
        sizes=PUBLISHED,
        precision=precision,
        model_width=width,
        model_height=height,
        frame_count=frames * pieces,
        model_frames=frames * pieces,
        steps=30,
        solver=Solver.EULER,
        texts=2,
        voices=1,
        voice_s=Fraction(frames * pieces, 23),
        segments=tuple(segments),
    )


memory = st.floats(min_value=3, max_value=90).map(lambda size: int(size * GB))
sizes = st.sampled_from([(832, 480), (512, 512), (1280, 720), (256, 256)])
shots = st.builds(
    lambda size, frames, pieces, characters, branches: workload(
        *size, frames, pieces=pieces, characters=characters, branches=branches
    ),
    size=sizes,
    frames=st.sampled_from([17, 49, 81]),
    pieces=st.sampled_from([1, 3]),
    characters=st.integers(1, 3),
    branches=st.integers(1, 4),
)
