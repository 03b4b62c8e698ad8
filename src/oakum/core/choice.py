"""Enumerations that whole fleets are counted by."""

from enum import Enum


class Choice(Enum):
    """An enumeration whose members are hashed as the single objects that they are.

    `Enum` hashes the name, in Python; a queue of 100,000 hosts asks for twenty million hashes.
    """

    __hash__ = object.__hash__
