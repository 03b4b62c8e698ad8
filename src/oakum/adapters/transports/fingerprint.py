"""Host keys as people compare them."""

import base64
import hashlib

from oakum.core.errors import HostKeyError, InputError
from oakum.core.inventory.host import Host


def fingerprint(public_key: str) -> str:
    """Return `SHA256:…`, as `ssh-keygen -l` prints it."""
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, ValueError) as error:
        raise InputError(f"{public_key[:40]!r} is no public host key") from error
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def key_changed(host: Host, shown: str | None) -> HostKeyError:
    """Return the hard stop for a host that shows another key, given as such or as fingerprint."""
    is_fingerprint = shown is not None and shown.startswith("SHA256:")
    now = (shown if is_fingerprint else fingerprint(shown)) if shown else "a key of another kind"
    return HostKeyError(
        f"{host.name} ({host.address} port {host.port}) shows another key: pinned is "
        f"{fingerprint(host.host_key)}, it shows {now}",
        hint="somebody may stand between you and it. Only if you know why it changed (was it "
        f"installed anew?): oakum hosts remove {host.name}, then add it again",
    )
