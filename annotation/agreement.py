"""How far annotators agree: between two, among all, per class, and with what was settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from annotation.state import IMPORTED, State, Voter

Ratings = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Of one set of ratings; see `agreement`."""

    voters: list[Voter]
    alpha: float
    """Krippendorff's alpha for ordinal data (Krippendorff 2011), NaN without two ratings of a cell."""
    pairs: list[tuple[Voter, Voter, int, float, float]]
    """Two voters, the cells that both graded, quadratic-weighted kappa (Cohen 1968) and the share graded alike."""
    per_class: list[float]
    """For each class, of the times that one of two said it, how often the other did (specific agreement, Fleiss 1981)."""
    per_voter: list[tuple[Voter, int, float]]
    """A voter, the cells of theirs that were settled or decided by two or more votes, and the share that they graded so."""


def ratings(state: State, classes: int) -> tuple[list[Voter], Ratings, Ratings]:
    """Voters; their grades `(voters, cells)`, NaN where they gave none; what came out `(cells,)`, NaN where that is open.

    Cells that somebody graded, of all photos that are not left out; who called a cell unusable gave it no grade. What
    came out is the settled grade, or what most votes of two or more people's say.
    """
    voters = state.voters()
    cells = [(one, cell) for one in state.photos.values() if not one.left_out for cell in one.votes if one.votes[cell]]
    given = np.full((len(voters), len(cells)), np.nan)
    outcome = np.full(len(cells), np.nan)
    known = {str(grade): float(grade) for grade in range(classes)}
    for at, (one, cell) in enumerate(cells):
        for voter, value in one.votes[cell].items():
            given[voters.index(voter), at] = known.get(value, np.nan)
        people = sum(voter[0] != IMPORTED for voter in one.votes[cell])
        if cell in one.settled or people > 1:
            outcome[at] = known.get(one.label(cell), np.nan)
    return voters, given, outcome


def agreement(state: State, classes: int) -> Agreement:
    """Over all cells that have been graded more than once. What was imported counts as a voter here."""
    voters, given, outcome = ratings(state, classes)
    both = [
        (one, other, ~np.isnan(given[one]) & ~np.isnan(given[other]))
        for one, other in combinations(range(len(voters)), 2)
    ]
    pairs = [
        (voters[one], voters[other], int(shared.sum()), kappa(given[one, shared], given[other, shared], classes),
         float((given[one, shared] == given[other, shared]).mean()))
        for one, other, shared in both if shared.any()
    ]  # fmt: skip
    per_voter = []
    for voter, row in zip(voters, given, strict=True):
        known = ~np.isnan(row) & ~np.isnan(outcome)
        if known.any():
            per_voter.append((voter, int(known.sum()), float((row[known] == outcome[known]).mean())))
    return Agreement(voters, alpha(given), pairs, specific(given, classes), per_voter)


def kappa(one: Ratings, other: Ratings, classes: int) -> float:
    """Cohen's kappa with quadratic weights of two sets of grades `(N,)`; 1 where both say one and the same class."""
    from sklearn.metrics import cohen_kappa_score

    if np.array_equal(one, other):
        return 1.0
    return float(cohen_kappa_score(one, other, labels=np.arange(classes), weights="quadratic"))


def alpha(given: Ratings) -> float:
    """Krippendorff's alpha, ordinal, of `(voters, cells)` with NaN for what is missing."""
    import krippendorff

    several = given[:, (~np.isnan(given)).sum(axis=0) > 1]
    if not several.size:
        return float("nan")
    if len(np.unique(several[~np.isnan(several)])) < 2:
        return 1.0  # everybody always said the same: nothing is left to chance
    return float(krippendorff.alpha(several, level_of_measurement="ordinal"))


def specific(given: Ratings, classes: int) -> list[float]:
    """Of the times that one of two voters said a class, how often the other did, over all pairs; NaN where never said."""
    shares = []
    for grade in range(classes):
        alike = said = 0
        for one, other in combinations(given, 2):
            shared = ~np.isnan(one) & ~np.isnan(other)
            alike += 2 * int(((one == grade) & (other == grade) & shared).sum())
            said += int(((one == grade) & shared).sum() + ((other == grade) & shared).sum())
        shares.append(alike / said if said else float("nan"))
    return shares


def name(voter: Voter) -> str:
    """As tables show a voter."""
    return voter[0] if not voter[1] else f"{voter[0]}, round {voter[1]}"


def lines(found: Agreement, class_names: Sequence[str]) -> list[str]:
    """The figures for a terminal, a line each."""
    if not found.pairs:
        return ["no cell has been graded twice yet"]
    text = [f"Krippendorff's alpha (ordinal): {found.alpha:.3f}"]
    for one, other, cells, weighted, alike in found.pairs:
        text.append(
            f"{name(one)} / {name(other)}: kappa {weighted:.3f} (quadratic), alike {alike:.1%} of {cells} cells"
        )
    for label, share in zip(class_names, found.per_class, strict=True):
        if not np.isnan(share):
            text.append(f"{label}: said by one, by the other too {share:.1%}")
    for voter, cells, share in found.per_voter:
        text.append(f"{name(voter)}: as came out {share:.1%} of {cells} cells")
    return text
