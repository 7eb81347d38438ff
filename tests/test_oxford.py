import pytest
from PIL import Image
from support.layouts import draw, draw_oxford

from training.data import list_data, load_data


@pytest.fixture
def layout(tmp_path):
    return draw_oxford(tmp_path / "oxford102")


def test_oxford_layout_is_read(layout):
    data = load_data("oxford102", layout, 76)
    assert len(data) == 9 and data.images.shape == (9, 76, 76, 3)
    assert data.ids.tolist() == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert data.captions[3] == ("flower 5", "second of 5")
    assert data.labels[3] == 3 and data.class_names[1] == "pink primrose"
    assert abs(int(data.images[3, 40, 40, 0]) - 100) < 4
    assert data.split("test").ids.tolist() == [1, 2, 3]


def test_names_need_not_agree_in_case_and_what_is_none_of_the_set_is_named(layout, capsys):
    (layout / "jpg" / "image_00005.jpg").rename(layout / "jpg" / "Image_00005.JPG")
    text = layout / "text_c10" / "class_00003" / "image_00005.txt"
    text.rename(text.with_suffix(".TXT"))
    (layout / "jpg" / "cover.jpg").write_bytes(b"")
    data = load_data("oxford102", layout, 76)
    assert sorted(data.ids) == [1, 2, 3, 5, 6, 7, 8, 9, 10] and ("flower 5", "second of 5") in data.captions
    told = capsys.readouterr().err
    assert "skipped: image_00004." in told and "1 other files in jpg/ are left out: cover.jpg." in told


def test_pixels_are_decoded_once_and_again_when_files_change(layout):
    first = load_data("oxford102", layout, 76)
    file = layout / "jpg" / "image_00001.jpg"
    draw(file, (0, 255, 0), (200, 200))
    second = load_data("oxford102", layout, 76)
    assert second.fingerprint != first.fingerprint
    assert second.images[0, 0, 0, 1] > 250


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_photographs_are_read(layout, mode):
    draw(layout / "jpg" / "image_00001.jpg", 128 if mode == "L" else (0, 0, 0, 128), mode=mode)
    assert load_data("oxford102", layout, 76).images[0].shape == (76, 76, 3)


def test_photographs_are_turned_as_their_exif_says(layout):
    picture, exif = Image.new("RGB", (80, 80), "blue"), Image.Exif()
    picture.paste("red", (0, 0, 80, 40))
    exif[0x0112] = 3  # upside down
    picture.save(layout / "jpg" / "image_00001.jpg", exif=exif)
    upright = load_data("oxford102", layout, 76).images[0]
    assert upright[10, 40, 2] > 200 and upright[65, 40, 0] > 200


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("imagelabels.mat", "has no imagelabels.mat"),
        ("testclasses.txt", "has no testclasses.txt"),
        ("text_c10/class_00003/image_00005.txt", r"class_00003/image_00005\.txt is missing"),
    ],
)
def test_missing_files_are_named(layout, path, sentence):
    (layout / path).unlink()
    with pytest.raises(ValueError, match=sentence):
        load_data("oxford102", layout, 76)


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("jpg/image_00005.jpg", b"no picture", r"jpg/image_00005\.jpg is not a picture"),
        ("jpg/image_00099.jpg", b"", r"image_00099\.jpg is none of the 10 images"),
        ("imagelabels.mat", b"no labels", r"imagelabels\.mat is not the MATLAB file"),
        ("cat_to_name.json", b"{", r"cat_to_name\.json is not JSON"),
        ("testclasses.txt", b"roses\n", r"testclasses\.txt has a line without the number of a class: 'roses'"),
        ("testclasses.txt", b"class_00077\n", "no photographs of the split.s. test"),
        ("text_c10/class_00003/image_00005.txt", b" \n", r"image_00005\.txt is empty"),
        ("text_c10/class_00003/image_00005.txt", b"caf\xe9", r"image_00005\.txt is not UTF-8 \(byte 3\)"),
        ("text_c10/class_00003/image_00005.txt", b"42 !", r"image_00005\.txt has no caption in Latin letters"),
    ],
)
def test_broken_files_are_named(layout, path, content, sentence):
    (layout / path).write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as told:
        load_data("oxford102", layout, 76)
    assert "\n" not in str(told.value)


def test_captions_become_what_a_keyboard_can_type(layout):
    (layout / "text_c10" / "class_00003" / "image_00005.txt").write_bytes("\ufeffa “café–red”\tflower\n".encode())
    assert load_data("oxford102", layout, 76).captions[3] == ('a "cafe-red" flower',)


def test_the_real_photographs_have_their_published_split(oxford_root):
    listing = list_data("oxford102", oxford_root)
    assert len(listing.splits["trainval"]) == 82 and len(listing.splits["test"]) == 20
    assert len(listing.splits["train"]) == 62 and len(listing.splits["val"]) == 20
    assert all(9 <= len(entry.captions) <= 10 for entry in listing.entries)
    assert len(listing.entries_of("trainval")) == 7034
