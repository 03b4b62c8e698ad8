#!/bin/sh
# What to do about the words of apt, dpkg and the system: a reason without a next step helps nobody at night.

# advice REASON: print the next step; nothing for a reason that is not theirs, or that says it already.
advice() {
  case "$1" in
    *'No space left on device'* | *'is the disk full?'* | *'enough free space'*) echo "make room on the full file system, then start again" ;;
    *'Read-only file system'*) echo "find out why it is read-only (dmesg), remount it for writing, then start again" ;;
    *'Could not get lock'* | *'Unable to acquire the dpkg frontend lock'* | *'frontend lock was locked by another'*)
      echo "wait until that process has ended, then start again" ;;
    *'not valid yet'* | *' is expired '* | *' expired '*)
      echo "set the host's clock; where it is right, freeze a new snapshot" ;;
    *[Rr]esolving* | *'could not be resolved'*) echo "mend the host's name resolution (DNS), then start again" ;;
    *'Hash Sum mismatch'* | *'unexpected size'* | *'Size mismatch'*) echo "verify the snapshot" ;;
    *'Held packages were changed'*) echo "unhold them or plan without" ;;
    *'run dpkg --configure -a'*) ;; # What is broken was left by others.
    *' script subprocess '*) echo "take another version of that package or leave it out of the plan" ;;
    *'exited unexpectedly'* | *'received signal'*)
      echo "dpkg was killed: see by what (dmesg; memory?), then start again" ;;
    *'Failed to fetch'* | *'Could not connect'* | *'Connection failed'* | *'Err:'*)
      echo "see that the host can reach the snapshot, then start again" ;;
    *'cannot watch over itself'*) echo "see its systemd, or switch the deadman off" ;;
  esac
}
