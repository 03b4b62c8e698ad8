from pathlib import Path

import pytest

from oakum.adapters.inventories.files import MAX_BYTES, read_ansible, read_ssh_config
from oakum.core.errors import InputError

YAML = """
all:
  children:
    web:
      hosts:
        web[1:2]:
          ansible_port: 2022
"""


def write(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_name_tells_the_format(tmp_path: Path) -> None:
    """`.yml` and `.yaml` are YAML, everything else is INI."""
    for name in ("hosts.yml", "hosts.yaml"):
        found = read_ansible(write(tmp_path, name, YAML), "me")
        assert [(known.name, known.port) for known in found] == [("web1", 2022), ("web2", 2022)]
    (found_in_ini,) = read_ansible(write(tmp_path, "hosts", "[web]\nweb1\n"), "me")
    assert found_in_ini.labels == ("web",)


def test_an_ssh_config_is_read(tmp_path: Path) -> None:
    """Its path is the place that messages name."""
    (found,) = read_ssh_config(write(tmp_path, "config", "Host web\nPort 2022\n"), "me")
    assert (found.name, found.port, found.user) == ("web", 2022, "me")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("hosts.yml", "web:\n  - [", r"hosts\.yml:2"),
        ("hosts.yml", "[" * 20_000, r"hosts\.yml"),
        ("hosts.yml", "- web", "mapping of groups"),
        ("hosts.yml", "a: &a [1]\nb: *a\n", "anchors"),
        ("hosts.yml", "!!python/object/apply:os.system [id]", r"hosts\.yml:1"),
        ("hosts", b"caf\xe9", "byte 3 is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    """Nothing in a file is run, and none of its nests ends in a traceback."""
    with pytest.raises(InputError, match=words):
        read_ansible(write(tmp_path, name, content), "me")


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(InputError, match="No such file"):
        read_ansible(tmp_path / "missing", "me")
    with (tmp_path / "big").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match="larger than 16 MiB"):
        read_ansible(tmp_path / "big", "me")


@pytest.mark.parametrize(
    "value",
    ["!!bool x", "!!int x", "!!float x", "!!timestamp x", "0x_", "2001-99-99", "{[]: 1}",
     "1" * 5000, "[" * 60, "{a: 1, b: 2, a: 3}"],
)  # fmt: skip
def test_a_value_of_another_type_than_it_looks_is_refused(tmp_path: Path, value: str) -> None:
    """PyYAML lets errors of many kinds out where it makes a value of a word.

    What nests without end takes long, and of a key that stands twice the first would be lost.
    """
    text = f"web:\n  vars:\n    ansible_user: {value}\n"
    with pytest.raises(InputError, match="no YAML that can be read"):
        read_ansible(write(tmp_path, "hosts.yml", text), "me")
