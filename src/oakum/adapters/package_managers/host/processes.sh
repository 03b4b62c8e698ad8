#!/bin/sh
# Which processes run which files. Everything in /proc is read, never run, and none of it is believed to be well-formed.
# $W is a directory for scratch files.

# Print `pid state path` for every executable mapping of a process of this system; state is `here` or `gone`.
# Fails where there is no room to find out: no list must look like an empty one.
list_mapped() {
  here=$(stat -c %d:%i /)
  # Processes with another root (containers, a chroot's surroundings) are somebody else's.
  stat -L -c '%d:%i %n' /proc/[0-9]*/root 2>/dev/null | sed -n "s|^$here /proc/\([0-9]*\)/root$|\1|p" >"$W/ours" || return 1
  LC_ALL=C grep -s -H '^[^ ]* ..x. ' /proc/[0-9]*/maps | printable | awk '
    FILENAME != "-" { ours[$1]; next }
    {
      pid = $1; sub(/^\/proc\//, "", pid); sub(/\/.*/, "", pid)
      if (!(pid in ours) || $5 == 0) next
      path = $0; sub(/^[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +/, "", path)
      state = sub(/ \(deleted\)$/, "", path) ? "gone" : "here"
      if (path !~ /^\// || path ~ /^\/(SYSV00000000|drm|dev\/|memfd:|\[aio\]|tmp\/|var\/tmp\/|run\/|var\/run\/)/) next
      print pid "\t" state "\t" path
    }' "$W/ours" - | sort -u
}

# Print `pid path`, one for each process that maps a file which is gone or was replaced.
list_stale() {
  list_mapped >"$W/mapped" || return 1
  awk -F '\t' '$2 == "gone" && !($1 in seen) { seen[$1]; print $1 "\t" $3 }' "$W/mapped"
}

# Print `pid path`, one for each process that runs a file of the packages (name:arch a line on stdin).
list_users_of_packages() {
  apt_names | xargs -r dpkg-query -L 2>/dev/null | sed 's|^/usr/|/|' | sort -u >"$W/files"
  # /usr/lib and /lib are one place on a merged host: paths are compared without /usr.
  list_mapped | awk -F '\t' '
    FILENAME != "-" { file[$0]; next }
    { path = $3; sub(/^\/usr\//, "/", path); if (path in file && !($1 in seen)) { seen[$1]; print $1 "\t" $3 } }' "$W/files" -
}

# The systemd unit or init script that a process belongs to; nothing when it belongs to none.
owner_of() { # pid
  if has_systemd; then unit_of "$1"; else init_script_of "$1"; fi
}

unit_of() { # pid
  sed -n 's|^[0-9]*:\(name=systemd\)\{0,1\}:/||p' "/proc/$1/cgroup" 2>/dev/null | head -n 1 | tr '/' '\n' |
    grep -E '\.(service|scope)$' | tail -n 1
}

# Without systemd: the init script that a process belongs to, by the pid file of it or of one that started it,
# else by the path of its program.
init_script_of() { # pid
  ancestor=$1
  while [ "${ancestor:-0}" -gt 1 ]; do
    for file in $(grep -s -l -x -F "$ancestor" /run/*.pid /run/*/*.pid | head -n 1); do
      for name in "$(basename "$file" .pid)" "$(basename "$(dirname "$file")")"; do
        if [ -x "/etc/init.d/$name" ]; then echo "$name"; return; fi
      done
    done
    ancestor=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$ancestor/status" 2>/dev/null)
  done
  program=$(readlink "/proc/$1/exe" | sed 's/ (deleted)$//')
  [ -z "$program" ] || grep -s -l -w -F -- "$program" /etc/init.d/* | head -n 1 | sed 's|.*/||'
}

# What may be done with a unit: restart | session | reboot.
treatment_of() { # unit
  case "$1" in
    session-*.scope | user@*.service) echo session ;;
    # They wait at a lock of ours and end by themselves: a restart would wait for us, and we for it.
    apt-daily.service | apt-daily-upgrade.service) echo session ;;
    dbus.service | dbus-broker.service | systemd-logind.service | gdm*.service | lightdm.service | sddm.service | \
      display-manager.service | *getty@*.service | console-getty.service | NetworkManager.service | \
      systemd-networkd.service | networking.service | wpa_supplicant.service | docker.service | containerd.service | \
      libvirtd.service | lxc*.service | init.scope | rc-local.service | '') echo reboot ;;
    oakum-deadman-* | oakum-watch-*) echo restart ;;
    oakum-*) echo session ;;
    *) echo restart ;;
  esac
}

# name_kernel_reboot CHANGES: a new kernel or new microcode works only after a boot; in a container it is not ours.
name_kernel_reboot() {
  if systemd-detect-virt -q --container 2>/dev/null || [ -e /run/systemd/container ]; then return; fi
  awk -F '\t' '$1 != "remove" && $2 ~ /^(linux-image-|intel-microcode:|amd64-microcode:)/ { print $2 " " $4 " needs a boot" }' "$1"
}
