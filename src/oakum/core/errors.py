"""What can go wrong, one class per thing that a caller can do about it.

OakumError
├── InputError            something that we were given cannot be read: says where
│   └── UnsafeTextError   … because it holds what a terminal or a shell would obey
├── NotFoundError         a host, plan, snapshot … of that name does not exist
├── ConflictError         another command is at work, or the object is in another state
├── RefusedError          a law forbids it (no approval, drift, stale feed): fail closed
├── TrustError            a signature, digest or host key is not what it must be
├── TransportError        a host could not be asked
│   ├── UnreachableError  … no connection
│   ├── HostKeyError      … its key is not the pinned one
│   ├── LoginError        … it does not let us in
│   └── TimedOutError     … it did not answer in time
├── HostError             a host was asked and its answer is an error or makes no sense
├── ControllerError       who drives hosts cannot do its own part: no host is at fault
├── SourceError           an advisory source or a package archive could not be fetched
└── StorageError          the database or the disk of the controller failed
    └── StorageAwayError  … for now: it cannot be reached, or has no turn for us
"""


class OakumError(Exception):
    """Something failed; the message says what and where, the hint says what to do next."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(OakumError):
    """Given text, file or argument cannot be read."""


class UnsafeTextError(InputError):
    """Text from outside holds control characters where a name or version must stand."""


class NotFoundError(OakumError):
    """Nothing of that name exists."""


class ConflictError(OakumError):
    """Another command is at work, or the object is not in a state that allows this."""


class RefusedError(OakumError):
    """A safety rule forbids it; nothing was changed."""


class TrustError(OakumError):
    """A signature, a digest or a key is not what it must be."""


class TransportError(OakumError):
    """A host could not be asked."""


class UnreachableError(TransportError):
    """No connection to the host came about, or it was lost."""


class HostKeyError(TransportError, TrustError):
    """The host shows another key than the pinned one."""


class LoginError(TransportError):
    """The host answered, and does not accept our login."""


class TimedOutError(TransportError):
    """The host did not answer in time."""


class HostError(OakumError):
    """A host was asked, and what it answered is an error or makes no sense."""


class ControllerError(OakumError):
    """The machine that drives hosts cannot do its own part: a file is away, there is no room."""


class SourceError(OakumError):
    """An advisory source or a package archive could not be fetched."""


class StorageError(OakumError):
    """The controller's own database or disk failed."""


class StorageAwayError(StorageError):
    """The database cannot be reached, or another has it; nothing was changed, try again."""


class StorageContendedError(StorageAwayError):
    """Somebody else changed the same rows first; nothing was changed, do the whole again."""
