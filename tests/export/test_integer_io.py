"""uint8 in and out: the same answers as the int8 file that it is made of, and nothing but bytes at the doors."""

import json
from functools import partial

import numpy as np
import pytest

from export import quantize
from export.formats.tflite import TFLite
from export.integer_io import int8_io
from tasks.grading_files import GradeModel
from tests.export.made import PLAIN, files_of_kinds, pictures

WHOLE = PLAIN | {"float_edges": False}


def test_pixels_as_they_are_answers_in_steps_of_a_255th():
    source = quantize.FloatFile(files_of_kinds()["float32"], pictures(30, 64), GradeModel)
    then = partial(quantize.int8, **WHOLE)
    about = {"task": "grading", "labels": list("abcde"), "size": [64, 64], "resolution": 64}
    model = GradeModel(TFLite().finish(int8_io(source, then=then), json.dumps(about).encode()))
    assert model.backend.dtype == np.uint8
    assert model.backend.quantization == (1.0, 0)
    assert model.backend.steps.keys() == model.backend.outputs.keys()
    images = pictures(60, 64, seed=4)
    grades, probabilities = model.grade(images)
    wanted, exact = GradeModel(then(source)).grade(images)
    np.testing.assert_array_equal(grades, wanted)
    np.testing.assert_allclose(probabilities, exact, atol=0.5 / 255 + 1e-6)


def test_a_file_that_scales_in_float_is_refused():
    source = quantize.FloatFile(files_of_kinds()["float32"], pictures(30, 64), GradeModel)
    with pytest.raises(quantize.QuantizationError, match="float_edges=false"):
        int8_io(source, then=partial(quantize.int8, **PLAIN))
