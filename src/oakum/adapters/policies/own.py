"""Deadline rules of one's own, from a CSV of the same columns as data/policies/deadlines.csv."""

from pathlib import Path

from oakum.core.errors import InputError
from oakum.core.risk.tables import DeadlineRule, parse_deadlines

MAX_BYTES = 1024 * 1024


def own_deadlines(path: Path) -> tuple[DeadlineRule, ...]:
    """Return the rules of a file. Raises InputError with the file and the line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES // 1024**2} MiB")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}",
            hint="[policy] own in oakum.toml names the file of your own deadlines",
        ) from error
    rules = parse_deadlines(text, str(path))
    if not rules:
        raise InputError(f"{path} holds no rule", hint="remove [policy] own, or write a rule")
    return rules
