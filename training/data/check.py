"""What lies in the folder of a data set, for people to read."""

from collections import Counter
from pathlib import Path

from t2i.networks.text import MAX_CHARACTERS
from training.data import LAYOUTS, list_data
from training.data.listing import SPLITS, Entry, Listing
from training.data.pixels import unreadable

SHOWN = 20  # problems told one by one


def check(name: str, root: Path) -> bool:
    """Print a line for everything that is missing or broken and for what is there; whether the set is usable."""
    layout = LAYOUTS[name]
    try:
        if not layout.is_at(root):
            raise ValueError(f"There is no {layout.place} {root}.")
        listing = list_data(name, root)
        problems = [*listing.problems, *(() if layout.place == "file" else unreadable(listing.entries))]
        lines = describe(listing)
    except ValueError as error:
        problems, lines = [str(error)], []
    print(f"{name}: {layout.title} in {root}: {'not usable' if problems else 'usable'}")
    for line in lines:
        print(f"  {line}")
    for problem in problems[:SHOWN]:
        print(f"Problem: {problem}")
    if len(problems) > SHOWN:
        print(f"... and {len(problems) - SHOWN:,} more problems.")
    print(f"It holds {layout.holds}.")
    print(f"Obtain it: {layout.source}.")
    return not problems


def describe(listing: Listing) -> list[str]:
    """Images, classes and captions, of the whole and of each split, and the remarks."""
    lines = [f"all: {counts(listing.entries)}"]
    lines += [f"{split}: {counts(listing.entries_of(split))}" for split in SPLITS if split in listing.splits]
    numbers = Counter(len(entry.captions) for entry in listing.entries).most_common(4)
    lines.append("captions an image: " + ", ".join(f"{n} ({images:,} images)" for n, images in numbers))
    if long := sum(len(caption) > MAX_CHARACTERS for entry in listing.entries for caption in entry.captions):
        lines.append(f"{long:,} captions are longer than {MAX_CHARACTERS} characters; what is beyond is not read.")
    return lines + list(listing.remarks)


def counts(entries: list[Entry] | tuple[Entry, ...]) -> str:
    """How many images, classes and captions."""
    classes, captions = len({entry.label for entry in entries}), sum(len(entry.captions) for entry in entries)
    kinds = "no classes" if classes == len(entries) else f"{classes:,} classes"
    return f"{len(entries):,} images, {captions:,} captions, {kinds}"
