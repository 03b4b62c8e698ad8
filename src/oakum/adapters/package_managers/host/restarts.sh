#!/bin/sh
# Which processes still run the old code, and what to do about each. Everything in /proc is read, never run.

# Print `pid path` of processes in this system that map a file which is gone or was replaced.
list_stale() {
  here=$(stat -c %d:%i /)
  # Processes with another root (containers, a chroot's surroundings) are somebody else's.
  stat -L -c '%d:%i %n' /proc/[0-9]*/root 2>/dev/null | sed -n "s|^$here /proc/\([0-9]*\)/root$|\1|p" | sort >"$T/ours"
  LC_ALL=C grep -s -H ' (deleted)$' /proc/[0-9]*/maps | printable | awk '
    {
      pid = $1; sub(/^\/proc\//, "", pid); sub(/\/.*/, "", pid)
      if ($2 !~ /x/ || $5 == 0) next
      path = $0; sub(/^[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +/, "", path); sub(/ \(deleted\)$/, "", path)
      if (path ~ /^\/(SYSV00000000|drm|dev\/|memfd:|\[aio\]|tmp\/|var\/tmp\/|run\/|var\/run\/)/ || path !~ /^\//) next
      print pid "\t" path
    }' | sort -u | awk -F '\t' 'FILENAME != "-" { ours[$1]; next } $1 in ours && !($1 in seen) { seen[$1]; print }' "$T/ours" -
}

unit_of() { # pid
  sed -n 's|^[0-9]*:\(name=systemd\)\{0,1\}:/||p' "/proc/$1/cgroup" 2>/dev/null | head -n 1 | tr '/' '\n' |
    grep -E '\.(service|scope)$' | tail -n 1
}

# Without systemd: the init script that a program belongs to, by its pid file or its path.
init_script_of() { # pid
  pid=$1
  file=$(grep -s -l -x -F "$pid" /run/*.pid /run/*/*.pid | head -n 1)
  for name in "$(basename "${file:-none}" .pid)" "$(basename "$(dirname "${file:-none}")")"; do
    if [ -x "/etc/init.d/$name" ]; then echo "$name"; return; fi
  done
  program=$(readlink "/proc/$pid/exe" | sed 's/ (deleted)$//')
  [ -z "$program" ] || grep -s -l -w -F -- "$program" /etc/init.d/* | head -n 1 | sed 's|.*/||'
}

# What may be done with a unit: restart | session | reboot.
treatment_of() { # unit
  case "$1" in
    session-*.scope | user@*.service) echo session ;;
    dbus.service | dbus-broker.service | systemd-logind.service | gdm*.service | lightdm.service | sddm.service | \
      display-manager.service | *getty@*.service | console-getty.service | NetworkManager.service | \
      systemd-networkd.service | networking.service | wpa_supplicant.service | docker.service | containerd.service | \
      libvirtd.service | lxc*.service | init.scope | rc-local.service | '') echo reboot ;;
    oakum-*) echo session ;;
    *) echo restart ;;
  esac
}

# Restart what the policy allows, then say what remains: a reason to reboot, or sessions that end by themselves.
restart_affected() {
  list_stale >"$T/stale"
  if [ "$(setting restart)" = never ]; then
    done_with "$(wc -l <"$T/stale") processes still run old code; the plan restarts nothing"
    return
  fi
  if has_systemd; then restart_units; else restart_init_scripts; fi
  sleep 1
  list_stale >"$T/stale"
  name_what_remains
}

restart_units() {
  systemctl daemon-reload
  if grep -q "^1$TAB" "$T/stale"; then
    systemctl daemon-reexec && journal restarts "done" "systemd executed itself anew"
  fi
  while IFS=$TAB read -r pid _; do unit_of "$pid"; done <"$T/stale" | sort -u | while IFS= read -r unit; do
    [ "$(treatment_of "$unit")" = restart ] || continue
    restart_unit "$unit"
  done
}

restart_unit() {
  # reload-or-restart would keep old code; a unit that is on its way out is let go.
  if systemctl -q try-restart "$1" </dev/null 2>"$T/restart.log"; then
    journal restarts "done" "$1 restarted"
    printf '%s\n' "$1" >>"$T/restarted"
  else
    journal restarts failed "$1 did not restart: $(one_line <"$T/restart.log")"
  fi
}

restart_init_scripts() {
  while IFS=$TAB read -r pid _; do init_script_of "$pid"; done <"$T/stale" | sort -u | while IFS= read -r name; do
    if "/etc/init.d/$name" restart </dev/null >"$T/restart.log" 2>&1; then
      journal restarts "done" "$name restarted by its init script"
      printf '%s\n' "$name" >>"$T/restarted"
    else
      journal restarts failed "$name did not restart: $(one_line <"$T/restart.log")"
    fi
  done
}

name_what_remains() {
  while IFS=$TAB read -r pid path; do
    if has_systemd; then unit=$(unit_of "$pid"); else unit=$(init_script_of "$pid"); fi
    name=$(printable <"/proc/$pid/comm") 2>/dev/null || continue
    # Without logind a session of sshd lives in the service's own group; it ends with its user.
    case "$name $unit" in sshd\ ssh.service | sshd\ ssh | sshd\ ) unit=session-sshd.scope ;; esac
    case "$(treatment_of "$unit")" in
      session) journal restarts "done" "process $pid ($name) of a session maps old $path until it ends" ;;
      *) printf '%s maps old %s\n' "${unit:-process $name}" "$path" >>"$T/reboot"
        journal restarts "done" "process $pid ($name, ${unit:-no unit}) maps old $path: only a reboot helps" ;;
    esac
  done <"$T/stale"
}

# A new kernel or new microcode works only after a reboot; in a container the kernel is not ours.
find_kernel_reboot() { # changes
  if systemd-detect-virt -q --container 2>/dev/null || [ -e /run/systemd/container ]; then return; fi
  awk -F '\t' '$1 != "remove" && $2 ~ /^(linux-image-|intel-microcode:|amd64-microcode:)/ { print $2 " " $4 " needs a boot" }' \
    "$1" >>"$T/reboot"
  [ -s "$T/reboot" ] || rm -f "$T/reboot"
}
