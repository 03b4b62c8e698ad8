#!/bin/sh
# Make .deb files of what is installed, for versions that no archive has any more.
# stdin: lines `name:arch<TAB>version`. Prints `scratch<TAB>directory`, then for each `deb<TAB>file<TAB>size<TAB>sha256<TAB>how`,
# or `missing<TAB>name:arch<TAB>reason`. The caller fetches the files and removes the directory.

is_package() { # file identity
  # shellcheck disable=SC2016  # the names are dpkg's
  [ -f "$1" ] && [ "$(dpkg-deb -W --showformat '${Package}:${Architecture}\t${Version}' "$1")" = "$2" ]
}

repack() { # key version
  here=$(dpkg-query -W -f '${db:Status-Abbrev}\t${Version}' "$(apt_name "$1")" 2>/dev/null)
  out=$W/$number.deb
  cached=/var/cache/apt/archives/${1%:*}_$(printf '%s' "$2" | sed 's/:/%3a/g')_${1##*:}.deb
  if is_package "$cached" "$1$TAB$2"; then
    cp "$cached" "$out" && how=cache
  elif [ "${here#?i}" = "$here" ] || [ "${here##*"$TAB"}" != "$2" ]; then
    echo "missing$TAB$1$TAB$2 is not what is installed"; return
  elif command -v dpkg-repack >/dev/null; then
    mkdir "$W/$number" && (cd "$W/$number" && dpkg-repack "$(apt_name "$1")") >"$W/log" 2>&1 && mv "$W/$number"/*.deb "$out" && how=dpkg-repack
  else
    rebuild "$1" "$W/$number" && dpkg-deb --root-owner-group -Zgzip --build "$W/$number" "$out" >"$W/log" 2>&1 && how=rebuilt
  fi
  [ -f "$out" ] || { echo "missing$TAB$1${TAB}could not be packed again: $(tail -n 1 "$W/log" 2>/dev/null | one_line)"; return; }
  printf 'deb\t%s\t%s\t%s\t%s\n' "$number.deb" "$(stat -c %s "$out")" "$(sha256sum <"$out" | cut -d ' ' -f 1)" "$how"
}

# Weaker than dpkg-repack: configuration files are packed as they are now, and diversions are followed.
rebuild() { # key directory
  name=$(apt_name "$1")
  mkdir -p "$2/DEBIAN" || return 1
  dpkg-query -s "$name" | awk '/^(Status|Conffiles|Config-Version):/ { skip = 1; next } /^[^ ]/ { skip = 0 } !skip' >"$2/DEBIAN/control"
  for part in preinst postinst prerm postrm config templates triggers shlibs symbols conffiles; do
    for file in "/var/lib/dpkg/info/${1%:*}.$part" "/var/lib/dpkg/info/$1.$part"; do
      [ ! -f "$file" ] || cp -p "$file" "$2/DEBIAN/$part"
    done
  done
  # A path that others lie under is a directory of the package, even where the host has a link (/bin, /lib).
  dpkg-query -L "$name" | sed -n 's|^/||p' | sed '/^\.$/d' | sort -r | awk '
    !($0 in above) { print "leaf\t" $0 } $0 in above { print "directory\t" $0 }
    { path = $0; while (sub(/\/[^\/]*$/, "", path)) above[path] }' | while IFS=$TAB read -r kind path; do
    if [ "$kind" = directory ]; then mkdir -p "$2/$path"; [ -L "/$path" ] || printf '%s\n' "$path"
    elif [ -e "/$path" ] || [ -L "/$path" ]; then printf '%s\n' "$path"
    fi
  done >"$2.files" || return 1
  # All directories are there by now: one that is made while tar wants to makes tar give up.
  tar -C / -c --no-recursion --files-from "$2.files" 2>/dev/null | tar -C "$2" -xp
}

mkdir -p "$OAKUM"
W=$(mktemp -d "$OAKUM/repack.XXXXXX") || exit 3
echo "scratch$TAB$W"
number=0
while IFS=$TAB read -r key version; do
  number=$((number + 1))
  repack "$key" "$version"
  rm -rf "${W:?}/$number" "$W/$number.files" "$W/log"
done
echo "end${TAB}ok"
