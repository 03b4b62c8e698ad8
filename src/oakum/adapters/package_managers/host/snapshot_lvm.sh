#!/bin/sh
# Snapshots where the root is a logical volume, thin or classic, with ext4 or xfs on it. A tag `oakum/NAME` makes one
# ours: its own name is a digest, for ids are longer than LVM's names may be, and may hold words that it forbids.

LVM_SUPPRESS_FD_WARNINGS=1
export LVM_SUPPRESS_FD_WARNINGS

# root_mapping name|uuid: what the device mapper says of the root's device; nothing when it is none of its own.
root_mapping() { cat "/sys/dev/block/$(mountpoint -d /)/dm/$1" 2>/dev/null; }

# lvm_ask FIELD [VOLUME]: of the root's volume, or another. Sizes are in bytes.
lvm_ask() {
  lvs --noheadings --nosuffix --units b -o "$1" "${2:-/dev/mapper/$(root_mapping name)}" 2>/dev/null </dev/null | tr -d ' '
}

# LVM takes no bytes that are not whole sectors.
lvm_size() { echo "$(($(snapshot_bytes) / 1048576 + 1))m"; }

lvm_place() { # name
  printf '%s/oakum-%s\n' "$(lvm_ask vg_name)" "$(printf '%s' "$1" | sha256sum | cut -c 1-16)"
}

lvm_unfit() {
  command -v lvcreate >/dev/null || { echo "there is no lvm program"; return; }
  [ -n "$(lvm_ask vg_name)" ] || { echo "lvm does not know the root's volume"; return; }
  case "$(stat -f -c %T /)" in
    ext2/ext3 | xfs) ;;
    *) echo "none is taken of $(stat -f -c %T /) on a logical volume"; return ;;
  esac
  [ -n "$(lvm_ask pool_lv)" ] || unbootable_with_snapshot
}

# A root that has a classic snapshot cannot be activated without the kernel's module for it: an initramfs that lacks it
# would leave the host in the dark after the next boot. A thin one is left inactive by a boot.
unbootable_with_snapshot() {
  ! grep -qs '/dm-snapshot\.ko' "/lib/modules/$(uname -r)/modules.builtin" || return 0
  [ -e "/boot/initrd.img-$(uname -r)" ] || { echo "what the host boots with (/boot/initrd.img-$(uname -r)) is not there to look into"; return; }
  for image in /boot/initrd.img-*; do
    lsinitramfs "$image" 2>/dev/null | grep '/dm-snapshot\.ko' >/dev/null ||
      { echo "$image has no dm-snapshot (or there is no lsinitramfs to tell): the host might not boot with one"; return; }
  done
}

# A full pool stops whatever else lives in it, the root first: room is left in its data and in its metadata.
lvm_lacks_room() {
  pool=$(lvm_ask pool_lv) group=$(lvm_ask vg_name) needed=$(snapshot_bytes)
  if [ -z "$pool" ]; then
    of="volume group $group" free=$(lvm_ask vg_free)
  else
    of="thin pool $group/$pool" free=$({ lvm_ask lv_size "$group/$pool"; lvm_ask data_percent "$group/$pool"; } |
      awk 'NR == 1 { size = $1 } END { if (NR == 2) printf "%.0f", size * (100 - $1) / 100 }')
    metadata=$(lvm_ask metadata_percent "$group/$pool")
    case "${metadata%.*}" in
      [0-9] | [0-7][0-9]) ;;
      *) echo "the metadata of $of is ${metadata:-?} % full, and 20 % must be free; extend it"; return ;;
    esac
  fi
  [ "${free:-0}" -ge "$needed" ] ||
    echo "the $of has $((${free:-0} / 1048576)) MB free and $((needed / 1048576)) MB are needed"
}

lvm_names() {
  lvs --noheadings -o lv_tags "$(lvm_ask vg_name)" 2>/dev/null </dev/null | tr -d ' ' | tr ',' '\n' | sed -n 's,^oakum/,,p'
}

# LVM freezes the file system while it takes one.
lvm_take() { # name
  place=$(lvm_place "$1")
  set -- --addtag "oakum/$1" --name "${place#*/}" "$(lvm_ask vg_name)/$(lvm_ask lv_name)"
  [ -n "$(lvm_ask pool_lv)" ] || set -- --size "$(lvm_size)" "$@"
  lvcreate --quiet --yes --snapshot --permission r "$@" </dev/null
}

lvm_drop() { # name
  lvm_leave "$1"
  lvremove --quiet --force "$(lvm_place "$1")"
}

# What was frozen is whole without its journal: ext4 mounts it as it is (and refuses one that is not whole, as it may not
# write); xfs always leaves something in its log, of files that were deleted and still open, and may skip it.
lvm_open() { # name
  place=$(lvm_place "$1")
  # A classic one is active for as long as its origin is.
  [ -z "$(lvm_ask pool_lv)" ] || lvchange --quiet --activate y --ignoreactivationskip "$place" </dev/null || return 1
  lvm_is_whole "$place" || return 1
  [ -n "$(lvm_ask pool_lv)" ] || lvm_grow "$place"
  ! mountpoint -q "$SNAPSHOTS/$1" || return 0
  options=ro,nosuid,nodev,noexec
  [ "$(stat -f -c %T /)" != xfs ] || options=$options,nouuid,norecovery
  mkdir -p -m 700 "$SNAPSHOTS/$1" && mount -o "$options" "$(lvm_ask lv_dm_path "$place")" "$SNAPSHOTS/$1"
}

# Putting files back writes as much again as the upgrade did.
lvm_grow() { # volume
  used=$(lvm_ask data_percent "$1")
  lvextend --quiet --size "+$(lvm_size)" "$1" </dev/null >/dev/null 2>&1 ||
    journal recover "done" "the snapshot is $used % full and cannot grow"
}

lvm_close() { # name
  lvm_is_whole "$(lvm_place "$1")"
  whole=$?
  lvm_leave "$1"
  return $whole
}

lvm_leave() { # name
  ! mountpoint -q "$SNAPSHOTS/$1" || umount "$SNAPSHOTS/$1" || return 1
  [ ! -d "$SNAPSHOTS/$1" ] || rmdir "$SNAPSHOTS/$1"
}

# A classic snapshot is lost when more was written than it has room for.
lvm_is_whole() { # volume
  case "$(lvm_ask lv_attr "$1")" in
    ????[IS]*) echo "$1 overflowed: more was written since than it had room for" ; return 1 ;;
    ????a*) ;;
    *) echo "$1 is not active ($(lvm_ask lv_attr "$1"))"; return 1 ;;
  esac
}
