"""Images: a Debian base and layers of packages over it, built once and cached."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock

from oakum.adapters.machines.programs import MachineError, run, succeeds
from oakum.core.canonical import Json, digest_of
from oakum.core.errors import InputError
from oakum.core.repositories.archive import ArchiveSource
from oakum.ports.machines import PackageSource, Progress

Archives = Callable[[str], tuple[ArchiveSource, ...]]
"""Gives the archives of a release."""

BTRFS = "btrfs"
"""The mode of a machine whose root is a subvolume in a file of its own."""
RECIPE = 2
"""Raise it when the images below change, and old ones are built anew."""

BASE_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "procps", "sudo",
    "libpam-systemd", "cron", "ca-certificates", "openssl", "curl", "less", "tzdata",
    "xz-utils", "perl-base", "gpgv", "debian-archive-keyring",
)  # fmt: skip
NOT_WANTED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")

INSTALL_LAYER = """
printf 'force-unsafe-io\\n' >/etc/dpkg/dpkg.cfg.d/oakum-lab-build
apt-get -q update
apt-get -q -y --no-install-recommends install "$@"
rm /etc/dpkg/dpkg.cfg.d/oakum-lab-build
apt-get clean
rm -rf /var/lib/apt/lists/*
"""


@dataclass(frozen=True, slots=True)
class Image:
    """A root to start from: directories for an overlay, the uppermost first."""

    directories: tuple[Path, ...]

    @property
    def lower(self) -> str:
        """Return the overlay option."""
        return ":".join(str(directory) for directory in self.directories)


class Images:
    """Builds and caches images under one directory."""

    def __init__(self, cache: Path, archives: Archives) -> None:
        self._cache = cache
        self._archives = archives

    @cached_property
    def can_overlay(self) -> bool:
        """Tell whether overlays can be mounted here; it is tried once."""
        return self._try_overlay()

    def base(self, release: str, progress: Progress) -> Image:
        """Return the base image of a release."""
        target = self._cache / f"base-{release}-{digest_of(self._recipe(release))[:12]}"
        with self._building(target) as directory:
            if directory is not None:
                progress(f"building the {release} base image (once; 1 to 2 minutes)")
                self._bootstrap(release, directory)
        return Image((target / "root",))

    def with_packages(self, release: str, packages: Sequence[str], progress: Progress) -> Image:
        """Return the base with more packages of the same release."""
        base = self.base(release, progress)
        if not packages:
            return base
        content: Json = [*self._recipe(release), sorted(packages), self.can_overlay]
        target = self._cache / f"layer-{release}-{digest_of(content)[:12]}"
        with self._building(target) as directory:
            if directory is not None:
                progress(f"building the image with {', '.join(packages)} (once)")
                self._install(base, directory, packages)
        layer = target / "root"
        return Image((layer, *base.directories) if self.can_overlay else (layer,))

    @property
    def mode(self) -> str:
        """Return how a root stands over an image here."""
        return "overlay" if self.can_overlay else "copy"

    def enter(
        self,
        root: Path,
        image: Image,
        script: str,
        *arguments: str,
        stdin: bytes,
        what: str,
        mode: str = "",
    ) -> bytes:
        """Run a script in a root that stands over an image; see build.sh for the directories."""
        mode = mode or self.mode
        upper, work = root.parent / ("disk" if mode == BTRFS else "upper"), root.parent / "work"
        for directory in (root, work) if mode == BTRFS else (root, upper, work):
            directory.mkdir(parents=True, exist_ok=True)
        with as_file(files(__package__) / "build.sh") as build:
            command = [
                *contained_command(), "sh", str(build), mode, str(root), image.lower,
                str(upper), str(work), script, *arguments,
            ]  # fmt: skip
            return run(command, what=what, stdin=stdin)

    def copy_into(self, image: Image, root: Path) -> None:
        """Copy a flat image, for places that refuse overlays."""
        root.parent.mkdir(parents=True, exist_ok=True)
        source = str(image.directories[0])
        run(["cp", "-a", "--reflink=auto", source, str(root)], what=f"copying {source}")

    def _recipe(self, release: str) -> list[Json]:
        return [RECIPE, release, list(BASE_PACKAGES), self._archive(release).uri]

    def _archive(self, release: str) -> ArchiveSource:
        """Return the release's own suite, without security: machines have updates pending."""
        for archive in self._archives(release):
            if archive.suite == release:
                return archive
        raise InputError(
            f"no archive of {release} itself is configured, only of its updates",
            hint=f'add an [[archives]] table with suite = "{release}" to oakum.toml',
        )

    def _bootstrap(self, release: str, directory: Path) -> None:
        archive = self._archive(release)
        line = f"deb [signed-by={archive.keyring_path}] {archive.uri} {archive.suite} main"
        excludes = [f"--dpkgopt=path-exclude={pattern}" for pattern in NOT_WANTED]
        mode = [] if self.can_overlay else ["--mode=root", "--skip=chroot/mount"]
        command = [
            *contained_command(), "mmdebstrap", "--variant=apt", *mode,
            f"--include={','.join(BASE_PACKAGES)}", *excludes,
            "--dpkgopt=force-unsafe-io", "--format=directory",
            release, str(directory / "root"), line,
        ]  # fmt: skip
        run(command, what=f"building the {release} base image")
        root = directory / "root"
        keyring = root / archive.keyring_path.lstrip("/")
        if not keyring.exists():
            keyring.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(archive.keyring_path, keyring)
        for path in [*(root / "etc/ssh").glob("ssh_host_*"), root / "etc/machine-id"]:
            path.unlink(missing_ok=True)
        for path in (root / "etc/dpkg/dpkg.cfg.d").glob("*mmdebstrap*"):
            text = path.read_text().replace("force-unsafe-io\n", "")
            path.write_text(text)

    def _install(self, base: Image, directory: Path, packages: Sequence[str]) -> None:
        root = directory / "merged"
        if not self.can_overlay:
            self.copy_into(base, root)
        what = f"installing {', '.join(packages)}"
        self.enter(root, base, INSTALL_LAYER, *packages, stdin=b"", what=what)
        (directory / ("upper" if self.can_overlay else "merged")).rename(directory / "root")
        shutil.rmtree(directory / "work", ignore_errors=True)

    @contextmanager
    def _building(self, target: Path) -> Iterator[Path | None]:
        """Give a directory to build in when the target is missing; put it in place when done."""
        self._make_cache()
        with FileLock(self._cache / f"{target.name}.lock"):
            if target.exists():
                yield None
                return
            for killed in self._cache.glob(f".{target.name}.*"):
                shutil.rmtree(killed, ignore_errors=True)
            directory = Path(mkdtemp(prefix=f".{target.name}.", dir=self._cache))
            directory.chmod(0o755)
            try:
                yield directory
                directory.rename(target)
            finally:
                shutil.rmtree(directory, ignore_errors=True)

    def _make_cache(self) -> None:
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(f"{self._cache} cannot be made: {error.strerror}") from error

    def _try_overlay(self) -> bool:
        if not unshare_command():
            return False
        self._make_cache()
        trial = Path(mkdtemp(prefix=".overlay-", dir=self._cache))
        try:
            for name in ("lower", "upper", "work", "root"):
                (trial / name).mkdir()
            options = f"lowerdir={trial}/lower,upperdir={trial}/upper,workdir={trial}/work"
            mount = ["mount", "-t", "overlay", "overlay", "-o", options, f"{trial}/root"]
            return succeeds([*unshare_command(), *mount]) is None
        finally:
            shutil.rmtree(trial, ignore_errors=True)


def unshare_command() -> tuple[str, ...]:
    """Return the prefix that gives a program mounts of its own, where that is allowed."""
    command = ("unshare", "--mount", "--propagation", "private")
    return command if succeeds([*command, "true"]) is None else ()


def contained_command() -> tuple[str, ...]:
    """Return the prefix for building: nothing of it goes on when we end, however we end."""
    tied = ("setpriv", "--pdeathsig", "KILL")
    inner = ("--pid", "--fork", "--kill-child", "--mount-proc")
    return (*tied, *unshare_command(), *inner) if unshare_command() else tied


def source_text(source: PackageSource) -> str:
    """Return the deb822 text of a package source."""
    lines = [
        "Types: deb",
        f"URIs: {source.uri}",
        f"Suites: {source.suite}",
        f"Components: {source.component}",
    ]
    if source.public_key:
        key = "\n".join(f" {line or '.'}" for line in source.public_key.strip().splitlines())
        lines.append(f"Signed-By:\n{key}")
    return "\n".join(lines) + "\n"
