"""The members of a tar from outside: all of them or an error, and one in memory at a time.

Python's reader takes a damaged heading, or a file that was cut between two members, for the end of
the archive: what follows would be lost in silence. It holds extended headings whole, however large
they say that they are, and remembers every member.
"""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from typing import Self

MAX_HEADING_BYTES = 8 * 1024
"""Of an extended heading, which is read whole: it holds a long name, and little else."""
EXTENDED = frozenset({
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
})  # fmt: skip
BROKEN = (
    tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError, RecursionError,
)  # fmt: skip
"""What reading a damaged tar raises: ValueError where a heading holds no number, RecursionError
where one extended heading stands upon another without end."""


class Heading(tarfile.TarInfo):
    """What a TarFile is to be opened with (`tarinfo`) that `members` is asked for."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return a heading. Raises ReadError for what is none, and what is none of a sound tar."""
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == bytes(tarfile.BLOCKSIZE):
                raise  # zeros: it really ends here
            message = f"it is damaged or cut off: {error}"
            raise tarfile.ReadError(message) from error
        if found.type in EXTENDED and not 0 <= found.size <= MAX_HEADING_BYTES:
            message = f"a heading of {found.size} bytes"
            raise tarfile.ReadError(message)
        return found


def members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Give each member, up to the mark of the end. Raises one of BROKEN when there is no mark."""
    before = -1
    while (member := tar.next()) is not None:
        tar.members.clear()  # type: ignore[attr-defined]
        if member.size < 0 or member.offset <= before:
            # A size below nothing leads back to where one was: round in a circle.
            message = f"a member of {member.size} bytes"
            raise tarfile.ReadError(message)
        before = member.offset
        yield member
