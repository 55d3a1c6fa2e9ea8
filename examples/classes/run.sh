#!/usr/bin/env bash
# A folder of class folders → which file to take. Give your own folder: bash examples/classes/run.sh my_flowers
set -euo pipefail
cd "$(dirname "$0")/../.."
make setup
flowers=${1:-data/example_flowers}
[ -d "$flowers" ] || .venv/bin/python examples/classes/draw.py "$flowers" "${PICTURES:-60}"
.venv/bin/python -m pipelines quickstart data="$flowers" paths.runs="${RUNS:-runs}"  # which is make try DATA="$flowers"
