import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from training.text.features import four_views, googlenet_trunk, image_features


def test_stored_features_follow_the_order_of_the_data(synthetic, tmp_path):
    ids = torch.from_numpy(np.random.default_rng(0).permutation(synthetic.ids))
    save_file({"image_id": ids, "features": ids.half()[:, None, None].repeat(1, 4, 3)}, tmp_path / "f.safetensors")
    features = image_features(str(tmp_path / "f.safetensors"), synthetic, None)
    assert features.shape == (len(synthetic), 4, 3) and features.dtype == torch.float32
    assert features[:, 0, 0].tolist() == synthetic.ids.tolist()


def test_missing_features_are_named(synthetic, tmp_path):
    ids = torch.from_numpy(synthetic.ids[1:].copy())
    save_file({"image_id": ids, "features": torch.zeros(len(ids), 1, 3)}, tmp_path / "f.safetensors")
    with pytest.raises(ValueError, match="no features of image 1 and 0 others"):
        image_features(str(tmp_path / "f.safetensors"), synthetic, None)
    with pytest.raises(ValueError, match="holds no image_id"):
        image_features(str(tmp_path / "none.safetensors"), synthetic, None)


def test_pixel_features_need_no_download(synthetic):
    features = image_features("pixels", synthetic, None)
    assert features.shape == (len(synthetic), 2, 1024) and (features >= 0).all()


def test_googlenet_gives_1024_pooled_features():
    trunk = googlenet_trunk(weights=None)
    with torch.inference_mode():
        assert trunk(torch.zeros(2, 3, 224, 224)).shape == (2, 1024)


def test_the_four_views_are_crops_and_mirrors():
    images = torch.arange(256.0).expand(1, 3, 256, 256)
    centre, mirror, left, right = four_views(images)
    assert centre[0, 0, 0, 0] == 16 and mirror[0, 0, 0, -1] == 16
    assert left[0, 0, 0, 0] == 0 and right[0, 0, 0, 0] == 255
