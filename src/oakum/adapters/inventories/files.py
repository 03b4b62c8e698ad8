"""Inventory files: which kind it is, and its bytes as text or plain data."""

from pathlib import Path

import yaml

from oakum.core.errors import InputError
from oakum.core.inventory.ansible import parse_ini, parse_tree
from oakum.core.inventory.known_address import KnownAddress
from oakum.core.inventory.ssh_config import parse_ssh_config

MAX_BYTES = 16 * 1024 * 1024
YAML_SUFFIXES = {".yml", ".yaml"}


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
    if "*" in text and any(token in text for token in ("&", "<<")):
        # Anchors can be nested into a document that grows without bound when it is walked.
        raise InputError(f"{path}: YAML anchors are not read", hint="write the values out")
    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(f"{path}{line}: {getattr(error, 'problem', error)}") from error
    return parse_tree(tree, str(path), default_user)
