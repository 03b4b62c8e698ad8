#!/bin/sh
# apt, cut off from the host's own sources, keys and settings: it sees one snapshot and nothing else.

# The administrator's pins. They are read where the question is what he wants, and only there.
HOST_PINS="-o Dir::Etc::Preferences=/etc/apt/preferences -o Dir::Etc::PreferencesParts=/etc/apt/preferences.d/"

# isolate_apt DIRECTORY URL SUITE KEY: from here on every apt in this script is the isolated one.
isolate_apt() {
  A=$1
  architectures="$NATIVE $(dpkg --print-foreign-architectures | tr '\n' ' ')"
  mkdir -p "$A/lists/partial" "$A/archives/partial" "$A/sources" "$A/nothing" || return 1
  cat >"$A/sources/snapshot.sources" <<END || return 1
Types: deb
URIs: $2
Suites: $3
Components: main
Architectures: $architectures
Signed-By: $4
Check-Valid-Until: yes
END
  # Programs that maintainer scripts start must see the host's settings, not ours.
  printf '#!/bin/sh\nunset APT_CONFIG\nexec /usr/bin/dpkg "$@"\n' >"$A/dpkg" || return 1
  chmod 755 "$A/dpkg"
  cat >"$A/apt.conf" <<END || return 1
Dir::Etc::Main "$A/nothing/apt.conf";
Dir::Etc::Parts "$A/nothing/";
Dir::Etc::SourceList "$A/nothing/sources.list";
Dir::Etc::SourceParts "$A/sources/";
Dir::Etc::Trusted "$A/nothing/trusted.gpg";
Dir::Etc::TrustedParts "$A/nothing/";
Dir::Etc::Preferences "$A/nothing/preferences";
Dir::Etc::PreferencesParts "$A/nothing/";
Dir::State::Lists "$A/lists/";
Dir::Cache::Archives "$A/archives/";
Dir::Cache::pkgcache "$A/pkgcache.bin";
Dir::Cache::srcpkgcache "$A/srcpkgcache.bin";
Dir::Bin::dpkg "$A/dpkg";
APT::Architecture "$NATIVE";
APT::Architectures {$(printf ' "%s";' $architectures) };
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Proxy "DIRECT";
Acquire::http::Timeout "60";
APT::Update::Error-Mode "any";
APT::Install-Recommends "false";
APT::Get::AutomaticRemove "false";
APT::Get::Always-Include-Phased-Updates "true";
APT::Get::Mark-Auto "true";
Dpkg::Use-Pty "false";
DPkg::Options { "--force-confdef"; "--force-confold"; };
END
  APT_CONFIG=$A/apt.conf
  export APT_CONFIG
}

# Read the snapshot's signed index. Old lists are thrown away: nothing stale can be taken for it.
update_index() {
  rm -rf "$A/lists" && mkdir -p "$A/lists/partial" || return 1
  apt-get -q update </dev/null >"$A/update.log" 2>&1 || return 1
  ! grep -q 'Failed to fetch\|Some index files failed' "$A/update.log"
}

# Print the first errors of a log of apt or dpkg, as one line. Who holds a lock, apt says only while it waits for it;
# what dpkg's error was stands in the line after the one that names the package.
errors_of() {
  said=$(read_errors "$1")
  case "$said" in
    *'No space left'*) ;;
    # What was to be the reason may be what there was no room for.
    *) said="$said $(why_unwritten "$1")" ;;
  esac
  printf '%s\n' "$said" | one_line | grep .
}

# Print that a file may be incomplete as there is no room for more of it. A child of dpkg that dies of that says nothing
# itself, and what it had written is free again afterwards: hardly any room is named as well, as what it is.
why_unwritten() { # file
  place=$(dirname "$1")
  free=$(free_bytes "$place")
  if [ "$free" -lt 65536 ]; then
    echo "No space left on device: $place"
  elif [ "$free" -lt 2097152 ]; then
    echo "$place has only $((free / 1024)) KB free; make room"
  fi
}

read_errors() {
  tr '\r' '\n' <"$1" | sed 's/^Waiting for cache lock: \(.*)\).*/E: \1/' | awk '
    /^dpkg: error processing / { what = $5; sub(/.*\//, "", what); sub(/^[0-9]+-/, "", what); next }
    /^dpkg: unrecoverable fatal error/ { what = "fatal error"; next }
    what != "" && /^ / { print "dpkg: " what ":" $0 }
    { what = "" }
    /^(E:|Err:|  [A-Z(]|dpkg: error: |dpkg: warning: files list|W: Failed|.*: Depends:|.* unmet dependencies)/' |
    awk '!($0 in seen) { seen[$0]; print }' | head -n 6 | one_line
}

# simulate_install ARGUMENTS OF apt-get: print what it would do, `kind name:arch old new`, sorted.
# A line that cannot be read comes out as `? line`. Fails when apt does, with its words in $A/simulation.log.
simulate_install() {
  apt-get -s -q -o Debug::NoLocking=1 "$@" </dev/null >"$A/simulation" 2>"$A/simulation.log" || return 1
  list_packages | grep '^.[^nc]' >"$A/installed"
  read_simulation "$A/installed" <"$A/simulation" | say_which_way | sort
}

# Turn apt's Inst, Remv and Purg lines into columns; installs and upgrades are told apart later.
read_simulation() {
  printable | awk -v native="$NATIVE" '
    FILENAME != "-" {
      split($0, column, "\t"); key = column[2]; name = key; sub(/:[^:]*$/, "", name)
      if (key == name ":" native || key == name ":all") architecture[name] = substr(key, length(name) + 2)
      next
    }
    $1 != "Inst" && $1 != "Remv" && $1 != "Purg" { next }
    {
      name = $2; old = "-"; new = "-"; rest = substr($0, length($1) + length($2) + 3)
      if (match(rest, /^\[[^]]+\]/)) { old = substr(rest, 2, RLENGTH - 2); rest = substr(rest, RLENGTH + 2) }
    }
    $1 == "Inst" {
      if (!match(rest, /^\([^ ()]+ /)) { print "?\t" $0; next }
      new = substr(rest, 2, RLENGTH - 2)
      if (!match(rest, / \[[^] ]+\]\)/)) { print "?\t" $0; next }
      sub(/:.*/, "", name)
      print "change\t" name ":" substr(rest, RSTART + 2, RLENGTH - 4) "\t" old "\t" new
      next
    }
    old == "-" { print "?\t" $0; next }
    {
      if (name !~ /:/) name = name ":" (name in architecture ? architecture[name] : native)
      print "remove\t" name "\t" old "\t-"
    }' "$1" -
}

# apt says of the whole whether anything is downgraded: only then each version has to be compared.
say_which_way() {
  downgrades=$(grep 'DOWNGRADED' "$A/simulation")
  while IFS=$TAB read -r kind key old new; do
    case "$kind" in
      change)
        if [ "$old" = - ]; then kind=install
        elif [ -z "$downgrades" ] && [ "$old" != "$new" ]; then kind=upgrade
        elif dpkg --compare-versions "$old" lt "$new"; then kind=upgrade
        elif dpkg --compare-versions "$old" gt "$new"; then kind=downgrade
        else kind='?'; key="$key would be installed again at the same version $new"; old=; new=
        fi ;;
    esac
    printf '%s\t%s\t%s\t%s\n' "$kind" "$key" "$old" "$new"
  done
}

# apt_targets FILE: the arguments for apt-get that bring about the changes in FILE.
apt_targets() {
  awk -F '\t' -v native="$NATIVE" "$NAMES"'
    { print apt_name($2) ($1 == "remove" ? "-" : "=" $4) }' "$1"
}

UCF=/var/lib/ucf

# Configuration files of the given packages (one name:arch a line on stdin), as `md5 path`: those that dpkg looks after,
# and those that a package leaves to ucf, as openssh-server does sshd_config.
list_conffiles() {
  given=$(cat)
  printf '%s\n' "$given" | list_conffiles_of_dpkg
  [ ! -s "$UCF/registry" ] || [ ! -s "$UCF/hashfile" ] || printf '%s\n' "$given" | sed 's/:[^:]*$//' | awk '
    FILENAME == "-" { asked[$1]; next }
    FILENAME == ARGV[2] { if ($1 in asked) ours[$2]; next }
    $2 in ours && $1 ~ /^[0-9a-f]+$/ { print $1 "  " $2 }' - "$UCF/registry" "$UCF/hashfile"
}

list_conffiles_of_dpkg() {
  apt_names | xargs -r dpkg-query -W -f '${Conffiles}\n' 2>/dev/null | awk '
    $NF == "obsolete" || $NF == "remove-on-upgrade" || $NF == "newconffile" || NF < 2 { next }
    { md5 = $NF; path = $0; sub(/^ /, "", path); sub(/ [^ ]+$/, "", path); print md5 "  " path }'
}

# Of `md5  path` lines on stdin, print the paths whose content is another, or gone.
changed_conffiles() {
  LC_ALL=C md5sum -c --quiet - 2>/dev/null | sed -n 's/: FAILED\( open or read\)\{0,1\}$//p'
}
