"""Inventory files: which kind it is, and its bytes as text or plain data."""

from collections import Counter
from pathlib import Path

import yaml

from oakum.core.errors import InputError
from oakum.core.inventory.ansible import parse_ini, parse_tree
from oakum.core.inventory.known_address import KnownAddress
from oakum.core.inventory.ssh_config import parse_ssh_config
from oakum.core.text import one_line

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 50
YAML_SUFFIXES = {".yml", ".yaml"}
UNREADABLE = (
    yaml.YAMLError, RecursionError, ValueError, OverflowError, KeyError, AttributeError, TypeError,
    IndexError,
)  # fmt: skip
"""Beside its own errors, PyYAML lets those out that it meets where a value is not of the type that
its tag or its look promises: `!!bool x`, `0x_`, `2001-99-99`, `!!timestamp x`."""


class _Loader(yaml.SafeLoader):
    """Reads plain data, and refuses what would take hours or lose hosts in silence."""

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:  # noqa: N803 (PyYAML's name)
        """Begin a list or mapping in brackets. Each word inside is held against all of them."""
        if self.flow_level >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"brackets nest deeper than {MAX_DEPTH}", problem_mark=self.get_mark()
            )
        super().fetch_flow_collection_start(TokenClass)

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 (PyYAML's)
    ) -> dict[object, object]:
        """Return a mapping. A key that stands twice is refused: the first would be forgotten."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := next((key for key, times in Counter(keys).items() if times > 1), None):
            raise yaml.MarkedYAMLError(
                problem=f"{twice!r} stands twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_text(path: Path) -> str:
    """Return a text file. Raises InputError that names it."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES // 1024**2} MiB")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def read_ssh_config(path: Path, default_user: str) -> tuple[KnownAddress, ...]:
    """Return the hosts of an ssh_config."""
    return parse_ssh_config(read_text(path), str(path), default_user)


def read_ansible(path: Path, default_user: str) -> tuple[KnownAddress, ...]:
    """Return the hosts of an Ansible inventory, INI or YAML by its name."""
    text = read_text(path)
    if path.suffix not in YAML_SUFFIXES:
        return parse_ini(text, str(path), default_user)
    return parse_yaml(text, str(path), default_user)


def parse_yaml(text: str, place: str, default_user: str) -> tuple[KnownAddress, ...]:
    """Return the hosts of a YAML inventory. Raises InputError, with the line where there is one."""
    if "*" in text and any(token in text for token in ("&", "<<")):
        # Anchors can be nested into a document that grows without bound when it is walked.
        raise InputError(f"{place}: YAML anchors are not read", hint="write the values out")
    try:
        loader = _Loader(text)
        tree = loader.get_single_data()
    except UNREADABLE as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = one_line(str(getattr(error, "problem", error)))
        raise InputError(f"{place}{line} is no YAML that can be read: {problem}") from error
    return parse_tree(tree, place, default_user)
