"""The pages that NVD's API gives its CVEs in."""

from typing import Annotated

import msgspec

from oakum.core.errors import InputError
from oakum.core.text import one_line

PAGE = 2000
"""The most that the API gives at once (NVD, Vulnerability APIs, resultsPerPage)."""
MAX_CVES = 10_000_000
"""Thirty times as many as there are: a page that says more is no page of NVD's."""
PAUSE_SECONDS = 6
"""Without a key of one's own, five requests in thirty seconds are borne."""


class _Head(msgspec.Struct, rename="camel"):
    start_index: int
    results_per_page: int
    total_results: Annotated[int, msgspec.Meta(ge=0, le=MAX_CVES)]


_decode = msgspec.json.Decoder(_Head).decode


def first_page(url: str) -> str:
    """Return the address of the first page."""
    return _page(url, 0)


def pages_after(url: str, first: bytes) -> list[str]:
    """Return the addresses of all further pages, from what the first one says.

    Raises InputError when that is no page.
    """
    try:
        total = _decode(first).total_results
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{url} gives no page of CVEs: {one_line(str(error))}") from error
    return [_page(url, begin) for begin in range(PAGE, total, PAGE)]


def _page(url: str, begin: int) -> str:
    return f"{url}?resultsPerPage={PAGE}&startIndex={begin}"
