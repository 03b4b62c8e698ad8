"""A lab fleet and the ways to it: Oakum's own command line, and plain SSH as an outsider's eye."""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

OAKUM = Path(sys.executable).with_name("oakum")
SSH_SECONDS = 120
COMMAND_SECONDS = 600
"""No command of the demo or the tests takes as long: one that does is ended, as a fault."""
SERVER_SECONDS = 20
FOUND_WORK = 100

CONFIGURATION = """\
[snapshots]
listen = "127.0.0.1:{port}"
url = "http://127.0.0.1:{port}"

[rollout]
soak_seconds = {soak}

# The shipped bundle grows old with the release; on production it must not be acted on.
[advisories]
debian_tracker.refuse_after_hours = 0

"""

APT_HAS_NOTHING_TO_DO = """
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/sources"
cat >"$work/key.asc"
cat >"$work/sources/snapshot.sources" <<END
Types: deb
URIs: $1
Suites: $2
Components: main
Signed-By: $work/key.asc
END
chmod -R a+rX "$work"
set -- -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources/" \\
  -o Dir::State::Lists="$work/lists/" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
apt-get "$@" -q update >&2
apt-get "$@" -s upgrade
"""
"""Plain apt on the host, pointed at a snapshot: what an administrator would do to check us."""


class UnexpectedError(Exception):
    """Something is not as said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended."""

    status: int
    out: str
    seconds: float

    def json(self) -> dict[str, object]:
        """Return its JSON document."""
        found = json.loads(self.out)
        if not isinstance(found, dict):
            raise UnexpectedError(f"this is no JSON object: {self.out[:80]}")
        return found


@dataclass(frozen=True, slots=True)
class HostState:
    """A host's packages as its own tools list them."""

    packages: tuple[str, ...]
    automatic: tuple[str, ...]
    held: tuple[str, ...]

    def versions(self) -> dict[str, str]:
        """Return the version of each `name:architecture`."""
        lines = (line.split("\t") for line in self.packages)
        return {key: version for _, key, version in lines}


Echo = Callable[[str], None]


@dataclass
class Fleet:
    """A home of Oakum with a lab in it."""

    home: Path
    soak_seconds: int = 5
    echo: Echo = lambda _: None
    port: int = 0
    """Where snapshots are served; chosen when the home is configured."""

    def configure(self, more: str = "") -> None:
        """Write oakum.toml: where snapshots are served, and the checks that judge the lab."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        checks = self.run("lab", "checks", quiet=True).out
        text = CONFIGURATION.format(port=self.port, soak=self.soak_seconds)
        (self.home / "oakum.toml").write_text(text + more + checks)

    def run(self, *arguments: str, expect: int | None = 0, quiet: bool = False) -> Answer:
        """Run an oakum command, showing its real output; an unexpected status is an error."""
        if not quiet:
            self.echo(f"$ oakum {shlex.join(arguments)}")
        begun = time.monotonic()
        lines = []
        with self.popen(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
            guard = Timer(COMMAND_SECONDS, process.kill)
            guard.start()
            for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip("\n")
                lines.append(line)
                if not quiet:
                    self.echo(line)
            guard.cancel()
        answer = Answer(process.wait(), "\n".join(lines), time.monotonic() - begun)
        if expect is not None and answer.status != expect:
            raise UnexpectedError(
                f"oakum {shlex.join(arguments)} ended with {answer.status}, and not {expect}:\n"
                f"{answer.out[-2000:]}"
            )
        return answer

    def data(self, *arguments: str, expect: int = 0) -> str:
        """Return what a command prints as data, for a program to read."""
        process = self.popen(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, talk = process.communicate()
        if process.returncode != expect:
            raise UnexpectedError(
                f"oakum {shlex.join(arguments)} ended with {process.returncode}: {talk.decode()}"
            )
        return out.decode()

    def popen(self, *arguments: str, **options: object) -> "subprocess.Popen[bytes]":
        """Start an oakum command."""
        process: subprocess.Popen[bytes] = subprocess.Popen(
            # Whoever started us may have had SIGINT ignored, as shells do for what they put behind.
            ["env", "--default-signal=INT", str(OAKUM), *arguments],
            env=os.environ | {"OAKUM_HOME": str(self.home), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            **options,  # type: ignore[call-overload]
        )
        return process

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve snapshots in the background."""
        server = self.popen(
            "snapshots", "serve", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._wait_for_server(server)
            yield
        finally:
            server.terminate()
            server.wait(SERVER_SECONDS)

    def ssh(
        self, host: str, script: str, *arguments: str, stdin: str = "", any_key: bool = False
    ) -> str:
        """Run a script on a host over plain SSH, without Oakum."""
        trust = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
        words = shlex.join(["sh", "-c", script, "sh", *arguments])
        done = subprocess.run(
            [
                *("ssh", "-F", str(self.home / "lab/access/ssh_config")),
                *(trust if any_key else ()),
                host,
                words,
            ],
            input=stdin.encode(),
            capture_output=True,
            timeout=SSH_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise UnexpectedError(f"{host}: {script}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode()

    def state_of(self, host: str) -> HostState:
        """Ask dpkg and apt-mark on a host."""
        query = (
            "dpkg-query -W -f '${db:Status-Abbrev}\\t${Package}:${Architecture}\\t${Version}\\n'"
        )
        packages, automatic, held = (
            tuple(sorted(self.ssh(host, script).splitlines()))
            for script in (query, "apt-mark showauto", "apt-mark showhold")
        )
        return HostState(packages, automatic, held)

    def states(self, hosts: tuple[str, ...]) -> dict[str, HostState]:
        """Ask several hosts."""
        return {host: self.state_of(host) for host in hosts}

    def hosts(self) -> tuple[str, ...]:
        """Return the names of the lab's hosts."""
        return tuple(host["name"] for host in json.loads(self.data("hosts", "list", "--json")))

    def plan(self, which: str = "latest") -> dict[str, object]:
        """Return a plan as data."""
        found: dict[str, object] = json.loads(self.data("plan", "show", which, "--json"))
        return found

    def require_planned(self, which: str = "latest") -> int:
        """Hold dpkg-query on every host against the plan; return how many changes were compared."""
        shown = self.plan(which)
        plan, compared = shown["plan"], 0
        assert isinstance(plan, dict)  # noqa: S101 (it is JSON of ours)
        for host_class in plan["classes"]:
            for host in host_class["hosts"]:
                versions = self.state_of(host).versions()
                for change in host_class["changes"]:
                    key = f"{change['name']}:{change['architecture']}"
                    if versions.get(key, "") != change["new"]:
                        raise UnexpectedError(
                            f"{host}: {key} is at {versions.get(key)}, planned {change['new']}"
                        )
                    compared += 1
        return compared

    def require_nothing_left(self, host: str) -> str:
        """Have plain apt on a host say that the latest snapshot holds nothing more for it."""
        snapshot = json.loads(self.data("snapshots", "list", "--json"))[-1]["id"]
        url = f"http://127.0.0.1:{self.port}/snapshots/{snapshot}"
        key = self.data("snapshots", "key")
        said = self.ssh(host, APT_HAS_NOTHING_TO_DO, url, "bookworm", stdin=key)
        last = said.strip().splitlines()[-1]
        if not last.startswith("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded"):
            raise UnexpectedError(f"{host}: apt would still do something: {said}")
        return last

    def _wait_for_server(self, server: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + SERVER_SECONDS
        while time.monotonic() < end and server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise UnexpectedError("the snapshot server did not start")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
