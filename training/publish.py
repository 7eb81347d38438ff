"""Publish a model on the Hub: python -m training.publish RUN owner/repo [--private] [--space owner/name] [--dry-run]

RUN is the folder of a finished run of training.gan, or a snapshot's own. In one commit go the files that
`t2i.hub` pulls, a model card, sample pictures and what training.evaluate measured; nothing else that lies
there, and no training states. Before, the snapshot is loaded and every model in it draws.
"""

import argparse
from io import BytesIO
from pathlib import Path

from huggingface_hub.utils import filter_repo_objects
from PIL import Image

from t2i.config import SnapshotConfig
from t2i.hub import FILES, given_path
from t2i.networks.text import is_readable
from t2i.snapshot import GENERATOR
from t2i.synthesizer import Synthesizer
from training.hub.card import CARD, LARGE_SAMPLES, SAMPLES, SPECTRUM, read_facts, write_card
from training.hub.demo import space_files
from training.hub.upload import Publication, check_name, check_token, is_private, send
from training.measure.drawing import LARGE_QUALITY, SAMPLE_SEEDS, draw_large_samples, draw_samples
from training.options import run_script

NEVER = ("*.pt", "*.tmp", ".*", "*/.*")  # states, what a write left half done, hidden files
OWNED = (*FILES, CARD, SAMPLES, LARGE_SAMPLES, SPECTRUM)
UNKNOWN = "COMMIT"  # in a plan


def snapshot_of(run: Path) -> Path:
    """The folder of weights that a run has left, or that `run` is; ValueError if there is none."""
    folder = run / "snapshot" if (run / "snapshot").is_dir() else run
    if not (folder / GENERATOR).is_file():
        raise ValueError(f"{run} has no snapshot; finish the run with training.gan, or give a folder of weights.")
    return folder


def load_and_draw(folder: Path) -> Synthesizer:
    """The model, after it and the models beside it have drawn a picture; ValueError tells what is broken."""
    synthesizer = Synthesizer.from_pretrained(folder)
    for model in (synthesizer, *synthesizer.variants.values()):
        model.generate("a red flower", 0)
    return synthesizer


def weights_of(folder: Path) -> dict[str, Path]:
    """The snapshot's own files by path: what `t2i.hub` would pull."""
    found = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {path: found[path] for path in filter_repo_objects(found, allow_patterns=list(FILES), ignore_patterns=NEVER)}


def model_files(folder: Path, synthesizer: Synthesizer, repo: str) -> dict[str, Path | bytes]:
    """All that the model's repository is to hold: weights, figures, sample pictures and the card of them."""
    facts, files = read_facts(folder), weights_of(folder)
    captions = facts.get("captions") or list(synthesizer.examples[:SAMPLE_SEEDS])
    files |= {name: folder / name for name in (SAMPLES, LARGE_SAMPLES, SPECTRUM) if (folder / name).exists()}
    if SAMPLES in files:
        captions = facts.get("captions", [])
    elif captions:
        files[SAMPLES] = in_memory(draw_samples(synthesizer, captions), "png")
    if captions and len(synthesizer.sizes) > 1 and LARGE_SAMPLES not in files:
        files[LARGE_SAMPLES] = in_memory(draw_large_samples(synthesizer, captions), "webp", quality=LARGE_QUALITY)
    shown = captions if SAMPLES in files else None
    card = write_card(synthesizer.config, facts, repo, shown, synthesizer.sizes)
    return {CARD: card.encode(), **files}


def in_memory(image: Image.Image, format: str, **options: int) -> bytes:
    """A file's contents."""
    stream = BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def demo_of(
    space: str, repo: str, commit: str | None, folder: Path, config: SnapshotConfig, private: bool
) -> Publication:
    """The Space that shows a published model; all that lies in it is ours."""
    data = read_facts(folder).get("data") or config.data
    files = space_files(repo, commit or UNKNOWN, weights_of(folder), config, data, private)
    return Publication(space, "space", files, ("*",))


def print_plan(publication: Publication) -> None:
    """What a commit would hold, with the front matter of its README."""
    sizes = publication.sizes
    print(f"{publication.kind} {publication.repo}, one commit of {len(sizes)} files:")
    for path, size in sizes.items():
        print(f"{size:>13,}  {path}")
    print(f"{sum(sizes.values()):>13,}  in all\n")
    print(publication.files[CARD].decode().split("\n---\n")[0] + "\n---\n")


def publish(folder: Path, repo: str, space: str | None, private: bool, branch: str | None, dry_run: bool) -> None:
    """Check the snapshot, then send it and its demo, or print what would be sent."""
    if not dry_run:
        check_token()
    synthesizer = load_and_draw(folder)
    model = Publication(repo, "model", model_files(folder, synthesizer, repo), OWNED)
    # fails here, if it does, and not after the model's commit
    unreadable = [caption for caption in synthesizer.config.examples if not is_readable(caption)]
    if unreadable:
        print(f"{len(unreadable)} examples can't be read, and pages leave them out: {unreadable[0]!r}, for one.")
    demo = demo_of(space, repo, None, folder, synthesizer.config, private) if space else None
    if dry_run:
        for publication in filter(None, (model, demo)):
            print_plan(publication)
        return
    if space and not private and is_private(repo):
        raise ValueError(f"{repo} is private, and its Space would show its weights to all; add --private for both.")
    commit = send(model, f"Publish {synthesizer.name}", private, branch)
    print(f"Published {synthesizer.name}: {commit.repo_url} at commit {commit.oid}")
    print(f"Use it: T2I_WEIGHTS={repo}@{commit.oid} python app.py")
    if space:
        demo = demo_of(space, repo, commit.oid, folder, synthesizer.config, private)
        shown = send(demo, f"Show {repo} at {commit.oid[:8]}", private)
        print(f"Its demo: {shown.repo_url} at commit {shown.oid}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "run", type=given_path, metavar="RUN", help="a finished run of training.gan, or a folder of weights"
    )
    parser.add_argument("repo", metavar="owner/repo", help="the model's name on the Hub; made if it is not there")
    parser.add_argument("--space", metavar="owner/name", help="a Space to show it in")
    parser.add_argument("--revision", metavar="BRANCH", help="branch of the model's repository (default: main)")
    parser.add_argument("--private", action="store_true", help="only you see them")
    parser.add_argument("--dry-run", action="store_true", help="print the plan; ask and send nothing")
    options = parser.parse_args(arguments)
    for name in (options.repo, options.space):
        if name is not None:
            check_name(name)
    folder = snapshot_of(options.run)
    publish(folder, options.repo, options.space, options.private, options.revision, options.dry_run)


if __name__ == "__main__":
    run_script(main)
