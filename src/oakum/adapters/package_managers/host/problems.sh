#!/bin/sh
# What stands in the way of a transaction. Exit codes of dpkg and apt say nothing here: states and output do.

# Print every reason not to begin, one a line. Nothing printed means healthy.
find_problems() {
  find_obstacles
  find_lock_holder 0
}

# The same without what apt says: whoever waited for dpkg's lock has heard that.
find_obstacles() {
  [ "$(id -u)" = 0 ] || echo "not root: Oakum cannot change packages; allow sudo for its user"
  for place in / /usr /var /etc /boot; do
    [ ! -d "$place" ] || [ -w "$place" ] || echo "$place is read-only; remount it for writing"
  done
  find_broken_states
}

# Print what dpkg left unfinished.
find_broken_states() {
  list_packages | awk -F '\t' '$1 !~ /^.[icn] *$/ { print $2 " " $3 " is in state " $1 "; run dpkg --configure -a" }'
  audit=$(dpkg --audit 2>&1)
  [ -z "$audit" ] || echo "dpkg --audit says: $(printf '%s\n' "$audit" | grep . | head -n 4 | one_line)"
  for file in /var/lib/dpkg/updates/[0-9]*; do
    [ ! -e "$file" ] || { echo "dpkg was interrupted (its updates directory is not empty); run dpkg --configure -a"; break; }
  done
}

# find_lock_holder SECONDS: wait that long for dpkg's lock, then print who has it. Also says what apt finds broken.
find_lock_holder() {
  # check takes the lock as an installation would, and its message names process and command.
  if ! said=$(apt-get -q -o DPkg::Lock::Timeout="$1" check 2>&1 </dev/null); then
    # While it waits, it names the holder in its progress and no longer in its error.
    printf '%s\n' "$said" | sed 's/^Waiting for cache lock: \(.*)\).*/E: \1/' |
      grep -E '^E: |Depends:|unmet' | sort -u | head -n 4 | one_line
  fi
}

# Of what find_lock_holder prints, what is about a lock: names of packages hold that word too (libblockdev2).
about_a_lock() { grep -E 'Could not (get|open) lock|Unable to (acquire|lock) |locked by another'; }

# free_bytes PATH: what root may still write there.
free_bytes() {
  df -P -B1 "$1" | awk 'END { print $4 }'
}

# need_room PATH BYTES: print a problem when there is less.
need_room() {
  [ -d "$1" ] || return 0
  df -B1 --output=avail,itotal,iavail "$1" | {
    free=0 has_inodes=0
    read -r _ && read -r free has_inodes inodes
    if [ "$free" -lt "$2" ]; then
      echo "$1 has $((free / 1048576)) MB free and $(($2 / 1048576)) MB are needed; make room"
    fi
    # Some file systems count none, and say 0 or `-`.
    case "$has_inodes" in
      [1-9]*) [ "$inodes" -ge 2000 ] || echo "$1 has only $inodes inodes free and 2000 are needed; make room" ;;
    esac
  }
}
