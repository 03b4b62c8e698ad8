# Print all facts of this host in sections. Reads only; needs no root, no systemd and no Python.
# $1: a random token that begins each section's heading, so that nothing printed can forge one.
# $2: which script and reader this is, and $3 the digest that came with the answer which the
# controller still has; without them all is told. $3 is `none` where nobody needs the package indices.
token=$1 edition=$2 kept=$3
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
tab=$(printf '\t')
newline='
'

# Every program that is started costs about as much as a question: a scan asks the shell where it can.
section() { printf '@%s %s\n' "$token" "$1"; }
have() { command -v "$1" >/dev/null 2>&1; }
first_line() { # of the file $1 into $line; false when there is none
  line=
  [ -r "$1" ] && { IFS= read -r line || [ -n "$line" ]; } <"$1" 2>/dev/null
}
lines() { # of the file $1
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done 2>/dev/null <"$1"
}

section os-release
lines /etc/os-release || lines /usr/lib/os-release

user=
while read -r word _ effective _; do
  [ "$word" != Uid: ] || { user=$effective && break; }
done 2>/dev/null </proc/self/status
[ -n "$user" ] || user=$(id -u)

section identity
first_line /etc/hostname || line=$(uname -n)
printf 'hostname\t%s\n' "$line"
first_line /etc/machine-id
printf 'machine-id\t%s\n' "$line"
first_line /proc/sys/kernel/random/boot_id
printf 'boot-id\t%s' "$line"
# Without systemd a chroot shares the machine's boot id; its first process tells boots apart.
if [ ! -d /run/systemd/system ]; then
  first_line /proc/1/stat
  # shellcheck disable=SC2086  # the words are wanted; a name in brackets may hold any
  set -- ${line##*) }
  printf '%s' "-${20:-}"
fi
echo
first_line /proc/sys/kernel/osrelease || line=$(uname -r)
printf 'release\t%s\n' "$line"
first_line /proc/sys/kernel/version || line=$(uname -v)
printf 'version\t%s\n' "$line"
printf 'architecture\t%s\n' "$(dpkg --print-architecture 2>/dev/null || uname -m)"
printf 'uid\t%s\n' "$user"
zone=$(readlink -f /etc/localtime 2>/dev/null)
case $zone in
  */zoneinfo/*) zone=${zone##*/zoneinfo/} ;;
  *) first_line /etc/timezone; zone=$line ;;
esac
printf 'timezone\t%s\n' "$zone"
[ -d /run/systemd/system ] && echo "init${tab}systemd" || echo "init${tab}other"
container=no machine=
if have systemd-detect-virt; then
  machine=$(systemd-detect-virt)
  # It takes as long as four other programs, and is asked again only for a name that may be either.
  case $machine in
    none | kvm | qemu | amazon | google | microsoft | oracle | vmware | xen | bochs | parallels | bhyve | zvm | powervm | apple) ;;
    systemd-nspawn | lxc | lxc-libvirt | openvz | docker | podman) container=yes ;;
    *) ! systemd-detect-virt --quiet --container || container=yes ;;
  esac
elif grep -qs . /run/systemd/container || [ -e /.dockerenv ]; then
  container=yes
  [ ! -e /.dockerenv ] || machine=docker
  read -r machine 2>/dev/null </run/systemd/container
fi
# In a chroot the kernel is the machine's as well: no kernel package of it was ever booted.
if [ "$user" = 0 ] && ! [ / -ef /proc/1/root/. ] && have ischroot && ischroot; then container=yes; fi
echo "container${tab}$container"
# Where it runs, by what can be looked up without starting a program. What is not found is not
# printed, and then not known.
tell() { [ -z "$2" ] || printf '%s\t%s\n' "$1" "$2"; }
tell machine "$machine"
vendor=
read -r vendor 2>/dev/null </sys/class/dmi/id/sys_vendor
tell vendor "$vendor"
if [ -d /sys/firmware/efi ]; then
  tell boot UEFI
elif [ -d /sys/firmware ]; then
  tell boot 'not UEFI'
fi
# Its first line is the root's kind, the others are what is mounted for reading only.
mounts=$(awk '
  $2 == "/" {root = $3} $4 ~ /^ro(,|$)/ {places = places "\n" $2} END {print root places}' /proc/mounts 2>/dev/null)
tell root "${mounts%%"$newline"*}"
networks() {
  for found in /etc/netplan/*.yaml; do [ ! -e "$found" ] || echo netplan; done
  [ ! -d /run/NetworkManager ] || echo NetworkManager
  [ ! -e /run/systemd/netif/state ] || echo networkd
  [ ! -e /run/dhcpcd ] || echo dhcpcd
  for found in /etc/cni/net.d/*.conf*; do [ ! -e "$found" ] || echo CNI; done
  # What Debian ships there sets up the loopback interface only.
  for found in /etc/network/interfaces /etc/network/interfaces.d/*; do
    [ ! -f "$found" ] || while read -r word name _; do
      [ "$word" != iface ] || [ "$name" = lo ] || echo ifupdown
    done <"$found"
  done
}
drivers() {
  for found in /sys/class/net/*/device/driver; do
    [ ! -e "$found" ] || { cd -P "$found" && echo "${PWD##*/}"; }
  done
}
if [ -d /sys/class/net ]; then
  echo "network${tab}"$(networks 2>/dev/null)
  echo "drivers${tab}"$(drivers 2>/dev/null)
fi
# A container runs for as long as its first process does, which began so many clock ticks after the
# machine; all kernels that Debian has tell ticks of a hundredth of a second.
up=
read -r up _ 2>/dev/null </proc/uptime
began() { read -r found </proc/1/stat && set -- ${found##*) } && echo "${20}"; }
began=$(began 2>/dev/null)
[ -z "$up" ] || [ -z "$began" ] || tell up "$((${up%.*} - began / 100))"

section packages
packages=
if have dpkg-query; then
  packages=$(dpkg-query -W -f='${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n')
  printf '%s\n' "$packages"
fi

section rpm
# A database of rpm on a host of dpkg's is a tool's, and says nothing about the host.
if ! have dpkg-query && have rpm; then
  rpm -qa --qf '%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\t%{MODULARITYLABEL}\n'
fi

section apk
# Its database says of each package which source it is built from: `o:`.
if ! have dpkg-query && ! have rpm; then
  awk -F: '/^P:/{p=substr($0,3)} /^V:/{v=substr($0,3)} /^A:/{a=substr($0,3)} /^o:/{o=substr($0,3)}
    /^$/{ if (p != "") print p "\t" v "\t" a "\t" (o == "" ? p : o); p=v=a=o="" }
    END{ if (p != "") print p "\t" v "\t" a "\t" (o == "" ? p : o) }' /lib/apk/db/installed 2>/dev/null
fi

section subscriptions
# What Ubuntu Pro gives this host beside its release; the file is public where the client keeps it.
if have pro; then
  pro status --format tabular 2>/dev/null | awk '$2 == "yes" && $3 == "enabled" {print $1}'
fi

# Red Hat's extended streams: an enabled repository `rhel-9-for-x86_64-baseos-eus-rpms`.
set -- /etc/yum.repos.d/*.repo
[ ! -e "$1" ] || cat "$@" 2>/dev/null | awk '
  function flush() { if (on && id ~ /-baseos-(eus|aus|e4s|tus)-/) { sub(/.*-baseos-/, "", id); sub(/-.*/, "", id); print "rhel-" id } }
  /^[ \t]*\[/ { flush(); id = $0; gsub(/[][ \t]/, "", id); on = 1 }
  /^[ \t]*enabled[ \t]*=/ { on = ($0 ~ /=[ \t]*(1|[Tt]rue|[Yy]es)[ \t]*$/) }
  END { flush() }' | sort -u

section livepatch
# CVEs that a loaded patch mends in the running kernel, as the livepatch client names them.
if have canonical-livepatch; then
  canonical-livepatch status --verbose 2>/dev/null | grep -o 'CVE-[0-9]\{4\}-[0-9]\{4,\}' | sort -u
fi

section automatic
awk '/^Package: /{p=$2; a=""} /^Architecture: /{a=$2} /^Auto-Installed: 1/{print p ":" a}' \
  /var/lib/apt/extended_states 2>/dev/null

section built-using
section conffiles
# Every recorded configuration file with its recorded sum, then the sums of what is there. What was
# built with other sources goes to the section above: dpkg's records are read once.
[ ! -r /var/lib/dpkg/status ] || awk -v built_using="@$token built-using" \
  -v sums="exec xargs -r -d '\\n' md5sum -- 2>/dev/null" '
  /^Package: /{p=$2; on=0} /^Architecture: /{a=$2} /^Conffiles:/{on=1; next} /^[^ ]/{on=0}
  on && NF==2 {print p "\t" $2 "\t" $1; paths[++n] = $1}
  /^Built-Using: /{sub(/^Built-Using: /, ""); built[++m] = p ":" a "\t" $0}
  END {
    print "--"
    fflush()
    for (i = 1; i <= n; i++) print paths[i] | sums
    close(sums)
    print built_using
    for (i = 1; i <= m; i++) print built[i]
  }' /var/lib/dpkg/status 2>/dev/null

section stale
# Processes that still run a file which is gone or was replaced (needrestart's rule): both show as deleted.
stale=$(grep -s -H '^[^ ]* ..x.* (deleted)$' /proc/[0-9]*/maps)
[ -z "$stale" ] || stale=$(printf '%s\n' "$stale" | awk '
  $5 != 0 {
    pid = $1; sub(/^\/proc\//, "", pid); sub(/\/.*/, "", pid)
    path = $0; sub(/^[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +/, "", path); sub(/ \(deleted\)$/, "", path)
    if (path !~ /^\// || path ~ /^\/(SYSV00000000|drm|dev\/|memfd:|\[aio\]|tmp\/|var\/tmp\/|run\/|var\/run\/)/) next
    if (!seen[pid, path]++) print pid "\t" path
  }')
comm_of() { # the process $1 into $comm: its name without tabs and ends of lines
  comm=
  while IFS= read -r line || [ -n "$line" ]; do comm=$comm$line; done 2>/dev/null <"/proc/$1/comm"
  while [ "$comm" != "${comm%%"$tab"*}" ]; do comm=${comm%%"$tab"*}${comm#*"$tab"}; done
}
group_of() { # the process $1 into $group: where systemd has it, or the one hierarchy
  group=
  while IFS= read -r line; do
    case $line in [0-9]:name=systemd:* | [0-9][0-9]:name=systemd:* | [0-9]::* | [0-9][0-9]::*) group=${line#*:*:}; return ;; esac
  done 2>/dev/null <"/proc/$1/cgroup"
}
# A process with another root is a container's, and runs files of its own.
known='' ours=''
[ -z "$stale" ] || stale=$(printf '%s\n' "$stale" | while IFS="$tab" read -r pid path; do
  if [ "$pid" != "$known" ]; then
    known=$pid ours=
    [ "/proc/$pid/root/." -ef / ] || continue
    ours=yes
    comm_of "$pid"
    group_of "$pid"
  fi
  [ -z "$ours" ] || printf '%s\t%s\t%s\t%s\n' "$pid" "$comm" "$group" "$path"
done)
[ -z "$stale" ] || printf '%s\n' "$stale"

section unread
# Processes whose memory could not be opened: one that ended meanwhile is none, nor is a kernel
# thread, which has no memory. `seen` says that others could: without /proc nothing can.
if [ "$user" = 0 ]; then
  seen='' closed=''
  for map in /proc/[0-9]*/maps; do
    if true 2>/dev/null <"$map"; then
      [ "$map" = "/proc/$$/maps" ] || seen=yes
    else
      closed="$closed ${map%/maps}/status"
    fi
  done
  # shellcheck disable=SC2086  # numbers between slashes
  [ -z "$closed" ] || grep -l -s '^VmSize' $closed | while IFS=/ read -r _ _ pid _; do
    comm_of "$pid"
    printf '%s\t%s\n' "$pid" "$comm"
  done
  [ -z "$seen" ] || echo "seen${tab}others"
fi

section owners
# Which package owns each such file. A merged /usr has two names for it; a library whose file name
# holds its version is looked up by what stands before the version. dpkg-query would read the same
# lists, and take ten times as long to keep all names in memory.
if [ -n "$stale" ]; then
  looked_for=$(printf '%s\n' "$stale" | awk -F '\t' '
    {sub(/^\/usr\//, "/", $4); sub(/\.so\..*/, ".so", $4)} $4 ~ /^\// && !seen[$4]++ {print $4}')
  {
    printf '%s\n--\n' "$looked_for"
    printf '%s\n' "$looked_for" | grep -a -H -F -f - /var/lib/dpkg/info/*.list 2>/dev/null
  } | awk '
    !found { if ($0 == "--") found = 1; else looked_for[$0]; next }
    {
      name = path = $0; sub(/\.list:.*/, "", name); sub(/.*\//, "", name); sub(/^[^:]*(:[^:]*)?\.list:/, "", path)
      stem = path; sub(/^\/usr\//, "/", stem); sub(/\.so\..*/, ".so", stem)
      if (!(stem in looked_for)) next
      # A link without a version is in the package to build with, which does not own the library.
      if (path ~ /\.so$/) links[++n] = name ": " path; else print name ": " path
    }
    END {for (i = 1; i <= n; i++) print links[i]}'
fi

section reboot
[ -e /run/reboot-required ] && echo "flag${tab}set" || echo "flag${tab}unset"
# The flag means something only where a hook would set it.
[ -e /etc/kernel/postinst.d/unattended-upgrades ] || [ -e /usr/share/update-notifier/notify-reboot-required ] &&
  echo "hook${tab}yes"

section sources
sed '/^[[:space:]]*\(#.*\)\{0,1\}$/d; /^ /d' \
  /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null

# Which archive a package came from only the host's own package indices tell; it may keep none.
lists=/var/lib/apt/lists
set -- # the indices
for index in "$lists"/*_Packages "$lists"/*_Packages.*; do [ ! -f "$index" ] || set -- "$@" "$index"; done
count=$# digest='' same=''
# What these files say of the packages is half of all work, and they seldom change. All that it
# follows from has one digest: who has the answer of that digest is not told it again. A file that was
# written just now could be written again and look the same, so there is no digest before it is older.
looks=/unknown
[ -z "$edition" ] || [ "$kept" = none ] || looks=$(find -L "$lists" -maxdepth 1 -type f \( -name '*_Packages*' -o -name '*Release' \) \
  -printf '%f %D %i %s %T@ %C@\n' -newerct '2 seconds ago' -printf '/just now\n' 2>/dev/null) || looks=/unknown
case $looks in
  /unknown | *"/just now"*) ;;
  *) digest=$(printf '%s\n' "$edition" "$user" "$looks" "$packages" | sha256sum) && digest=${digest%% *} || digest= ;;
esac
if [ "$kept" = none ]; then
  same=unasked && set --
elif [ -n "$digest" ] && [ "$digest" = "$kept" ]; then
  same=yes && set --
fi
# What could not be read to its end: no package has such a name, and an answer with it has no digest.
unread='Package: //'
origins=
[ $# = 0 ] || origins=$(grep -s -H -m 1 '^Origin: ' "$lists"/*_Release "$lists"/*_InRelease)
[ $? -le 2 ] || digest= # it was killed; some archives have no such file
origin_of() { # the index $1 into $origin; the file of its archive has the same name up to the suite
  origin=
  while IFS= read -r line; do
    prefix=${line%%Release:Origin: *}
    case $1 in "${prefix%In}"*) origin=${line#*Release:Origin: } ;; esac
  done <<END
$origins
END
}
# apt keeps them packed where it was told to.
unpacked() { /usr/lib/apt/apt-helper cat-file "$@" 2>/dev/null || printf '\n\n%s\n' "$unread"; }
# What an index of another archive than Debian's, where any package may be from, says of those that
# are installed; and updates that are not for all hosts yet: Ubuntu phases those of its `-updates`,
# and nothing else. Read once, and without most of its lines: awk takes three times as long as grep.
hear() { # $1: an index, $2: its origin
  phases=
  case $1 in *-updates_*) phases=yes ;; esac
  {
    printf '%s\n--\n' "$packages"
    case $1 in *_Packages) cat "$1" || printf '\n\n%s\n' "$unread" ;; *) unpacked "$1" ;; esac |
      grep -a -E '^((Package|Version|Architecture|Source|Phased-Update-Percentage): |$)' ||
      [ $? = 1 ] || printf '\n%s\n' "$unread"
  } | origin=$2 phases=$phases awk '
    BEGIN {origin = ENVIRON["origin"]; phases = ENVIRON["phases"]}  # -v would read escapes in them
    function flush() {
      if (p in installed || p == "//") print "listed\t" p
      if ((p, v, a) in installed) print "origin\t" p "\t" v "\t" a "\t" origin
      if (phases != "" && p != "" && part != "")
        print "phased\t" (s == "" ? p : s) "\t" (sv == "" ? v : sv) "\t" part
      p = v = a = s = sv = part = ""
    }
    !reading { if ($0 == "--") reading = 1; else { split($0, c, "\t"); installed[c[2]]; installed[c[2], c[3], c[4]] } next }
    $1 == "Package:" {p = $2; next}
    $1 == "Version:" {v = $2; next}
    $1 == "Architecture:" {a = $2; next}
    $1 == "Source:" {s = $2; sv = $3; gsub(/[()]/, "", sv); next}
    $1 == "Phased-Update-Percentage:" {part = $2; next}
    /^$/ {flush()}
    END {flush()}'
}
plain='' packed='' others=''
for index in "$@"; do
  origin_of "$index"
  [ "$origin" = Debian ] || { others="$others $index" && continue; }
  case $index in *_Packages) plain="$plain $index" ;; *) packed="$packed $index" ;; esac
done
heard=$(for index in $others; do
  origin_of "$index"
  hear "$index" "${origin:-unnamed}" || printf 'listed\t//\n'
done)
heard() { [ -z "$heard" ] || printf '%s\n' "$heard" | sed -n "s/^$1$tab//p"; } # $1: of what

section origins
heard origin || digest=

section phased
[ -z "$heard" ] || heard phased | sort -u || digest=

section unlisted
# Installed packages whose name is in no index: put in by hand, or from an archive that is gone.
listed() { # of the names asked for, those in the files $@ or in what is read
  # One word of a command may be 128 KiB long; then all names leave the index.
  { if [ ${#names} -lt 100000 ]; then grep -a -h -x -F -e "$unread" -e "$names" "$@"; else grep -a -h '^Package: ' "$@"; fi; } ||
    [ $? = 1 ] || printf '%s\n' "$unread"
}
if [ $# != 0 ] && [ -n "$packages" ]; then
  names=$(printf '%s\n' "$packages" | awk -F '\t' '$1 ~ /^.i/ {print "Package: " $2}') || digest=
  {
    printf '%s\n--\n' "$names"
    # shellcheck disable=SC2086  # apt writes no spaces into the names of its files
    [ -z "$plain" ] || listed $plain
    # shellcheck disable=SC2086
    [ -z "$packed" ] || unpacked $packed | listed
    heard listed
  } | awk '
    $1 == "--" {asked=1; next} !asked {has[$2]; next} {delete has[$NF]} $NF == "//" {unread=1}
    END {for (name in has) print name; exit unread}' || digest=
fi

section indices
printf 'count\t%s\ndigest\t%s\nsame\t%s\n' "$count" "$digest" "$same"

section file-systems
df -P -k / /boot /var /var/cache/apt/archives /var/lib/dpkg 2>/dev/null | {
  read -r line # the heading
  while IFS= read -r line; do printf '%s\n' "$line"; done
}
echo '--'
read_only=${mounts#*"$newline"}
[ "$read_only" = "$mounts" ] || printf '%s\n' "$read_only"

section failed-units
units=
if [ -d /run/systemd/system ]; then
  units=$(systemctl list-units --state=failed,running --no-legend --plain --no-pager 2>/dev/null)
fi
[ -z "$units" ] || printf '%s\n' "$units" | awk '$3 == "failed" {print $1}'

section units
# Services of packages that begin with the machine or run now: unit, package, which of the two.
# Package lists name the files; all of them are read at once.
if [ -n "$units" ]; then
  {
    for found in /etc/systemd/system/*.wants/*.service /etc/systemd/system/*.requires/*.service; do
      [ ! -L "$found" ] || echo "enabled ${found##*/}"
    done
    printf '%s\n' "$units" | awk '$4 == "running" {print "running " $1}'
    grep -H -E '^((/usr)?/lib/systemd/system/[^/]*\.service|/etc/init\.d/[^/]*)$' \
      /var/lib/dpkg/info/*.list 2>/dev/null
  } | awk '
    $1 == "enabled" { enabled[$2]; all[$2]; next }
    $1 == "running" && $2 ~ /\.service$/ { running[$2]; all[$2]; next }
    /^\/var\/lib\/dpkg\/info\// {
      package = $0; sub(/\.list:.*/, "", package); sub(/.*\//, "", package); sub(/:.*/, "", package)
      unit = $0; sub(/.*\//, "", unit); if (unit !~ /\.service$/) unit = unit ".service"
      if (!(unit in owner) || $0 !~ /init\.d/) owner[unit] = package
    }
    END {
      for (unit in all) {
        file = unit; sub(/@.*/, "@.service", file)
        if (file in owner) print unit "\t" owner[file] "\t" \
          ((unit in enabled) ? "enabled" : "-") "\t" ((unit in running) ? "running" : "-")
      }
    }'
fi

section sockets
if have ss; then ss -H -l -n -t -u 2>/dev/null | awk '{print $1 "\t" $5}'; fi

section end
