# Every command a person types; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
PY := .venv/bin/python
STAMP := .venv/.installed
ALL := .venv/.installed-all
DEMO_RUNS ?= runs
MAKEFLAGS += --no-print-directory

need = @[ -n "$($(1))" ] || { echo "error: $(1) is missing: make $@ $(1)=$(2)" >&2; exit 2; }

.PHONY: help setup setup-all demo annotate agreement doubtful import-labels import-masks import-numbers export-labels collect retrain try export-tflite bench-phone phone arm zoo study report sheet sheet-factors sheet-painted sheet-shackles test test-slow lint format lock docs bench bench-peers bench-scaling bench-jobs bench-export bench-sweep bench-masks study-checkpoints study-imbalance study-starts study-steel study-steel-rare study-thesis study-finalists study-sweep study-held-out study-unlabelled study-saved-labels bench-leakage bench-stack bench-tuner bench-shackles bench-allocation bench-station bench-station-api bench-station-drift bench-latency-prediction bench-grid-halving bench-marked-damage bench-mixed-precision bench-operators clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv with the pinned packages that gridlite uses (the other targets do it by themselves)

$(STAMP): requirements.lock pyproject.toml .ci/setup
	@bash .ci/setup

setup-all: $(ALL) ## the packages of the tests, the benchmarks and the documentation as well

$(ALL): requirements.lock pyproject.toml .ci/setup
	@bash .ci/setup all

demo: setup ## draw phones, grade one, train a small grid from the zoo's networks, export, report (minutes)
	@$(PY) -m pipelines demo paths.runs=$(DEMO_RUNS)

export-tflite: setup ## RUN=<folder>: phone files of a run, checked and timed (no RUN: the latest sweep's best)
	@$(PY) -m export $(if $(RUN),run='"$(RUN)"')

bench-phone: setup ## BENCHMARK_MODEL=<file> [SERIAL= RUN= SWEEP= MINUTES=]: time files on an Android phone over adb
	@$(PY) -m export.latency latency=adb $(if $(RUN),run='"$(RUN)"') $(if $(SWEEP),pareto_of='"$(SWEEP)"') \
	  $(if $(SERIAL),latency.adb.serial='"$(SERIAL)"') $(if $(BENCHMARK_MODEL),latency.adb.benchmark_model='"$(BENCHMARK_MODEL)"') \
	  $(if $(MINUTES),latency.adb.sustained_s=$$((60 * $(MINUTES))))

phone: setup ## [RUN=<run or file, or [several, of, them]> SWEEP= PROFILE= HOST=0.0.0.0]: the page for phones: time files, score them, live camera
	@$(PY) -m web $(if $(RUN),$(if $(filter [%,$(firstword $(RUN))),run='$(RUN)',run='"$(RUN)"')) $(if $(SWEEP),pareto_of='"$(SWEEP)"') $(if $(PROFILE),profile='"$(PROFILE)"') \
	  $(if $(HOST),host=$(HOST) https=true)

arm: setup ## once: an arm64 Python with LiteRT in .cache/arm, for latency=arm (needs qemu-user-static, apt)
	@$(PY) -m export.arm

zoo: setup ## train the networks that come with gridlite again, on phones that it renders (40 minutes)
	@$(PY) train.py -m +sweep=zoo
	@$(PY) -m zoo.pack runs/zoo

study: setup ## STUDY=reduced|full, PHOTOS=<folder> [PROFILE= ARGS=]: the whole study; the same again goes on (hours)
	@$(PY) -m pipelines study study=$(or $(STUDY),reduced) $(if $(PHOTOS),photos='"$(PHOTOS)"') $(if $(PROFILE),profile='"$(PROFILE)"') $(ARGS)

try: setup ## DATA=<folder of class folders>: look, probe, train, export, report; which file to take (minutes)
	$(call need,DATA,<folder of class folders>)
	@$(PY) -m pipelines quickstart data='"$(DATA)"'

annotate: setup ## DATA=<folder of photos> [ANNOTATOR= ROUND= RUN= PROFILE= PORT= HOST=0.0.0.0]: grade the cells of phones in a browser
	$(call need,DATA,<folder of photos>)
	@$(PY) -m annotation serve data='"$(DATA)"' $(if $(ANNOTATOR),annotator='"$(ANNOTATOR)"') $(if $(ROUND),round=$(ROUND)) \
	  $(if $(RUN),run='"$(RUN)"') $(if $(PROFILE),profile='"$(PROFILE)"') $(if $(PORT),port=$(PORT)) $(if $(HOST),host=$(HOST) https=true)

agreement: setup ## DATA=<annotated folder>: how far annotators and rounds agree
	$(call need,DATA,<annotated folder>)
	@$(PY) -m annotation agreement --data '$(DATA)'

doubtful: setup ## DATA=<annotated folder> RUNS=<sweep with folds>: list labels that trained networks doubt
	$(call need,DATA,<annotated folder>)
	$(call need,RUNS,<sweep with folds>)
	@$(PY) -m annotation doubtful --data '$(DATA)' --runs '$(RUNS)'

import-labels: setup ## DATA=<folder of photos> FROM=<csv, COCO json, or folder per class> [ARGS=--category scratch=1]
	$(call need,DATA,<folder of photos>)
	$(call need,FROM,<csv or COCO json or folder per class>)
	@$(PY) -m annotation import --data '$(DATA)' --from '$(FROM)' $(ARGS)

import-masks: setup ## DATA=<folder of images> FROM=<COCO json, or folder of PNG masks> TO=<new folder> [ARGS=--classes scratch,pit]
	$(call need,DATA,<folder of images>)
	$(call need,FROM,<COCO json or folder of PNG masks>)
	$(call need,TO,<new folder>)
	@$(PY) -m annotation import-masks --data '$(DATA)' --from '$(FROM)' --to '$(TO)' $(ARGS)

import-numbers: setup ## DATA=<folder of images> FROM=<Label Studio's json or csv, or any csv> [ARGS=--low 0 --high 100]
	$(call need,DATA,<folder of images>)
	$(call need,FROM,<Label Studio json or csv or any csv>)
	@$(PY) -m annotation import-numbers --data '$(DATA)' --from '$(FROM)' $(ARGS)

collect: setup ## GRADED=<output of the station> DATA=<annotated folder> [CORRECTIONS=<file> ANNOTATOR= MOST=]: photos to learn from
	$(call need,GRADED,<output of python -m station grade>)
	$(call need,DATA,<annotated folder>)
	@$(PY) -m pipelines collect graded='"$(GRADED)"' data='"$(DATA)"' $(if $(CORRECTIONS),corrections='"$(CORRECTIONS)"') \
	  $(if $(ANNOTATOR),annotator='"$(ANNOTATOR)"') $(if $(MOST),most=$(MOST))

retrain: setup ## RUN=<run> DATA=<annotated folder>: its recipe on the labels that are there now, and what these changed
	$(call need,RUN,<folder of a run>)
	$(call need,DATA,<annotated folder>)
	@$(PY) -m pipelines retrain run='"$(RUN)"' data='"$(DATA)"'

export-labels: setup ## DATA=<annotated folder> TO=<csv or COCO json>
	$(call need,DATA,<annotated folder>)
	$(call need,TO,<csv or COCO json>)
	@$(PY) -m annotation export --data '$(DATA)' --to '$(TO)'

report: setup ## SWEEP=<folder>: one report.html of a sweep (no SWEEP: the latest)
	@$(PY) -m sweeps report $(if $(SWEEP),'$(SWEEP)')

sheet: setup ## draw a contact sheet of the synthetic screens, a row per class
	@$(PY) -m datamodules.rendering --out contact_sheet.png

sheet-factors: setup ## draw damaged cells under each factor of the renderer, a row each
	@$(PY) -m datamodules.rendering --factors --out factors.png

sheet-painted: setup ## draw phones before and after damage was painted on them; DATA=<folder of photos>: yours
	@$(PY) -m datamodules.rendering --painted --out painted_sheet.png $(if $(DATA),--root '$(DATA)')

sheet-shackles: setup ## draw a contact sheet of rendered worn joints, a row per level of variation
	@$(PY) -m datamodules.shackles --out shackles.png

test: setup-all ## the tests, some 6 minutes on 2 cores
	@$(PY) -m pytest -n auto --dist loadfile

test-slow: setup-all ## [THIRD=0|1|2]: the long tests as well; with THIRD a third of the long ones alone
	@$(PY) -m pytest -n auto --dist loadfile $(if $(THIRD),-m slow --third $(THIRD),-m "slow or not slow")

lint: setup-all ## ruff, mypy --strict and the import directions
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --quiet --check .
	@$(PY) -m mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo 2>&1 | tail -n 3

format: setup-all ## let ruff rewrite the files
	@$(PY) -m ruff check --quiet --fix . && $(PY) -m ruff format --quiet .

lock: setup-all ## pin the newest packages that fit pyproject.toml
	@.venv/bin/uv pip compile --quiet pyproject.toml --all-extras --no-header --no-emit-index-url --no-annotate \
	  --universal --python-version 3.12 --upgrade --output-file requirements.lock

docs: setup-all ## the documentation as a site, in .cache/site
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --strict && echo "site: .cache/site/index.html"

bench: setup-all ## training throughput against a bare loop and Keras, as ratios
	@$(PY) -m benchmarks.train_throughput

bench-peers: setup-all ## [PHOTOS=<folder of class folders> QUICK=1]: training against Keras, Lightning and Ultralytics
	@$(PY) -m benchmarks.peers $(if $(PHOTOS),--photos '$(PHOTOS)') $(if $(QUICK),--quick)

bench-scaling: setup-all ## [QUICK=1]: cost of 1, 10 and 100 times the data, and of 1 to 64 points of a grid
	@$(PY) -m benchmarks.scaling $(if $(QUICK),--quick)

bench-jobs: setup-all ## trainings an hour: one after the other with all cores, or one per core
	@$(PY) -m benchmarks.jobs

bench-export: setup-all ## conversion time and latency of our files against TensorFlow's converter, as ratios
	@$(PY) -m benchmarks.export

bench-mixed-precision: setup-all ## PHOTOS=<folder of phone photos> [RUN=<run> MORE=<settings>]: int8 layer by layer against int8, accuracy and time (20 minutes; with RUN 3)
	$(call need,PHOTOS,<folder of photos of phones>)
	@$(PY) -m benchmarks.mixed_precision --photos '$(PHOTOS)' $(if $(RUN),--run '$(RUN)') $(MORE)

bench-operators: setup-all ## [NETWORK="backbone=mobilenetv2 resolution=224"]: which layers are faster in int8, ms by kind
	@$(PY) -m benchmarks.operators $(NETWORK)

bench-masks: setup-all ## decoding the masks of a data set of Severstal's size against two peers
	@$(PY) -m benchmarks.run_lengths

bench-shackles: setup-all ## seconds a rendered joint, in processes and on Mitsuba's own threads
	@$(PY) -m benchmarks.shackles

bench-tuner: setup-all ## [ROUNDS=2]: what looking for a faster way costs of a training, idle and beside other work
	@$(PY) -m benchmarks.tuner --rounds $(or $(ROUNDS),2)

bench-allocation: setup-all ## CPU seconds of a training step with freed memory kept and given back
	@$(PY) -m benchmarks.allocation

bench-station: setup-all ## PHOTOS=<folder of photos of phones> RUN=<run or file>: photos an hour that the station grades
	$(call need,PHOTOS,<folder of photos of phones>)
	$(call need,RUN,<run or file>)
	@$(PY) -m benchmarks.station --photos '$(PHOTOS)' --run '$(RUN)'

bench-station-api: setup-all ## PHOTOS=<folder of photos of phones> RUN=<run or file>: the station's API under 1 to 8 clients
	$(call need,PHOTOS,<folder of photos of phones>)
	$(call need,RUN,<run or file>)
	@$(PY) -m benchmarks.station_api --photos '$(PHOTOS)' --run '$(RUN)'

bench-latency-prediction: setup-all ## [PHOTOS=<folder of phone photos> STAGE1=1]: untrained files' latency against trained ones' (minutes); without PHOTOS what is known
	@$(PY) -m benchmarks.latency_prediction $(if $(PHOTOS),--photos '$(PHOTOS)') $(if $(STAGE1),--stage1)

bench-grid-halving: setup-all ## [SEED=0]: what successive halving spares of a grid on MNIST, and whether the front is found (15 minutes); then what is known
	@$(PY) -m benchmarks.grid_halving --seed $(or $(SEED),0)

bench-station-drift: setup-all ## PHOTOS=<annotated folder> RUN=<run or file>: how often its watch of camera and stock is right
	$(call need,PHOTOS,<annotated folder of photos of phones>)
	$(call need,RUN,<run or file>)
	@$(PY) -m benchmarks.station_drift --photos '$(PHOTOS)' --run '$(RUN)'

bench-marked-damage: setup-all ## RUN=<run of task=segmentation on synthetic_screens> [FILE=int8 PHOTOS=<annotated folder>]: Dice, errors of length and area, marks on real photos
	$(call need,RUN,<run of task=segmentation datamodule=synthetic_screens>)
	@$(PY) -m benchmarks.marked_damage --run '$(RUN)' $(if $(FILE),--file '$(FILE)') $(if $(PHOTOS),--photos '$(PHOTOS)')

study-checkpoints: setup-all ## [PHOTOS=<folder of phone photos> MORE=<settings>]: which epoch should ship (an hour); without PHOTOS what is known
	@$(PY) -m benchmarks.checkpoint_rules $(if $(PHOTOS),--photos '$(PHOTOS)') $(MORE)

study-imbalance: setup-all ## [PHOTOS=<folder of phone photos> MORE=<settings>]: what helps against rare grades (an hour); without PHOTOS what is known
	@$(PY) -m benchmarks.class_imbalance $(if $(PHOTOS),--photos '$(PHOTOS)') $(MORE)

study-starts: setup-all ## [PHOTOS=<folder of phone photos> MORE=<settings>]: random, zoo's and ImageNet's initial weights by number of phones (two hours); without PHOTOS what is known
	@$(PY) -m benchmarks.initial_weights $(if $(PHOTOS),--photos '$(PHOTOS)') $(MORE)

study-steel: setup-all ## [DATA=<folder of neu_seg> MORE=<settings>]: encoders and copies on steel (an hour); without DATA what is known
	@$(PY) -m benchmarks.steel $(if $(DATA),--root '$(DATA)') $(MORE)

study-steel-rare: setup-all ## [DATA=<folder of neu_seg> MORE=<settings>]: balanced records on steel where a defect is rare (twenty minutes); without DATA what is known
	@$(PY) -m benchmarks.steel_rare $(if $(DATA),--root '$(DATA)') $(MORE)

study-thesis: setup-all ## [MORE=<settings>]: the first thesis's 27 networks and its choices on rendered phones, at half of its sides (four hours); MORE=--docs what is known
	@$(PY) -m benchmarks.thesis_study $(MORE)

study-finalists: setup-all ## [PHOTOS=<folder of phone photos> MORE=<settings>]: the thesis's finalists on real phones beside networks of half their latency (two hours); without PHOTOS what is known
	@$(PY) -m benchmarks.thesis_photos $(if $(PHOTOS),--photos '$(PHOTOS)') $(MORE)

study-sweep: setup-all ## SWEEP=<name> [MORE=<words>]: a sweep of which finished trainings leave rows and are not trained again; MORE=--show what is known
	@$(PY) -m benchmarks.sweep_study $(SWEEP) $(MORE)

study-held-out: setup-all ## [PHOTOS=<folder of phone photos> MORE=<settings>]: do files give on new phones what their reports promised (an hour); without PHOTOS what is known
	@$(PY) -m benchmarks.held_out_phones $(if $(PHOTOS),--photos '$(PHOTOS)') $(MORE)

study-unlabelled: setup-all ## [PHOTOS=<folder of phone photos> MORE=<settings>]: what pictures without labels are worth (half an hour); without PHOTOS what is known
	@$(PY) -m benchmarks.unlabelled $(if $(PHOTOS),--photos '$(PHOTOS)') $(MORE)

study-saved-labels: setup-all ## [PHOTOS=<folder of phone photos> MORE=<settings>]: labels saved by asking for the doubtful (an hour); without PHOTOS what is known
	@$(PY) -m benchmarks.saved_labels $(if $(PHOTOS),--photos '$(PHOTOS)') $(MORE)

bench-leakage: setup-all ## [DATA=<folder of neu_seg>]: what copies on both sides of a fold promise (half an hour); without DATA what is known
	@$(PY) -m benchmarks.leakage $(if $(DATA),--root '$(DATA)')

bench-stack: setup-all ## ten seeds of a small network at once against one after the other
	@$(PY) -m benchmarks.stacked

bench-sweep: setup-all ## what a sweep costs beside its trainings, and how fast its records are read
	@$(PY) -m benchmarks.sweep

clean: ## remove the environment and the caches, never runs or data
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
