#!/bin/sh
# Where things are on a host, and how its scripts speak. Comes first in every script of ours.
set -u
umask 022

PATH=/usr/sbin:/usr/bin:/sbin:/bin
# UTF-8 for what maintainer scripts start (Java and Python must be able to name every file), C for all else: an upgrade
# starts thousands of programs, and each would read a dozen more files for its language.
LC_CTYPE=C.UTF-8
unset LC_ALL LANG LANGUAGE LC_COLLATE LC_MESSAGES LC_NUMERIC LC_TIME LC_MONETARY LC_PAPER LC_NAME LC_ADDRESS \
  LC_TELEPHONE LC_MEASUREMENT LC_IDENTIFICATION 2>/dev/null
DEBIAN_FRONTEND=noninteractive
DEBIAN_PRIORITY=critical
APT_LISTCHANGES_FRONTEND=none
UCF_FORCE_CONFFOLD=1
NEEDRESTART_SUSPEND=1
NEEDRESTART_MODE=l
export PATH LC_CTYPE DEBIAN_FRONTEND DEBIAN_PRIORITY APT_LISTCHANGES_FRONTEND UCF_FORCE_CONFFOLD
export NEEDRESTART_SUSPEND NEEDRESTART_MODE
unset http_proxy https_proxy no_proxy APT_CONFIG 2>/dev/null

OAKUM=/var/lib/oakum
# shellcheck disable=SC2034  # some scripts need it, some do not
TAB=$(printf '\t')

# Make text from programs fit for one field: one line, printable ASCII, of bounded length.
one_line() {
  LC_ALL=C awk '
    # Text without end must not hold us up: awk copies the whole for each line.
    /[^\t ]/ && length(line) < 4096 { line = line substr($0, 1, 4096) " " }
    END {
      gsub(/[\t ]+/, " ", line); gsub(/[^ -~]/, "?", line); sub(/^ /, "", line); sub(/ $/, "", line)
      if (line != "") print substr(line, 1, 600)
    }'
}

# Keep lines and tabs, make everything else printable.
printable() {
  LC_ALL=C tr -c '\n\t\040-\176' '?'
}

# Tell whether systemd is this system's own first process (not that of a machine around a chroot).
has_systemd() {
  [ -d /run/systemd/system ] && [ "$(stat -L -c %d:%i /proc/1/root 2>/dev/null)" = "$(stat -c %d:%i /)" ]
}

# own_lock FILE: let nobody but root open a lock. Whoever can read it could hold it, and nothing would be patched here.
own_lock() {
  [ ! -L "$1" ] && (umask 077 && : >>"$1") 2>/dev/null && [ -f "$1" ] && chmod go= "$1"
}

# What the kernel calls this boot: another one has another.
boot_id() { cat /proc/sys/kernel/random/boot_id; }
