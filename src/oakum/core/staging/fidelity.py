"""How like its host a twin is: measured, not claimed."""

from dataclasses import dataclass

from oakum.core.inventory.facts import Facts

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The packages of a twin held against those of its host."""

    ppm: int
    """Share of all packages on either that are on both at the same version."""
    differences: tuple[str, ...]


def compare_packages(host: Facts, twin: Facts) -> Fidelity:
    """Return how like the host's the twin's packages, versions, marks and holds are."""
    wanted = {p.key: (p.version, p.is_automatic, p.is_held) for p in host.packages}
    has = {p.key: (p.version, p.is_automatic, p.is_held) for p in twin.packages}
    keys = wanted.keys() | has.keys()
    differences = tuple(
        f"{key}: {_words(wanted.get(key))} there, {_words(has.get(key))} here"
        for key in sorted(keys)
        if wanted.get(key) != has.get(key)
    )
    return Fidelity(MILLION * (len(keys) - len(differences)) // max(1, len(keys)), differences)


def _words(entry: tuple[str, bool, bool] | None) -> str:
    if entry is None:
        return "none"
    version, is_automatic, is_held = entry
    return f"{version} ({'automatic' if is_automatic else 'manual'}{', held' if is_held else ''})"
