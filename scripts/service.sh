# Starts and stops the item service for other scripts, which source this file.
# shellcheck shell=bash

service_pid=""
service_address=""

# start_service LOG BINARY ARGUMENTS.. starts the binary on a free port, writes its log to LOG, and
# sets service_address as soon as it listens.
start_service() {
  local log=$1
  shift
  "$@" --listen 127.0.0.1:0 --log-format json 2>"$log" &
  service_pid=$!
  local tries=0
  until service_address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$log" | head -n 1) &&
    [[ -n $service_address ]]; do
    if ! kill -0 "$service_pid" 2>/dev/null; then
      service_pid=""
      echo "The service ended before it listened:" >&2
      cat "$log" >&2
      return 1
    fi
    if ((++tries > 300)); then
      echo "The service does not listen after 30 s:" >&2
      cat "$log" >&2
      return 1
    fi
    sleep 0.1
  done
}

# stop_service asks the service to end, and returns its exit code.
stop_service() {
  [[ -n $service_pid ]] || return 0
  local pid=$service_pid
  service_pid=""
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid"
}
