"""Machines of every kind are built, run, stopped and removed in the same way."""

import asyncio
from contextlib import suppress

import pytest
from tests.conformance.machines.conftest import Place
from tests.lab.leftovers import leftovers

from oakum.core.errors import ConflictError, NotFoundError, TransportError
from oakum.ports.machines import Machine, MachineState
from oakum.services.await_boot import await_boot

BOOTS = pytest.mark.parametrize("place", ["nspawn"], indirect=True)
BOOT_ID = "cat /proc/sys/kernel/random/boot_id; sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20"


def test_a_machine_is_built_as_it_was_ordered(place: Place, machine: Machine) -> None:
    """Its files, its set-up script and its name; the key that it shows is the one that was told."""
    assert place.ask(machine, "cat /etc/made-for-a-test /root/set-up; hostname 2>/dev/null; true")
    mark = place.ask(machine, "stat -c '%a %U' /etc/made-for-a-test; cat /etc/made-for-a-test")
    assert mark == "640 root\nas it was built\n"
    assert place.ask(machine, "cat /root/set-up /etc/hostname") == "set up\none\n"
    assert place.ask(machine, "cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub") == (
        f"{machine.host_key}\n"
    )


def test_packages_are_those_of_the_release(place: Place, machine: Machine) -> None:
    """Nothing of security updates: hosts of the lab have them pending."""
    assert "deb12u" not in place.ask(machine, "dpkg-query -W -f '${Version}\\n' bash")
    assert int(place.ask(machine, "dpkg-query -W | wc -l")) > 100


def test_a_machine_is_listed_with_how_it_stands(place: Place, machine: Machine) -> None:
    """Running with the number of its process, stopped without."""
    (listed,) = place.provider.machines()
    assert (listed.name, listed.address, listed.port) == ("one", machine.address, machine.port)
    assert listed.state is MachineState.RUNNING
    assert listed.pid is not None
    place.provider.stop("one")
    (listed,) = place.provider.machines()
    assert (listed.state, listed.pid) == (MachineState.STOPPED, None)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_was_written_outlives_a_stop(place: Place, machine: Machine, how: str) -> None:
    """Also when the power is cut; a machine that is down is stopped once more without harm."""
    place.ask(machine, "echo kept >/root/kept && sync")
    end = {"stop": place.provider.stop, "kill": place.provider.kill}[how]
    end("one")
    end("one")
    again = place.booted("one")
    assert (again.address, again.host_key) == (machine.address, machine.host_key)
    assert place.ask(again, "cat /root/kept") == "kept\n"


def test_a_machine_that_runs_is_not_started_again(place: Place, machine: Machine) -> None:
    """Twice is once."""
    (before,) = place.provider.machines()
    place.provider.start("one")
    (after,) = place.provider.machines()
    assert before.pid == after.pid
    assert place.ask(machine, "true") == ""


@BOOTS
def test_a_machine_that_reboots_comes_back(place: Place, machine: Machine) -> None:
    """By itself, as a host does, with another boot."""
    before = place.ask(machine, BOOT_ID)
    place.ask(machine, "nohup sh -c 'sleep 1; systemctl reboot' >/dev/null 2>&1 &")

    async def back() -> None:
        async with asyncio.timeout(120):
            while True:
                # The machine may go down between any two of our words: then it is asked again.
                with suppress(TransportError):
                    await await_boot(place.application.ssh, place.host(machine))
                    async with place.application.ssh.connect(place.host(machine)) as session:
                        now = await session.run(BOOT_ID, timeout_seconds=60)
                    if now.stdout.decode() != before:
                        return
                await asyncio.sleep(0.2)

    asyncio.run(back())


def test_machines_are_apart(place: Place, machine: Machine) -> None:
    """Each has its own address, key, files and processes."""
    place.made("two")
    try:
        other = place.booted("two")
        assert other.address != machine.address
        assert other.host_key != machine.host_key
        place.ask(machine, "touch /root/only-here; sleep 300 >/dev/null 2>&1 &")
        assert place.ask(other, "ls /root/only-here 2>/dev/null; true") == ""
        assert place.ask(other, "pgrep -fx 'sleep 300'; true") == ""
        assert [found.name for found in place.provider.machines()] == ["one", "two"]
    finally:
        place.provider.destroy("two")


def test_a_name_is_taken_once(place: Place, machine: Machine) -> None:
    """A machine is never built over another."""
    with pytest.raises(ConflictError, match="there is a machine 'one' already"):
        place.made(machine.name)


@pytest.mark.parametrize("call", ["start", "stop", "kill"])
def test_a_machine_that_is_not_there_is_named(place: Place, call: str) -> None:
    """With those that are."""
    calls = {
        "start": place.provider.start, "stop": place.provider.stop, "kill": place.provider.kill
    }  # fmt: skip
    with pytest.raises(NotFoundError, match="there is no machine 'nobody'"):
        calls[call]("nobody")


def test_nothing_is_left_of_a_machine(place: Place) -> None:
    """Neither while it runs nor half-built: no process, mount, control group or file."""
    place.made("one")
    place.booted("one")
    (place.directory / "half-built/root/etc").mkdir(parents=True)
    (place.directory / "half-built/address").write_text("127.0.10.9")
    assert place.provider.names() == ("half-built", "one")
    assert leftovers(place.directory)
    assert place.provider.clear() == 2
    assert leftovers(place.directory) == []
    assert place.provider.clear() == 0
    place.provider.destroy("one")


@pytest.mark.parametrize("place", ["nspawn-btrfs"], indirect=True)
def test_a_root_on_btrfs_takes_snapshots(place: Place, machine: Machine) -> None:
    """It is a subvolume of a file system of its own, as restore points ask for."""
    assert place.ask(machine, "stat -f -c %T /; stat -c %i /") == "btrfs\n256\n"
    snapshot = "btrfs -q subvolume snapshot -r / /var/one && ls -d /var/one/etc"
    assert place.ask(machine, snapshot) == "/var/one/etc\n"
    assert place.ask(machine, "btrfs -q subvolume delete /var/one && ls /var/one || echo gone")
