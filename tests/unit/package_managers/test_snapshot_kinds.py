"""Snapshots on a host: which a root can have, what stands against one, and one that was lost."""

from pathlib import Path

import pytest
from tests.unit.package_managers.test_host_parts import run_parts

PARTS = "common problems journal snapshot snapshot_btrfs snapshot_lvm"
MB = 1 << 20
LVM = """
OAKUM=$T SNAPSHOTS=$T/snapshots S=$T/snapshots/t1 kind=lvm SNAPSHOT=t1
root_mapping() { case $1 in uuid) echo LVM-abc ;; name) echo fleet--vg-root ;; esac; }
stat() { case "$*" in *%T*) echo "${FS:-ext2/ext3}" ;; *) echo 1 ;; esac; }
mountpoint() { false; }
lvs() {
  while [ "$1" != -o ]; do shift; done
  case "$2 $3" in
    "vg_name /dev/mapper/fleet--vg-root") echo "  fleet-vg" ;;
    "lv_name /dev/mapper/fleet--vg-root") echo "  root" ;;
    "pool_lv /dev/mapper/fleet--vg-root") echo "  $POOL" ;;
    "vg_free /dev/mapper/fleet--vg-root") echo "  $FREE" ;;
    "lv_size fleet-vg/pool") echo "  $FREE" ;;
    "data_percent fleet-vg/pool") echo "  ${DATA:-0.00}" ;;
    "metadata_percent fleet-vg/pool") echo "  ${METADATA-10.00}" ;;
    "lv_attr "*) echo "  $ATTR" ;;
    "lv_tags fleet-vg") printf '%s\\n' "  " "  theirs" "  a,oakum/t1,b" "  oakum/t1.replaced" ;;
  esac
}
lvcreate() { echo "lvcreate $*"; }
lvremove() { echo "lvremove $*" >>$T/done; }
lvchange() { echo "lvchange $*" >>$T/done; }
mount() { echo "mount $*" >>$T/done; }
lsinitramfs() { echo usr/lib/modules/6/kernel/drivers/md/dm-snapshot.ko; }
POOL= FREE=99999999999 ATTR=sri-a-s---
"""


def on_lvm(tmp_path: Path, line: str) -> str:
    (tmp_path / "settings").write_text(f"download_bytes\t{MB}\nsnapshot\tyes\n")
    return run_parts(tmp_path, PARTS, f"{LVM}\n{line}").strip()


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (f"FREE={520 * MB}", ""),
        (f"FREE={519 * MB}", "the volume group fleet-vg has 519 MB free and 520 MB are needed"),
        (f"POOL=pool FREE={1040 * MB} DATA=50.00", ""),
        (
            f"POOL=pool FREE={1040 * MB} DATA=50.20",
            "the thin pool fleet-vg/pool has 517 MB free and 520 MB are needed",
        ),
        ("POOL=pool METADATA=80.01", "the metadata of thin pool fleet-vg/pool is 80.01 % full, "),
        ("POOL=pool METADATA=", "the metadata of thin pool fleet-vg/pool is ? % full, "),
        ("FREE=", "the volume group fleet-vg has 0 MB free and 520 MB are needed"),
    ],
)
def test_there_must_be_room(tmp_path: Path, state: str, why: str) -> None:
    """A pool or a group that cannot be asked has none."""
    said = on_lvm(tmp_path, f"{state}; lvm_lacks_room")
    assert said.removesuffix("and 20 % must be free; extend it") == why


def test_a_host_must_be_able_to_boot_with_one(tmp_path: Path) -> None:
    """Thin ones are left inactive by a boot, and need nothing."""
    assert "is not there to look into" in on_lvm(tmp_path, "uname() { echo none; }; lvm_unfit")
    assert on_lvm(tmp_path, "uname() { echo none; }; POOL=pool; lvm_unfit") == ""


def test_other_file_systems_are_left_alone(tmp_path: Path) -> None:
    """What was not proven is not tried."""
    assert (
        on_lvm(tmp_path, "FS=jfs POOL=pool; lvm_unfit")
        == "none is taken of jfs on a logical volume"
    )
    assert on_lvm(
        tmp_path, 'root_mapping() { :; }; FS=jfs; no_snapshot_because "$(snapshot_kind)"'
    ) == ("the root is on jfs, and that on no logical volume")


def test_only_a_classic_one_has_a_size(tmp_path: Path) -> None:
    """Both are tagged, read-only, and named within what LVM allows, whatever the id is."""
    rest = "--addtag oakum/t1 --name oakum-"
    classic = on_lvm(tmp_path, "lvm_take t1")
    begin = "lvcreate --quiet --yes --snapshot --permission r"
    assert classic.startswith(f"{begin} --size 521m {rest}")
    assert classic.endswith(" fleet-vg/root")
    assert on_lvm(tmp_path, "POOL=pool; lvm_take t1").startswith(f"{begin} {rest}")
    assert len(on_lvm(tmp_path, f"lvm_place {'x_mlog' * 30}")) == len("fleet-vg/oakum-") + 16


def test_only_ours_are_removed(tmp_path: Path) -> None:
    """One by name, or all that have our tag."""
    place = on_lvm(tmp_path, "lvm_place t1")
    on_lvm(tmp_path, "drop_snapshots t1")
    assert (tmp_path / "done").read_text() == f"lvremove --quiet --force {place}\n"
    (tmp_path / "done").unlink()
    on_lvm(tmp_path, "drop_snapshots")
    replaced = on_lvm(tmp_path, "lvm_place t1.replaced")
    assert (tmp_path / "done").read_text().splitlines() == [
        f"lvremove --quiet --force {place}",
        f"lvremove --quiet --force {replaced}",
    ]


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ("sri-I-s---", "overflowed: more was written since than it had room for"),
        ("sri-S-s---", "overflowed: more was written since than it had room for"),
        ("Vri---tz-k", "is not active (Vri---tz-k)"),
        ("", "is not active ()"),
    ],
)
def test_one_that_was_lost_is_not_read(tmp_path: Path, attributes: str, why: str) -> None:
    """Before any file is put back, with its true reason."""
    line = f"R=$T/t1/restore ATTR={attributes}; put_system_back() {{ echo put; }}; "
    line += "put_files_back x || cat $T/why"
    said = on_lvm(tmp_path, line)
    assert said.startswith("the snapshot is of no use: fleet-vg/oakum-")
    assert said.endswith(why)
    assert not (tmp_path / "done").exists()
    assert why in (tmp_path / "journal").read_text()


def test_one_that_is_lost_while_it_is_read_is_a_failure(tmp_path: Path) -> None:
    """Whatever putting back said."""
    line = "R=$T/t1/restore; lvm_grow() { :; }; put_system_back() { ATTR=sri-I-s---; }; "
    said = on_lvm(tmp_path, f"{line} put_files_back x && echo good; cat $T/why")
    assert said.endswith("overflowed: more was written since than it had room for")
    assert "good" not in said


def test_xfs_stands_beside_its_origin(tmp_path: Path) -> None:
    """Both have the same UUID, and its log is skipped as it may not be written."""
    on_lvm(tmp_path, "lvm_grow() { :; }; FS=xfs; lvm_open t1; FS=; lvm_open t1")
    mounts = [
        line.split()[2]
        for line in (tmp_path / "done").read_text().splitlines()
        if line.startswith("mount")
    ]
    assert mounts == ["ro,nosuid,nodev,noexec,nouuid,norecovery", "ro,nosuid,nodev,noexec"]


def test_what_is_replaced_is_not_kept_without_room(tmp_path: Path) -> None:
    """That is said; going back does not wait for it."""
    on_lvm(tmp_path, "lvm_names() { echo t1; }; FREE=0; keep_what_is_replaced")
    said = (tmp_path / "journal").read_text()
    assert "what is replaced could not be kept: the volume group fleet-vg has 0 MB free" in said


def test_only_a_thin_one_is_activated(tmp_path: Path) -> None:
    """A classic one is active with its origin, and LVM would ask before it touched both."""
    on_lvm(tmp_path, "lvm_grow() { :; }; lvm_open t1")
    assert "lvchange" not in (tmp_path / "done").read_text()
    on_lvm(tmp_path, "POOL=pool; lvm_open t1")
    assert "lvchange --quiet --activate y --ignore" in (tmp_path / "done").read_text()
