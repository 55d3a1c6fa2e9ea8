"""Files and samples that the tests of `check=arm` share."""

import numpy as np
import pandas as pd

from export.arm.answers import ArmCheck
from export.convert import to_float32, to_onnx
from export.deployable import deployable
from tasks.grading_files import GradeComparison, GradeModel
from tasks.segmentation_files import MaskComparison, mask_answer
from tests.export.made import converted, pictures, random_module
from tests.export.test_mask_files import marking_module

SIDE = 48


def file_and_changed():
    """A float32 file, and the same network's with one weight of its classifier changed."""
    module = random_module("mobilenet", width=0.25, resolution=SIDE)
    first = converted(module, SIDE)[1]
    weight = next(one for one in reversed(list(module.network.linear.parameters())) if one.ndim > 1).data
    weight.view(-1)[0] += 40 * weight.abs().max()
    return first, converted(module, SIDE)[1]


def comparison(data, count=24, val=16):
    """Drawn pictures with the file's own grades as labels: the first `val` are the validation set."""
    images = pictures(count, SIDE)
    grades, probabilities = GradeModel(data).grade(images)
    columns = pd.DataFrame(
        {"sample": [f"{at}" for at in range(count)], "source_id": [f"s{at // 4}" for at in range(count)], "group": "",
         "part": ["val"] * val + ["test"] * (count - val), "label": grades}
    )  # fmt: skip
    return GradeComparison(columns, images, np.array(grades), probabilities.astype(np.float64), True)


def check(folder, **settings):
    return ArmCheck(str(folder), **{"timeout_s": 250.0} | settings)


def marked(count=8, val=5):
    """A file that marks pixels, and drawn pictures; the first `val` are the validation set."""
    module = marking_module("plain_unet", classes=2, size=(32, 32))
    shipped = deployable(module, (32, 32), mask_answer)
    images = pictures(count, 32)
    given = np.zeros((count, 32, 32), np.uint8)
    columns = pd.DataFrame({"sample": [f"{at}" for at in range(count)], "source_id": "s", "group": ""}).assign(
        part=["val"] * val + ["test"] * (count - val)
    )
    samples = MaskComparison(columns, images, given, given, 2, np.zeros((count, 32, 32, 2)), 0.5)
    return to_float32(to_onnx(shipped, (32, 32), shipped.outputs)), samples
