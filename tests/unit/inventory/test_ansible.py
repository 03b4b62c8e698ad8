from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text, json_values

from oakum.core.errors import InputError
from oakum.core.inventory import ansible
from oakum.core.inventory.ansible import MAX_HOSTS, parse_ini, parse_tree
from oakum.core.inventory.known_address import KnownAddress

INI = """
# the fleet
lonely ansible_host=192.0.2.9   # stands in no group
[web]  # the front
web[01:03] ansible_user=deploy
[role_db]
db-[a:b].example ansible_port=2200
bastion:2222
[web:vars]
ansible_port = 2022
[prod:children]
web  # all of it
role_db
[prod:vars]
ansible_ssh_private_key_file="/keys/prod"
"""
TREE = {
    "all": {
        "vars": {"ansible_user": "root"},
        "children": {
            "web": {"hosts": {"web[1:2]": None}, "vars": {"ansible_port": 2022}},
            "role_db": {"hosts": {"db": {"ansible_host": "192.0.2.7"}}},
        },
    }
}


def ini(text: str) -> dict[str, KnownAddress]:
    return {known.name: known for known in parse_ini(text, "hosts.ini", "me")}


def test_ini_hosts_with_ranges_ports_and_variables() -> None:
    """Each host has what its own line, its groups and the defaults say."""
    found = ini(INI)
    assert sorted(found) == [
        "bastion", "db-a.example", "db-b.example", "lonely", "web01", "web02", "web03",
    ]  # fmt: skip
    assert found["web02"] == KnownAddress(
        "web02", "web02", 2022, "deploy", "/keys/prod", labels=("prod", "web")
    )
    assert (found["bastion"].port, found["db-a.example"].port) == (2222, 2200)
    assert found["lonely"] == KnownAddress("lonely", "192.0.2.9", 22, "me")


def test_groups_become_labels() -> None:
    """A group is a label, `role_db` is the label `role=db`, and so is the group above it."""
    assert ini(INI)["bastion"].labels == ("prod", "role=db")


def test_variables_of_the_deeper_group_win() -> None:
    """The alphabet does not decide which port is asked: the nearer group does."""
    found = ini("[a]\nhost\n[z:children]\na\n[z:vars]\nansible_port=1\n[a:vars]\nansible_port=2\n")
    assert found["host"].port == 2


def test_yaml_tree_says_the_same_things() -> None:
    """Hosts, children and variables of a YAML inventory are read alike."""
    found = {known.name: known for known in parse_tree(TREE, "hosts.yml", "me")}
    assert found["web2"] == KnownAddress("web2", "web2", 2022, "root", labels=("web",))
    assert found["db"] == KnownAddress("db", "192.0.2.7", 22, "root", labels=("role=db",))


def test_a_ring_of_groups_ends() -> None:
    """Groups that contain each other are read as what they say: both hold the host."""
    found = ini("[a]\nhost\n[a:children]\nb\n[b:children]\na\n")
    assert found["host"].labels == ("a", "b")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("ok\n[web", 2, "heading"),
        ("[web:hosts]", 1, "hosts"),
        ("\n\n[web:vars]\nnonsense", 4, "nonsense"),
        ("[web:children]\nnobody", 2, "nobody"),
        ("[web:children]\na b", 2, "a b"),
        ('web "unclosed', 1, "quotation"),
        ("web[3:1]", 1, "ends before"),
        ("web[a:10]", 1, "no range"),
        ("web[1:9999999]", 1, "no range|more than"),
        ("web[1:1000][1:1000]", 1, "more than"),
        ("''", 1, "name of a host"),
        ("we\x1b[31mb", 1, "name of a host"),
        ("-oProxyCommand=x", 1, "name of a host"),
    ],
)
def test_bad_ini_is_refused_with_its_line(text: str, line: int, word: str) -> None:
    """The person who wrote the file is told where to look."""
    with pytest.raises(InputError, match=rf"hosts\.ini:{line}: .*({word})|{word}") as caught:
        ini(text)
    assert caught.value.message.startswith(f"hosts.ini:{line}:")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("value", ["0", "65536", "ssh", "9" * 5000, "{{ port }}", "\u0663"])
def test_a_port_that_is_none_is_refused(value: str) -> None:
    """A wrong port is told now, not by a host that does not answer."""
    with pytest.raises(InputError, match="ansible_port"):
        ini(f"web ansible_port='{value}'")


def test_templates_are_not_guessed_at() -> None:
    """An address that only Ansible could evaluate might reach another host."""
    with pytest.raises(InputError, match="ansible_host"):
        ini("web ansible_host='{{ inventory_hostname }}.example'")


@pytest.mark.parametrize(
    "tree", [[], "web", {"web": []}, {"web": {"hosts": ["a"]}}, {"web": {"children": 1}}]
)
def test_a_tree_of_another_shape_is_refused(tree: object) -> None:
    """Nothing is skipped because it is no mapping."""
    with pytest.raises(InputError, match=r"hosts\.yml"):
        parse_tree(tree, "hosts.yml", "me")


def test_the_number_of_hosts_is_limited() -> None:
    """A range cannot fill the memory of the controller."""
    assert len(ini(f"h[1:{MAX_HOSTS}]")) == MAX_HOSTS
    with pytest.raises(InputError):
        ini(f"h[1:{MAX_HOSTS}]\nanother")


@given(st.lists(hostile_text | st.sampled_from(INI.splitlines()), max_size=8).map("\n".join))
def test_any_text_is_hosts_or_an_error_with_its_place(text: str) -> None:
    """Nothing but InputError is raised, and no name can forge a terminal's escape."""
    with suppress(InputError):
        assert all(name.isprintable() for name in ini(text))


@given(st.dictionaries(st.sampled_from(["all", "web"]), json_values))
def test_any_tree_is_hosts_or_an_error(tree: dict[str, object]) -> None:
    """Nothing but InputError is raised."""
    with suppress(InputError):
        parse_tree(tree, "hosts.yml", "me")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ("ansible_connection=docker", ("ansible_connection",)),
        ("ansible_connection=ssh", ()),
        ("ansible_ssh_common_args='-o ProxyCommand=x'", ("ansible_ssh_common_args",)),
        ("ansible_become_method=su", ("ansible_become_method",)),
        ("ansible_python_interpreter=/usr/bin/python3", ()),
    ],
)
def test_ways_that_are_not_carried_out_are_named(variables: str, named: tuple[str, ...]) -> None:
    """Whoever imports the host can refuse it; the others are imported all the same."""
    found = ini(f"web {variables}\ndb\n")
    assert found["web"].not_carried_out == named
    assert found["db"].not_carried_out == ()


def test_older_names_of_variables_are_understood() -> None:
    """Ansible still takes them: ignored, they would send us to another machine."""
    found = ini("web ansible_ssh_host=192.0.2.5 ansible_ssh_port=99 ansible_ssh_user=deploy\n")
    assert found["web"] == KnownAddress("web", "192.0.2.5", 99, "deploy")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("h" + "[1:1]" * 400, "more than 10 ranges"),
        ("h[1:50]\n" * 3, "too often named"),
        (
            "".join(f"[g{n}:children]\ng{n + 1}\n[g{n + 1}]\nh{n}\n" for n in range(50)),
            "nested too much",
        ),
    ],
)
def test_what_would_take_for_ever_is_refused(
    text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a few megabytes must not keep the controller for hours."""
    monkeypatch.setattr(ansible, "MAX_NAMINGS", 100)
    monkeypatch.setattr(ansible, "MAX_STEPS", 1000)
    with pytest.raises(InputError, match=words):
        ini(text)


def test_a_long_chain_of_groups_is_followed() -> None:
    """Longer than Python's stack."""
    chain = "".join(f"[g{n}:children]\ng{n + 1}\n" for n in range(2000))
    found = ini(f"{chain}[g2000]\nhost\n")
    assert len(found["host"].labels) == 2001
