"""Which device has which damage and how often it is photographed, so that a data set's class shares come out.

Cracks are planned first: every archetype has a nominal number of minor and major crack cells, and what a
device misses of it is carried over to the next one. Scratches then fill cells that are left, stroke by stroke.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray
from tqdm import tqdm

from datamodules.rendering.fractures import FRACTURES
from datamodules.rendering.geometry import (
    CELL_DIAGONAL,
    COLS,
    ROWS,
    SCRATCH_MAJOR,
    SCRATCH_VISIBLE,
    Damage,
    Grid,
    Stroke,
    crack_grades,
    grades,
    length_per_cell,
    segments_of,
)
from datamodules.rendering.scratches import scratch

CLASS_SHARES = (0.541, 0.232, 0.022, 0.090, 0.115)
"""Share of cells per grade in the thesis (from the class weights of its table 4.1)."""
DARK_SHARE = 0.3
"""Share of photos with the screen switched off."""
ASPECTS = (1.78, 1.78, 1.83, 1.90, 2.0, 2.0, 2.05, 2.11, 2.11, 2.16, 2.16, 2.2, 1.55)
"""Height by width of the whole front; 1.55 is a small tablet."""
ARCHETYPES = {
    "line": (0.085, 3.0, 0.1),
    "chip": (0.085, 1.1, 0.3),
    "shatter": (0.082, 3.0, 10.5),
    "corner": (0.150, 2.2, 1.4),
    "web": (0.165, 3.0, 3.6),
}
"""Per archetype: share of devices, nominal minor and major crack cells. The other devices are only scratched.
Webs come last, because they can be of any extent and so make up for what the others miss."""
_CANDIDATES = 8
_PLAN_STREAM = 2**31  # spawn keys below it belong to devices


@dataclass(frozen=True)
class DevicePlan:
    """One device: `index`, `aspect` (height by width) and damage; `dark[k]` tells whether the screen is off in photo k."""

    index: int
    aspect: float
    damage: Damage
    dark: tuple[bool, ...]

    @property
    def grades(self) -> NDArray[np.int64]:
        """Grade (5, 3) of every cell."""
        return grades(self.damage)


def stream(seed: int, *key: int) -> Generator:
    """The random numbers that belong to (seed, device, photo), whatever the order, process or global state."""
    return np.random.default_rng(SeedSequence(seed, spawn_key=key))


def photo_counts(rng: Generator, devices: int, photos: int) -> list[int]:
    """Photos of each device: nearly even, then some devices give one to another, so that 3 to 5 occur."""
    counts = np.full(devices, photos // devices)
    counts[rng.permutation(devices)[: photos % devices]] += 1
    for _ in range(devices // 4):
        giver, taker = rng.integers(0, devices, 2)
        if counts[giver] == counts[taker] > 3:
            counts[giver], counts[taker] = counts[giver] - 1, counts[taker] + 1
    return [int(c) for c in counts]


def _archetype_list(devices: int) -> list[str]:
    """Archetype of every cracked device; each at least once if there are ten devices or more."""
    names: list[str] = []
    for name, (share, _, _) in ARCHETYPES.items():
        names += [name] * max(1 if devices >= 10 else 0, round(share * devices))
    return names or (["web"] if devices else [])


def _plan_cracks(
    rng: Generator,
    names: list[str],
    aspects: list[float],
    weights: list[int],
    wanted: NDArray[np.float64],
) -> list[Damage]:
    """Cracks of every cracked device; `weights` are photos per device, `wanted` minor and major crack cells of the whole set."""
    if not names:
        return []
    nominal = np.array([ARCHETYPES[n][1:] for n in names])
    weight = np.array(weights, dtype=float)[:, None]
    scale = wanted / (nominal * weight).sum(axis=0)
    carry = np.zeros(2)
    chosen = []
    for name, aspect, w, aim in zip(names, aspects, weights, nominal * scale * weight, strict=True):
        found = [
            FRACTURES[name](rng, aspect * COLS / ROWS, (k + rng.random()) / _CANDIDATES) for k in range(_CANDIDATES)
        ]
        cells = np.array([[(crack_grades(d) == g).sum() * w for g in (3, 4)] for d in found])
        best = int(np.argmin(np.abs(cells - aim - carry).sum(axis=1)))
        carry = carry + aim - cells[best]
        chosen.append(found[best])
    return chosen


def _quotas(
    rng: Generator, free: list[int], weights: list[int], wanted_minor: float, wanted_major: float
) -> list[tuple[int, int]]:
    """Cells with minor and with major scratches wanted of each device, given its uncracked cells `free`."""
    devices = len(free)
    slots = np.array(free) - 1  # every device keeps one clean cell if it can
    major = np.zeros(devices, dtype=int)
    share = max(0.25, wanted_major / (3 * sum(weights)))  # of the devices, some three such cells each
    order = sorted(range(devices), key=lambda d: (-int(slots[d] > 4), rng.random()))
    spread = [d for d in order if slots[d] > 4][: max(4, round(share * devices))] or order[:1]
    while sum(m * w for m, w in zip(major, weights, strict=True)) < wanted_major - min(weights) / 2:
        major[spread[int(major.sum()) % len(spread)]] += 1
    appetite = np.maximum(slots - major, 0) * rng.gamma(2.5, 1.0, devices)
    minor, carry = np.zeros(devices, dtype=int), 0.0
    for _ in range(8):  # caps make the shares come out low at first: hand the rest out again
        left = wanted_minor - float((minor * weights).sum())
        room = np.maximum(slots - major - minor, 0)
        push = appetite * (room > 0)
        if abs(left) < min(weights) or push.sum() == 0:
            break
        for d in range(devices):
            share = left * push[d] / float((push * weights).sum()) + carry
            add = int(np.clip(round(share), -minor[d], room[d]))
            carry = share - add if room[d] else carry
            minor[d] += add
    if wanted_minor:
        minor[(minor + major == 0) & (slots == ROWS * COLS - 1)] = 1  # no device is whole
    return [(int(a), int(b)) for a, b in zip(minor, major, strict=True)]


def _place_scratches(rng: Generator, cracks: Damage, aspect: float, minor: int, major: int) -> tuple[Stroke, ...]:
    """Strokes, kept one at a time when they bring the device nearer to its quota of scratched cells."""
    blocked = crack_grades(cracks) > 0
    strokes: tuple[Stroke, ...] = ()
    length: Grid = np.zeros((ROWS, COLS))
    goal = np.array([minor, major])

    def distance(lengths: NDArray[np.float64]) -> float:
        share = np.where(blocked, 0.0, lengths / CELL_DIAGONAL)
        have = np.array(
            [
                ((share >= SCRATCH_VISIBLE) & (share < SCRATCH_MAJOR)).sum(),
                (share >= SCRATCH_MAJOR).sum(),
            ]
        )
        vague = ((share > 0.02) & (share < 0.06)).sum() * 0.2  # cells at the limit are graded by luck
        return float(np.abs(goal - have) @ np.array([1.0, 2.5]) + vague)

    best = distance(length)
    for _ in range(400):
        if best < 0.5:
            break
        wanted = 0.7 * rng.lognormal(0, 0.5) if rng.random() < 0.25 else 0.25 * rng.lognormal(0, 0.4)
        new = scratch(rng, aspect * COLS / ROWS, float(wanted))
        with_new = length + length_per_cell(segments_of(new))
        if distance(with_new) < best - 1e-9:
            strokes, length, best = strokes + new, with_new, distance(with_new)
    return strokes


def plan_devices(
    devices: int,
    photos: int,
    seed: int,
    aspects: Sequence[float] | None = None,
    shares: Sequence[float] = CLASS_SHARES,
) -> list[DevicePlan]:
    """Plan of a whole data set, device by device; quick, nothing is rendered.

    Args:
        devices, photos: how many.
        seed: of all that is drawn.
        aspects: height by width of each device; None: phones as they are sold.
        shares: of cells per grade, as near as whole strokes allow.

    Raises ValueError if there are no devices or a device would get no photo.
    """
    if devices < 1 or photos < devices:
        raise ValueError(f"devices={devices}, photos={photos}: need at least one device and one photo of each")
    rng = stream(seed, _PLAN_STREAM)
    weights = photo_counts(rng, devices, photos)
    drawn = [float(a) for a in rng.choice(ASPECTS, devices)]
    aspects = drawn if aspects is None else list(aspects)
    names = _archetype_list(devices) if sum(shares[3:]) else []
    order = [int(d) for d in rng.permutation(devices)]
    cracked, total = order[: len(names)], photos * ROWS * COLS
    cracks = [Damage()] * devices
    wanted = np.array(shares) * total
    planned = _plan_cracks(rng, names, [aspects[d] for d in cracked], [weights[d] for d in cracked], wanted[3:])
    for device, damage in zip(cracked, planned, strict=True):
        cracks[device] = damage
    free = [int((crack_grades(c) == 0).sum()) for c in cracks]
    quotas = _quotas(rng, free, weights, float(wanted[1]), float(wanted[2]))
    dark = np.zeros(photos, dtype=bool)
    dark[rng.permutation(photos)[: round(DARK_SHARE * photos)]] = True
    plans, first = [], 0
    for d in tqdm(range(devices), desc="placing scratches", unit="phone", leave=False, disable=None, delay=2):
        strokes = _place_scratches(stream(seed, _PLAN_STREAM, d), cracks[d], aspects[d], *quotas[d])
        damage = Damage(strokes, cracks[d].cracks, cracks[d].dashes, cracks[d].crushes)
        kinds = tuple(bool(x) for x in dark[first : first + weights[d]])
        plans.append(DevicePlan(d, aspects[d], damage, kinds))
        first += weights[d]
    return plans
