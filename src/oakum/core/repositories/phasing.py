"""Phased updates: which hosts Ubuntu's archive lets have an update before it is for everybody.

An archive names a percentage, and apt draws a number for each host and update: from the name and
version of the source package and the host's machine-id, through the generators that C++ defines
(`std::seed_seq`, `std::minstd_rand`, `std::uniform_int_distribution`). A host is held back while
its number is higher than the percentage. apt does not hold back what is new on a host, nor what
comes from a security archive.
"""

from collections.abc import Iterator

from oakum.core.inventory.facts import Facts
from oakum.core.versions.deb import compare

WORD = 0xFFFFFFFF
SEED_WORDS = 4
"""How many words of a seed sequence `minstd_rand` asks for; it takes the last."""
MULTIPLIER, MODULUS = 48_271, 2_147_483_647
NUMBERS = 101
"""0 to 100 are drawn, each as often."""
SCALE = (MODULUS - 2) // NUMBERS
COMPLETE, HALTED = 100, 0


def draw(source_name: str, source_version: str, machine_id: str) -> int:
    """Return the number of a host for an update, 0 to 100."""
    seed = f"{source_name}-{source_version}-{machine_id}".encode()
    state = _seed_words([_signed(byte) for byte in seed])[SEED_WORDS - 1] % MODULUS or 1
    while True:
        state = state * MULTIPLIER % MODULUS
        if state - 1 < NUMBERS * SCALE:
            return (state - 1) // SCALE


def is_held(percentage: int, number: int) -> bool:
    """Tell whether apt holds an update back from the host that drew the number."""
    return percentage < COMPLETE and number > percentage


def phasing_of(facts: Facts, source_name: str, fixed_version: str) -> Iterator[str]:
    """Give in words what a host's own apt does about updates that have a fix."""
    for update in facts.phased:
        if update.source_name == source_name and compare(update.version, fixed_version) >= 0:
            number = draw(update.source_name, update.version, facts.machine_id)
            done = f"holds it back until it is phased at {number} %"
            if not is_held(update.percentage, number):
                done = "takes it"
            is_halted = " (its vendor has halted it)" if update.percentage == HALTED else ""
            yield (
                f"{update.version} is phased at {update.percentage} %{is_halted}: "
                f"this host's own apt {done}"
            )


def _signed(byte: int) -> int:
    """Return a `char` as a seed sequence takes it up: signed, as 32 bits."""
    return (byte - 256 if byte > 127 else byte) & WORD  # noqa: PLR2004 (the sign)


def _seed_words(seed: list[int]) -> list[int]:
    """Return what a `std::seed_seq` of these values generates into four words."""
    count, words = SEED_WORDS, [0x8B8B8B8B] * SEED_WORDS
    size, shift = len(seed), (count - 1) // 2
    first = (count - shift) // 2
    second, rounds = first + shift, max(size + 1, count)
    for step in range(rounds):
        mixed = words[step % count] ^ words[(step + first) % count] ^ words[(step - 1) % count]
        one = 1_664_525 * _folded(mixed) & WORD
        if step == 0:
            added = size
        elif step <= size:
            added = step % count + seed[step - 1]
        else:
            added = step % count
        two = (one + added) & WORD
        words[(step + first) % count] = (words[(step + first) % count] + one) & WORD
        words[(step + second) % count] = (words[(step + second) % count] + two) & WORD
        words[step % count] = two
    for step in range(rounds, rounds + count):
        summed = words[step % count] + words[(step + first) % count] + words[(step - 1) % count]
        three = 1_566_083_941 * _folded(summed & WORD) & WORD
        four = (three - step % count) & WORD
        words[(step + first) % count] ^= three
        words[(step + second) % count] ^= four
        words[step % count] = four
    return words


def _folded(word: int) -> int:
    return word ^ (word >> 27)
