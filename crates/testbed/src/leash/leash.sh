#!/bin/sh
# Runs a server, and ends it as `kill -9` does when the pipe at standard input closes. It closes when
# the test process ends, however that happens.
#
# Usage: sh leash.sh LOG COMMAND..; writes the server's process id to standard output.
log=$1
shift

# Parents first: one that has stopped has no more children.
kill_tree() {
  kill -s STOP "$1"
  # shellcheck disable=SC2013 # Process ids are words.
  for child in $(cat /proc/"$1"/task/*/children); do
    kill_tree "$child"
  done
  kill -s KILL "$1"
}

exec 3<&0 2>/dev/null
# When the test process ends, the kernel hangs up on this process group if the server is stopped: the
# server goes on then, and the shell would be gone.
trap '' HUP
(
  trap - HUP
  exec "$@"
) 3<&- </dev/null >>"$log" 2>&1 &
server=$!
echo "$server"
{
  read -r _ <&3
  kill_tree "$server"
} </dev/null >/dev/null &
watcher=$!
exec 3<&- </dev/null >/dev/null
wait "$server"
code=$?
kill -s KILL "$watcher"
exit "$code"
