from pathlib import Path

import av
import pytest
from PIL import Image
from support.forked import run_python

from t2i import Synthesizer, cli
from t2i.cli import main, parser
from t2i.images import Parameters, make_grid, read_parameters

MODEL = {"-h --help": "==SUPPRESS==", "--size": None, "--model": None, "--revision": None, "--device": "cpu"}
COMMANDS = {  # other people's scripts rely on these
    "": {"caption": None, "--seed": 0, "--count": 1, "--scale": 1, "-o --out": Path("flowers.png")},
    "vary": {
        "caption": None,
        "--seed": 0,
        "--strength": 0.3,
        "--near": 1,
        "--count": 8,
        "--scale": 1,
        "-o --out": Path("near.png"),
    },
    "interpolate": {
        "a": None,
        "b": None,
        "--steps": None,
        "--seed": 0,
        "--to-seed": None,
        "--fps": 24,
        "--scale": None,
        "-o --out": Path("walk.mp4"),
    },
    "style": {"photo": None, "captions": None, "--scale": 3, "-o --out": Path("style.png")},
    "grid": {"captions": None, "--seed": 0, "--count": 8, "--scale": 2, "-o --out": Path("grid.png")},
}
A, B = "a red flower with many thin petals", "this flower is white"


@pytest.fixture
def photo(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("photos") / "rose.jpg"
    Image.radial_gradient("L").resize((300, 200)).save(file)
    return file


def written(out: Path) -> Image.Image:
    with Image.open(out) as image:
        image.load()
    return image


def test_commands_and_flags_are_these():
    assert set(cli.COMMANDS) == set(COMMANDS)
    for command, arguments in COMMANDS.items():
        actions = parser(command)._actions
        assert {" ".join(a.option_strings) or a.dest: a.default for a in actions} == arguments | MODEL


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_every_flag(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "-h"] if command else ["-h"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    assert all(name.split()[0] in told for name in COMMANDS[command] | MODEL if name.startswith("-"))
    assert all(action.help for action in parser(command)._actions)


def test_command_draws_a_grid_with_its_parameters(snapshot, tiny, tmp_path, capsys):
    out = tmp_path / "flowers.png"
    assert main(["a pink flower", "--seed", "7", "--count", "8", "-o", str(out), "--model", str(snapshot)]) == 0
    image = written(out)
    assert image.size == (8 * 66 - 2, 64)
    assert read_parameters(image) == Parameters("a pink flower", 7, tiny.name, 64)
    assert "Count: 8" in image.text["parameters"]
    assert "seed 7 to 14" in capsys.readouterr().out


def test_module_runs_as_a_command(snapshot, tmp_path):
    out = tmp_path / "one.png"
    assert not run_python("-m", "t2i", "a red flower", "--scale", "4", "-o", out, "--model", snapshot).returncode
    assert written(out).size == (256, 256)


def test_a_caption_may_be_called_like_a_command(snapshot, tiny, tmp_path):
    out = tmp_path / "grid.png"
    assert main(["--model", str(snapshot), "-o", str(out), "grid"]) == 0
    assert read_parameters(written(out)) == Parameters("grid", 0, tiny.name, 64)


def test_vary_writes_a_picture_and_those_near_it(snapshot, tiny, tmp_path, capsys):
    out = tmp_path / "near.png"
    command = ["vary", A, "--seed", "3", "--near", "5", "--count", "2", "--strength", "0.5", "-o", str(out)]
    assert main([*command, "--model", str(snapshot)]) == 0
    image = written(out)
    assert image.tobytes() == make_grid([*tiny.generate(A, 3), *tiny.vary(A, 3, [5, 6], 0.5)], 3).tobytes()
    assert read_parameters(image) == Parameters(A, 3, tiny.name, 64)
    assert "seed 3 and 2 near it" in capsys.readouterr().out
    for strength in ("1.5", "nan", "much"):
        with pytest.raises(SystemExit):
            main(["vary", A, "--strength", strength])


def test_interpolate_writes_a_strip(snapshot, tiny, tmp_path):
    out = tmp_path / "strip.png"
    assert main(["interpolate", A, B, "--to-seed", "5", "-o", str(out), "--model", str(snapshot)]) == 0
    image = written(out)
    images = tiny.interpolate(A, B, 8, 0, 5)
    assert image.tobytes() == make_grid(images, 8).tobytes()
    assert read_parameters(image) == Parameters(A, 0, tiny.name, 64)
    assert f'Second caption: "{B}", Steps: 8, Second seed: 5' in image.text["parameters"]


def test_interpolate_writes_an_mp4(snapshot, tmp_path):
    out = tmp_path / "walk.mp4"
    assert main(["interpolate", A, B, "--fps", "12", "--scale", "2", "-o", str(out), "--model", str(snapshot)]) == 0
    with av.open(str(out)) as video:
        frames = [(frame.width, frame.height) for frame in video.decode(video=0)]
        assert frames == [(128, 128)] * 48 and video.streams.video[0].average_rate == 12
        assert video.metadata["comment"].startswith(f"{A}\nSeed: 0, ")


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_interpolate_writes_other_animations(snapshot, tmp_path, suffix):
    out = tmp_path / f"walk.{suffix}"
    assert main(["interpolate", A, B, "--to-seed", "9", "--steps", "5", "-o", str(out), "--model", str(snapshot)]) == 0
    with Image.open(out) as image:
        assert image.n_frames == 5


def test_style_shows_the_photograph_beside_its_captions(full_snapshot, photo, tmp_path):
    out = tmp_path / "style.png"
    assert main(["style", str(photo), A, B, "--scale", "2", "-o", str(out), "--model", str(full_snapshot)]) == 0
    image = written(out)
    assert image.width > 3 * 128 and image.height > 128
    assert image.text["parameters"].startswith(f"{A}\nSize: 64x64, ")
    assert f'Style: "rose.jpg", Other captions: "{B}"' in image.text["parameters"]


def test_grid_labels_captions_and_seeds(snapshot, tiny, tmp_path):
    out = tmp_path / "grid.png"
    command = ["grid", A, B, "--seed", "3", "--count", "4", "--scale", "1", "-o", str(out), "--model", str(snapshot)]
    assert main(command) == 0
    image = written(out)
    assert image.width > 4 * 64 and image.height > 2 * 64
    assert read_parameters(image) == Parameters(A, 3, tiny.name, 64)
    for drawn in Synthesizer.from_pretrained(snapshot).generate([A, B], [3, 6]):
        assert any(
            image.crop((x, y, x + 64, y + 64)).tobytes() == drawn.tobytes()
            for x in range(image.width - 63)
            for y in range(image.height - 63)
            if image.getpixel((x, y)) == drawn.getpixel((0, 0))
        )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["", "-o", "{}/a.png"], "caption is empty"),
        (["a" * 300, "-o", "{}/a.png"], "shorten it by 99"),
        (["a flower", "-o", "{}/a.jpg"], "is not a .png"),
        (["a flower", "-o", "{}/no/a.png"], "no folder"),
        (["a flower", "-o", "{}/a.png", "--model", "nowhere"], "There is no folder nowhere"),
        (["interpolate", A, "", "-o", "{}/a.mp4"], "caption is empty"),
        (["interpolate", A, B, "-o", "{}/a.avi"], "is not a .png, .mp4, .gif or .webp"),
        (["style", "{}/no.jpg", A, "-o", "{}/a.png"], "There is no file"),
        (["style", __file__, A, "-o", "{}/a.png"], "is not a picture"),
        (["grid", A, "", "-o", "{}/a.png"], "caption is empty"),
        (["grid", A, "-o", "{}/a.gif"], "is not a .png"),
    ],
)
def test_wrong_input_is_told_and_writes_nothing(snapshot, tmp_path, capsys, arguments, sentence):
    arguments = [a.format(tmp_path) for a in arguments]
    assert main(arguments if "--model" in arguments else [*arguments, "--model", str(snapshot)]) == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_style_needs_a_style_encoder(snapshot, photo, tmp_path, capsys):
    assert main(["style", str(photo), A, "-o", str(tmp_path / "a.png"), "--model", str(snapshot)]) == 2
    assert "has no style encoder" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["old.png", "old.mp4", "old.gif", "old.webp"])
def test_a_failed_export_leaves_the_old_file_and_nothing_else(snapshot, tmp_path, capsys, monkeypatch, name):
    def save_half(image, file, **_):
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    def encode_none(image):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", save_half)
    if name.endswith("mp4"):
        monkeypatch.setattr(av.VideoFrame, "from_image", encode_none)
    out = tmp_path / name
    out.write_bytes(b"old")
    assert main(["interpolate", A, B, "--steps", "3", "-o", str(out), "--model", str(snapshot)]) == 2
    assert f"{name} can't be written (No space left on device)" in capsys.readouterr().err
    assert out.read_bytes() == b"old" and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_one_and_what_it_points_to_is_written(snapshot, tmp_path, exists):
    target, out = tmp_path / "kept" / "real.png", tmp_path / "link.png"
    target.parent.mkdir()
    if exists:
        target.write_bytes(b"old")
    out.symlink_to(target)
    assert main([A, "-o", str(out), "--model", str(snapshot)]) == 0
    assert out.is_symlink() and written(target).size == (64, 64)
    assert sorted(tmp_path.rglob("*")) == [target.parent, target, out]


def test_home_may_be_written_in_any_path(full_snapshot, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(full_snapshot)
    (tmp_path / "model").symlink_to(full_snapshot)
    (tmp_path / "photo.png").symlink_to(photo)
    assert main(["style", "~/photo.png", A, "--out=~/style.png", "--model=~/model"]) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"model", "photo.png", "style.png"}


def test_a_link_to_nowhere_is_told(snapshot, tmp_path, capsys):
    (tmp_path / "link.png").symlink_to(tmp_path / "gone" / "real.png")
    assert main([A, "-o", str(tmp_path / "link.png"), "--model", str(snapshot)]) == 2
    assert f"There is no folder {tmp_path / 'gone'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a", "--seed", "-1"],
        ["a", "--seed", "one"],
        ["a", "--count", "0"],
        ["a", "--steps", "50"],
        ["a", "--device", "abacus"],
        ["interpolate", "a"],
        ["interpolate", "a", "b", "--steps", "1"],
        ["style", "photo.jpg"],
        ["grid"],
    ],
)
def test_wrong_flags_are_refused_in_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
