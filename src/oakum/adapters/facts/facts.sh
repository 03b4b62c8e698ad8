# Print all facts of this host in sections. Reads only; needs no root, no systemd and no Python.
# $1: a random token that begins each section's heading, so that nothing printed can forge one.
token=$1
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
tab=$(printf '\t')
user=$(id -u)

# Every program that is started costs about as much as a question: a scan asks the shell where it can.
section() { printf '@%s %s\n' "$token" "$1"; }
have() { command -v "$1" >/dev/null 2>&1; }
first_line() { # of the file $1 into $line; false when there is none
  line=
  [ -r "$1" ] && { IFS= read -r line || [ -n "$line" ]; } <"$1" 2>/dev/null
}

section os-release
cat /etc/os-release 2>/dev/null || cat /usr/lib/os-release 2>/dev/null

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
printf 'release\t%s\n' "$(uname -r)"
printf 'version\t%s\n' "$(uname -v)"
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
  if machine=$(systemd-detect-virt --container); then container=yes; else machine=$(systemd-detect-virt --vm); fi
elif grep -qs . /run/systemd/container || [ -e /.dockerenv ]; then
  container=yes
  [ ! -e /.dockerenv ] || machine=docker
  read -r machine 2>/dev/null </run/systemd/container
fi
# In a chroot the kernel is the machine's as well: no kernel package of it was ever booted.
if [ "$user" = 0 ] && have ischroot && ischroot; then container=yes; fi
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
root=
while read -r _ place type _; do [ "$place" != / ] || root=$type; done 2>/dev/null </proc/mounts
tell root "$root"
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
cat /etc/yum.repos.d/*.repo 2>/dev/null | awk '
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

section conffiles
# Every recorded configuration file with its recorded sum, then the sums of what is there.
recorded=$(awk '
  /^Package: /{p=$2; on=0} /^Architecture: /{a=$2} /^Conffiles:/{on=1; next} /^[^ ]/{on=0}
  on && NF==2 {print p "\t" $2 "\t" $1}
  /^Built-Using: /{sub(/^Built-Using: /, ""); print "\t" p ":" a "\t" $0}' /var/lib/dpkg/status 2>/dev/null)
printf '%s\n' "$recorded" | awk -F '\t' '$1 != ""'
echo '--'
printf '%s\n' "$recorded" | awk -F '\t' '$1 != "" {print $3}' | tr '\n' '\0' | xargs -0 -r md5sum -- 2>/dev/null

section built-using
printf '%s\n' "$recorded" | sed -n "s/^$tab//p"

section stale
# Processes that still run a file which is gone or was replaced (needrestart's rule): both show as deleted.
stale=$(grep -s -H '^[^ ]* ..x.* (deleted)$' /proc/[0-9]*/maps | awk '
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
if [ -n "$stale" ]; then
  # A process with another root is a container's, and runs files of its own.
  here=$(stat -L -c %d:%i / 2>/dev/null)
  ours=$(printf '%s\n' "$stale" | awk -F '\t' '!seen[$1]++ {print "/proc/" $1 "/root"}' |
    xargs stat -L -c '%d:%i %n' 2>/dev/null | awk -v here="$here" '$1 == here {print $2}')
  known=
  printf '%s\n' "$stale" | while IFS="$tab" read -r pid path; do
    case "
$ours
" in *"
/proc/$pid/root
"*) ;; *) continue ;; esac
    [ "$pid" = "$known" ] || { comm_of "$pid"; group_of "$pid"; known=$pid; }
    printf '%s\t%s\t%s\t%s\n' "$pid" "$comm" "$group" "$path"
  done
fi

section unread
# Processes whose memory could not be opened: one that ended meanwhile is none, nor is a kernel
# thread, which has no memory. `seen` says that others could: without /proc nothing can.
if [ "$user" = 0 ]; then
  seen=
  for map in /proc/[0-9]*/maps; do
    process=${map%/maps}
    if true 2>/dev/null <"$map"; then
      [ "$process" = "/proc/$$" ] || seen=yes
    elif grep -qs '^VmSize' "$process/status"; then
      printf '%s\t%s\n' "${process#/proc/}" "$(tr -d '\t\n' <"$process/comm" 2>/dev/null)"
    fi
  done
  [ -z "$seen" ] || echo "seen${tab}others"
fi

section owners
# Which package owns each such file. A merged /usr has two names for it; a library whose file name
# holds its version is looked up by what stands before the version.
[ -z "$stale" ] || printf '%s\n' "$stale" | cut -f 2 | sort -u | sed -n '
  /^\//{
    p; s,^/usr/,/,p; s,^/\(bin\|sbin\|lib\),/usr/\1,p
    s,\.so\..*,.so*,p; s,^/usr/,/,p
  }' | tr '\n' '\0' | xargs -0 -r dpkg-query -S -- 2>/dev/null

section reboot
[ -e /run/reboot-required ] && echo "flag${tab}set" || echo "flag${tab}unset"
# The flag means something only where a hook would set it.
[ -e /etc/kernel/postinst.d/unattended-upgrades ] || [ -e /usr/share/update-notifier/notify-reboot-required ] &&
  echo "hook${tab}yes"

section sources
cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
  sed '/^[[:space:]]*\(#.*\)\{0,1\}$/d; /^ /d'

section indices
# Which archive a package came from only the host's own package indices tell; it may keep none.
lists=/var/lib/apt/lists
plain='' packed=''
for index in "$lists"/*_Packages "$lists"/*_Packages.*; do
  [ -f "$index" ] || continue
  # apt keeps them packed where it was told to.
  case $index in *_Packages) plain="$plain $index" ;; *) packed="$packed $index" ;; esac
done
# shellcheck disable=SC2086  # apt writes no spaces into the names of its files
set -- $plain $packed
echo "count${tab}$#"

section origins
# Packages of archives that are not Debian's, as far as those indices tell.
unpacked() { /usr/lib/apt/apt-helper cat-file "$@" 2>/dev/null; }
origins=
[ $# = 0 ] || origins=$(grep -s -H -m 1 '^Origin: ' "$lists"/*_Release "$lists"/*_InRelease)
origin_of() { # $1: an index; the file of its archive has the same name up to the suite
  origin=
  while IFS= read -r line; do
    prefix=${line%%Release:Origin: *}
    case $1 in "${prefix%In}"*) origin=${line#*Release:Origin: } ;; esac
  done <<END
$origins
END
}
for index in "$@"; do
  origin_of "$index"
  [ "$origin" = Debian ] && continue
  case $index in *_Packages) cat "$index" ;; *) unpacked "$index" ;; esac | awk -v origin="${origin:-unnamed}" '
    function flush() { if (p != "") print p "\t" v "\t" a "\t" origin; p = "" }
    /^Package: /{p=$2} /^Version: /{v=$2} /^Architecture: /{a=$2} /^$/{flush()} END{flush()}'
done

section unlisted
# Installed packages whose name is in no index: put in by hand, or from an archive that is gone.
listed() { # of the names asked for, those in the files $@ or in what is read
  # One word of a command may be 128 KiB long; then all names leave the index.
  if [ ${#names} -lt 100000 ]; then grep -a -h -x -F -e "$names" "$@"; else grep -a -h '^Package: ' "$@"; fi
}
if [ $# != 0 ] && [ -n "$packages" ]; then
  names=$(printf '%s\n' "$packages" | awk -F '\t' '$1 ~ /^.i/ {print "Package: " $2}')
  {
    printf '%s\n--\n' "$names"
    # shellcheck disable=SC2086
    [ -z "$plain" ] || listed $plain
    # shellcheck disable=SC2086
    [ -z "$packed" ] || unpacked $packed | listed
  } | awk '$1 == "--" {asked=1} !asked {has[$2]} asked {delete has[$2]} END {for (name in has) print name}'
fi

section phased
# Updates that are not for all hosts yet; Ubuntu phases those of its `-updates`, and nothing else.
for index in "$@"; do
  case $index in *-updates_*) ;; *) continue ;; esac
  case $index in *_Packages) cat "$index" ;; *) unpacked "$index" ;; esac | awk '
    function flush() { if (p != "" && part != "") print (s == "" ? p : s) "\t" (sv == "" ? v : sv) "\t" part; p = s = v = sv = part = "" }
    /^Package: /{p=$2} /^Version: /{v=$2} /^Source: /{s=$2; sv=$3; gsub(/[()]/, "", sv)}
    /^Phased-Update-Percentage: /{part=$2} /^$/{flush()} END{flush()}'
done | sort -u

section file-systems
df -P -k / /boot /var /var/cache/apt/archives /var/lib/dpkg 2>/dev/null | awk 'NR > 1' | sort -u
echo '--'
awk '{ split($4, o, ","); if (o[1] == "ro") print $2 }' /proc/mounts 2>/dev/null

section failed-units
units=
if [ -d /run/systemd/system ]; then
  units=$(systemctl list-units --state=failed,running --no-legend --plain --no-pager 2>/dev/null)
fi
printf '%s\n' "$units" | awk '$3 == "failed" {print $1}'

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
