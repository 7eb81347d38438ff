"""Text-to-image GANs of Reed et al. 2016: draw a 64-pixel picture from a caption and a seed."""

from t2i.synthesizer import Synthesizer

__version__ = "0.1.0"
__all__ = ["Synthesizer", "__version__"]
