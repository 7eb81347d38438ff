"""A run's folder: the same run goes on, another is refused, and no two processes are in it."""

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.forked import warm_context

from training import gan, match, second_stage, skip_thoughts, style, text_encoder
from training.gans.presets import PRESETS
from training.measure.large import resized
from training.run.claim import CONFIG, claimed, compare
from training.run.state import atomic, save_state, state_files
from training.text.embeddings import load_trained_encoder

PART = {"x": torch.nn.Linear(1, 1)}
RUN = {"data": "folder", "pictures": "aaaa", "captions": "bbbb", "generator": "cccc", "epochs": 2, "lr": 0.1}


def claim(folder, config=RUN, free=("epochs", "lr"), defaults=None, below=1000, **more):
    with claimed(folder, config, free, defaults or {}, below, **more):
        pass


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("pictures", "another set of pictures"),
        ("captions", "another set of captions"),
        ("generator", "another generat"),
    ],
)
def test_a_run_on_other_data_or_weights_is_refused_and_told_what_differs(tmp_path, key, told):
    claim(tmp_path)
    with pytest.raises(ValueError, match=f"{told}.*resume it with what it began with, or choose another --out"):
        claim(tmp_path, RUN | {key: "dddd"})
    assert json.loads((tmp_path / CONFIG).read_text()) == RUN


def test_runs_begun_before_a_key_was_kept_go_on(tmp_path):
    old = {"data": "folder", "epochs": 2}
    (tmp_path / CONFIG).write_text(json.dumps(old))
    claim(tmp_path, defaults={"lr": 0.2})
    assert json.loads((tmp_path / CONFIG).read_text()) == RUN
    (tmp_path / CONFIG).write_text(json.dumps(old))
    with pytest.raises(ValueError, match="another lr"):
        claim(tmp_path, free=("epochs",), defaults={"lr": 0.2})


@pytest.mark.parametrize(("text", "told"), [("", "empty"), ('{"data": ', "damaged"), ("[1]", "not the file of a run")])
def test_a_damaged_config_is_named(tmp_path, text, told):
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(ValueError, match=rf"config.json is {told}"):
        compare(tmp_path, RUN, (), {})


def test_a_run_that_has_seen_more_than_is_asked_for_keeps_its_history(tmp_path):
    claim(tmp_path)
    save_state(tmp_path, 128, PART)
    with pytest.raises(ValueError, match=r"has seen 128 images already.*more --epochs"):
        claim(tmp_path, RUN | {"epochs": 1}, below=128)
    assert json.loads((tmp_path / CONFIG).read_text()) == RUN
    claim(tmp_path, RUN | {"epochs": 3}, below=192)
    assert json.loads((tmp_path / CONFIG).read_text())["history"] == [{"until_image": 128, "epochs": 2}]


@pytest.mark.parametrize(
    ("epochs", "seen", "kept"),
    [(3, 128, []), (4, 192, []), (3, 200, [{"until_image": 200, "epochs": 4}]), (2, 100, []),
     (2, 128, []), (2, 130, [{"until_image": 130, "epochs": 4}])],
)  # fmt: skip
def test_a_length_that_has_changed_nothing_yet_is_no_history(tmp_path, epochs, seen, kept):
    """Of runs whose last half alone depends on their length, 128 images an epoch."""
    more = {"ends_from": lambda config: 64 * config["epochs"]}
    claim(tmp_path, RUN | {"epochs": 4}, **more)
    save_state(tmp_path, seen, PART)
    claim(tmp_path, RUN | {"epochs": epochs}, **more)
    told = json.loads((tmp_path / CONFIG).read_text())
    assert told["epochs"] == epochs and told.get("history", []) == kept
    claim(tmp_path, RUN | {"epochs": epochs, "lr": 0.2}, **more)
    assert json.loads((tmp_path / CONFIG).read_text())["history"][-1] == {"until_image": seen, "lr": 0.1}


def hold(folder, ready) -> None:
    """Be at a run and in the midst of writing, until killed."""
    with claimed(folder, RUN, (), {}, 1000), atomic(folder / "state-000000064.pt"):
        ready.set()
        time.sleep(3600)


def test_a_second_start_is_refused_until_the_first_is_dead(tmp_path):
    context = warm_context()
    ready = context.Event()
    first = context.Process(target=hold, args=(tmp_path, ready))
    first.start()
    assert ready.wait(600)
    try:
        with pytest.raises(ValueError, match=f"is in use by process {first.pid};"):
            claim(tmp_path)
        assert len(list(tmp_path.glob("*.tmp"))) == 1
    finally:
        first.kill()
        first.join()
    claim(tmp_path)
    assert not list(tmp_path.glob("*.tmp"))
    claim(tmp_path)  # a run that has ended leaves nobody in its folder
    assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"


@pytest.fixture(scope="module")
def few(synthetic):
    part = synthetic.thin(128)
    return replace(part, images=resized(part.images, 64))


def begin(name, data, snapshot, out) -> None:
    """One step of a run, and a state; or what it says."""
    if name == "gan":
        gan.train_gan(data, load_trained_encoder(snapshot), PRESETS["smoke"], out, max_minutes=0)
    elif name == "text_encoder":
        text_encoder.train_text_encoder(data, None, text_encoder.PRESETS["smoke"], out, "cpu", 0)
    elif name == "skip_thoughts":
        documents = skip_thoughts.documents_of(data, skip_thoughts.PRESETS["smoke"])
        trainer = skip_thoughts.build_trainer(*documents, skip_thoughts.PRESETS["smoke"], "cpu")
        skip_thoughts.train_skip_thoughts(trainer, data.name, out, max_minutes=0)
    elif name == "second_stage":
        large = replace(data, images=resized(data.images, 256))
        second_stage.train_second_stage(large, snapshot, second_stage.PRESETS["smoke"], out, max_minutes=0)
    else:
        script = {"style": style, "match": match}[name]
        train = style.train_style if name == "style" else match.train_match
        train(data, snapshot, script.PRESETS["smoke"], out, max_minutes=0)


@pytest.mark.parametrize("name", ["gan", "text_encoder", "skip_thoughts", "style", "match", "second_stage"])
def test_every_run_knows_its_data_and_what_it_has_seen(few, snapshot, tmp_path, name):
    first, second, *rest = few.captions
    others = {
        "captions": replace(few, captions=(second, first, *rest)),
        "pictures": replace(few, images=few.images[::-1], fingerprint="another"),
    }
    begin(name, few, snapshot, tmp_path)
    kept = json.loads((tmp_path / CONFIG).read_text())
    for what, other in others.items():
        if name != "skip_thoughts" or what == "captions":
            told = "text" if name == "skip_thoughts" else f"set of {what}"
            with pytest.raises(ValueError, match=f"holds a run with another .*{told}"):
                begin(name, other, snapshot, tmp_path)
    (state,) = state_files(tmp_path)
    state.rename(tmp_path / "state-999999999.pt")
    with pytest.raises(ValueError, match="has seen 999,999,999 images already"):
        begin(name, few, snapshot, tmp_path)
    assert json.loads((tmp_path / CONFIG).read_text()) == kept


def test_data_is_known_again_wherever_it_lies(synthetic):
    same = synthetic.contents()
    assert synthetic.select(np.arange(len(synthetic))).contents() == same
    fewer = synthetic.select(np.arange(len(synthetic) - 1)).contents()
    assert all(fewer[part] != same[part] for part in ("pictures", "captions", "classes"))
