#!/bin/sh
# Cleans up after servers when the pipe at standard input closes: when the test is done with them, or
# is gone.
#
# Usage: sh keeper.sh DIRECTORY SCRIPT NAMESPACE..; the script is run in the directory before that is
# removed, and the network namespaces are deleted.
read -r _
home=$1 script=$2
shift 2
cd "$home" && (eval "$script")
cd /
for namespace; do ip netns delete "$namespace"; done
# The servers are being killed meanwhile, and may still make files.
tries=0
until rm -rf -- "$home" || [ "$((tries += 1))" -gt 1000 ]; do :; done
