#!/bin/sh
# A read-only snapshot of the root beside the restore point: where the root is a btrfs subvolume or a logical volume, and
# the plan's rollback classes allow it. It is the last rung of the way back, for when dpkg itself does not work any more:
# files of the system are put back from it. The root is never switched as a whole, for that would rewind everybody's data.
#
# A kind of snapshot is these functions, each for a NAME but the first two:
#   KIND_unfit, KIND_lacks_room   print why there can be none; nothing when there can
#   KIND_names                    print the names of all that are ours
#   KIND_take, KIND_drop          make one, remove it
#   KIND_open, KIND_close         have it in $SNAPSHOTS/NAME, and no more; both fail, and print why, when it is not whole
#   KIND_place                    print where a person finds it

SNAPSHOTS=$OAKUM/snapshots
SYSTEM="usr bin sbin lib lib32 lib64 libx32" # Where packages put programs and libraries.

snapshot_kind() {
  [ "$(stat -f -c %T /)" != btrfs ] || { echo btrfs; return; }
  case "$(root_mapping uuid)" in LVM-*) echo lvm ;; esac
}

# What is replaced, or was there before, takes up room for as long as the snapshot does.
snapshot_bytes() {
  bytes=$(setting download_bytes)
  echo $((${bytes:-0} * 8 + 536870912))
}

# Print why there can be none; nothing when there can.
no_snapshot_because() { # kind
  [ -n "$1" ] || { echo "the root is on $(stat -f -c %T /), and that on no logical volume"; return; }
  for place in /usr /var/lib/dpkg "$OAKUM"; do
    [ "$(stat -c %d "$place")" = "$(stat -c %d /)" ] || { echo "$place is not in the root's volume"; return; }
  done
  unfit=$("$1_unfit")
  if [ -n "$unfit" ]; then echo "$unfit"; else "$1_lacks_room"; fi
}

# Only the last transaction keeps one: what nobody looks at would fill the disk.
take_snapshot() {
  drop_snapshots
  [ "$(setting snapshot)" = yes ] || return 0
  kind=$(snapshot_kind)
  SNAPSHOT=$(basename "$(dirname "$R")")
  mkdir -p -m 700 "$SNAPSHOTS"
  take_unless "$SNAPSHOT" "$(no_snapshot_because "$kind" | one_line)"
  if [ -n "$why" ]; then journal restore-point "done" "no snapshot: $why"; else journal restore-point "done" "snapshot $("${kind}_place" "$SNAPSHOT")"; fi
}

# take_unless NAME REASON: take one where no reason is against it; $why is then why there is none, or nothing.
take_unless() {
  why=$2
  [ -n "$why" ] || "${kind}_take" "$1" >"$T/snapshot.log" 2>&1 || why="$kind refuses it: $(one_line <"$T/snapshot.log")"
}

# drop_snapshots [NAME]: all, or one.
drop_snapshots() {
  kind=$(snapshot_kind)
  [ -n "$kind" ] || return 0
  "${kind}_names" | while IFS= read -r one; do
    [ "${1:-$one}" != "$one" ] || "${kind}_drop" "$one" </dev/null >/dev/null 2>&1
  done
}

# put_files_back CHANGES: the last rung, with the snapshot open for as long as it takes.
put_files_back() {
  kind=$(snapshot_kind)
  SNAPSHOT=$(basename "$(dirname "$R")")
  S=$SNAPSHOTS/$SNAPSHOT
  [ -n "$kind" ] && "${kind}_names" | grep -qxF "$SNAPSHOT" || return 1
  "${kind}_open" "$SNAPSHOT" >"$T/snapshot.log" 2>&1 || { snapshot_failed; return 1; }
  put_system_back "$1"
  code=$?
  "${kind}_close" "$SNAPSHOT" >"$T/snapshot.log" 2>&1 || { snapshot_failed; return 1; }
  return $code
}

snapshot_failed() {
  echo "the snapshot is of no use: $(one_line <"$T/snapshot.log")" >"$T/why"
  journal recover failed "$(cat "$T/why")"
}

# What differs is found by inode and change time, which a snapshot shares with what it was made of, and replaced by
# renaming, so that a running program loses nothing under its feet.
put_system_back() { # changes
  [ -d "$S/var/lib/dpkg" ] || return 1
  changed_by_others "$1" >"$T/others"
  if [ -s "$T/others" ]; then
    echo "others changed packages since the snapshot, which it would undo: $(head -n 4 "$T/others" | one_line)" >"$T/why"
    return 1
  fi
  begin recover "files of the system from the snapshot"
  keep_what_is_replaced
  stage=/.oakum-back
  rm -rf "$stage" && mkdir -m 700 "$stage" || return 1
  for area in $SYSTEM var/lib/dpkg; do
    [ ! -d "$S/$area" ] || [ -L "$S/$area" ] || put_area_back "$area" || return 1
  done
  for file in var/lib/apt/extended_states etc/ld.so.cache; do
    if [ -f "$S/$file" ]; then cp -a --reflink=auto "$S/$file" "$stage/one" && mv -f "$stage/one" "/$file"; fi
  done
  put_area_back etc/alternatives
  rm -rf "$stage"
  sync -f /usr /var/lib/dpkg
  ! has_systemd || systemctl daemon-reload
}

# Nothing is lost by going back: what stood there in between can be read in a snapshot of its own.
keep_what_is_replaced() {
  kept=$SNAPSHOT.replaced
  if ! "${kind}_names" | grep -qxF "$kept"; then
    take_unless "$kept" "$("${kind}_lacks_room" | one_line)"
    [ -z "$why" ] || { journal recover "done" "what is replaced could not be kept: $why"; return; }
  fi
  journal recover "done" "what stands there now is kept in $("${kind}_place" "$kept") until the next transaction"
}

# Packages of others that are not as in the snapshot. dpkg-query may be what is broken: its database is text.
changed_by_others() { # changes
  cut -f 2 "$1" | sed 's/:[^:]*$//' | sort -u >"$T/ours.names"
  for root in "$S" ""; do
    awk -F ': ' -v RS='' '{ n = ""; v = ""; a = ""; s = ""
      count = split($0, line, "\n")
      for (i = 1; i <= count; i++) {
        if (line[i] ~ /^Package: /) n = substr(line[i], 10)
        if (line[i] ~ /^Version: /) v = substr(line[i], 10)
        if (line[i] ~ /^Architecture: /) a = substr(line[i], 15)
        if (line[i] ~ /^Status: .* (config-files|not-installed)$/) s = "gone"
      }
      if (s == "") print n "\t" a "\t" v }' "$root/var/lib/dpkg/status" |
      awk -F '\t' 'FILENAME != "-" { ours[$1]; next } !($1 in ours) { print $1 ":" $2 " " $3 }' "$T/ours.names" - | sort >"$T/others.$([ -n "$root" ] && echo before || echo now)"
  done
  comm -3 "$T/others.before" "$T/others.now" | tr -d '\t'
}

# A directory changes with what is in it: of it counts what it is. Names may hold anything but a zero byte.
list_area() { # root area
  (cd "$1/" && find "$2" -xdev \( -path usr/local -o -path 'var/lib/dpkg/lock*' \) -prune -o \
    \( -type d -printf '%p/\t%m\t%U:%G\0' \) -o -printf '%p\t%i\t%C@\0') 2>/dev/null | LC_ALL=C sort -z
}

names_of() { sed -z 's/\t[^\t]*\t[^\t]*$//' "$1" | LC_ALL=C sort -z; }

put_area_back() { # area
  list_area "$S" "$1" >"$T/area.before"
  list_area "" "$1" >"$T/area.now"
  LC_ALL=C comm -z -23 "$T/area.before" "$T/area.now" >"$T/area.take"
  LC_ALL=C comm -z -13 "$T/area.before" "$T/area.now" >"$T/area.drop"
  names_of "$T/area.before" >"$T/names.before"
  names_of "$T/area.drop" | LC_ALL=C comm -z -13 "$T/names.before" - >"$T/names.drop"
  names_of "$T/area.take" | grep -z '/$' >"$T/directories"
  names_of "$T/area.take" | grep -z -v '/$' >"$T/files"
  journal recover "done" "$1: $(tr -cd '\0' <"$T/files" | wc -c) files put back, $(tr -cd '\0' <"$T/names.drop" | wc -c) removed"
  # What is gone and what is a directory only now go first; the deepest before what they lie in.
  LC_ALL=C sort -z -r "$T/names.drop" | (cd / && grep -z -v '/$' | xargs -0 -r rm -f --)
  LC_ALL=C sort -z -r "$T/names.drop" | (cd / && grep -z '/$' | xargs -0 -r rmdir --ignore-fail-on-non-empty -- 2>/dev/null)
  (cd / && xargs -0 -r mkdir -p -- <"$T/directories") || return 1
  (cd / && xargs -0 -r -I '{}' chown --reference="$S/{}" -- '{}' <"$T/directories")
  (cd / && xargs -0 -r -I '{}' chmod --reference="$S/{}" -- '{}' <"$T/directories")
  (cd "$S" && xargs -0 -r cp -a --reflink=auto --parents -t "$stage" -- <"$T/files") || return 1
  sync -f "$stage"
  (cd / && xargs -0 -r -I '{}' mv -f -T -- "$stage/{}" '/{}' <"$T/files")
}
