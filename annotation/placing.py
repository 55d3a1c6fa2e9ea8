"""Entries of another tool's file by our photos."""

from collections.abc import Callable, Iterable, Sequence

from annotation.imported import LeftOut, grouped
from annotation.photo_names import PhotoNames, spellings


def placed[Entry](
    photos: Iterable[str],
    entries: Sequence[Entry],
    name_of: Callable[[Entry], str],
    left: list[LeftOut],
    told: Callable[[Entry], str] | None = None,
) -> dict[str, list[Entry]]:
    """The entries by the photo that each means; those that fit none, several, or one that others fit better are left out.

    Args:
        photos: paths within their folder.
        entries: of the other tool's file.
        name_of: what it calls the photo of an entry.
        left: takes a line for each entry that is left out.
        told: what an entry is called in such a line; without, its photo's name.

    """
    told = told or name_of
    known = PhotoNames(photos)
    fitting: dict[str, list[tuple[int, Entry]]] = {}
    for entry in entries:
        found, common = known.find(name_of(entry))
        if len(found) == 1:
            fitting.setdefault(found[0], []).append((common, entry))
        else:
            several = f"fits {len(found)} photos alike: {', '.join(found[:3])}" if found else "no such photo"
            left.append(LeftOut(told(entry), "", several))
    chosen: dict[str, list[Entry]] = {}
    for photo, candidates in fitting.items():
        most = max(common for common, _ in candidates)
        best = [entry for common, entry in candidates if common == most]
        left += [
            LeftOut(told(entry), "", f"no such photo; {photo} is {told(best[0])}")
            for common, entry in candidates
            if common < most
        ]
        names = grouped(best, lambda entry: spellings(name_of(entry))[0])
        if len(names) > 1 and most < len(photo.split("/")):
            left += [LeftOut(told(entry), "", f"{photo} fits it, and {len(best) - 1} other names") for entry in best]
        else:
            chosen[photo] = best
    return chosen
