# Take back what install.sh put in place: the right first. $1 is the account, the others are paths, in their order.
# /var/lib/oakum stays: it says which orders were carried out.
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

user=$1
shift
[ "$(id -u)" = 0 ] || { echo "not root" >&2; exit 3; }
for path in "$@"; do
  rm -f -- "$path" || exit 3
done
case "$(getent passwd "$user")" in
  "$user":*:*:*:Oakum:"/home/$user":*)
    # What was killed is there for a moment, and an account that is in use cannot be removed.
    tries=0
    while pkill -KILL -u "$user" && [ "$tries" -lt 100 ]; do
      tries=$((tries + 1))
      sleep 0.1
    done
    userdel "$user" || exit 3
    rmdir "/home/$user/.ssh" "/home/$user" 2>/dev/null
    ;;
esac
rmdir /usr/lib/oakum /etc/oakum 2>/dev/null
exit 0
