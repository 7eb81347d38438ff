"""Files in parts: no part is too large, and joined they are what they were; what is missing is named."""

import pytest

from training.run.parts import join_parts, pack_states, split_file, unpack_states

BYTES = bytes(range(250)) * 4


@pytest.fixture
def state(tmp_path):
    file = tmp_path / "gan" / "state-000000064.pt"
    file.parent.mkdir()
    file.write_bytes(BYTES)
    return file


def test_parts_are_small_and_make_the_file_again(state):
    parts = split_file(state, 300)
    assert [part.stat().st_size for part in parts] == [300, 300, 300, 100] and not state.exists()
    join_parts(state.parent)
    assert state.read_bytes() == BYTES and list(state.parent.iterdir()) == [state]


def test_a_small_file_stays_whole(state):
    assert split_file(state, 1000) == [state] and state.read_bytes() == BYTES


@pytest.mark.parametrize("lost", [0, 2, 3])
def test_a_part_that_did_not_arrive_is_named(state, lost):
    parts = split_file(state, 300)
    parts[lost].unlink()
    with pytest.raises(ValueError, match=f"{parts[lost].name} is missing; copy it there, too"):
        join_parts(state.parent)


def test_a_kill_while_splitting_or_joining_loses_nothing(state):
    parts = split_file(state, 300)
    state.write_bytes(BYTES)
    parts[0].unlink()
    join_parts(state.parent)
    assert state.read_bytes() == BYTES and list(state.parent.iterdir()) == [state]


def test_what_travels_is_the_newest_state_of_each_stage(state, tmp_path, monkeypatch):
    (state.parent / "state-000000032.pt").write_bytes(b"older")
    monkeypatch.setattr("training.run.parts.PART", 300)
    pack_states(tmp_path)
    assert len(list(state.parent.iterdir())) == 4
    unpack_states(tmp_path)
    assert list(state.parent.iterdir()) == [state]
