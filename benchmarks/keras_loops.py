"""Keras `fit` on the same architecture: an epoch per turn, validation after it."""

from typing import Any

from benchmarks.cases import LEARNING_RATE, Case, Pictures
from benchmarks.turns import Turn


def keras(case: Case, pictures: Pictures, epochs: int, turn: Turn) -> None:
    """`fit` from memory, no augmentation."""
    images, labels = pictures.part("train")
    _fit(case, pictures, epochs, turn, {"x": images, "y": labels, "batch_size": case.batch})


def keras_augmented(case: Case, pictures: Pictures, epochs: int, turn: Turn) -> None:
    """`fit` from memory with its own layers at heavy's ranges, mapped over a tf.data set as its guide has it."""
    import keras as k
    import tensorflow as tf

    fill = {"fill_mode": "constant", "fill_value": 127.0}
    layers = k.Sequential(
        [
            k.layers.RandomFlip(),
            k.layers.RandomRotation(5 / 360, **fill),
            k.layers.RandomTranslation(0.05, 0.05, **fill),
            k.layers.RandomShear(0.09, 0.0, **fill),
            k.layers.RandomBrightness(30 / 255),
            k.layers.RandomHue(70 / 180, value_range=(0, 255)),
        ]
    )
    images, labels = pictures.part("train")
    rows = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images)).batch(case.batch)
    changed = rows.map(lambda image, label: (layers(image, training=True), label), tf.data.AUTOTUNE)
    _fit(case, pictures, epochs, turn, {"x": changed.prefetch(tf.data.AUTOTUNE)})


def _fit(case: Case, pictures: Pictures, epochs: int, turn: Turn, data: dict[str, Any]) -> None:
    """keras.applications' network of the same architecture with the same head."""
    import keras as k

    shape = (case.resolution, case.resolution, 3)
    without = {"include_top": False, "weights": None, "pooling": "avg", "input_shape": shape}
    if case.backbone == "mobilenet":
        body = [k.layers.Rescaling(1 / 127.5, -1), k.applications.MobileNet(alpha=case.width, **without)]
    else:
        body = [k.applications.EfficientNetB0(**without)]  # scales by itself
    head = [k.layers.Dropout(0.5), k.layers.Dense(pictures.classes, "softmax")]
    model = k.Sequential([k.Input(shape), *body, *head])
    model.compile(k.optimizers.Adam(LEARNING_RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
    val_images, val_labels = pictures.part("val")
    for _ in range(epochs):
        turn.begin()
        model.fit(**data, epochs=1, verbose=0)
        turn.trained()
        scores = model.evaluate(val_images, val_labels, 2 * case.batch, verbose=0, return_dict=True)
        turn.end(scores["accuracy"])
