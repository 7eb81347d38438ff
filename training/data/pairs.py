"""Captions in text files beside pictures: a.txt, or a.jpg.txt, beside a.jpg."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from training.data.division import Picture, part_of_folder
from training.data.files import Names, exists, folded, has_usual_ending, is_picture, listed
from training.data.listing import read_captions

CAPTIONS = ".txt"


def match_captions(files: Sequence[Path]) -> dict[Path, Path]:
    """The file of captions of each picture that has one, among all files of a folder.

    A file of an unusual ending is a picture if no other one has its captions and Pillow reads it.
    """
    texts = [file for file in files if file.suffix.lower() == CAPTIONS]
    others = [file for file in files if file.suffix.lower() != CAPTIONS]
    found = _match([file for file in others if has_usual_ending(file)], texts)
    free = set(texts) - set(found.values())
    unusual = _match([file for file in others if not has_usual_ending(file)], free)
    return found | {file: text for file, text in unusual.items() if is_picture(file)}


def _match(images: Sequence[Path], texts: Sequence[Path] | set[Path]) -> dict[Path, Path]:
    """By name; those that agree but for case or composition count where there is no other."""
    alike = {text.with_name(folded(text.name)): text for text in sorted(texts, reverse=True)}
    alike |= {text: text for text in texts}
    found = {}
    for image in images:
        names = image.stem + CAPTIONS, image.name + CAPTIONS
        ways = [image.with_name(way) for way in (*names, *map(folded, names))]
        if text := next((alike[way] for way in ways if way in alike), None):
            found[image] = text
    return found


def from_pairs(
    root: Path, images: Sequence[Path], captions: Mapping[Path, Path], problems: list[str]
) -> Iterator[Picture]:
    """The pictures that have captions; those among `images` that have none are told in `problems`."""
    names = Names()
    for file in sorted({*images, *captions}):
        try:
            if file not in captions:
                near = names.near(file)
                there = f"; {listed(near)} lies there" if near else ""
                raise ValueError(f"{file.with_name(file.stem + CAPTIONS)} is missing{there}.")
            if not exists(file):
                raise ValueError(f"{file} is a link to a file that is not there.")
            yield Picture(file, read_captions(captions[file]), part=part_of_folder(root, file))
        except ValueError as error:
            problems.append(str(error))
