"""Figures: what is measured of networks and of the loop, and how it is told."""
