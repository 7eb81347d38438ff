"""Sentences, and what they are aligned with."""
