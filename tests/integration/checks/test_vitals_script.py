"""What a host says of its vital signs, with every program that tells it replaced."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from oakum.adapters.checks.vital_signs import SCRIPT

SOURCES = """\
deb http://one.example/debian stable main # http://same-line.example/
  # deb http://commented.example/debian stable main
deb [signed-by=/x] https://one.example:8443/debian stable main
URIs: mirror+https://two.example/a http://192.0.2.7/b https://-odd.example/ tor+http://three.example
"""
RESOLV = "# nameserver 192.0.2.9\n nameserver\t192.0.2.1 more\nnameserver\nnameserver fe80::1%eth0"
SHOWN = """\
Id=ssh.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled

Id=none.service
LoadState=not-found
ActiveState=inactive
"""


def _answer(
    place: Path, asked: str, programs: Mapping[str, str], sources: str = SOURCES
) -> list[str]:
    """Run the script with these programs in front; each notes what it was asked in `asked`."""
    for directory in ("bin", "info", "systemd"):
        (place / directory).mkdir(exist_ok=True)
    for name, says in programs.items():
        program = place / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{place}/asked\n{says}\n')
        program.chmod(0o755)
    (place / "sources.list").write_text(sources)
    (place / "resolv.conf").write_text(RESOLV)
    script = (
        SCRIPT.replace("PATH=", f"PATH={place}/bin:")
        .replace("/etc/apt/", f"{place}/")
        .replace("/etc/resolv.conf", f"{place}/resolv.conf")
        .replace("/var/lib/dpkg/info", f"{place}/info")
        .replace("/run/systemd/system", f"{place}/systemd")
    )
    ran = subprocess.run(["sh", "-c", script], input=asked, capture_output=True, text=True)  # noqa: PLW1510 (whatever it is asked, it ends well)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_names_are_those_asked_for_its_own_and_its_archives(tmp_path: Path) -> None:
    """Each once, and no address, comment or option; what cannot be resolved is not told."""
    hosts = {"uname": "echo own", "getent": '[ "$2" != two.example ]'}
    odd = "name\t-x\nname\t$(id)\nname\tgiven.example\nname\town\nunit\tname.example\nname\t*\n"
    told = [line for line in _answer(tmp_path, odd, hosts) if line.startswith("name\t")]
    asked = [x.split()[-1] for x in (tmp_path / "asked").read_text().splitlines() if "ahosts" in x]
    names = ["given.example", "own", "one.example", "same-line.example", "two.example"]
    assert sorted(asked) == sorted([*names, "three.example"])
    assert sorted(told) == sorted(f"name\t{n}" for n in asked if n != "two.example")


def test_no_more_than_so_many_names_are_asked_for(tmp_path: Path) -> None:
    """A resolver is not asked for hundreds of names."""
    asked = "".join(f"name\thost{number}\n" for number in range(100))
    told = _answer(tmp_path, asked, {"uname": "echo own", "getent": "true"}, "http://a.example")
    assert sum(line.startswith("name\t") for line in told) == len(range(32))


def test_ways_are_told_where_there_are_any(tmp_path: Path) -> None:
    """A default route of one family, nameservers, and one of them whose way depends on a link."""
    ip = """case $* in
      '-4 route show'*) echo 'unreachable x'; echo 'default via 192.0.2.2' ;;
      '-6 route show'*) echo 'not default' ;;
      'route get 2001:db8::1') exit 2 ;;
    esac"""
    told = _answer(tmp_path, "", {"ip": ip, "getent": "false", "uname": "echo own"})
    assert [line for line in told if line.startswith(("nameserver\t", "way\t"))] == [
        "nameserver\t192.0.2.1",
        "nameserver\tfe80::1%eth0",
        "way\ta default route over IPv4",
        "way\twhat is far away over IPv4",
        "way\tthe nameserver 192.0.2.1",
    ]


def test_units_of_packages_are_asked_for_and_silence_is_not_calm(tmp_path: Path) -> None:
    """Templates and patterns are not units; without systemd's answer nothing is said of units."""
    (tmp_path / "info").mkdir()
    (tmp_path / "info/openssh.list").write_text("/lib/systemd/system/ssh.service\n/usr/bin/x\n")
    (tmp_path / "info/lib:amd64.list").write_text(
        "/usr/lib/systemd/system/lib.timer\n/lib/systemd/system/lib@.service\n"
    )
    asked = (
        "unit\tssh.service\nunit\t*.service\nunit\ta b.service\npackage\topenssh\npackage\tlib\n"
    )
    says = (
        f"case $1 in show) cat <<'END'\n{SHOWN}END\n;; *) echo 'bad.service loaded failed' ;; esac"
    )
    quiet = {"getent": "false", "uname": "echo own", "ip": "false"}
    told = _answer(tmp_path, asked, quiet | {"systemctl": says})
    (show,) = [x for x in (tmp_path / "asked").read_text().splitlines() if "Id,Load" in x]
    assert show.partition(" -- ")[2] == "ssh.service lib.timer"
    assert sorted(line for line in told if line.startswith(("unit", "failed"))) == [
        "failed\tbad.service",
        "unit\tssh.service\tactive\tenabled",
        "units\ttold",
    ]
    silent = _answer(tmp_path, asked, quiet | {"systemctl": "exit 1"})
    assert not {line.partition("\t")[0] for line in silent} & {"unit", "units", "failed"}
