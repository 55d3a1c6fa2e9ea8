"""What a contributor's and an operator's tools read: pre-commit, Docker, shell completion."""

import re
import shutil
import subprocess

import pytest
import yaml

from tests.warm import HERE, run_plain


def test_hooks_ask_what_make_lint_asks():
    (repo,) = yaml.safe_load((HERE / ".pre-commit-config.yaml").read_text())["repos"]
    entries = {hook["id"]: hook["entry"] for hook in repo["hooks"]}
    asked = (HERE / "Makefile").read_text()
    for tool in (
        "-m ruff check",
        "-m ruff format --quiet --check",
        "-m mypy --no-error-summary",
        "lint-imports --no-logo",
    ):
        assert tool in asked
        assert any(tool in entry for entry in entries.values()), tool


def test_the_hook_for_large_files_stops_one_and_lets_others_pass(tmp_path):
    (repo,) = yaml.safe_load((HERE / ".pre-commit-config.yaml").read_text())["repos"]
    (entry,) = [hook["entry"] for hook in repo["hooks"] if hook["id"] == "large"]
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(bytes(2**20 + 1))
    small.write_bytes(bytes(2**20))
    codes = [
        subprocess.run(f"{entry} {files}", shell=True, check=False).returncode for files in (f"{small} {large}", small)
    ]
    assert codes == [1, 0]


def instructions():
    text = re.sub(r"^\s*#.*\n", "", (HERE / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]


def test_the_image_copies_what_there_is_and_calls_targets_that_there_are():
    lines = instructions()
    assert lines[0][0] == "FROM"
    assert {word for word, _ in lines} <= {"FROM", "RUN", "WORKDIR", "COPY", "EXPOSE", "CMD"}
    for word, rest in lines:
        if word == "COPY":
            for source in rest.split()[:-1]:
                assert (HERE / source).exists(), source
    targets = set(re.findall(r"^([\w-]+):", (HERE / "Makefile").read_text(), re.MULTILINE))
    called = [rest.split()[1] for word, rest in lines if word == "RUN" and rest.startswith("make ")]
    assert called == ["setup"]
    assert set(called) <= targets
    ignored = (HERE / ".dockerignore").read_text().split()
    assert {".git", ".venv", ".cache", "runs", "data"} <= set(ignored)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_image_is_built():
    if shutil.which("docker") is None:
        pytest.skip("no docker on this machine")
    (base,) = [rest for word, rest in instructions() if word == "FROM"]
    # The program alone builds nothing: it asks a service, and that a registry.
    for asked in (["docker", "info"], ["docker", "pull", "--quiet", base]):
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.returncode:
            pytest.skip(f"`{' '.join(asked)}`: {answer.stderr.strip().splitlines()[-1]}")
    subprocess.run(["docker", "build", "--quiet", "--tag", "gridlite-test", "."], cwd=HERE, check=True)


def test_a_shell_completes_settings():
    told = run_plain("train.py", "-sc", "install=bash")
    assert told.returncode == 0, told.stderr
    assert "hydra_bash_completion" in told.stdout
    asked = """eval "$COMPLETION"; COMP_LINE="python train.py backbone=mobilenetv" COMP_POINT=35 COMP_CWORD=2; hydra_bash_completion; echo "${COMPREPLY[@]}" """
    done = subprocess.run(
        ["bash", "-c", asked], env={"COMPLETION": told.stdout, "PATH": f"{HERE}/.venv/bin:/usr/bin:/bin"}, cwd=HERE,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "backbone=mobilenetv2" in done.stdout.split(), done.stderr
