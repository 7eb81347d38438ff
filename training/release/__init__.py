"""From data to bundled weights: `python -m training.release`."""
