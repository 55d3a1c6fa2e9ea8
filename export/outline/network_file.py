"""The trained file, without torch."""

from pathlib import Path

FILE = Path(__file__).parent / "outline.tflite"
SIDE = 160
"""Pixels of its square input; the whole photo is squeezed into it."""
