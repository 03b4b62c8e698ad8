"""Files for a host as one stream: what is handed over arrives whole, whatever its size."""

import io
import tarfile
from collections.abc import Mapping


def bundle(files: Mapping[str, str]) -> bytes:
    """Return a tar of the files; the same files give the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in sorted(files.items()):
            content = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()
