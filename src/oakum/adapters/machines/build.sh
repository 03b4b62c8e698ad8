#!/bin/sh
# Work inside a machine's root, in a mount namespace of its own: whatever happens to this script,
# no mount outlives it.
#
# usage: build.sh MODE ROOT LOWER UPPER WORK SCRIPT [ARGUMENT…]
# MODE is `overlay` (ROOT shows UPPER over LOWER), `copy` (ROOT is a plain directory) or `btrfs` (ROOT shows the
# subvolume `root` of a file system in the file UPPER, which is made of LOWER).
# SCRIPT is run in the root with the arguments; its standard input is ours.
set -eu
mode=$1 root=$2 lower=$3 upper=$4 work=$5 script=$6
shift 6

if [ "$mode" = overlay ]; then
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
elif [ "$mode" = btrfs ]; then
  truncate -s 8G "$upper"
  mkfs.btrfs -q -f "$upper"
  mount -o loop,noatime "$upper" "$root"
  btrfs -q subvolume create "$root/root"
  case "$lower" in
    *:*) mount -t overlay overlay -o "lowerdir=$lower" "$work" ;;
    *) mount --bind "$lower" "$work" ;;
  esac
  cp -a "$work/." "$root/root/"
  umount "$work"
  umount "$root"
  mount -o loop,noatime,subvol=root "$upper" "$root"
fi
mount -t proc proc "$root/proc" 2>/dev/null || true
cp --remove-destination /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

status=0
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  DEBIAN_FRONTEND=noninteractive HOME=/root chroot "$root" /bin/sh -eu -c "$script" sh "$@" || status=$?

rm -f "$root/usr/sbin/policy-rc.d"
: >"$root/etc/resolv.conf"
umount "$root/proc" 2>/dev/null || true
exit "$status"
