import torch
import torch.nn.functional as F

from training.run.losses import discriminator_loss, generator_loss, joint_embedding_loss


def test_joint_embedding_loss_equals_the_published_sums():
    torch.manual_seed(0)
    text, image = torch.randn(5, 7).double(), torch.randn(5, 7).double()
    total = 0.0
    for i in range(5):
        for j in range(5):
            if i != j:
                total += max(0, 1 + text[i] @ image[j] - text[i] @ image[i])
                total += max(0, 1 + text[j] @ image[i] - text[i] @ image[i])
    torch.testing.assert_close(joint_embedding_loss(text, image), total / 25)


def test_adversarial_losses_are_cross_entropies():
    torch.manual_seed(0)
    real, fake, wrong = torch.randn(3, 6)
    one, zero = torch.ones(6), torch.zeros(6)
    bce = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(discriminator_loss(real, fake), bce(real, one) + bce(fake, zero))
    expected = bce(real, one) + 0.5 * bce(wrong, zero) + 0.5 * bce(fake, zero)
    torch.testing.assert_close(discriminator_loss(real, fake, wrong), expected)
    torch.testing.assert_close(generator_loss(fake), bce(fake, one))
