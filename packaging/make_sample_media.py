"""Makes Masque's own sample media, drawn and synthesised here.

`python packaging/make_sample_media.py [FOLDER]`, in an environment in which Masque is installed. The same
versions of numpy, OpenCV and PyAV give the same files.
"""

import argparse
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from sample_canvas import Canvas
from sample_performance import FRAMES_PER_SECOND, paint_duet, pair_painter, solo_painter
from sample_voice import SAMPLE_RATE, synthesise_voice

from engine.media.opencv import cv2

SAMPLES_FOLDER = Path(__file__).resolve().parents[1] / "resources" / "samples"
SOLO_FRAMES = 96
PAIR_FRAMES = 72
BT_709 = 1
LIMITED_RANGE = 1


def make_sample_media(folder: Path) -> list[Path]:
    """Write every sample into `folder`, replacing what is there, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    still, solo = folder / "duet.png", folder / "driver_smile.mp4"
    pair, voice = folder / "driver_pair.mp4", folder / "voice.wav"
    write_still(still, paint_duet())
    write_clip(solo, solo_painter(), SOLO_FRAMES)
    write_clip(pair, pair_painter(), PAIR_FRAMES)
    write_voice(voice)
    return [still, solo, pair, voice]


def write_still(path: Path, canvas: Canvas) -> None:
    """Write a painting as PNG, packed as small as PNG goes."""
    _, encoded = cv2.imencode(".png", canvas.picture(), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    path.write_bytes(encoded.tobytes())


def write_clip(path: Path, paint: Callable[[int], Canvas], frame_count: int) -> None:
    """Write `frame_count` painted frames as H.264 with BT.709 colours."""
    first = paint(0)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(
            "libx264", rate=FRAMES_PER_SECOND, options={"crf": "19", "preset": "slow"}
        )
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
        codec = stream.codec_context
        codec.thread_count = 1
        codec.color_primaries = codec.color_trc = codec.colorspace = BT_709
        codec.color_range = LIMITED_RANGE
        for frame in range(frame_count):
            container.mux(stream.encode(_as_video_frame(paint(frame))))
        container.mux(stream.encode(None))


def write_voice(path: Path) -> None:
    """Write the babble as a 16-bit mono WAV."""
    samples = np.rint(synthesise_voice() * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())


def _as_video_frame(canvas: Canvas) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(canvas.picture(), format="bgr24")
    return picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")


def main() -> None:
    """Read the folder from the command line and make the samples."""
    parser = argparse.ArgumentParser(description="Make Masque's sample media.")
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLES_FOLDER)
    for path in make_sample_media(parser.parse_args().folder):
        print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")  # noqa: T201 - a command speaks through its output


if __name__ == "__main__":
    main()
