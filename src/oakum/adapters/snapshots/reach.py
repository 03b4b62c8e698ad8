"""Whether published snapshots can be fetched at the address that hosts are given."""

import httpx

from oakum.core.errors import RefusedError

TIMEOUT_SECONDS = 10


def require_served(url: str) -> None:
    """Raise RefusedError unless a snapshot server answers at this address."""
    place = f"{url}/health"
    try:
        # As hosts do, without a proxy; and without reading all authorities where none is asked.
        is_encrypted = place.startswith("https:")
        answer = httpx.get(place, timeout=TIMEOUT_SECONDS, trust_env=False, verify=is_encrypted)
        said = "" if answer.is_success else f"it answers {answer.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        said = str(error) or type(error).__name__
    if said:
        raise RefusedError(
            f"hosts could not fetch snapshots from {url}: {said}",
            hint="start `oakum snapshots serve`, or correct [snapshots] url in oakum.toml",
        )
