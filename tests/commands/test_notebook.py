"""The notebook runs from top to bottom on a sweep, without torch."""

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


def test_it_is_committed_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
