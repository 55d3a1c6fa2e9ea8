"""The notebook runs from top to bottom on a sweep, without torch."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from choices import ROOT
from tests.sweeps.made import add_run

HERE = ROOT
NOTEBOOK = HERE / "notebooks" / "inspect_sweep.ipynb"


@pytest.mark.parametrize("files", [("float32", "int8"), pytest.param((), marks=pytest.mark.slow)])
def test_it_runs_and_imports_no_torch(tmp_path, monkeypatch, files):
    for seed in (0, 1):
        for encoding in ("one_hot", "ordinal"):
            folder = add_run(tmp_path, 0.7 + seed / 100, seed=seed, encoding=encoding, files=files)
            assert folder.exists()
    monkeypatch.setenv("GRIDLITE_SWEEP", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("import sys; print('torch' in sys.modules)"))
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(HERE)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = "".join(output.get("text", "") for output in outputs)
    assert "4 runs, 4 done" in texts
    assert texts.endswith("False\n")
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    assert pictures == (2 if files else 1)
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_it_is_committed_with_outputs_that_name_no_machine():
    text = NOTEBOOK.read_text()
    notebook = nbformat.reads(text, as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert not [output for output in outputs if output.get("name") == "stderr" or output.output_type == "error"]
    assert len(text) < 400_000
    assert not re.search(r"/(?:home|root|tmp|work|Users)/", text)
