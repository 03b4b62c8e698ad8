#!/bin/sh
# What to do about processes that still run the old code.

RESTART_SECONDS=900

# in_time COMMAND: what a restart waits for may never come, and as long as we are at work nobody goes back. Here we are
# not inside dpkg, so it is left alone: what became of it is seen at the end. Its words go to $T/restart.log.
in_time() {
  timeout -k 5 "$RESTART_SECONDS" "$@" </dev/null >"$T/restart.log" 2>&1 && return
  [ $? != 124 ] || echo "no end within $RESTART_SECONDS seconds" >>"$T/restart.log"
  return 1
}

# Restart what the policy allows, then say what remains: a reason to reboot, or sessions that end by themselves.
restart_affected() {
  free_reserve # A list of processes that there is no room for would look like none.
  rm -f "$T/reboot" # From before an interruption: the host may have been booted since.
  renew_watch
  list_stale >"$T/stale" || out_of_room
  if [ "$(setting restart)" = never ]; then
    done_with "$(wc -l <"$T/stale") processes still run old code; the plan restarts nothing"
    return
  fi
  if has_systemd; then restart_units; else restart_init_scripts; fi
  sleep 1
  list_stale >"$T/stale" || out_of_room
  name_what_remains
  name_kernel_reboot "$T/changes" >>"$T/reboot"
  [ -s "$T/reboot" ] || rm -f "$T/reboot"
}

out_of_room() {
  finish failed "${reason:+$reason; }there was no room to write down which processes still run old code; is the disk full?"
}

restart_units() {
  systemctl daemon-reload
  if grep -q "^1$TAB" "$T/stale"; then
    systemctl daemon-reexec && journal restarts "done" "systemd executed itself anew"
  fi
  {
    while IFS=$TAB read -r pid _; do unit_of "$pid"; done <"$T/stale"
    units_of_needrestart
  } | sort -u | while IFS= read -r unit; do
    [ "$(treatment_of "$unit")" = restart ] || continue
    restart_unit "$unit"
  done
}

# Files of interpreted programs are mapped by nobody. Where the administrator has needrestart, it knows them too: it is
# asked for a list and changes nothing, and what may be restarted is decided as for our own.
units_of_needrestart() {
  command -v needrestart >/dev/null || return 0
  env -u NEEDRESTART_SUSPEND timeout -k 5 120 needrestart -b -l -r l </dev/null 2>"$T/needrestart.log" |
    sed -n 's/^NEEDRESTART-SVC: //p' | grep -xE '[\A-Za-z0-9@:_.-]+\.service'
}

restart_unit() {
  # reload-or-restart would keep old code; a unit that is on its way out is let go.
  if in_time systemctl -q try-restart "$1"; then
    journal restarts "done" "$1 restarted"
    printf '%s\n' "$1" >>"$T/restarted"
  else
    journal restarts failed "$1 did not restart: $(one_line <"$T/restart.log")"
  fi
}

restart_init_scripts() {
  while IFS=$TAB read -r pid _; do init_script_of "$pid"; done <"$T/stale" | sort -u | while IFS= read -r name; do
    if in_time "/etc/init.d/$name" restart; then
      journal restarts "done" "$name restarted by its init script"
      printf '%s\n' "$name" >>"$T/restarted"
    else
      journal restarts failed "$name did not restart: $(one_line <"$T/restart.log")"
    fi
  done
}

name_what_remains() {
  while IFS=$TAB read -r pid path; do
    unit=$(owner_of "$pid")
    name=$(printable <"/proc/$pid/comm") 2>/dev/null || continue
    # Without logind a session of sshd lives in the service's own group; it ends with its user.
    case "$name $unit" in sshd\ ssh.service | sshd\ ssh | sshd\ ) unit=session-sshd.scope ;; esac
    case "$(treatment_of "$unit")" in
      session) journal restarts "done" "process $pid ($name, $unit) maps old $path until it ends" ;;
      *) printf '%s maps old %s\n' "${unit:-process $name}" "$path" >>"$T/reboot"
        journal restarts "done" "process $pid ($name, ${unit:-no unit}) maps old $path: only a reboot helps" ;;
    esac
  done <"$T/stale"
}
