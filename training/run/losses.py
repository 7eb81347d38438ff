"""Every loss as a formula, with its source."""

import torch
import torch.nn.functional as F
from torch import Tensor


def joint_embedding_loss(text: Tensor, image: Tensor) -> Tensor:
    """Symmetric structured joint embedding; text and image (B, D), row i of one class each.

    Sum over j != i of max(0, 1 + s_ij - s_ii), over both directions, divided by B^2, where
    s_ij = <text_i, image_j>. Reed et al. 2016 (arXiv 1605.05395), equations 2 to 4, with the
    hinge surrogate of its section 3.
    """
    scores = text @ image.T
    right = scores.diag()
    off = 1 - torch.eye(len(scores), device=scores.device)
    hinges = F.relu(1 + scores - right[:, None]) + F.relu(1 + scores - right[None, :])
    return (hinges * off).sum() / len(scores) ** 2


def discriminator_loss(real: Tensor, fake: Tensor, wrong: Tensor | None = None, smooth: float = 0.0) -> Tensor:
    """Cross-entropy of D's logits; Reed et al. 2016 (arXiv 1605.05396), algorithm 1.

    Without `wrong` (GAN): real -> 1, fake -> 0. With the logits of real images beside wrong text
    (GAN-CLS), fake and wrong share the weight: each counts half. The labels lie `smooth` from 0 and 1.
    """
    loss = _right(real, smooth)
    if wrong is None:
        return loss + _wrong(fake, smooth)
    return loss + (_wrong(fake, smooth) + _wrong(wrong, smooth)) / 2


def generator_loss(fake: Tensor, smooth: float = 0.0) -> Tensor:
    """Non-saturating: -log D(G(z, t)), mean over real and interpolated text alike (equation 5)."""
    return _right(fake, smooth)


def _right(logits: Tensor, smooth: float) -> Tensor:
    """Mean cross-entropy to the label 1 - smooth."""
    return (F.softplus(-logits) + smooth * logits).mean()


def _wrong(logits: Tensor, smooth: float) -> Tensor:
    """Mean cross-entropy to the label smooth."""
    return (F.softplus(logits) - smooth * logits).mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor, wrong: Tensor | None = None) -> Tensor:
    """Hinge loss of logits, whatever their shape; fake and wrong share the weight as in `discriminator_loss`.

    Lim and Ye 2017 (arXiv 1705.02894).
    """
    below = F.relu(1 + fake).mean()
    if wrong is not None:
        below = (below + F.relu(1 + wrong).mean()) / 2
    return F.relu(1 - real).mean() + below


def hinge_generator_loss(fake: Tensor) -> Tensor:
    """What G asks of a discriminator that learns by the hinge loss."""
    return -fake.mean()


def conditioning_loss(mean: Tensor, deviation: Tensor) -> Tensor:
    """KL(N(mean, deviation^2) || N(0, 1)), mean over rows and dimensions.

    Conditioning augmentation of Zhang et al. 2017 (arXiv 1612.03242), equation 2.
    """
    return ((mean.square() + deviation.square() - 1) / 2 - deviation.log()).mean()


def diversity_loss(first: Tensor, second: Tensor, z_first: Tensor, z_second: Tensor, cells: int) -> Tensor:
    """|z - z'| over |G(z, t) - G(z', t)|, mean over the pairs: small when other noise draws another picture.

    The mode-seeking term of Mao et al. 2019 (arXiv 1903.05628), equation 6, as a loss, with two
    changes. Pictures are compared as means over cells x cells squares: compared by pixels, speckle
    would do. The ratio is taken pair by pair: of means over the batch, a few modes would do.
    """
    change = F.adaptive_avg_pool2d(first - second, cells).abs().mean((1, 2, 3))
    return ((z_first - z_second).abs().mean(1) / (change + 0.05)).mean()


def style_loss(read: Tensor, z: Tensor) -> Tensor:
    """Mean of (z - S(G(z, t)))^2; Reed et al. 2016 (arXiv 1605.05396), equation 6."""
    return F.mse_loss(read, z)


def matching_loss(right: Tensor, wrong: Tensor) -> Tensor:
    """Cross-entropy of D's logits for pictures beside their own text and beside another's."""
    return (F.softplus(-right).mean() + F.softplus(wrong).mean()) / 2
