"""Targets: what hosts answer, what archives offer, and how versions are ordered."""

import io
import math
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.claims import claim, nothing_lost, plain
from tests.fuzz.target import NOW, Target, golden

from oakum.adapters.archives.apt_configuration import (
    debian_sources,
    parse_signed_by,
    parse_targets,
)
from oakum.adapters.archives.signature import verify_clearsigned
from oakum.adapters.checks.vital_signs import parse_vitals
from oakum.adapters.facts.dpkg_status import parse_dpkg_status
from oakum.adapters.facts.parse import parse_facts
from oakum.adapters.metrics.readings import number_of
from oakum.adapters.package_managers.answers import (
    parse_confirmation,
    parse_repacked,
    parse_simulation,
    parse_status,
)
from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.preparation.shell import END, parse_present
from oakum.adapters.signing.openpgp import OwnKey
from oakum.adapters.transports.fingerprint import fingerprint
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import OakumError
from oakum.core.inventory.facts import Facts
from oakum.core.matching.component import components_of
from oakum.core.repositories.archive import ArchiveSource
from oakum.core.repositories.closure import Installed, close
from oakum.core.repositories.deb_file import stanza_of
from oakum.core.repositories.package_index import parse_index
from oakum.core.repositories.release_file import parse_release, require_fresh
from oakum.core.repositories.stanzas import parse_stanza
from oakum.core.staging.vitals import from_lines, losses, to_text
from oakum.core.text import one_line
from oakum.core.versions.order import InvalidVersionError
from oakum.core.versions.scheme import Scheme
from oakum.ports.host_files import Account
from oakum.ports.transport import CommandResult

SOURCE = ArchiveSource("https://archive.example", "bookworm", ("main",), "none.gpg")
SECTIONS = """\
@TOKEN os-release
ID=almalinux
VERSION_ID="9.4"
@TOKEN identity
hostname\tweb-1
release\t5.14.0-427.el9.x86_64
uid\t0
machine\tkvm
vendor\tExample Cloud
boot\tUEFI
root\txfs
network\tNetworkManager
drivers\tvirtio_net e1000
up\t86400
@TOKEN packages
{packages}@TOKEN rpm
{rpm}@TOKEN apk
{apk}@TOKEN subscriptions
esm-apps
@TOKEN livepatch
CVE-2024-6387
@TOKEN built-using
linux-image-amd64:amd64\tlinux (= 6.1.1-1)
@TOKEN automatic
libc6:amd64
@TOKEN phased
bash\t5.2.15-3\t30
@TOKEN conffiles
bash\t0123456789abcdef0123456789abcdef\t/etc/bash.bashrc
--
1123456789abcdef0123456789abcdef  /etc/bash.bashrc
@TOKEN stale
812\tnginx\t/system.slice/nginx.service\t/usr/lib/x86_64-linux-gnu/libssl.so.3
@TOKEN unread
seen\tothers
@TOKEN owners
libssl3:amd64: /usr/lib/x86_64-linux-gnu/libssl.so.3
diversion by a from: /b
@TOKEN reboot
hook\tyes
@TOKEN sources
deb http://archive.example bookworm main
@TOKEN indices
count\t3
@TOKEN origins
bash\t1\tamd64\tSomebody
@TOKEN unlisted
own-tool
@TOKEN file-systems
/dev/vda1 1000 10 990 1% /
--
/
@TOKEN failed-units
broken.service
@TOKEN units
sshd.service\topenssh-server\tenabled\trunning
getty@tty1.service\tsystemd\tenabled\t-
@TOKEN sockets
tcp\t0.0.0.0:22
tcp\t[::]:443
@TOKEN end
"""
RPM = SECTIONS.format(
    packages="",
    rpm="bash\t0:5.1.8-9.el9\tx86_64\tbash-5.1.8-9.el9.src.rpm\t(none)\n"
    "nodejs\t1:18.14.2-2\tx86_64\tnodejs-18.14.2-2.src.rpm\tnodejs:18:9010:rhel9\n"
    "kernel-core\t5.14.0-427.el9\tx86_64\tkernel-5.14.0-427.el9.src.rpm\t(none)\n",
    apk="",
).encode()
APK = (
    SECTIONS.replace("almalinux", "alpine")
    .replace("9.4", "3.20.1")
    .format(
        packages="",
        rpm="",
        apk="musl\t1.2.5-r0\tx86_64\tmusl\nlinux-lts\t6.6.1-r0\tx86_64\tlinux-lts\n",
    )
    .encode()
)
DEB = SECTIONS.format(
    packages="ii \tbash\t5.2.15-2+b13\tamd64\tbash\t5.2.15-2\nrc \told\t1\tamd64\told\t1\n",
    rpm="",
    apk="",
).encode()
SIMULATION = b"""problem\t/boot has 10 MB free and 250 MB are needed; make room
change\tinstall\toak-extra:amd64\t-\t1.0
change\tupgrade\toak-auto:all\t1:1.0\t1:1.1
conffile\t/etc/oak/config
restart\toak-service.service
reboot\tdbus.service runs /usr/bin/dbus-daemon
kept\toak-library:amd64\theld by the administrator at 1.0
end\tok
"""
STATUS = b"""running\tno
journal\t2026-11-23T09:00:00Z\tbegin\tstarted\tboot
journal\t2026-11-23T09:00:02Z\tinstall\tdone
result\tstate\tsucceeded
result\tstep\tself-check
result\trestarted\tnginx.service
end\tok
"""
REPACKED = b"""scratch\t/var/lib/oakum/repack.X
deb\tbash_1_amd64.deb\t1200\t%s\tdpkg-repack
missing\told:amd64\tits files are gone
end\tok
""" % (b"a" * 64)
VITALS = b"""clock\t1795660185
name\tdeb.example
nameserver\t192.0.2.53
way\ta default route over IPv4
rule\tIPv4 100: from all fwmark 0x1 lookup 7
rules\ttold
unit\tssh.service\tactive\tenabled
failed\tcron-job.service
units\ttold
end\tok
"""
METRIC = b"""{"status":"success","data":{"resultType":"vector","result":[
{"metric":{"instance":"web-1"},"value":[1795660185.781,"0.25"]}]}}"""
SCALAR = b'{"status":"success","data":{"resultType":"scalar","result":[1795660185.7,"4"]}}'
STATUS_OF_DPKG = b"""\
Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b13
Source: bash (5.2.15-2)

Package: base-files
Status: install ok installed
Architecture: amd64
Version: 12.4+deb12u5
Built-Using: linux (= 6.1.1-1)

Package: old
Status: deinstall ok config-files
Architecture: all
Version: 1
"""
PRESENT = b"account\t%s\nfile\t/etc/sudoers.d/oakum\t0440\tYQo=\nmissing\tssh-keygen\n%s\n" % (
    next(iter(Account)).value.encode(),
    END.encode(),
)
TARGETS_OF_APT = b"""\
/etc/apt/sources.list:1\thttp://archive.example/debian\tbookworm\tmain
/etc/apt/sources.list.d/a.sources:2\thttp://archive.example/debian\tbookworm-security\tmain
"""
ENTRIES = b"""\
Types: deb
URIs: http://archive.example
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
 /other.gpg

deb [signed-by=/usr/share/keyrings/a.gpg arch=amd64] http://archive.example bookworm main
"""


def _facts(content: bytes) -> None:
    facts = parse_facts(content, "TOKEN", NOW)
    plain((line.line for line in facts.unreadable), "a line about what cannot be read")
    plain((p.key for p in facts.packages), "a package")
    _nothing_lost_of_packages(content, facts)
    stored = to_document(facts)
    claim(from_document(stored, Facts, "facts") == facts, "facts are others once they are stored")
    components_of(facts)


def _dpkg_status(content: bytes) -> None:
    facts = parse_dpkg_status(content, "status", NOW)
    there = sum(1 for part in content.decode(errors="replace").split("\n\n") if part.strip())
    claim(len(facts.packages) + len(facts.unreadable) <= there, "more came out than was there")
    plain((p.key for p in facts.packages), "a package")
    plain((line.line for line in facts.unreadable), "a line about what cannot be read")
    components_of(facts)


def _present(content: bytes) -> None:
    found = parse_present(content)
    plain(found.missing, "a missing program")


def _nothing_lost_of_packages(content: bytes, facts: Facts) -> None:
    lines: dict[str, list[str]] = {}
    current = list[str]()
    for line in content.decode(errors="backslashreplace").split("\n"):
        if line.startswith("@TOKEN "):
            current = lines.setdefault(line.removeprefix("@TOKEN "), [])
        elif line:
            current.append(line)
    if lines["packages"]:
        there = len(lines["packages"])
        odd = sum(line.section == "packages" for line in facts.unreadable)
        absent = sum(line[1:2] in {"n", "c"} for line in lines["packages"])
        claim(there - absent <= len(facts.packages) + odd <= there, "a line of dpkg's was lost")
        return
    there = len(lines["rpm"]) + len(lines["apk"])
    odd = sum(line.section in {"rpm", "apk"} for line in facts.unreadable)
    keys = sum(line.startswith("gpg-pubkey\t") for line in lines["rpm"])
    claim(there - keys <= len(facts.packages) + odd <= there, "a line of rpm's or apk's was lost")


def _simulation(content: bytes) -> None:
    found = parse_simulation(content)
    plain((*found.problems, found.reboot_reason, *found.conffile_prompts), "a simulation")
    lines = [line for line in content.decode("utf-8", errors="replace").split("\n") if line]
    rows = [line.split("\t") for line in lines[:-1]]
    reboots = sum(one_line(row[0]) == "reboot" and len(row) > 1 for row in rows)
    nothing_lost(
        sum(map(len, (found.changes, found.kept_back, found.conffile_prompts, found.restarts)))
        + len(found.problems)
        + reboots,
        len(lines) - 1,
        "lines",
    )


def _status(content: bytes) -> None:
    found = parse_status(content)
    said = (found.step, found.reason, *found.restarted, found.reboot_reason, found.begun_by_host)
    plain(said, "a status")
    claim(parse_confirmation(content) is found.deadman, "two answers about one deadman")


def _vital_signs(content: bytes) -> None:
    seen = parse_vitals(CommandResult(0, content, b""))
    units = [text for unit in seen.units or () for text in (unit.name, unit.state)]
    plain((*seen.resolved, *seen.ways, *(seen.rules or ()), *units), "a vital sign")
    kept = from_lines(to_text(seen).split("\n"))
    claim(losses(kept, seen) == losses(seen, seen), "what is kept of vital signs is not enough")


def _metric_answer(content: bytes) -> None:
    claim(math.isfinite(number_of(content)), "a number that cannot be compared")


def _repacked(content: bytes) -> None:
    found = parse_repacked(content)
    plain((found.directory, *(file.name for file in found.files)), "repacked packages")
    claim(all(file.size_bytes >= 0 for file in found.files), "a file of less than nothing")


def _release(content: bytes) -> None:
    text = content.decode(errors="replace")
    release = parse_release(text, "InRelease")
    require_fresh(release, NOW, "InRelease")


def _index(content: bytes) -> None:
    text = content.decode(errors="replace")
    packages = tuple(parse_index(text, SOURCE, "main"))
    there = sum(1 for part in text.split("\n\n") if part.strip())
    nothing_lost(len(packages), there, "paragraphs")
    close(packages, frozenset(Installed(p.name, p.version, p.architecture) for p in packages[:2]))


def _deb(content: bytes) -> None:
    stanza = stanza_of(content, digest_of_bytes(content))
    parse_stanza(stanza, "what was made of a .deb")


def _targets_of_apt(content: bytes) -> None:
    debian_sources(parse_targets(content.decode(errors="replace")), "bookworm", lambda _: "")


def _signed_by(content: bytes) -> None:
    text = content.decode(errors="replace")
    for path in ("a.sources", "sources.list"):
        for number in (1, 2, 7):
            with suppress(OakumError):
                parse_signed_by(text, path, number)


class _Keys:
    """A key of our own, made once: what is signed with it, and where apt's kind of keyring is."""

    def __init__(self) -> None:
        self._place = TemporaryDirectory(prefix="oakum-fuzz-")
        self.own = OwnKey(Path(self._place.name) / "key.asc", "fuzz <fuzz@oakum.example>")
        self.keyring = Path(self._place.name) / "keyring.gpg"
        self.keyring.write_bytes(bytes(self.own.certificate()))

    def signed(self) -> tuple[bytes, ...]:
        return (self.own.sign("Codename: bookworm\n"), self.own.sign("{}"))


KEYS = _Keys()


def _signed(content: bytes) -> None:
    plain(
        [KEYS.own.verified(content, "manifest.json.asc").text.replace("\n", "")], "what is signed"
    )


def _in_release(content: bytes) -> None:
    verified = verify_clearsigned(content, KEYS.keyring, (), "InRelease")
    claim(verified.fingerprints, "believed without a signature")


def _host_key(content: bytes) -> None:
    claim(fingerprint(content.decode(errors="replace")).startswith("SHA256:"), "no fingerprint")


def _order(scheme: Scheme) -> Callable[[bytes], None]:
    """Claim of any versions that they are ordered: each against each, and none before itself."""

    def read(content: bytes) -> None:
        found = list[str]()
        for text in content.decode(errors="replace").split("\n")[:6]:
            try:
                scheme.key(text)
            except InvalidVersionError:
                claim(not scheme.is_version(text), f"{text!r} is a version, and is none")
                continue
            found.append(text)
        for a in found:
            claim(scheme.compare(a, a) == 0, f"{a!r} is not the same as itself")
            for b in found:
                claim(scheme.compare(a, b) == -scheme.compare(b, a), f"{a!r} against {b!r}")
                for c in found:
                    if scheme.compare(a, b) <= 0 and scheme.compare(b, c) <= 0:
                        claim(scheme.compare(a, c) <= 0, f"{a!r}, {b!r}, {c!r} go round")

    return read


def _packed_deb(packing: str, name: str = "./control") -> bytes:
    control = (
        b"Package: oak\nVersion: 1\nArchitecture: all\nDescription: wood\n of oak\n .\n more\n"
    )
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=f"w:{packing}") as tar:  # type: ignore[call-overload]
        entry = tarfile.TarInfo(name)
        entry.size = len(control)
        tar.addfile(entry, io.BytesIO(control))
    return b"!<arch>\n" + b"".join(
        f"{place:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(held):<10}`\n".encode()
        + held
        + b"\n" * (len(held) % 2)
        for place, held in (
            ("debian-binary", b"2.0\n"),
            (f"control.tar.{packing}", made.getvalue()),
            ("data.tar", b"d"),
        )
    )


TARGETS = (
    Target(
        "facts",
        _facts,
        (DEB, RPM, APK),
        (b"@TOKEN ", b"ii \t", b"\tall\t", b"gpg-pubkey\t0:1-1\tx\tx\t", b"diversion by "),
    ),
    Target("facts-of-a-host", _facts, golden("facts/bookworm-container.txt"), cost=8),
    Target("dpkg-status", _dpkg_status, (STATUS_OF_DPKG,), (b"Status: hold ok installed\n",)),
    Target("preparations", _present, (PRESENT,), (b"account\tours\n", b"missing\tssh-keygen\n")),
    Target("vital-signs", _vital_signs, (VITALS,), (b"unit\t", b"told")),
    Target("metric-answers", _metric_answer, (METRIC, SCALAR), (b"NaN", b"matrix")),
    Target("simulations", _simulation, (SIMULATION,), (b"change\t", b"end\tok\n", b"upgrade")),
    Target("transaction-status", _status, (STATUS, b"absent\t\nend\tok\n"), (b"result\tstate\t",)),
    Target("repacked-packages", _repacked, (REPACKED,), (b"deb\t",)),
    Target("releases", _release, golden("archives/Release"), (b"Valid-Until: ", b"+9999")),
    Target("package-indices", _index, golden("archives/Packages"), (b"Depends: a (>= 1) | b",)),
    Target("deb-files", _deb, (_packed_deb("xz"), _packed_deb("gz")), (b"control.tar",), cost=2),
    Target("apt-targets", _targets_of_apt, (TARGETS_OF_APT,)),
    Target("apt-sources", _signed_by, (ENTRIES,), (b"signed-by=", b"\n\n", b"Signed-By:")),
    Target(
        "signed-manifests", _signed, KEYS.signed(), (b"-----BEGIN PGP SIGNATURE-----",), cost=40
    ),
    Target(
        "in-releases", _in_release, KEYS.signed(), (b"-----BEGIN PGP SIGNED MESSAGE-----",), 100
    ),
    Target("host-keys", _host_key, (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== a comment",)),
    Target("versions-of-deb", _order(Scheme.DPKG), (b"1:1.0~rc1-1+b1\n1.0-1\n1.00\n1.0a",)),
    Target("versions-of-rpm", _order(Scheme.RPM), (b"1:1.0~rc1-1.el9\n1.0^git1\n1.01\na1",)),
    Target("versions-of-apk", _order(Scheme.APK), (b"1.2.3a_rc1~ab-r0\n1.02\n1.2_p1-r1\n1",)),
)
