"""oscap, with OVAL definitions that are made of our statements: Debian's openscap-scanner.

OVAL's test of dpkg packages knows a package's name and its own version, not its source's. It is
given what it can be given: for each binary package of a source that the host has, and each fixed
version of that source, a definition "this package is older than that".
"""

import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.peers.peer import Cost, HostCopy, Pair, run
from oakum.core.advisories.statement import VendorStatement

MITRE = "http://oval.mitre.org/XMLSchema"
HEAD = f"""<?xml version="1.0" encoding="utf-8"?>
<oval_definitions xmlns="{MITRE}/oval-definitions-5" xmlns:oval="{MITRE}/oval-common-5"
  xmlns:l="{MITRE}/oval-definitions-5#linux"><generator>
<oval:product_name>benchmark</oval:product_name><oval:schema_version>5.11.1</oval:schema_version>
<oval:timestamp>2026-01-01T00:00:00</oval:timestamp></generator>
"""
DEFINITION = """<definition id="oval:b:def:{n}" version="1" class="vulnerability"><metadata>
<title>{n}</title><description>{n}</description></metadata>
<criteria><criterion test_ref="oval:b:tst:{n}"/></criteria></definition>
"""
TEST = """<l:dpkginfo_test id="oval:b:tst:{n}" version="1" check="at least one" comment="x"
 check_existence="at_least_one_exists"><l:object object_ref="oval:b:obj:{object}"/>
<l:state state_ref="oval:b:ste:{state}"/></l:dpkginfo_test>
"""
OBJECT = """<l:dpkginfo_object id="oval:b:obj:{n}" version="1"><l:name>{what}</l:name>
</l:dpkginfo_object>
"""
STATE = """<l:dpkginfo_state id="oval:b:ste:{n}" version="1">
<l:evr datatype="debian_evr_string" operation="less than">{what}</l:evr></l:dpkginfo_state>
"""
ANSWER = re.compile(r"Definition oval:b:def:([0-9]+): (true|false)")
APT = """Dir::State::status "{status}";
Dir::State::lists "{place}/lists";
Dir::Cache "{place}/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "/dev/null";
"""


class Oscap:
    """OpenSCAP's evaluation of OVAL."""

    name = "oscap 1.3.7"

    def __init__(self) -> None:
        self._fixes: dict[str, dict[str, list[str]]] = {}

    def absent(self) -> str:
        """Return why it cannot be asked here; empty when it can."""
        return "" if shutil.which("oscap") else "not installed: apt-get install openscap-scanner"

    def feed(self, said: Sequence[VendorStatement], place: Path) -> None:
        """Keep the statements by source and version: definitions depend on the host's packages."""
        fixes: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for statement in said:
            fixes[statement.source_name][statement.fixed_version].append(statement.cve)
        self._fixes = fixes
        (place / "lists" / "partial").mkdir(parents=True)
        (place / "cache").mkdir()

    def ask(self, host: HostCopy, place: Path) -> tuple[set[Pair], Cost]:
        """Return what it calls true."""
        asked = dict.fromkeys(
            (package.name, package.source_name, version)
            for package in host.packages
            for version in self._fixes.get(package.source_name, ())
        )
        tests = dict(enumerate(asked, 1))
        _write(place / "oval.xml", tests)
        (place / "apt.conf").write_text(APT.format(status=host.status, place=place))
        done = run(
            ["oscap", "oval", "eval", str(place / "oval.xml")], place,
            extra={"APT_CONFIG": str(place / "apt.conf")},
        )  # fmt: skip
        found, answers = set[Pair](), 0
        for number, said in ANSWER.findall(done.stdout):
            answers += 1
            name, source, version = tests[int(number)]
            if said == "true":
                found |= {Pair(name, cve) for cve in self._fixes[source][version]}
        if answers != len(tests):
            message = f"oscap answered {answers} of {len(tests)} questions"
            raise RuntimeError(message)
        return found, done.cost


def _write(path: Path, tests: dict[int, tuple[str, str, str]]) -> None:
    objects = {name: n for n, name in enumerate(dict.fromkeys(t[0] for t in tests.values()), 1)}
    states = {said: n for n, said in enumerate(dict.fromkeys(t[2] for t in tests.values()), 1)}
    with path.open("w") as file:
        file.write(f"{HEAD}<definitions>")
        file.writelines(DEFINITION.format(n=n) for n in tests)
        file.write("</definitions><tests>")
        file.writelines(
            TEST.format(n=n, object=objects[name], state=states[version])
            for n, (name, _, version) in tests.items()
        )
        file.write("</tests><objects>")
        file.writelines(OBJECT.format(n=n, what=escape(name)) for name, n in objects.items())
        file.write("</objects><states>")
        file.writelines(STATE.format(n=n, what=_evr(said)) for said, n in states.items())
        file.write("</states></oval_definitions>\n")


def _evr(version: str) -> str:
    """Write a version with the epoch and the revision that OVAL's type asks for."""
    whole = version if ":" in version else f"0:{version}"
    return escape(whole if "-" in whole else f"{whole}-0")
