"""What the page says. {thing}, {Things} and {sizes} are those of its model."""

EXAMPLES = (
    "this flower has pink petals and a yellow center",
    "this flower has large white petals and a bright yellow center",
    "a purple flower with thin pointed petals",
    "an orange flower with many overlapping ruffled petals",
    "a red flower with a long yellow pistil",
    "this flower is blue with white at the center and green leaves around it",
)
SURPRISES = {  # a sentence by chance: one part of each
    "flower": (
        ("this flower has", "a flower with"),
        ("thin", "large", "rounded", "pointed", "ruffled", "overlapping", "long", "many small"),
        ("white", "yellow", "orange", "red", "pink", "purple", "blue", "red and yellow", "white and pink"),
        ("petals",),
        ("", "and a yellow center", "and a dark center", "and a white center", "with dark stripes", "and long stamens"),
        ("", "on a dark background", "and green leaves", "in the grass"),
    ),
    "bird": (
        ("this bird is", "a bird that is"),
        ("red", "yellow", "blue", "black", "white", "brown", "grey", "green"),
        ("all over", "with black wings", "with a white belly", "with a speckled breast", "with a red crown"),
        ("", "and a short beak", "and a long pointed bill", "and thin legs"),
    ),
}
THINGS = {"oxford102": "flower", "synthetic": "flower", "cub": "bird", "cub-cropped": "bird"}  # by what was learnt from
LEARNT_FROM = {
    "gan": "D judges a picture and its caption together, and nothing more.",
    "cls": "D also learns to refuse a photograph with a wrong caption.",
    "int": "G also learns from captions that lie between two others.",
    "int-cls": "D and G learn both of these.",
    "skip-thought": "Other networks, and sentences read as skip-thoughts.",
}

HEADER = """# {Things} from a sentence
Describe a {thing} in English and a small neural network paints it, at {sizes} pixels, after
[Reed et al. 2016](https://arxiv.org/abs/1605.05396)."""
ANY_MODEL = "Or type owner/repo of another one on the Hugging Face Hub, with @revision if you like"

HINT = "Click a picture to see it large, to download it, and to put its caption and seed into the boxes."
NEAR = "0 is the picture of the seed above, 1 another one"

INTERPOLATE = """Between two sentences lie others that nobody wrote. **Drag the sliders and the {thing} follows:** the
first walks from sentence to sentence with the same noise, the second from the noise of one seed to that of another."""

CORNERS = ("Upper left", "Upper right", "Lower left", "Lower right")
SQUARE = """Four sentences, one at each corner. **Drag in the square, or move the sliders:** the {thing} follows, and
the nearer a corner, the more it is of that sentence. The seed stays the same."""

STYLE = """Give a photograph. A third network reads its style, that is all that a caption does not say: how the {thing}
is turned and how large it is, and what lies behind it. **The same style is then painted under other captions.** Drag
the frame to what shall be read."""
NO_STYLE = """These weights have no style encoder, which this tab needs. Train one with `python -m training.style`, or
load weights that have `style_encoder.safetensors`."""

GRID = """A row for each sentence, a column for each seed. Down a column the noise stays the same, so what a seed
decides, such as place and size, can be told from what the sentence decides."""

EXPLAIN = """**Which words matter?** Each card below is the same {thing}, painted from the same noise with one word
of the sentence left out, and in orange what that changes. The stronger a word is marked, the more it is. Below them,
words for colours are replaced by others."""
MATCHES = """**Does the judge agree?** In training a second network, D, judged pictures beside captions; afterwards it
learnt to tell a picture's own caption from others. Here is the chance that it gives to this picture with its own
sentence and with others. It is not always right: it knows only the photographs of its training."""

LEARNING = """The same captions, a row each, and the same seeds, a column each, **after ever more training:** drag to
see the first {thing}s come out of the noise."""

COMPARE = """The paper's four ways to train, side by side: **the same sentence, the same noise, the same networks.**
They differ only in what the judge D and the painter G learn from. These networks are smaller than those of the other
tabs, and were trained for less long. The skip-thought GAN is another system, with a text encoder of its own. What was
measured on classes never trained on stands under each."""
CLAIMS = """**What the paper says of them, and what was measured here** on classes never trained on:"""
NO_VARIANTS = """These weights come alone. Put the other variants beside them as `variants/gan`, `variants/cls`,
`variants/int` and `variants/int-cls`, each with `config.json` and `generator.safetensors`, to compare them here."""

SEED = """**The sentence says what to paint, the seed decides all the rest:** the same two give the same picture again.

"""
FOOTERS = {
    "oxford102": """**What it knows:** flowers, one to a picture, by their colours, petals and centers. Whatever else
you ask for comes out as a flower.

**Data and terms:** the bundled weights were trained on the photographs of
[Oxford-102 Flowers](https://www.robots.ox.ac.uk/~vgg/data/flowers/102/), which are for research use, with the captions
of Reed et al. Use the weights and their pictures for research and learning, too.""",
    "": """**What it knows:** what it was trained on. Whatever else you ask for comes out as that.

**Data and terms:** the card of these weights, their README.md, tells where they come from and what they may be used
for.""",
}

HELP = """Serve the page, its API and pictures at plain addresses. What it does is set by variables:

  T2I_WEIGHTS            the model to show: a folder, or owner/repo@revision on the Hub (default: the bundled one)
  T2I_MODELS             others on the Hub that visitors may choose, separated by commas
  T2I_ANY_MODEL=1        visitors may name any model on the Hub
  T2I_KEEP_SECONDS       for how long drawn and uploaded files stay (default: 3600)
  T2I_STOP_SECONDS       what running requests have to finish after SIGTERM (default: 8)
  GRADIO_SERVER_NAME     where to listen (default: 127.0.0.1)
  GRADIO_SERVER_PORT     that port and no other (default: the first free one from 7860 on)
  GRADIO_ROOT_PATH       the sub-path at which a proxy shows the page
  GRADIO_TEMP_DIR        where the page's own folder goes (default: the system's)

The README's section "Host" tells more. Pictures without a page: python -m t2i -h"""
