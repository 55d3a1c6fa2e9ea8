"""Settings that no training could use, each beside one that it can."""

from tests.inputs.replay import CASES, Asked, Case


def setting(name, key, draw, right, *more, kind=None, says=None):
    """A key of a training on a drawn set with a wrong value, and with a right one (None: none is tried)."""

    def make(trial):
        wrong = draw(trial)
        named = (f"{key}={wrong}",) if says is None else says(wrong)
        good = None if right is None else Asked(trial.train(name, *more, f"{key}={right}"), code=(0,))
        return Asked(trial.train(name, *more, f"{key}={wrong}"), named), good

    CASES.append(Case(name, kind or f"{key} {draw.__doc__ or draw.__name__}", make))


def negative(trial):
    return -trial.whole(2, 10**6)


def word(trial):
    return trial.word()


def huge(trial):
    return trial.whole(10**8, 10**9)


def fraction(trial):
    return f"{trial.whole(2, 99)}.5"


def endless(trial):
    return trial.whole(10**20, 10**21)


def zero(trial):
    return 0


def above_one(trial):
    return f"1.{trial.whole(1, 9)}{trial.whole(1, 9)}"


def below_zero(trial):
    return f"-0.{trial.whole(1, 9)}{trial.whole(1, 9)}"


def maybe(trial):
    return f"maybe{trial.whole(1, 99)}"


def nothing(trial):
    return "null"


def a_list(trial):
    return f"[{trial.whole(1, 99)}]"


def a_number(trial):
    return trial.whole(2, 10**6)


def not_a_number(trial):
    return trial.rng.choice([".nan", ".inf"])


def named_alone(key):
    return lambda wrong: (f"{key}=",)


GRID = ("columns", "rows", "cell_px")
for key, right in zip(GRID, (2, 4, 16), strict=True):
    for draw in (negative, word, zero, huge, fraction, nothing):
        setting("phone_photos", f"datamodule.{key}", draw, right if key == "cell_px" else None)
for draw in (negative, word, fraction, a_list):
    setting("phone_photos", "datamodule.folds", draw, 2)
    setting("phone_photos", "datamodule.val_folds", draw, 0)
    setting("phone_photos", "datamodule.calibration_cells", draw, 3)
    setting("phone_photos", "datamodule.split_seed", draw, 7)
setting("phone_photos", "datamodule.split_seed", endless, 4_294_967_295)
setting("phone_photos", "datamodule.class_names", a_number, "[a,b,c,d,e]")
setting("phone_photos", "datamodule.groups", a_number, "{bench:x*}")
setting("phone_photos", "datamodule.groups", word, None)
setting("phone_photos", "datamodule.labels", word, "settled")


def same_names(trial):
    name = trial.word()
    return f"[a,{name},b,{name},e]"


def one_name(trial):
    return f"[{trial.word()}]"


setting("phone_photos", "datamodule.class_names", same_names, "[a,b,c,d,e]", says=lambda wrong: ("datamodule.class_names", wrong.split(",")[1], "twice"))  # fmt: skip
setting("phone_photos", "datamodule.class_names", one_name, None, says=lambda wrong: ("datamodule.class_names", wrong.strip("[]")))  # fmt: skip
setting("phone_photos", "datamodule.class_names", lambda trial: f"[{trial.word()},'',b,c,d]", None, kind="an empty class name", says=lambda wrong: ("datamodule.class_names",))  # fmt: skip

for draw in (maybe, a_number, nothing):
    setting("image_folder", "datamodule.use_parts", draw, "false")
    setting("image_folder", "datamodule.ordered", draw, "false")
setting("image_folder", "datamodule.class_names", same_names, "[tulip,rose,daisy]", says=lambda wrong: ("datamodule.class_names", wrong.split(",")[1]))  # fmt: skip
setting("image_folder", "datamodule.class_names", a_number, None)
setting("image_folder", "datamodule.folds", endless, 4)
setting("image_folder", "datamodule.root", nothing, None, says=lambda _: ("datamodule.root",))

for draw in (word, nothing, not_a_number):
    setting("image_numbers", "datamodule.low", draw, 0.01)
    setting("image_numbers", "datamodule.high", draw, 1.5)
for draw in (negative, word, fraction, huge):
    setting("image_numbers", "datamodule.bands", draw, 3)
    setting("image_numbers", "datamodule.most_train", draw, 9) if draw is not huge else None
setting("image_numbers", "datamodule.column", a_list, "number")
setting("image_numbers", "datamodule.table", a_list, "numbers.csv")

for draw in (negative, word, fraction, nothing):
    setting("mnist", "datamodule.held_out", draw, 60)
    setting("mnist", "datamodule.most_train", draw, 100)
setting("mnist", "datamodule.held_out", lambda trial: trial.whole(291, 300), 100, kind="held_out leaves fewer pictures than classes")  # fmt: skip

for draw in (negative, word, fraction):
    setting("severstal", "datamodule.test_images", draw, 6)
    setting("neu_seg", "datamodule.most_train", draw, 8)
setting("neu_seg", "datamodule.class_names", same_names, "[p,q,r]", says=lambda wrong: ("datamodule.class_names", wrong.split(",")[1]))  # fmt: skip
setting("neu_seg", "datamodule.truth", word, "index")
setting("neu_seg", "datamodule.use_parts", maybe, "true")
setting("neu_seg", "datamodule.keep_copies", maybe, "true")

ON = "image_folder"
for draw in (negative, word, zero, not_a_number):
    setting(ON, "optimizer.lr", draw, 0.0005)
setting(ON, "optimizer.lr", lambda trial: f"{trial.whole(1, 9)}e{trial.whole(10, 30)}", None, kind="optimizer.lr huge", says=named_alone("optimizer.lr"))  # fmt: skip
setting(ON, "optimizer.lr", nothing, None)
setting(ON, "optimizer.weight_decay", negative, 0.01, "optimizer=adamw")
for draw in (negative, endless):
    setting(ON, "seed", draw, 4_294_967_295)
for draw in (above_one, below_zero):
    setting(ON, "callbacks.ema", draw, 0.9)
    setting(ON, "task.dropout", draw, 0.3)
    setting(ON, "task.label_smoothing", draw, 0.1)
    setting(ON, "schedule.warmup", draw, 0.2)
setting(ON, "task.mixup", below_zero, 0.2)
for key, right in (("task.dropout", 0.1), ("task.mixup", 0.1), ("schedule.warmup", 0.1)):
    setting(ON, key, word, right)
    setting(ON, key, nothing, None)
setting(ON, "batch_size", huge, 4)
setting(ON, "batch_size", lambda trial: trial.whole(10_000, 99_999), 4, kind="batch_size beyond the training set")
setting(ON, "resolution", negative, 64)
setting(ON, "resolution", huge, None)
setting(ON, "width", lambda trial: f"0.3{trial.whole(1, 9)}", None, kind="width that there is not")
setting(ON, "width", negative, None)
setting(ON, "prefetch", negative, 0)
setting(ON, "fold", negative, 1)
for key, right in (("trainer.gradient_clip_val", 1.0), ("trainer.accumulate_grad_batches", 2)):
    setting(ON, key, negative, right)
setting(ON, "trainer.precision", word, "32-true")
setting(ON, "trainer.accelerator", word, "cpu")
setting(ON, "callbacks.monitor", word, "val/loss")
setting(ON, "autotune", word, "plain")
setting(ON, "imbalance.per_class", huge, 5, "imbalance=records")
setting(ON, "imbalance.per_class", word, 5, "imbalance=records")
setting(ON, "imbalance.power", word, 0.5, "imbalance=class_weights")
setting(ON, "fine_tuning.head_epochs", word, None, "fine_tuning=gradual")
setting(ON, "+foo", a_number, None, says=lambda wrong: ("foo",))
setting(ON, "+datamodule.foo", a_number, None, says=lambda wrong: ("datamodule.foo",))
setting(ON, "+optimizer.foo", a_number, None, says=lambda wrong: ("optimizer.foo",))
setting(ON, "+trainer.limit_train_batches", a_number, None, says=lambda wrong: ("trainer.limit_train_batches",))
setting(
    ON, "+trainer.fast_dev_run", lambda _: "true", None, kind="fast_dev_run", says=lambda _: ("trainer.fast_dev_run",)
)
setting(ON, "export.max_accuracy_drop", negative, None)
setting(ON, "sweep_name", lambda trial: f"../{trial.word()}", "new", kind="sweep_name that leads out")
setting(ON, "optimizer.lr", lambda trial: f"[{trial.whole(1, 99)},", None, kind="a list without its end", says=lambda wrong: (wrong,))  # fmt: skip
CASES.append(Case(ON, "a word without a key", lambda trial: (Asked(trial.train(ON, text := f"={trial.whole(1, 99)}"), (text,)), None)))  # fmt: skip
