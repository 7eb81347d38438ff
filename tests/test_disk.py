"""Full disks, damaged files, places that can't be written: one sentence, and nothing is lost."""

import errno
import os
import resource
import subprocess
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from support.forked import warm_context
from support.layouts import draw_pairs

from training import (
    benchmark,
    convert,
    disentangle,
    evaluate,
    expand,
    gan,
    match,
    second_stage,
    skip_thoughts,
    style,
    text_encoder,
    timelapse,
)
from training.data import load_data
from training.data.__main__ import main as pack
from training.data.cache import cached_array
from training.options import check_device, run_script
from training.release import __main__ as release
from training.run import disk
from training.run.disk import check_file, check_folder, reserve
from training.run.state import atomic, load_state, remove_leftovers, save_state, state_files, write_json

CPU = torch.device("cpu")


@contextmanager
def at_most(size: int):
    """Files of this process can't grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"A small disk can't be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def decode_there(root, cache, told) -> None:
    try:
        load_data("folder", root, 200, cache=cache)
    except ValueError as error:
        told.put(str(error))


def test_a_disk_that_fills_up_while_pixels_are_decoded_is_told(small_disk, tmp_path):
    context = warm_context()  # a fault of the memory would end the process
    told = context.SimpleQueue()
    process = context.Process(target=decode_there, args=(draw_pairs(tmp_path / "set"), small_disk, told))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert (
        f"no space left on {small_disk} for" in (sentence := told.get()) and "2 MB are needed, 1 MB are fr" in sentence
    )
    assert not list(small_disk.iterdir())


def test_decoding_beyond_what_a_process_may_write_is_told(tmp_path):
    root, cache = draw_pairs(tmp_path / "set"), tmp_path / "cache"
    with at_most(1_000_000), pytest.raises(ValueError, match=r"no space left .* 2 MB are needed"):
        load_data("folder", root, 200, cache=cache)
    assert not list(cache.iterdir())
    assert load_data("folder", root, 200, cache=cache).images.shape == (12, 200, 200, 3)


def parts() -> dict:
    torch.manual_seed(0)
    return {"x": torch.nn.Linear(300, 300)}


def test_a_full_disk_keeps_the_last_state(tmp_path):
    save_state(tmp_path, 64, parts())
    with at_most(100_000), pytest.raises(ValueError, match=r"no space left .*state-000000128.pt: 1 MB are needed"):
        save_state(tmp_path, 128, parts())
    assert [file.name for file in tmp_path.iterdir()] == ["state-000000064.pt"]
    assert load_state(tmp_path, parts(), CPU) == 64


def test_a_disk_that_fills_up_in_spite_of_what_was_reserved_is_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("training.run.state.reserve", lambda *_: None)  # as on a disk that copies what is written over
    with at_most(100_000), pytest.raises(ValueError, match=r"no space left"):
        save_state(tmp_path, 64, parts())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", ["posix_fallocate", "zeros"])
def test_what_is_reserved_keeps_what_stands_before(tmp_path, monkeypatch, how):
    if how == "zeros":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    file = tmp_path / "array"
    with file.open("w+b") as stream:
        stream.write(b"head")
        reserve(stream, 4, 5_000_000)
    assert file.stat().st_size == 5_000_000 and file.stat().st_blocks * 512 >= 5_000_000
    assert file.read_bytes()[:6] == b"head\0\0"


def test_a_state_is_as_long_as_what_it_holds(tmp_path):
    file = save_state(tmp_path, 64, parts())
    assert zipfile.ZipFile(file).testzip() is None
    assert set(torch.load(file, weights_only=True)) == {"images", "parts"}


@pytest.mark.parametrize("damage", ["empty", "cut", "changed"])
def test_a_damaged_newest_state_is_set_aside_for_the_one_before(tmp_path, damage, capsys):
    for images in (64, 128):
        save_state(tmp_path, images, parts())
    newest = state_files(tmp_path)[-1]
    whole = newest.read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes(255 - x for x in whole[middle : middle + 64]) + whole[middle + 64 :]
    newest.write_bytes({"empty": b"", "cut": whole[:middle], "changed": changed}[damage])
    assert load_state(tmp_path, parts(), CPU) == 64
    assert (
        "state-000000128.pt is damaged and set aside; the run goes on from state-000000064.pt"
        in capsys.readouterr().out
    )
    assert {f.name for f in tmp_path.iterdir()} == {"state-000000064.pt", "state-000000128.damaged"}


def test_where_no_state_is_whole_a_run_does_not_begin_anew_by_itself(tmp_path):
    save_state(tmp_path, 64, parts()).write_bytes(b"")
    with pytest.raises(ValueError, match=r"state-000000064.pt is damaged, .* delete it to begin anew"):
        load_state(tmp_path, parts(), CPU)


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    (tmp_path / "x.npy.7-abc.tmp").write_bytes(b"half")
    with atomic(tmp_path / "y.npy") as living:
        remove_leftovers(tmp_path)
        assert list(tmp_path.iterdir()) == [living]
        living.write_bytes(b"whole")
    assert (tmp_path / "y.npy").read_bytes() == b"whole"


@pytest.mark.parametrize("damage", [b"", b"no array", None])
def test_a_damaged_cache_file_is_made_anew(tmp_path, damage, capsys):
    root = draw_pairs(tmp_path / "set")
    images = np.array(load_data("folder", root, 16, cache=tmp_path / "cache").images)
    (file,) = (tmp_path / "cache").glob("*.npy")
    file.write_bytes(file.read_bytes()[:500] if damage is None else damage)
    assert np.array_equal(load_data("folder", root, 16, cache=tmp_path / "cache").images, images)
    assert f"{file} is damaged and is made anew" in capsys.readouterr().out


def test_a_cache_that_cannot_be_written_names_the_file_and_the_setting(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"x.npy can't be made: .*file is in its place.*T2I_CACHE"):
        cached_array(tmp_path / "file" / "x.npy", lambda: np.zeros(3))


def test_home_is_where_the_cache_may_be(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("T2I_CACHE", "~/kept")
    load_data("folder", draw_pairs(tmp_path / "set"), 16)
    assert list((tmp_path / "kept").glob("folder-16-*.npy"))


def test_places_that_cannot_be_written_are_told(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match="a file is in its place"):
            check_folder(folder)
    with pytest.raises(ValueError, match="is a folder; give the name of a file"):
        check_file(tmp_path)
    check_file(tmp_path / "made" / "figures.json", None)
    write_json(tmp_path / "made" / "figures.json", {})


def test_a_foreign_folder_is_told():
    if not Path("/proc/self").is_dir():
        pytest.skip("There is no /proc here, in which nobody may write.")
    with pytest.raises(ValueError, match=r"/proc/run can't be written to"):
        check_folder(Path("/proc/run"))


def test_what_the_system_refuses_ends_a_script_in_one_sentence(tmp_path):
    (tmp_path / "file").touch()

    def fails(error):
        def main():
            raise error

        return main

    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "file"))
    cases = {
        "can't be used (Not a directory)": NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), "a/b"),
        "There is no space left on": full,
        "timed out": TimeoutError("timed out"),
        "too little memory (CUDA": torch.OutOfMemoryError("CUDA out of memory"),
    }
    for told, error in cases.items():
        with pytest.raises(SystemExit) as ended:
            run_script(fails(error))
        assert told in ended.value.code and "\n" not in ended.value.code


RUNS = {
    gan: ["--text-encoder=none"], text_encoder: [], style: [], match: [], skip_thoughts: [], second_stage: [],
}  # fmt: skip
FILES = {
    evaluate: ["--features=pixels", "--nearest"], disentangle: ["--out"], benchmark: ["--quick", "--out"],
    timelapse: ["nowhere", "-o"],
}  # fmt: skip


@pytest.mark.parametrize("script", RUNS, ids=lambda script: script.__name__)
def test_a_run_tries_its_folder_and_its_device_before_the_work(tmp_path, script):
    (tmp_path / "file").touch()
    arguments = ["--data=synthetic", "--preset=smoke", *RUNS[script]]
    with pytest.raises(ValueError, match="a file is in its place"):
        script.main([*arguments, f"--out={tmp_path / 'file' / 'run'}", "--device=cpu"])
    with pytest.raises(ValueError, match="--device is 'cuda:99', but PyTorch can't use that here"):
        script.main([*arguments, f"--out={tmp_path / 'run'}", "--device=cuda:99"])


@pytest.mark.parametrize("script", FILES, ids=lambda script: script.__name__)
def test_a_measure_tries_its_file_before_the_work(tmp_path, script):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="a file is in its place"):
        script.main([*FILES[script], str(tmp_path / "file" / "out.mp4")])


@pytest.mark.parametrize("flag", ["--out", "--table", "--nearest", "--spectrum"])
def test_every_output_of_an_evaluation_is_tried(tmp_path, flag):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="a file is in its place"):
        evaluate.main(["--model=nowhere", "--features=pixels", flag, str(tmp_path / "file" / "figures")])


@pytest.mark.parametrize("script", [evaluate, release, benchmark], ids=lambda script: script.__name__)
def test_other_scripts_try_their_device_before_the_work(tmp_path, script):
    arguments = {
        evaluate: ["--model=nowhere"],
        release: [f"--run={tmp_path}", f"-o={tmp_path}"],
        benchmark: ["--quick"],
    }
    with pytest.raises(ValueError, match="--device is 'cuda:99', but PyTorch can't use that here"):
        script.main([*arguments[script], "--data=synthetic", "--device=cuda:99"])


def test_a_pack_tries_its_file_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="a file is in its place"):
        pack(["pack", "--data=oxford102", f"--root={tmp_path}", "-o", str(tmp_path / "file" / "flowers.tar")])


def test_other_outputs_are_tried_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    out = ["-o", str(tmp_path / "file" / "out")]
    for script, arguments in (
        (release, ["--data=synthetic", "--preset=smoke", f"--run={tmp_path / 'run'}"]),
        (convert, ["--files=nowhere", "--data=synthetic"]),
        (expand, ["--model=nowhere", "--vectors=nowhere", "--data=synthetic"]),
    ):
        with pytest.raises(ValueError, match="a file is in its place"):
            script.main([*arguments, *out])


def test_a_device_that_is_there_is_used():
    check_device("cpu")
    with pytest.raises(ValueError, match="--device is 'quantum'"):
        check_device("quantum")
    assert disk.lacks_space(None) is False


def test_a_folder_that_goes_while_states_are_looked_for_has_none(tmp_path, monkeypatch):
    """Another process tries whether it can be made."""

    def gone(*_):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(tmp_path))

    monkeypatch.setattr(Path, "glob", gone)
    assert state_files(tmp_path) == []
