# Say how files and an account of ours stand. $1 is the account, the others are paths. Changes nothing.
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
tab=$(printf '\t')
[ "$(id -u)" = 0 ] || { echo "not root" >&2; exit 3; }

user=$1
shift
case "$(getent passwd "$user")" in
  '') echo "account${tab}none" ;;
  "$user":*:0:*) echo "account${tab}foreign" ;;
  "$user":*:*:*:Oakum:"/home/$user":*) echo "account${tab}ours" ;;
  *) echo "account${tab}foreign" ;;
esac
for program in sudo visudo ssh-keygen; do
  command -v "$program" >/dev/null || echo "missing$tab$program"
done
for path in "$@"; do
  if [ -L "$path" ]; then
    echo "odd$tab$path"
  elif [ -f "$path" ]; then
    printf 'file\t%s\t%s\t%s\n' "$path" "$(stat -c %a "$path")" "$(base64 -w 0 "$path")"
  elif [ -e "$path" ]; then
    echo "odd$tab$path"
  fi
done
echo "end${tab}ok"
