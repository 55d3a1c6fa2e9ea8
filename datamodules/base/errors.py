"""What is wrong with a data set."""


class DataError(ValueError):
    """Something in a data set is wrong; the message names the file, the line or the value."""
