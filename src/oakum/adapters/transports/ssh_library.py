"""asyncssh, imported without the programs that it would start.

As it is imported it looks for two optional libraries (liboqs, nettle) by ctypes' own means: where
they are missing, these are ldconfig, three times, and gcc and ld on a controller that has them. No
program of ours runs a compiler, and a scan shall not wait for one. What the libraries would add
are key exchanges and MACs that no server offers alone.
"""

import ctypes.util
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _looking_for_no_libraries() -> Iterator[None]:
    find = ctypes.util.find_library
    ctypes.util.find_library = lambda name: None  # noqa: ARG005
    try:
        yield
    finally:
        ctypes.util.find_library = find


with _looking_for_no_libraries():
    import asyncssh

__all__ = ["asyncssh"]
