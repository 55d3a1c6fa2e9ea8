#!/usr/bin/env bash
# Photos of phones → a graded device. Give your own annotated folder (make annotate DATA=my_phones): bash examples/phones/run.sh my_phones
set -euo pipefail
cd "$(dirname "$0")/../.."
make setup
runs=${RUNS:-runs}
if [ $# -gt 0 ]; then
    photos=(datamodule=phone_photos "datamodule.root=$1")
else
    photos=(datamodule=synthetic_screens datamodule.devices=12 datamodule.photos=24)  # rendered ones, until you have some
fi
python=.venv/bin/python
grid=(backbone=mobilenet backbone.weights=zoo encoding=ordinal resolution=96 optimizer.lr=0.001 datamodule.folds=3 datamodule.val_folds=2)
$python train.py -m "${photos[@]}" "${grid[@]}" width=0.25,0.5 trainer.max_epochs="${EPOCHS:-4}" sweep_name=example_phones paths.runs="$runs" \
    paths.data="${DATA:-data}"
$python -m sweeps report "$runs/example_phones"
$python -m export paths.runs="$runs"
photo=$(find "${1:-${DATA:-data}}" -name '*.jpg' | sort | head -n 1)
$python -m station grade photo="$photo" run="$runs/best/example_phones/int8.tflite" picture="$runs/example_phones/graded.jpg"
