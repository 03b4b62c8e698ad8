#!/bin/sh
# Snapshots where the root is a btrfs subvolume: subvolumes of their own in $SNAPSHOTS, which are always there to read.

btrfs_unfit() {
  [ "$(stat -c %i /)" = 256 ] || { echo "the root is no subvolume of its own"; return; }
  command -v btrfs >/dev/null || echo "there is no btrfs program"
}

btrfs_lacks_room() { need_room / "$(snapshot_bytes)"; }

btrfs_names() {
  for one in "$SNAPSHOTS"/*; do [ ! -d "$one" ] || basename "$one"; done
}

btrfs_take() { btrfs subvolume snapshot -r / "$SNAPSHOTS/$1"; }

btrfs_drop() { btrfs subvolume delete "$SNAPSHOTS/$1"; }

btrfs_open() { :; }

btrfs_close() { :; }

btrfs_place() { echo "$SNAPSHOTS/$1"; }
