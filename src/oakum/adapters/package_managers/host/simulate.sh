#!/bin/sh
# Ask the host's own resolver what a snapshot would change. Nothing but a scratch directory is written.
# stdin: a tar with `key.asc` and `targets` (lines `name:arch<TAB>version`; `*` means everything).
# $1 is the snapshot's URL, $2 its suite; with a $3, no redirection leads from there elsewhere. Every line of the answer
# begins with its kind and a tab.

# What one file of apt's may have: ten of them leave room, and the whole of Debian's main has 50 MB.
LEAST=16777216
MOST=268435456

say() { printf '%s\n' "$2" | printable | sed "s/^/$1$TAB/"; }

simulate() {
  if [ "$(id -u)" != 0 ]; then
    say problem "not root: Oakum cannot simulate here; allow sudo for its user"
    return
  fi
  mkdir -p "$OAKUM"
  work=$(mktemp -d "$OAKUM/simulate.XXXXXX") || { say problem "cannot write in $OAKUM; is the disk full?"; return; }
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  chmod 755 "$work"
  # Disk full: the first to notice says it, and nothing is left behind.
  tar -x -C "$work" --no-same-owner || { say problem "cannot write in $OAKUM; is the disk full?"; return; }
  isolate_apt "$work/apt" "$1" "$2" "$work/key.asc" || { say problem "cannot write in $OAKUM; is the disk full?"; return; }
  [ -z "${3:-}" ] || stay_there || { say problem "cannot write in $OAKUM; is the disk full?"; return; }
  limit_files
  find_problems | while IFS= read -r problem; do say problem "$problem"; done
  if ! update_index; then
    say problem "the snapshot cannot be read: $(errors_of "$A/update.log")$(above_limit "$A/update.log")"
    return
  fi
  find_changes
  if [ -s "$work/problem" ]; then
    say problem "$(cat "$work/problem")"
    return
  fi
  sed "s/^/change$TAB/" "$work/changes"
  cut -f 2 "$work/changes" | list_conffiles | changed_conffiles | while IFS= read -r path; do say conffile "$path"; done
  predict_restarts
  [ "$(cat "$work/targets")" != '*' ] || list_kept_back
}

stay_there() { printf 'Acquire::%s::AllowRedirect "false";\n' http https >>"$A/apt.conf"; }

# An index that has no end must not fill the disk: whoever asks brings the key that it is signed with.
limit_files() {
  limit=$(($(free_bytes "$work") / 10))
  [ "$limit" -ge $LEAST ] || limit=$LEAST
  [ "$limit" -le $MOST ] || limit=$MOST
  trap '' XFSZ # So that apt is told, and not killed.
  ulimit -f $((limit / 512))
}

# Print what to do, if a log of apt says that a file became too large.
above_limit() { # log
  ! grep -q 'File too large' "$1" || echo "; here a file may have $((limit / 1048576)) MB, a tenth of the free room: make room, or freeze a smaller snapshot"
}

# Write the resolver's answer to $work/changes, or why there is none to $work/problem.
find_changes() {
  if [ "$(cat "$work/targets")" = '*' ]; then
    # shellcheck disable=SC2086  # the options are meant to be split
    if simulate_install $HOST_PINS --no-remove dist-upgrade >"$work/changes"; then return; fi
    # What could only come with a removal is kept back, and said to be.
    # shellcheck disable=SC2086
    simulate_install $HOST_PINS --no-remove --with-new-pkgs upgrade >"$work/changes" && return
  else
    # shellcheck disable=SC2046,SC2086
    simulate_install $HOST_PINS --no-remove install $(named_targets) >"$work/changes" && return
  fi
  echo "apt finds no way: $(cat "$A/simulation" "$A/simulation.log" | errors_from_stdin)" >"$work/problem"
}

named_targets() {
  awk -F '\t' -v native="$NATIVE" "$NAMES"'{ print apt_name($1) "=" $2 }' "$work/targets"
}

errors_from_stdin() {
  cat >"$A/errors"
  errors_of "$A/errors"
}

# Say which units will be restarted, and what only a reboot makes effective.
predict_restarts() {
  W=$work
  awk -F '\t' '$1 != "install" { print $2 }' "$work/changes" | list_users_of_packages >"$work/users"
  while IFS=$TAB read -r pid path; do
    printf '%s\t%s\n' "$(owner_of "$pid")" "$path"
  done <"$work/users" | awk -F '\t' '!($1 in seen) { seen[$1]; print }' | sort >"$work/owners"
  while IFS=$TAB read -r owner path; do
    case "$(treatment_of "$owner")" in
      restart) say restart "$owner" ;;
      reboot) [ "$owner" = init.scope ] || say reboot "${owner:-a process without a unit} runs $path" ;;
    esac
  done <"$work/owners"
  name_kernel_reboot "$work/changes" | while IFS= read -r reason; do say reboot "$reason"; done
}

# Print packages with a newer version in the snapshot that stay as they are, each with the reason.
list_kept_back() {
  list_held >"$work/held"
  cut -f 2 "$work/changes" >"$work/changed"
  candidates >"$work/candidates"
  # shellcheck disable=SC2086
  candidates $HOST_PINS >"$work/candidates.pinned"
  while IFS=$TAB read -r key installed candidate; do
    if [ "$installed" = "$candidate" ] || grep -qxF "$key" "$work/changed"; then continue; fi
    dpkg --compare-versions "$installed" lt "$candidate" || continue
    say kept "$key$TAB$(why_kept "$key" "$installed" "$candidate")"
  done <"$work/candidates"
}

# candidates [OPTIONS]: every installed package as `key installed candidate`.
candidates() {
  awk -F '\t' -v native="$NATIVE" "$NAMES"'$1 ~ /^.i/ { print apt_name($2) " " $2 }' "$A/installed" >"$work/names"
  # shellcheck disable=SC2046
  apt-cache "$@" policy $(cut -d ' ' -f 1 "$work/names") 2>/dev/null | awk '
    FILENAME != "-" { key[$1] = $2; next }
    /^[^ ].*:$/ { name = $0; sub(/:$/, "", name) }
    /^  Installed: / { installed = $2 }
    /^  Candidate: / { if (name in key) print key[name] "\t" installed "\t" $2 }' "$work/names" -
}

why_kept() { # key installed candidate
  if grep -qxF "${1%:*}" "$work/held"; then
    echo "held by the administrator at $2"
  elif ! grep -qxF "$1$TAB$2$TAB$3" "$work/candidates.pinned"; then
    echo "pinned by the administrator at $2"
  elif simulate_install install "$(apt_name "$1")=$3" >"$work/alone"; then
    removals=$(awk -F '\t' '$1 == "remove" { printf "%s ", $2 }' "$work/alone")
    if [ -n "$removals" ]; then echo "$3 needs the removal of $removals"; else echo "$3 was left out by the resolver"; fi
  else
    echo "$3 cannot be installed: $(errors_from_stdin <"$A/simulation")"
  fi
}

simulate "$1" "$2" "${3:-}"
say end ok
