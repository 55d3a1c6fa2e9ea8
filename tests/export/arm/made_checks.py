"""Files and samples that the tests of `check=arm` share."""

import numpy as np
import pandas as pd

from export.arm.answers import ArmCheck
from tasks.grading_files import GradeComparison, GradeModel
from tests.export.made import converted, pictures, random_module

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
