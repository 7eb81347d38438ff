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


def discriminator_loss(real: Tensor, fake: Tensor, wrong: Tensor | None = None) -> Tensor:
    """Cross-entropy of D's logits; Reed et al. 2016 (arXiv 1605.05396), algorithm 1.

    Without `wrong` (GAN): real -> 1, fake -> 0. With the logits of real images beside wrong text
    (GAN-CLS), fake and wrong share the weight: each counts half.
    """
    loss = F.softplus(-real).mean()
    if wrong is None:
        return loss + F.softplus(fake).mean()
    return loss + (F.softplus(fake).mean() + F.softplus(wrong).mean()) / 2


def generator_loss(fake: Tensor) -> Tensor:
    """Non-saturating: -log D(G(z, t)), mean over real and interpolated text alike (equation 5)."""
    return F.softplus(-fake).mean()


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
