from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text

from oakum.core.errors import InputError
from oakum.core.inventory import ssh_config
from oakum.core.inventory.known_address import KnownAddress
from oakum.core.inventory.ssh_config import parse_ssh_config

CONFIG = """
User everyone
Host web-* !web-9
    Port 2022
    ProxyJump none
Host web-1 web-9 # the two
    HostName = %h.example
    IdentityFile "~/.ssh/of the web"
Host db
    hostname 192.0.2.7
    User=postgres
    ProxyJump nonesuch.example
    Port 99
    Port 100
Host *
    Port 23
"""


def parse(text: str) -> dict[str, KnownAddress]:
    return {known.name: known for known in parse_ssh_config(text, "config", "me")}


def test_hosts_have_the_first_value_of_each_option() -> None:
    """As ssh does: blocks are read from the top, patterns apply, the first value found wins."""
    assert parse(CONFIG) == {
        "web-1": KnownAddress("web-1", "web-1.example", 2022, "everyone", "~/.ssh/of the web"),
        "web-9": KnownAddress("web-9", "web-9.example", 23, "everyone", "~/.ssh/of the web"),
        "db": KnownAddress("db", "192.0.2.7", 99, "everyone", proxy_jump="nonesuch.example"),
    }


def test_the_default_user_is_used_last() -> None:
    """A host for which nobody names a user gets ours."""
    assert parse("Host web")["web"].user == "me"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("Host web\nMatch user x", 2, "match"),
        ("Include other", 1, "include"),
        ("Host web\n\n  Port", 3, "no value"),
        ("Host web\nPort # 22", 2, "no value"),
        ("Host web\nPort 0", 2, "no port"),
        ("Host web\nPort 70000", 2, "no port"),
        ("Host web\nPort " + "9" * 5000, 2, "no port"),
        ('Host "web', 1, "quotation"),
        ("Host web\nHostName a\x1b]0;b", 2, "control characters"),
    ],
)
def test_bad_lines_are_refused_with_their_number(text: str, line: int, words: str) -> None:
    """The person who wrote the file is told where to look."""
    with pytest.raises(InputError, match=words) as caught:
        parse(text)
    assert caught.value.message.startswith(f"config:{line}:")
    assert caught.value.message.isprintable()


@given(st.lists(hostile_text | st.sampled_from(CONFIG.splitlines()), max_size=8).map("\n".join))
def test_any_text_is_hosts_or_an_error(text: str) -> None:
    """Nothing but InputError is raised."""
    with suppress(InputError):
        parse(text)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("ProxyCommand nc %h %p", ("ProxyCommand",)),
        ("ProxyCommand none", ()),
        ("HostKeyAlias other", ("HostKeyAlias",)),
        ("CanonicalizeHostname yes", ("CanonicalizeHostname",)),
        ("CanonicalizeHostname no", ()),
        ("Compression yes", ()),
    ],
)
def test_ways_that_are_not_carried_out_are_named(line: str, named: tuple[str, ...]) -> None:
    """Whoever imports the host can refuse it; the others are imported all the same."""
    found = parse(f"Host web\n  {line}\nHost db\n")
    assert found["web"].not_carried_out == named
    assert found["db"].not_carried_out == ()


def test_a_port_is_one_number() -> None:
    """Its first word alone was looked at, and all of them were taken."""
    with pytest.raises(InputError, match="'22 23', which is no port"):
        parse("Host web\nPort 22 23")


def test_a_pattern_goes_back_over_nothing() -> None:
    """Else forty stars keep the controller longer than there is time."""
    name = "a" * 200
    assert parse(f"Host {'*a' * 40}b\nPort 5\nHost {name}")[name].port == 22
    assert parse(f"Host {'*a' * 40}\nPort 5\nHost {name}")[name].port == 5


def test_a_bracket_is_a_character_like_others() -> None:
    """ssh_config has no classes of characters."""
    assert parse("Host [ab]*\nPort 5\nHost a1 [ab]1")["a1"].port == 22
    assert parse("Host [ab]*\nPort 5\nHost a1 [ab]1")["[ab]1"].port == 5


def test_many_wildcards_for_many_hosts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would be held against each."""
    monkeypatch.setattr(ssh_config, "MAX_COMPARISONS", 100)
    text = "".join(f"Host w{n}-*\nHost h{n}\n" for n in range(40))
    with pytest.raises(InputError, match="too many for 40 hosts"):
        parse(text)
