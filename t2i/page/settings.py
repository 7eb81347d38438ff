"""What the page offers: how many, how far, in which forms."""

MAX_COUNT, FIRST_COUNT, FIRST_SEED = 16, 8, 0
FIRST_STRENGTH = 0.3  # how far from a picture others near it lie
LONE_SEED, SECOND_SEED = 6, 1  # where one picture stands for all: well centred flowers
PHOTO_HEIGHT = 260  # pixels on the page; style.css knows it, too
LEAST_SHARE = 0.1  # of a photograph's shorter side, that a square of it may have
MAX_CAPTIONS = 8  # of those that stand one a line
MAX_COLUMNS, FIRST_COLUMNS = 8, 4  # seeds of a grid
MIN_STEPS, MAX_STEPS, FIRST_STEPS = 2, 16, 8
MIN_FRAMES, MAX_FRAMES, FIRST_FRAMES, FPS = 8, 240, 48, 24
COMPARED = 4  # pictures of each variant
SQUARE = 5  # pictures along a side of the square between four captions
GRID_SIDE = 128  # pixels to which small pictures of a grid are enlarged
MAX_SIZE = 4096  # pixels that may be asked for
REMEMBERED = 48  # pictures of a visit
WALKS = ("sentences", "seeds", "both")
FORMATS = ("mp4", "gif", "webp")
