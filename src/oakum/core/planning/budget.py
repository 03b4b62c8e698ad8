"""How much may go wrong and how much may happen at once, as it is declared: hosts, or percent."""

import re
from dataclasses import dataclass
from typing import Final

from oakum.core.errors import InputError
from oakum.core.planning.plan import BASE_RATE_PPM, Budget
from oakum.core.text import one_line

MOST_HOSTS: Final = 1_000_000
ALL: Final = 100
_AMOUNT: Final = re.compile(r"(?P<number>[0-9]{1,7})(?P<percent>%?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of hosts, or a share of those that it is of."""

    number: int
    is_percent: bool = False

    def of(self, hosts: int) -> int:
        """Return it for so many hosts; of a share what is whole: a limit is not exceeded."""
        return hosts * self.number // ALL if self.is_percent else self.number


@dataclass(frozen=True, slots=True)
class BudgetWish:
    """What a person, or oakum.toml, declares; a plan holds what becomes of it, in hosts."""

    concurrency: Amount
    max_failed: Amount
    max_failed_per_ring: Amount | None = None
    """None: a ring bears what the rollout bears."""
    base_rate_ppm: int = BASE_RATE_PPM

    def budget(self, hosts: int) -> Budget:
        """Return the budget of a plan for so many hosts; one host may be at work in any case."""
        return Budget(
            max(1, self.concurrency.of(hosts)), self.max_failed.of(hosts), self.base_rate_ppm
        )

    def of_ring(self, hosts: int) -> int | None:
        """Return how many failed hosts a ring of so many bears; None where nothing is declared."""
        return None if self.max_failed_per_ring is None else self.max_failed_per_ring.of(hosts)


def parse_amount(said: int | str, place: str, *, least: int = 0) -> Amount:
    """Read `10` or `5%`. Raises InputError, naming the place, for anything else."""
    found = _AMOUNT.fullmatch(str(said).strip())
    if found is not None:
        amount = Amount(int(found["number"]), bool(found["percent"]))
        if least <= amount.number <= (ALL if amount.is_percent else MOST_HOSTS):
            return amount
    raise InputError(
        f"{place} {one_line(str(said), 60)!r} is neither a number of hosts nor a share of them",
        hint=f"give {least} to {MOST_HOSTS}, or {least}% to 100%",
    )
