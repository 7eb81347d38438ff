"""Pictures in a row to an mp4, GIF or WebP."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

from PIL import Image

from t2i.images import enlarge

FORMATS = (".mp4", ".gif", ".webp")
SIDE = 512  # pixels of the shorter side, about, to which small pictures are enlarged; half of it for GIF and WebP
SHORTEST = 20  # milliseconds: browsers show the frames of a GIF that is faster for 100


def check_animation(file: Path) -> None:
    """ValueError unless the file's name ends in one of FORMATS."""
    if file.suffix.lower() not in FORMATS:
        raise ValueError(f"{file} is no animation; end its name in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")


def there_and_back(frames: Iterable[Image.Image]) -> Iterator[Image.Image]:
    """Pictures as they come, then back to the second one: what a loop shows, the ends once."""
    seen = []
    for frame in frames:
        seen.append(frame)
        yield frame
    yield from seen[-2:0:-1]


def save_animation(
    frames: Sequence[Image.Image], file: Path, fps: int = 24, comment: str = "", scale: int | None = None
) -> None:
    """Write pictures of one size as an animation that loops, enlarged crisp; the suffix is the format.

    `scale` is the side of the square that a pixel becomes, as a rule what brings the picture near SIDE.
    `comment` is kept in the file's metadata (mp4 and GIF). ValueError for another suffix or no frames.
    """
    for _ in write_frames(frames, file, fps, comment, scale):
        pass


def write_frames(
    frames: Iterable[Image.Image], file: Path, fps: int = 24, comment: str = "", scale: int | None = None
) -> Iterator[int]:
    """As `save_animation`, yielding the number of frames taken so far; the file is whole at the end."""
    check_animation(file)
    mp4 = file.suffix.lower() == ".mp4"
    side = SIDE if mp4 else SIDE // 2
    large = (enlarge(frame, scale or max(1, side // min(frame.size))) for frame in frames)
    first = next(large, None)
    if first is None:
        raise ValueError("There are no frames to write; give at least one picture.")
    write = _write_mp4 if mp4 else _write_with_pillow
    yield from write(first, large, file, fps, comment)


def _write_mp4(first: Image.Image, others: Iterable[Image.Image], file: Path, fps: int, comment: str) -> Iterator[int]:
    import av  # as heavy as the rest of t2i together, and only needed here

    with av.open(str(file), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"crf": "18", "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        stream.width, stream.height = first.width // 2 * 2, first.height // 2 * 2  # the codec wants even sides
        for count, frame in enumerate(chain([first], others), 1):
            even = frame.crop((0, 0, stream.width, stream.height))
            container.mux(stream.encode(av.VideoFrame.from_image(even)))
            yield count
        container.mux(stream.encode())


def _write_with_pillow(
    first: Image.Image, others: Iterable[Image.Image], file: Path, fps: int, comment: str
) -> Iterator[int]:
    taken = [first]
    yield 1
    for frame in others:
        taken.append(frame)
        yield len(taken)
    options = {"save_all": True, "append_images": taken[1:], "duration": max(SHORTEST, round(1000 / fps)), "loop": 0}
    if file.suffix.lower() == ".gif":
        first.save(file, format="GIF", comment=comment.encode(), optimize=False, **options)
    else:
        first.save(file, format="WEBP", lossless=False, quality=90, method=2, **options)
