"""What each data set is, whose it is, and on what terms weights that learned from it are offered."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Source:
    """A data set as the model card tells of it; `key` and `license` are names that the Hub takes.

    `license_name` stands beside the licence "other".
    """

    title: str
    key: str
    terms: str
    split: str
    subject: str
    license: str = "other"
    license_name: str | None = None


OXFORD102 = Source(
    "Oxford-102 flowers",
    "oxford-102-flowers",
    "Oxford-102 flowers: photographs by Nilsback and Zisserman (2008), collected from the web for research use; "
    "captions by Reed et al. (2016). Neither is part of this repository. The weights are offered under the same "
    "research-use terms.",
    "The zero-shot split of the literature: 82 classes to train on, 20 test classes never seen.",
    "flowers",
    license_name="research-use",
)
CUB = Source(
    "CUB-200-2011",
    "cub-200-2011",
    "CUB-200-2011: photographs of birds collected from the web by Wah et al. (2011, Caltech) for research use, not for "
    "sale; captions by Reed et al. (2016). Neither is part of this repository. The weights are offered under the same "
    "research-use terms.",
    "The zero-shot split of the literature: 150 classes to train on, 50 test classes never seen.",
    "birds",
    license_name="research-use",
)
CROPPED = " Photographs are cut to 1.5 times the bird's bounding box."
COCO = Source(
    "MS-COCO 2014",
    "ms-coco-2014",
    "MS-COCO 2014 (Lin et al. 2014): photographs from Flickr, each under its photographer's terms; captions by the "
    "COCO Consortium under CC BY 4.0. Neither is part of this repository.",
    "The publisher's: train2014 to train on, 1,000 images of val2014 to measure on, never seen.",
    "everyday scenes",
    license_name="photographers-terms",
)
FOLDER = Source(
    "Own pictures",
    "own-pictures",
    "A folder of its maker's own pictures and captions (`training.data.folder`), under their terms.",
    "Test classes or, where there are few classes or none, test pictures that training has not seen.",
    "what it was shown",
    license_name="makers-terms",
)
SYNTHETIC = Source(
    "Drawn flowers",
    "drawn-flowers",
    "Flowers and captions drawn by `training.data.synthetic`; no terms apply.",
    "34 classes to train on, 8 test classes never seen.",
    "drawn flowers",
    license="mit",
)
SOURCES = {
    "oxford102": OXFORD102,
    "cub": CUB,
    "cub-cropped": replace(CUB, split=CUB.split + CROPPED),
    "coco": COCO,
    "folder": FOLDER,
    "synthetic": SYNTHETIC,
}
