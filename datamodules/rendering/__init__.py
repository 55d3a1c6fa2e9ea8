"""Renders whole photos of damaged phones, with a damage grade for each cell of a grid of 3 columns by 5 rows.

It mimics the data set of a thesis: used phones from above, a white panel with a QR code (or a dark one),
scratches and cracks. `render_dataset` writes a folder in the project's form, `contact_sheet` shows any such
folder.
"""

from datamodules.rendering.dataset import render_dataset
from datamodules.rendering.geometry import CLASS_NAMES, COLS, ROWS
from datamodules.rendering.grade_rule import GradeRule
from datamodules.rendering.look import Look
from datamodules.rendering.mask_dataset import render_masks
from datamodules.rendering.sheet import contact_sheet

RENDERER_VERSION = 1
"""Part of a rendered data set's folder name: raised by every change that changes pixels or labels."""

__all__ = [
    "CLASS_NAMES",
    "COLS",
    "RENDERER_VERSION",
    "ROWS",
    "GradeRule",
    "Look",
    "contact_sheet",
    "render_dataset",
    "render_masks",
]
