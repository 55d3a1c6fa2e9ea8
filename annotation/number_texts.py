"""Numbers as people and spreadsheets write them: with a decimal comma, with a percent sign."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from annotation.log import AnnotationError
from datamodules.base.tables import NUMBER

BLANKS = str.maketrans("", "", " \t\u00a0\u2009\u202f")
WITH_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
PERHAPS_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")


@dataclass(frozen=True)
class Given:
    """A value as it stands in a file."""

    text: str
    where: str
    """Line or task, for messages."""

    @property
    def plain(self) -> str:
        """Without blanks and without a percent sign."""
        return self.text.translate(BLANKS).removesuffix("%")

    @property
    def percent(self) -> bool:
        """Whether a percent sign follows."""
        return self.text.translate(BLANKS).endswith("%")


@dataclass(frozen=True)
class Spelling:
    """How the numbers of a whole file are written: one value alone does not tell what its comma is."""

    comma: bool = False
    percent: bool = False

    def read(self, given: Given) -> float:
        """The number. Raises ValueError, with what would be right, for a text that is none."""
        text = given.plain
        if self.comma and WITH_COMMA.fullmatch(text):
            text = text.replace(",", ".")
        if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
            comma = "; want digits with one decimal comma at most" if "," in text else "; want a number"
            raise ValueError(f"{given.text!r:.60}{comma}")
        return float(text)


def spelling_of(values: Iterable[Given]) -> Spelling:
    """How a file's numbers are written.

    Raises AnnotationError, naming one of each, where some have a percent sign and others none, where some have a decimal
    comma and others a point, and where every comma could part thousands.
    """
    numbers = [one for one in values if NUMBER.fullmatch(one.plain) or WITH_COMMA.fullmatch(one.plain)]
    with_sign = [one for one in numbers if one.percent]
    without = [one for one in numbers if not one.percent and float(one.plain.replace(",", "."))]  # 0 is 0 %
    if with_sign and without:
        raise AnnotationError(
            f"{without[0].where}: {without[0].text!r:.60} has no percent sign, {with_sign[0].text!r:.60} has one "
            f"({with_sign[0].where}); want all numbers of a file with it or none"
        )
    commas = [one for one in numbers if "," in one.plain]
    points = [one for one in numbers if "." in one.plain]
    if commas and points:
        raise AnnotationError(
            f"{commas[0].where}: {commas[0].text!r:.60} has a decimal comma, {points[0].text!r:.60} a point ({points[0].where}); "
            "want one of them in a file"
        )
    if commas and all(PERHAPS_THOUSANDS.fullmatch(one.plain) for one in commas):
        whole, point = (commas[0].plain.replace(",", put) for put in ("", "."))
        raise AnnotationError(
            f"{commas[0].where}: {commas[0].text!r:.60}: does the comma part thousands or decimals? want {whole} or {point}"
        )
    return Spelling(bool(commas), bool(with_sign))
