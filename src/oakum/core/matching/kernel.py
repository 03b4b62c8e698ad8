"""Which kernel a host really runs, and by which name and version vendors know it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from oakum.core.inventory.facts import Facts
from oakum.core.inventory.package import InstalledPackage
from oakum.core.versions.deb import is_version
from oakum.core.versions.scheme import Scheme, scheme_of

KERNEL, SIGNED = "linux", "linux-signed"
"""Debian and Ubuntu build signed images from sources of their own; trackers speak of `linux`,
Ubuntu's also of its flavours: `linux-signed-aws` is built from `linux-aws`."""
IMAGE = re.compile(r"linux-image-(?:unsigned-)?(?P<release>[0-9].*?)(?:-unsigned)?")
DEBIAN_BUILD = re.compile(r"\bDebian (?P<version>[0-9][A-Za-z0-9.+~-]*) \(")
UBUNTU_BUILD = re.compile(r"#(?P<build>[0-9]+(?:~[0-9.]+|\+fips[0-9]+)?)-Ubuntu ")
UBUNTU_RELEASE = re.compile(r"(?P<abi>[0-9]+(?:\.[0-9]+)+-[0-9]+)-(?P<flavour>[a-z0-9-]+)")
BUILT_USING = re.compile(r"(?:^|, )(?P<source>[a-z0-9][a-z0-9+.-]+) \(= (?P<version>[^)]+)\)")
OWN_SERIES = re.compile(r"linux-[0-9.]+")
"""Debian builds kernels of later releases under sources of their own: `linux-6.12` in bookworm."""
PART = re.compile(r"linux-(?:[a-z]+-)*[0-9].*")
"""How packages of one build of a kernel are named: `linux-modules-5.15.0-1050-aws`, and headers."""
RPM_IMAGES = ("kernel-core", "kernel-default", "kernel-rt-core", "kernel-64k-core", "kernel")
"""In the order in which a host is asked for them: the first that is installed was booted."""
RPM_KERNEL = re.compile(r"kernel(?:-(?:core|default|rt|64k|modules|debug|devel|headers|tools).*)?")
ALPINE_IMAGES = ("linux-lts", "linux-virt")
ALPINE_RELEASE = re.compile(r"(?P<version>[0-9.]+)-(?P<revision>[0-9]+)-(?P<flavour>[a-z]+)")


@dataclass(frozen=True, slots=True)
class BootedKernel:
    """The kernel that a host runs."""

    name: str
    """The package that vendor data speaks of: `linux`, `linux-aws`, `kernel-core`, `linux-lts`."""
    version: str
    newest: str
    """The highest version that is installed: what a reboot brings."""


def booted_kernel(facts: Facts, packages: Iterable[InstalledPackage]) -> BootedKernel | None:
    """Return the booted kernel; None when it is none that the distribution built.

    `packages` are those kernel packages of the host that come from the distribution.
    """
    if not (facts.kernel.release or facts.kernel.version):
        return None  # a host that nobody asked: its packages need not be looked at
    scheme = scheme_of(facts.distribution.release)
    images = [package for package in packages if is_image(package)]
    name, version = _booted(facts, images, scheme)
    if version is None or not scheme.is_version(version):
        return None
    same = [p for p in images if (kernel_source(p) if scheme is Scheme.DPKG else p.name) == name]
    installed = [tracker_version(package) for package in same]
    valid = [candidate for candidate in installed if scheme.is_version(candidate)]
    return BootedKernel(name, version, max(valid, key=scheme.key, default=version))


def _booted(facts: Facts, images: list[InstalledPackage], scheme: Scheme) -> tuple[str, str | None]:
    match scheme:
        case Scheme.DPKG:
            return _flavour(facts, images), running_version(facts)
        case Scheme.RPM:
            return _rpm_image(facts, images)
        case Scheme.APK:
            return _alpine_image(facts)


def running_version(facts: Facts) -> str | None:
    """Return the source version of a booted deb kernel; None when it is none of the distribution's.

    `uname -v` of a Debian kernel ends with `Debian 6.1.192-2 (2026-11-02)`; Ubuntu's begins with
    `#110-Ubuntu`, which with `uname -r` of `5.15.0-100-generic` is 5.15.0-100.110.
    """
    if match := DEBIAN_BUILD.search(facts.kernel.version):
        return match["version"]
    build = UBUNTU_BUILD.match(facts.kernel.version)
    release = UBUNTU_RELEASE.fullmatch(facts.kernel.release)
    return f"{release['abi']}.{build['build']}" if build and release else None


def _flavour(facts: Facts, images: Iterable[InstalledPackage]) -> str:
    """Return the source that Ubuntu's tracker knows the booted flavour by; Debian has `linux`."""
    for package in images:
        match = IMAGE.fullmatch(package.name)
        if match and match["release"] == facts.kernel.release:
            return kernel_source(package)
    return KERNEL


def _rpm_image(facts: Facts, images: list[InstalledPackage]) -> tuple[str, str | None]:
    """Return the image whose version and architecture `uname -r` holds: `5.14.0-427.el9.x86_64`.

    SUSE's has the flavour in the place of the architecture, and leaves the last rebuild out.
    """
    for name in RPM_IMAGES:
        for package in images:
            bare = package.version.rpartition(":")[2]
            release = facts.kernel.release.partition("+")[0]
            names = (f"{bare}.{package.architecture}", bare)
            suse = f"{bare.rpartition('.')[0]}-{name.removeprefix('kernel-')}"
            if package.name == name and release in (*names, suse):
                return name, package.version
    return "kernel", None


def _alpine_image(facts: Facts) -> tuple[str, str | None]:
    match = ALPINE_RELEASE.fullmatch(facts.kernel.release)
    if match is None:
        return KERNEL, None
    return f"linux-{match['flavour']}", f"{match['version']}-r{match['revision']}"


def is_image(package: InstalledPackage) -> bool:
    """Tell whether a package is a kernel that can be booted, not one that only depends on one."""
    return package.name in {*RPM_IMAGES, *ALPINE_IMAGES} or bool(IMAGE.fullmatch(package.name))


def is_kernel(package: InstalledPackage) -> bool:
    """Tell whether a package comes of a kernel's source: headers, tools and libc's headers too."""
    source = package.source_name
    if source.startswith(KERNEL_NAMES):
        return (
            source in KERNEL_SOURCES
            or source.startswith(SIGNED)
            or bool(OWN_SERIES.fullmatch(source))
            or bool(PART.fullmatch(package.name))
            or bool(RPM_KERNEL.fullmatch(package.name))
        )
    return False


KERNEL_NAMES = ("linux", "kernel")
"""How every source of a kernel begins, and few others."""
KERNEL_SOURCES = frozenset({KERNEL, "kernel", "kernel-default", "kernel-rt", *ALPINE_IMAGES})


def kernel_source(package: InstalledPackage) -> str:
    """Return the source that trackers know a deb kernel package by."""
    source = package.source_name
    if not source.startswith(SIGNED):
        return source
    built = _built_using(package)
    if built is not None:
        return built[0]
    # Debian's are named by architecture, linux-signed-amd64, and all built from `linux`.
    flavour = source.removeprefix(SIGNED)
    for architecture in DEBIAN_ARCHITECTURES:
        flavour = flavour.removesuffix(architecture)
    return f"{KERNEL}{flavour}"


DEBIAN_ARCHITECTURES = ("-amd64", "-arm64", "-i386")


def tracker_version(package: InstalledPackage) -> str:
    """Return the version by which trackers know a kernel package.

    For a signed one that is Built-Using's, and by Debian's habit the binary package's own where
    the field is missing or makes no sense: `6.1.192-2` is built by linux-signed-amd64 6.1.192+2.
    """
    if not package.source_name.startswith(SIGNED):
        return package.source_version
    built = _built_using(package)
    return built[1] if built is not None else package.version


def _built_using(package: InstalledPackage) -> tuple[str, str] | None:
    return next((b for b in built_using(package) if b[0].split("-")[0] == KERNEL), None)


def judged_as(package: InstalledPackage) -> tuple[str, str]:
    """Return the source and version by which findings speak of any deb package."""
    if is_kernel(package):
        return kernel_source(package), tracker_version(package)
    return tracked_as(package)


def tracked_as(package: InstalledPackage) -> tuple[str, str]:
    """Return the source and version by which trackers know a deb package that is no kernel.

    Signed boot loaders (grub, shim, fwupd, systemd-boot) are built by sources of their own, of
    which trackers say nothing, from the files of the source that they speak of.
    """
    if package.built_using and package.source_name.endswith("-signed"):
        built = built_using(package)
        if len(built) == 1:
            return built[0]
    return package.source_name, package.source_version


def built_using(package: InstalledPackage) -> list[tuple[str, str]]:
    """Return the sources and versions that Built-Using names: `linux (= 6.1.192-2)`."""
    found = BUILT_USING.findall(package.built_using)
    return [(source, version) for source, version in found if is_version(version)]
