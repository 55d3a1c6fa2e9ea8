"""A benchmark's command line of `name=value`."""

import argparse


def given_words(about: str | None, *wanted: str) -> dict[str, str]:
    """Name → value; `--help` says `about`. Ends with exit code 2 for a word that is none, and where a wanted one is missing."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("words", nargs="*", metavar="name=value")
    words = parser.parse_args().words
    for word in words:
        if "=" not in word:
            parser.error(f"{word}: want name=value")
    found = dict(word.split("=", 1) for word in words)
    for name in wanted:
        if name not in found:
            parser.error(f"{name} is missing: want {name}=<…>")
    return found
