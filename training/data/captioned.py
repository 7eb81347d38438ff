"""Captioned photographs in memory, whichever set they are of."""

from dataclasses import dataclass, field, replace

import numpy as np

from training.data.cache import fingerprint

MOST_UNSEEN = 1_000  # images without classes that are measured on


@dataclass(frozen=True)
class CaptionedImages:
    """N photographs, each with its class and one or more captions.

    `images` is uint8 (N, L, L, 3), `labels` int64 (N,), `captions` one tuple of strings an image,
    `ids` int64 (N,) the numbers under which precomputed image features are stored. `splits` maps
    a split's name to its classes; `fingerprint` changes with what is in the files behind the set. `packed` tells
    that they come from a pack of the set `name`.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    captions: tuple[tuple[str, ...], ...]
    ids: np.ndarray
    splits: dict[str, tuple[int, ...]]
    class_names: dict[int, str] = field(default_factory=dict)
    fingerprint: str = ""
    packed: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def given_as(self) -> str:
        """What `--data` calls the set as it lies there."""
        return "packed" if self.packed else self.name

    @property
    def classless(self) -> bool:
        """Whether each image is its own class."""
        return len(np.unique(self.labels)) == len(self)

    def contents(self) -> dict[str, str]:
        """Twelve digits each of pictures, captions and classes, which stay when the set is moved, copied or touched."""
        classes = [self.labels.tolist(), sorted((k, sorted(map(int, v))) for k, v in self.splits.items())]
        return {
            "pictures": fingerprint([self.fingerprint, self.ids.tolist()]),
            "captions": fingerprint(self.captions),
            "classes": fingerprint(classes),
        }

    def rows(self, split: str) -> np.ndarray:
        """The rows whose class belongs to the named split; ValueError if there is none."""
        if split not in self.splits:
            raise ValueError(f"{self.name} has no split {split!r}; choose one of {', '.join(self.splits)}.")
        return np.flatnonzero(np.isin(self.labels, self.splits[split]))

    def split(self, name: str) -> "CaptionedImages":
        """The images whose class belongs to the named split; ValueError if there is none."""
        return self.select(self.rows(name))

    def unseen_rows(self, split: str) -> np.ndarray:
        """The rows of a split to measure on: of images without classes 1,000, as is usual on COCO.

        What is measured compares each image with each, or each class with each.
        """
        rows = self.rows(split)
        classless = len(np.unique(self.labels[rows])) == len(rows)
        return spread(rows, MOST_UNSEEN) if classless else rows

    def unseen(self, split: str) -> "CaptionedImages":
        """The images of `unseen_rows`."""
        return self.select(self.unseen_rows(split))

    def thin(self, count: int) -> "CaptionedImages":
        """At most `count` images spread over the whole set."""
        return self.select(spread(np.arange(len(self)), count))

    def select(self, rows: np.ndarray) -> "CaptionedImages":
        """The given rows, in their order."""
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            captions=tuple(self.captions[k] for k in rows),
            ids=self.ids[rows],
        )


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """All rows, or `count` of them at even distances."""
    return rows if len(rows) <= count else rows[np.arange(count) * len(rows) // count]
