"""Where a backbone's pretrained weights are found: a file, the hub's cache, the hub, or nowhere."""

import hashlib
import os
import socket
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlparse

from lightning_modules.backbones.spec import KERAS, BackboneSpec, InitialWeights, Pretrained, WeightsError


def resolve_initial_weights(
    spec: BackboneSpec, width: float, weights: str, folder: Path, resolution: int | None = None
) -> InitialWeights:
    """Finds the weights that `backbone.weights` asks for.

    Args:
        spec, width: the backbone, at one of its widths.
        resolution: pixels at which it will be trained; None takes the spec's default.
        weights: `auto` (ImageNet weights where they can be had, else random), `imagenet` (insists), `none`, or the
            path of a safetensors file in timm's names.
        folder: `paths.weights`, searched for the files that the spec names, before the hub and its cache.

    Raises WeightsError with one line.

    """
    if weights == "none":
        return InitialWeights("random", spec.padding, spec.mean, spec.std)
    if weights not in ("auto", "imagenet"):
        return _from_file(spec, width, Path(weights))
    wanted = spec.default_resolution if resolution is None else resolution
    for find in (_here, partial(_fetched, width)):  # nothing is fetched where anything is at hand
        for candidate in spec.pretrained.get(width, []):
            path = find(candidate, folder, wanted)
            if path is not None:
                return _start(candidate, path)
    tried = [
        f"{folder / _names(candidate, wanted)[0]}" if candidate.file else f"hub {candidate.hub}"
        for candidate in spec.pretrained.get(width, [])
    ]
    if weights == "imagenet":
        if not tried:
            have = ", ".join(f"{have:g}" for have in spec.pretrained) or "none"
            raise WeightsError(
                f"backbone.weights=imagenet: no ImageNet weights are known for {spec.name} at width {width:g} "
                f"(widths with weights: {have})"
            )
        raise WeightsError(
            f"backbone.weights=imagenet: not to be had for {spec.name}: tried {', '.join(tried)}; a random start is backbone.weights=none"
        )
    return InitialWeights("random", spec.padding, spec.mean, spec.std)


def _from_file(spec: BackboneSpec, width: float, path: Path) -> InitialWeights:
    if not path.is_file():
        raise WeightsError(
            f"backbone.weights={path}: no such file; want a .safetensors file, a run's folder, auto, imagenet, zoo or none"
        )
    if path.suffix != ".safetensors":
        raise WeightsError(f"backbone.weights={path}: want a .safetensors file")
    for candidate in spec.pretrained.get(width, []):
        if path.name in _names(candidate):
            return _start(candidate, path)
    return InitialWeights("file", spec.padding, spec.mean, spec.std, path, _digest(path))


def _start(candidate: Pretrained, path: Path) -> InitialWeights:
    return InitialWeights(
        "imagenet", candidate.padding, candidate.mean, candidate.std, path, _digest(path), candidate.eps
    )


def _names(candidate: Pretrained, wanted: int = 0) -> list[str]:
    """The names that a candidate's file may have, the nearest resolution first."""
    near = sorted(candidate.resolutions, key=lambda have: abs(have - wanted)) or [0]
    return [candidate.file.format(resolution=have) for have in near] if candidate.file else []


def _here(candidate: Pretrained, folder: Path, wanted: int) -> Path | None:
    """The candidate's file in the folder, or in the hub's cache."""
    if candidate.file is not None:
        return next((path for name in _names(candidate, wanted) if (path := folder / name).is_file()), None)
    assert candidate.hub is not None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(candidate.hub, "model.safetensors")
    return Path(cached) if isinstance(cached, str) else None


def _fetched(width: float, candidate: Pretrained, folder: Path, wanted: int) -> Path | None:
    """The file from Keras or from the hub, or None where the network has it not."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if constants.HF_HUB_OFFLINE:
        return None
    if candidate.keras is not None:
        if not _reachable(KERAS):
            return None
        from lightning_modules.backbones.keras_weights import port

        nearest = min(candidate.resolutions, key=lambda have: abs(have - wanted))
        try:
            return port(candidate.keras, width, nearest, folder)
        except (WeightsError, OSError):
            return None
    if candidate.hub is None or not _reachable(constants.ENDPOINT):
        return None
    try:
        return Path(hf_hub_download(candidate.hub, "model.safetensors"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError):
        return None


@cache
def _reachable(url: str, timeout_s: float = 2.0) -> bool:
    """Whether a connection opens at all: the hub's own client would retry for half a minute offline."""
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    parsed = urlparse(url)
    try:
        with socket.create_connection((parsed.hostname or "", parsed.port or 443), timeout=timeout_s):
            return True
    except OSError:
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
