"""Pictures in a row to an mp4, GIF or WebP."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from PIL import Image

from t2i.images import enlarge

FORMATS = (".mp4", ".gif", ".webp")
SIDE = 512  # pixels of the shorter side, about: small pictures are enlarged


def check_animation(file: Path) -> None:
    """ValueError unless the file's name ends in one of FORMATS."""
    if file.suffix.lower() not in FORMATS:
        raise ValueError(f"{file} is no animation; end its name in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")


def save_animation(frames: Sequence[Image.Image], file: Path, fps: int = 24, comment: str = "") -> None:
    """Write pictures of one size as an animation that loops, enlarged crisp; the suffix is the format.

    `comment` is kept in the file's metadata (mp4 and GIF). ValueError for another suffix or no frames.
    """
    for _ in write_frames(frames, file, fps, comment):
        pass


def write_frames(frames: Iterable[Image.Image], file: Path, fps: int = 24, comment: str = "") -> Iterator[int]:
    """As `save_animation`, yielding the number of frames taken so far; the file is whole at the end."""
    check_animation(file)
    if file.suffix.lower() == ".mp4":
        yield from _write_mp4(frames, file, fps, comment)
        return
    taken = []
    for frame in frames:
        taken.append(enlarge(frame, max(1, SIDE // 2 // min(frame.size))))
        yield len(taken)
    if not taken:
        raise ValueError("There are no frames to write; give at least one picture.")
    options = {"save_all": True, "append_images": taken[1:], "duration": round(1000 / fps), "loop": 0}
    if file.suffix.lower() == ".gif":
        taken[0].save(file, format="GIF", comment=comment.encode(), optimize=False, **options)
    else:
        taken[0].save(file, format="WEBP", lossless=False, quality=90, method=2, **options)


def _write_mp4(frames: Iterable[Image.Image], file: Path, fps: int, comment: str) -> Iterator[int]:
    import av  # as heavy as the rest of t2i together, and only needed here

    count = 0
    with av.open(str(file), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        if comment:
            container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"crf": "18", "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            large = enlarge(frame, max(1, SIDE // min(frame.size)))
            stream.width, stream.height = large.width // 2 * 2, large.height // 2 * 2  # the codec wants even sides
            for packet in stream.encode(av.VideoFrame.from_image(large.crop((0, 0, stream.width, stream.height)))):
                container.mux(packet)
            count += 1
            yield count
        if not count:
            raise ValueError("There are no frames to write; give at least one picture.")
        for packet in stream.encode():
            container.mux(packet)
