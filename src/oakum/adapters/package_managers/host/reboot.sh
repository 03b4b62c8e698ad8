#!/bin/sh
# Reboot the host, once for a transaction. $1 is its id.

boot_again "$1"
