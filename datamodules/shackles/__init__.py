"""Rendered pairs of interlocked shackles whose joint is worn (seed 004, section 3.4), by Mitsuba."""

from datamodules.shackles.dataset import LEVELS, RENDERER_VERSION, render_shackles

__all__ = ["LEVELS", "RENDERER_VERSION", "render_shackles"]
