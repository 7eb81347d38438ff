"""Text-to-image GANs of Reed et al. 2016: draw a 64-pixel picture from a caption and a seed."""

__version__ = "0.1.0"
__all__ = ["Synthesizer", "__version__"]


def __getattr__(name: str) -> object:
    """The Synthesizer once it is asked for: what needs no network need not wait for torch."""
    if name != "Synthesizer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from t2i.synthesizer import Synthesizer

    return Synthesizer
