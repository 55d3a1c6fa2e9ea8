"""Runs where `mediapipe` is installed: asks the files named on the command line and prints what they answer, as JSON.

Words: a .npy of pictures `(N, H, W, 3)`, then files; one named `masks…` is a segmenter.
"""

import json
import sys
from pathlib import Path

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision


def classified(path, images):
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path))
    with vision.ImageClassifier.create_from_options(options) as classifier:
        found = [classifier.classify(image) for image in images]
    first = [one.classifications[0].categories[0] for one in found]
    by_index = [{one.index: one.score for one in each.classifications[-1].categories} for each in found]
    return {
        "heads": [one.head_name for one in found[0].classifications],
        "first": [one.index for one in first],
        "names": [one.category_name for one in first],
        "probabilities": [[scores[index] for index in sorted(scores)] for scores in by_index],
    }


def segmented(path, images):
    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=path), output_confidence_masks=True
    )
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        found = [segmenter.segment(image) for image in images]
        masks = [[mask.numpy_view().squeeze().tolist() for mask in one.confidence_masks] for one in found]
        return {"labels": list(segmenter.labels), "masks": masks}


def main():
    pictures = np.load(sys.argv[1])
    images = [mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=one) for one in pictures]
    answers = {}
    for path in sys.argv[2:]:
        ask = segmented if Path(path).name.startswith("masks") else classified
        answers[Path(path).stem] = ask(path, images)
    print(json.dumps({"version": mediapipe.__version__, "answers": answers}))


if __name__ == "__main__":
    main()
