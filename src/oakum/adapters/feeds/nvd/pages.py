"""The pages that NVD's API gives its CVEs in."""

import msgspec

PAGE = 2000
"""The most that the API gives at once (NVD, Vulnerability APIs, resultsPerPage)."""
PAUSE_SECONDS = 6
"""Without a key of one's own, five requests in thirty seconds are borne."""


class _Head(msgspec.Struct, rename="camel"):
    start_index: int
    results_per_page: int
    total_results: int


_decode = msgspec.json.Decoder(_Head).decode


def first_page(url: str) -> str:
    """Return the address of the first page."""
    return _page(url, 0)


def pages_after(url: str, first: bytes) -> list[str]:
    """Return the addresses of all further pages, from what the first one says.

    Raises msgspec.DecodeError when that is no page.
    """
    total = _decode(first).total_results
    return [_page(url, begin) for begin in range(PAGE, total, PAGE)]


def _page(url: str, begin: int) -> str:
    return f"{url}?resultsPerPage={PAGE}&startIndex={begin}"
