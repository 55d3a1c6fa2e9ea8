"""What the pages propose of a file before anybody has chosen."""

from collections.abc import Sequence

DIGITS = [str(digit) for digit in range(10)]
MNIST = "mnist"


def light_on_dark(data_set: str, labels: Sequence[str], channels: int = 3) -> bool:
    """Whether a file has learned light digits on dark ground, so that ink on paper has to be inverted for it.

    Args:
        data_set: its name in conf/datamodule, empty where nothing is known.
        labels: of the file.
        channels: that it takes.

    """
    digits = [str(label) for label in labels] == DIGITS
    return digits and (data_set == MNIST or channels == 1)
