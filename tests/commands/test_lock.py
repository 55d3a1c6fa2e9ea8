"""The pinned packages are those of every platform that people sit at, resolved to files that exist."""

import os
import subprocess
import tomllib

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from tests.warm import HERE

LINES = [Requirement(line) for line in (HERE / "requirements.lock").read_text().splitlines()]
PLATFORMS = {
    "x86_64-manylinux_2_28": {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux"},
    "aarch64-manylinux_2_28": {"sys_platform": "linux", "platform_machine": "aarch64", "platform_system": "Linux"},
    "aarch64-apple-darwin": {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin"},
}
FROM_SOURCE = {
    "aarch64-manylinux_2_28": ["onnxoptimizer", "psutil"],
}
"""Packages without a wheel there, beside those of PURE."""
PURE = ["antlr4-python3-runtime", "grad-cam"]
"""Without a wheel anywhere, and without anything to compile."""


PYTHONS = ["3.12", "3.13"]


def packages(platform, python):
    """Name → version, of that platform."""
    known = {"python_version": python, "python_full_version": f"{python}.1"}
    environment = default_environment() | PLATFORMS[platform] | known
    return {one.name: str(one.specifier) for one in LINES if one.marker is None or one.marker.evaluate(environment)}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_platform_has_all_that_the_project_asks_for_once(platform, python):
    found = packages(platform, python)
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    environment = default_environment() | PLATFORMS[platform]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for one in map(Requirement, asked):
        if one.marker is None or one.marker.evaluate(environment):
            assert one.name.lower() in found
            assert one.specifier.contains(found[one.name.lower()].removeprefix("=="))
    cuda = [name for name in found if name.startswith(("nvidia-", "cuda-")) or name == "triton"]
    assert bool(cuda) == (PLATFORMS[platform]["sys_platform"] == "linux")


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_platform_finds_files_of_all(platform, python, tmp_path):
    uv = HERE / ".venv" / "bin" / "uv"
    if not uv.exists():
        pytest.skip("needs .venv as `make setup` makes it")
    source = [word for name in (*PURE, *FROM_SOURCE.get(platform, [])) for word in ("--no-binary", name)]
    done = subprocess.run(
        [uv, "pip", "install", "--dry-run", "--target", tmp_path, "--python-version", python, "--python-platform", platform,
         "--only-binary", ":all:", *source, "--requirement", HERE / "requirements.lock"],
        env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "error sending request" in done.stderr or "Failed to fetch" in done.stderr:
        pytest.skip("the package registry cannot be reached")
    assert done.returncode == 0, done.stderr
    assert f"Would install {len(packages(platform, python))} packages" in done.stderr
