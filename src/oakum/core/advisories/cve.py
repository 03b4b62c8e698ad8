"""The id of a CVE as people type it."""

import re

from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.text import one_line

CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")


def is_damaged(name: str) -> bool:
    """Tell whether a name begins like a CVE and is none, so that one is lost with it."""
    return name[:4].upper() == "CVE-" and CVE.fullmatch(name) is None


def parse_cve(text: str) -> CveId:
    """Return the id of a CVE that a person typed. Raises InputError for anything else."""
    wanted = text.strip().upper()
    if CVE.fullmatch(wanted) is None:
        raise InputError(f"{one_line(text, 60)!r} is no CVE", hint="write it like CVE-2024-6387")
    return CveId(wanted)
