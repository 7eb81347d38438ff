"""Oxford-102 flowers in the layout of Reed et al. 2016.

    jpg/image_XXXXX.jpg                          photographs (Nilsback and Zisserman 2008)
    text_c10/class_XXXXX/image_XXXXX.txt         ten captions an image, one a line
    imagelabels.mat                              class of each image, from 1
    trainclasses.txt, valclasses.txt, trainvalclasses.txt, testclasses.txt
    cat_to_name.json                             names of the classes (optional)

Images without a photograph are skipped.
"""

from pathlib import Path

from scipy.io import loadmat

from training.data.listing import CLASS_LISTS, Entry, Layout, Listing, demand, read_captions, read_json, read_splits

NAMES = "cat_to_name.json"


def list_oxford(root: Path) -> Listing:
    """The whole set; ValueError names what is missing."""
    demand(root, "jpg", "text_c10", "imagelabels.mat", *CLASS_LISTS)
    labels = _read_labels(root / "imagelabels.mat")
    entries, problems = [], []
    for file in sorted((root / "jpg").glob("image_*.jpg")):
        try:
            number = file.stem[len("image_") :]
            image = int(number) if number.isdecimal() else 0
            if not 1 <= image <= len(labels):
                raise ValueError(f"{file} is none of the {len(labels):,} images that imagelabels.mat has labels of.")
            label = labels[image - 1]
            captions = read_captions(root / "text_c10" / f"class_{label:05d}" / f"image_{image:05d}.txt")
            entries.append(Entry(file, captions, label, image))
        except ValueError as error:
            problems.append(str(error))
    without = len(labels) - len(entries) - len(problems)
    names = read_json(root / NAMES) if (root / NAMES).exists() else {}
    return Listing(
        folder=root / "jpg",
        entries=tuple(entries),
        splits=read_splits(root),
        class_names={int(k): name for k, name in names.items()},
        problems=tuple(problems),
        remarks=(f"{without:,} labelled images have no photograph and are skipped.",) if without else (),
    )


def _read_labels(file: Path) -> list[int]:
    """The class of image 1, 2 and so on."""
    try:
        return loadmat(file)["labels"].ravel().astype(int).tolist()
    except Exception as error:  # SciPy raises what it comes across in damaged bytes
        raise ValueError(f"{file} is not the MATLAB file with `labels`; download it again.") from error


LAYOUT = Layout(
    title="Oxford-102 flowers",
    holds="jpg/, text_c10/, imagelabels.mat, trainclasses.txt, valclasses.txt, trainvalclasses.txt and testclasses.txt",
    source="photographs and imagelabels.mat from https://www.robots.ox.ac.uk/~vgg/data/flowers/102/, captions and "
    "class lists from https://github.com/reedscot/icml2016",
    read=list_oxford,
)
