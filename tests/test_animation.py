from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from t2i.animation import save_animation, there_and_back, write_frames

COMMENT = "a rosé\nSeed: 7, Size: 64x64"


def frames(count: int = 5, size: tuple[int, int] = (64, 64)) -> list[Image.Image]:
    """Each lighter than the one before it."""
    return [Image.new("RGB", size, (50 * k,) * 3) for k in range(count)]


def greys(file: Path) -> list[int]:
    """The grey in the middle of each frame."""
    if file.suffix == ".mp4":
        with av.open(str(file)) as video:
            pictures = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    else:
        with Image.open(file) as image:
            pictures = [np.asarray((image.seek(k), image.convert("RGB"))[1]) for k in range(image.n_frames)]
    return [int(p[p.shape[0] // 2, p.shape[1] // 2, 0]) for p in pictures]


@pytest.mark.parametrize(("count", "shown"), [(0, []), (1, [0]), (2, [0, 1]), (4, [0, 1, 2, 3, 2, 1])])
def test_a_loop_goes_back_with_its_ends_once(count, shown):
    assert list(there_and_back(range(count))) == shown


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp", ".MP4"])
def test_frames_are_all_there_in_their_order(tmp_path, suffix):
    file = tmp_path / f"walk{suffix}"
    save_animation(frames(), file)
    assert greys(file.rename(file.with_suffix(suffix.lower()))) == pytest.approx([0, 50, 100, 150, 200], abs=3)


def test_mp4_plays_everywhere(tmp_path):
    save_animation(frames(), tmp_path / "walk.mp4", fps=12, comment=COMMENT)
    with av.open(str(tmp_path / "walk.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", Fraction(12))
        assert (stream.width, stream.height) == (512, 512) and video.metadata["comment"] == COMMENT
    data = (tmp_path / "walk.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it starts before it is downloaded


def test_mp4_sides_are_even(tmp_path):
    save_animation(frames(size=(33, 35)), tmp_path / "walk.mp4", scale=1)
    with av.open(str(tmp_path / "walk.mp4")) as video:
        assert [(frame.width, frame.height) for frame in video.decode(video=0)] == [(32, 34)] * 5


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_gif_and_webp_loop_for_ever(tmp_path, suffix):
    file = tmp_path / f"walk.{suffix}"
    save_animation(frames(), file, fps=10, comment=COMMENT)
    with Image.open(file) as image:
        assert image.info["loop"] == 0 and image.size == (256, 256) and image.n_frames == 5
        image.load()
        assert image.info["duration"] == 100
        assert image.info.get("comment", b"").decode() == (COMMENT if suffix == "gif" else "")


def test_no_gif_is_faster_than_browsers_play(tmp_path):
    save_animation(frames(), tmp_path / "walk.gif", fps=60)
    with Image.open(tmp_path / "walk.gif") as image:
        assert image.info["duration"] == 20


@pytest.mark.parametrize(
    ("size", "scale", "shown"), [((64, 64), 3, 192), ((64, 64), None, 256), ((600, 600), None, 600)]
)
def test_small_pictures_are_enlarged_crisp(tmp_path, size, scale, shown):
    picture = Image.new("RGB", size, "black")
    picture.paste("white", (0, 0, 1, 1))
    save_animation([picture, Image.new("RGB", size, "red")], tmp_path / "walk.gif", scale=scale)
    with Image.open(tmp_path / "walk.gif") as image:
        assert image.size == (shown, shown)
        pixel = shown // size[0]
        assert (np.asarray(image.convert("L")) > 127).sum() == pixel**2


@pytest.mark.parametrize("name", ["walk.mp4", "walk.gif", "walk.webp"])
def test_writing_counts_the_frames_as_it_takes_them(tmp_path, name):
    taken = []

    def drawn():
        for k, frame in enumerate(frames(3)):
            taken.append(k)
            yield frame

    for count in write_frames(drawn(), tmp_path / name):
        assert len(taken) == count
    assert count == 3 and len(greys(tmp_path / name)) == 3


@pytest.mark.parametrize("name", ["walk.avi", "walk", "walk.png"])
def test_another_suffix_is_told(tmp_path, name):
    with pytest.raises(ValueError, match=r"end its name in \.mp4, \.gif or \.webp\.$"):
        save_animation(frames(), tmp_path / name)


@pytest.mark.parametrize("name", ["walk.mp4", "walk.gif", "walk.webp"])
def test_no_frames_are_told_and_nothing_is_written(tmp_path, name):
    with pytest.raises(ValueError, match="give at least one picture"):
        save_animation([], tmp_path / name)
    assert not (tmp_path / name).exists()
