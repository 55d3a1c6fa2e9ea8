"""Texts that a spreadsheet would take for a formula."""

STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: object) -> object:
    """A cell of a csv for people: a text that begins like a formula gets a ' before it, a number stays (OWASP, "CSV injection")."""
    if not isinstance(value, str) or not value.startswith(STARTS):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def as_written(text: str) -> str:
    """What a table's text was before it was made harmless."""
    return text[1:] if harmless(text[1:]) == text else text
