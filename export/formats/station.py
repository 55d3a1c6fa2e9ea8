"""TFLite files for the grading station: one more output, `distance`, says how far a picture lies from those of training."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, override

import pandas as pd

from export.distance import DISTANCE
from export.float_file import FloatFile
from export.formats.base import HeldOut, Quantization
from export.formats.tflite import TFLite
from metrics.unknown import unknown_of
from sweeps.records.run_record import RecordError

UNKNOWN = "unknown"
"""The key in a file's metadata and in its entry in the record."""


class Station(TFLite):
    """A file of its own beside the usual ones, for each of its own kinds of quantisation.

    Args:
        quantizations: as conf/quantization has them, by name.
        false_alarms: the share of known samples that no training has seen which lies beyond the threshold, between 0 and 1.

    Raises ValueError for another share.

    """

    def __init__(self, quantizations: Mapping[str, Quantization], false_alarms: float) -> None:
        if not 0 < false_alarms < 1:
            raise ValueError(
                f"format.station.false_alarms={false_alarms:g}: want a share between 0 and 1, such as 0.05"
            )
        self.own, self.false_alarms = quantizations, false_alarms

    def kinds(self, quantizations: Mapping[str, Quantization]) -> Mapping[str, Quantization]:
        """Its own, whatever is wanted of the usual files."""
        return {f"station_{name}": partial(_measuring, one) for name, one in self.own.items()}

    def finish(self, data: bytes, metadata: bytes) -> bytes:
        """See `Format`; the output is described as well."""
        about = json.loads(metadata)
        about["outputs"] += f"; {DISTANCE}: float32, 1 x 1, from the pictures of training"
        return super().finish(data, json.dumps(about).encode())

    @override
    def says(self, answers: pd.DataFrame, held_out: HeldOut | None) -> dict[str, Any]:
        """The threshold, by the file's own distances of the validation set, or by those of the folds' files to what they had not seen."""
        known, how = answers[answers.part == "val"], "validation set"
        if held_out is not None:
            try:
                known, how = held_out()
            except RecordError as error:
                refused = f"{error}; want format=station of every fold first"
                return {UNKNOWN: {"false_alarms": self.false_alarms, "how": "folds' held-out samples", "samples": 0, "sources": 0, "refused": refused}}  # fmt: skip
        said = unknown_of(known[DISTANCE].to_numpy(float), known.source_id.to_numpy(str), self.false_alarms, how)
        return {UNKNOWN: said}


def _measuring(quantization: Quantization, source: FloatFile) -> bytes:
    return quantization(source.measured)
