"""Presets of the GAN: one table, every value of which a flag can override."""

import math
from dataclasses import dataclass, replace

from t2i.config import GENERATORS, VARIANTS, ModelConfig
from training.run.precision import check_precision
from training.run.ranges import POSITIVE, check_ranges


@dataclass(frozen=True)
class GanConfig:
    """How a GAN is trained; the defaults are the paper's.

    `load_size` is the side of the decoded pictures, of which random `image_size` crops are taken.
    The learning rate halves every `halve_lr_epochs`; an epoch is as many images as the split has.
    `ema_images` is the half-life of the averaged weights, in images; over the last `anneal` of the run
    the learning rate falls to zero. GAN-INT adds `interpolated_share` of a batch (in quarters) of interpolated text.
    For the share `plain` of the run D sees no mismatched and G no interpolated text, whatever the variant: what
    compared variants have in common. Up to `beginnings` of an image's captions are short captions of it, too.
    Without `joint_norm`, D can't tell pairs by what batch norm gives away of the other pairs.
    `diversity` weighs a term that keeps G from ignoring its noise, `readable` one that keeps the noise
    readable in the picture by a style encoder trained alongside, through noise of deviation `speckle`;
    `augment` shifts and partly hides what D sees; of a D without batch norm, what the judge sees.
    `generator` is the paper's, "reed", or "residual", with noise and text at every resolution. `judge` names the
    frozen network (`training.gans.pretrained`) of a second discriminator, which sees pictures enlarged to
    `judge_size` and of which G minds `judge_weight` times the loss. The paper has none of them.
    Of the variant skip-thought alone: `smooth` is how far D's labels lie from 0 and 1, `dropout` the share
    of D's features that a step leaves out, `kl` weighs how far the text's distribution may lie from a
    standard normal one.
    """

    variant: str = "int-cls"
    split: str = "trainval"
    image_size: int = 64
    load_size: int = 76
    generator_channels: int = 128
    discriminator_channels: int = 64
    captions_per_image: int = 4
    beginnings: int = 0
    batch_size: int = 64
    epochs: int = 600
    lr: float = 2e-4
    beta1: float = 0.5
    halve_lr_epochs: int = 100
    ema_images: int = 20_000
    anneal: float = 0.0
    interpolated_share: float = 0.5
    plain: float = 0.0
    joint_norm: bool = True
    diversity: float = 0.0
    diversity_cells: int = 8
    readable: float = 0.0
    speckle: float = 0.1
    augment: bool = False
    generator: str = "reed"
    judge: str = ""
    judge_weight: float = 1.0
    judge_size: int = 96
    smooth: float = 0.1
    dropout: float = 0.3
    kl: float = 2.0
    precision: str = "auto"
    seed: int = 0
    tick_epochs: int = 5

    def __post_init__(self):
        if self.variant not in VARIANTS:
            raise ValueError(f"--variant is {self.variant!r}; choose one of {', '.join(VARIANTS)}.")
        check_precision(self.precision)
        if self.generator not in GENERATORS:
            raise ValueError(f"--generator is {self.generator!r}; choose one of {', '.join(GENERATORS)}.")
        if self.load_size < self.image_size:
            raise ValueError(f"--load-size is {self.load_size}, smaller than --image-size {self.image_size}.")
        check_ranges(
            self, batch_size=(4, math.inf), lr=(POSITIVE, math.inf), beta1=(0, 0.999), anneal=(0, 1),
            interpolated_share=(0, 1), plain=(0, 1),
            beginnings=(0, math.inf), diversity=(0, math.inf), diversity_cells=(1, self.image_size),
            readable=(0, math.inf), speckle=(0, math.inf), smooth=(0, 0.5), dropout=(0, 0.99), kl=(0, math.inf),
            judge_weight=(0, math.inf), judge_size=(32, 512),
        )  # fmt: skip
        self.model(1)  # sizes of networks that can't be built

    @property
    def augmented(self) -> bool:
        """Whether the networks are those of the skip-thought system."""
        return self.variant == "skip-thought"

    @property
    def mismatched_text(self) -> bool:
        """The CLS switch: D also sees real images beside wrong text."""
        return "cls" in self.variant or self.augmented

    @property
    def interpolated_text(self) -> bool:
        """The INT switch: G also sees means of two captions' embeddings."""
        return "int" in self.variant

    @property
    def interpolated_rows(self) -> int:
        """How many rows of interpolated text G sees beside a batch: with the diversity term, one quarter."""
        if not self.interpolated_text:
            return 0
        quarters = 1 if self.diversity else round(4 * self.interpolated_share)
        return quarters * (self.batch_size // 4)

    @property
    def rows_for_G(self) -> int:
        """How many pictures G draws a step: the batch, a quarter again with the diversity term, interpolated text."""
        return self.batch_size + (self.batch_size // 4 if self.diversity else 0) + self.interpolated_rows

    def model(self, text_size: int) -> ModelConfig:
        """Sizes of the networks."""
        return ModelConfig(
            image_size=self.image_size,
            text_size=text_size,
            generator_channels=self.generator_channels,
            discriminator_channels=self.discriminator_channels,
            joint_norm=self.joint_norm,
            augmented=self.augmented,
            generator=self.generator,
        )


EXAMPLES = {  # sentences that the page suggests for a model of this data
    "oxford102": (
        "this flower has white petals and a yellow center",
        "a bright red flower with a long pistil",
        "the petals are white and violet with dark stripes",
        "this flower is blue with green leaves",
        "this flower has pink petals and a yellow center",
        "an orange flower with ruffled petals",
        "a purple flower with thin pointed petals",
        "a yellow flower with many layered petals",
    ),
    "cub": (
        "this bird has a red crown, a white belly and dark wings",
        "a small yellow bird with black wings and a short beak",
        "this bird is blue with a white breast",
        "a black bird with a long orange bill",
        "a brown bird with a speckled breast and a thin tail",
        "a white water bird with grey wings and yellow feet",
        "this bird is green all over with a red throat",
        "a tiny grey bird with a pointed bill",
    ),
    "coco": (
        "a herd of sheep grazing on a green field",
        "a man riding a wave on a surfboard",
        "a plate of food with broccoli and rice",
        "a red double decker bus on a city street",
        "a bathroom with a white sink and a mirror",
        "a skier going down a snowy mountain",
        "a clock tower against a blue sky",
        "two giraffes standing next to a tree",
    ),
    "synthetic": (
        "a red flower with a yellow center",
        "a flower with blue petals on a green background",
        "this white flower has eight petals",
        "the petals of this flower are orange with brown in the middle",
    ),
}
EXAMPLES["cub-cropped"] = EXAMPLES["cub"]

MODERN = GanConfig(
    load_size=68, generator="residual", generator_channels=32, discriminator_channels=48, captions_per_image=1,
    epochs=36, halve_lr_epochs=1000, anneal=0.15, interpolated_share=0.25, joint_norm=False, diversity=0.2,
    readable=0.2, augment=True, judge="efficientnet_b0", tick_epochs=1,
)  # fmt: skip

PRESETS = {
    "paper": GanConfig(),
    "birds": GanConfig(),
    "coco": GanConfig(
        variant="cls", generator_channels=196, discriminator_channels=196, captions_per_image=3, epochs=200,
        halve_lr_epochs=40,
    ),
    "cpu": GanConfig(
        load_size=68, generator_channels=48, discriminator_channels=48, captions_per_image=1, epochs=157,
        halve_lr_epochs=100, diversity=0.2, readable=1.0, augment=True,
    ),
    "modern": MODERN,
    # two thirds of a run are the same for all variants: what they have in common is learnt once
    "small": replace(
        MODERN, generator_channels=16, discriminator_channels=24, epochs=11, lr=4e-4, ema_images=8_000, anneal=0.3,
        plain=0.65,
    ),
    # Batches of four times the size with twice the rate, as Adam wants it (Malladi et al. 2022, arXiv 2205.10287);
    # half-life and ticks are the same in images and epochs at any batch size
    "gpu": replace(
        MODERN, discriminator_channels=64, batch_size=256, lr=4e-4, epochs=200, judge_size=128, tick_epochs=10
    ),
    "own": replace(MODERN, epochs=100, judge_size=64, tick_epochs=10),
    "skip-thought": replace(
        MODERN, variant="skip-thought", generator_channels=20, discriminator_channels=24, beginnings=4, epochs=11,
        lr=4e-4, ema_images=8_000, anneal=0.3, diversity=0.1, readable=0.0, dropout=0.0, kl=0.5,
    ),
    "smoke": GanConfig(generator_channels=8, discriminator_channels=8, batch_size=16, epochs=2, tick_epochs=1),
}  # fmt: skip
