#!/bin/bash
# Measures dhc6c side by side with the DHCPv6 clients that Debian has, against
# Kea in network namespaces, and writes the tables to docs/bench.md. Needs
# root. A client that gets no address is a `-` there, and a failure here.
#
# usage: bench.sh DHC6C DHC6C-WITHOUT-DEFAULT-FEATURES [DHC6C-STATIC]
#   RUNS=7        runs of each client in each scenario; medians are reported
#   IDLE_RUNS=N   idle windows of each client (as many as RUNS)
#   IDLE=30       seconds of an idle window
#   CLIENTS="..." only these
#   REPORT=FILE   where the tables go
set -eu

here=$(cd "$(dirname "$0")" && pwd)
dhc6c=$(realpath "$1") small=$(realpath "$2") dhc6c_static=
[ ! -x "${3:-}" ] || dhc6c_static=$(realpath "$3")
runs=${RUNS:-7} idle=${IDLE:-30} idle_runs=${IDLE_RUNS:-${RUNS:-7}}
clients=${CLIENTS:-dhc6c ${dhc6c_static:+dhc6c-static} dibbler dhclient dhcpcd wide networkd}
report=${REPORT:-$here/../../docs/bench.md}
bench_conf=$here/conf
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=scripts/bench/lab.sh
. "$here/lab.sh"

[ "$(id -u)" = 0 ] || { echo 'bench: run me as root: I make network namespaces' >&2; exit 1; }
bench_work=$(mktemp -d)
bench_cgroup=$bench_work/cgroup
idlers=()

clean_up() {
  status=$?
  trap - EXIT
  trap '' INT TERM HUP
  for idler in "${idlers[@]}"; do kill -TERM "$idler" 2>/dev/null || :; done
  for idler in "${idlers[@]}"; do wait "$idler" || :; done
  lab_down || status=1
  ! mountpoint -q "$bench_cgroup" || umount "$bench_cgroup" || status=1
  # A directory that is still mounted is not emptied.
  rm -rf --one-file-system "$bench_work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$bench_work" # some clients give up being root

mkdir "$bench_cgroup"
if mount -t cgroup -o cpuacct cgroup "$bench_cgroup" 2>/dev/null; then
  bench_usage=cpuacct.usage per_millisecond=1000000
else
  mount -t cgroup2 cgroup2 "$bench_cgroup"
  bench_usage=cpu.stat per_millisecond=1000
fi

# Milliseconds of CPU, of the client and all of its children that ever were.
cpu_used() { awk -v unit="$per_millisecond" 'NR == 1 { printf "%.2f", $NF / unit }' "$cgroup/$bench_usage"; }
# sum_memory FIELD: kB over all processes of the client.
sum_memory() {
  local process
  while read -r process; do cat "/proc/$process/smaps_rollup" 2>/dev/null || :; done <"$cgroup/cgroup.procs" \
    | awk -v field="$1:" '$1 == field { sum += $2 } END { print sum + 0 }'
}
# Voluntary context switches of each thread of the client.
switches() {
  local process
  while read -r process; do
    grep -H '^voluntary_ctxt_switches' /proc/"$process"/task/*/status 2>/dev/null || :
  done <"$cgroup/cgroup.procs"
}
# switches_between BEFORE AFTER: a thread that is gone has run at least once.
switches_between() {
  awk 'NR == FNR { before[$1] = $2; next }
       { sum += $2 - before[$1]; delete before[$1] }
       END { for (gone in before) sum++; print sum + 0 }' "$1" "$2"
}

has_address() { grep -q 'wan0.*2001:db8:0:1:.*scope global' "$lab/monitor"; }
address_is_ready() { grep 'wan0.*2001:db8:0:1:.*scope global' "$lab/monitor" | grep -vq tentative; }
gets_address() { until_true 15 has_address && until_true 5 address_is_ready; }
is_listening() { grep -q listening "$lab/tcpdump.log"; }
watch_addresses() {
  in_cpe ip -ts monitor address >"$lab/monitor" 2>&1 &
  disown
}
# When the kernel told of the address first, before duplicate address detection.
address_time() {
  date +%s.%N -d "$(grep -m1 'wan0.*2001:db8:0:1:.*scope global' "$lab/monitor" | sed 's/^\[\([^]]*\)\].*/\1/')"
}
# When the first message of a kind was on the wire; nothing where none was.
message_time() { awk -v kind="$1" '/^[0-9]+\./ { at = $1 } $0 ~ "dhcp6 " kind { print at; exit }' "$lab/messages"; }
# between FROM TO: milliseconds, nothing where there is none of one.
between() { awk -v from="$1" -v to="$2" 'BEGIN { if (from != "" && to != "") printf "%.2f", (to - from) * 1000 }'; }

# row VALUE...: of a table.
row() {
  local IFS=,
  echo "$*"
}

choose_scenario() {
  rapid=false preference=0
  case $1 in rapid | idle) rapid=true ;; preference) preference=255 ;; esac
}

# no_address SCENARIO CLIENT
no_address() {
  echo "bench: $2 got no address ($1); what it said last:" >&2
  tail -n 5 "$lab/client.log" >&2
  row "$1" "$2" >>"$bench_work/failed.csv"
}

measure_start() { # SCENARIO CLIENT
  choose_scenario "$1"
  lab_up
  in_isp tcpdump -U --immediate-mode -i isp0 -w "$lab/capture" 'udp port 546 or udp port 547' 2>"$lab/tcpdump.log" &
  disown
  watch_addresses
  until_true 5 is_listening
  sleep 0.5 # the server, the capture and the monitor come to rest
  start_client "$2"
  if gets_address; then
    sleep 0.5 # what follows duplicate address detection belongs to the start
    note_start "$1" "$2"
  else
    no_address "$1" "$2"
  fi
  lab_down
}

note_start() { # SCENARIO CLIENT
  local cpu start address solicit request reply total wait
  cpu=$(cpu_used)
  tcpdump -tt -nr "$lab/capture" -v 2>/dev/null >"$lab/messages"
  start=$(cat "$lab/start") address=$(address_time)
  solicit=$(message_time solicit) request=$(message_time request) reply=$(message_time reply)
  total=$(between "$start" "$address") wait=$(between "$solicit" "$request")
  row "$1" "$2" "$(between "$start" "$solicit")" "$total" "$wait" \
    "$(awk -v total="$total" -v wait="$wait" 'BEGIN { printf "%.2f", total - wait }')" \
    "$(between "$reply" "$address")" "$cpu" "$(sum_memory Rss)" "$(sum_memory Pss)" | tee -a "$bench_work/start.csv"
}

measure_idle() { # CLIENT
  choose_scenario idle
  lab_up
  watch_addresses
  start_client "$1"
  if gets_address; then
    rest 5 # until the server and the client have come to rest
    switches >"$lab/before"
    rest "$idle"
    switches >"$lab/after"
    count_calls
    row "$1" "$(switches_between "$lab/before" "$lab/after")" "$calls" | tee -a "$bench_work/idle.csv"
  else
    no_address idle "$1"
  fi
  lab_down
}

# rest SECONDS: ends with the lab, so that an interruption need not wait.
rest() {
  in_cpe sleep "$1" &
  wait $! || :
}

# The system calls that begin in an idle window are left in $calls. Being
# attached to may itself wake a process: the window begins after that.
count_calls() {
  local process processes=() tracer from
  while read -r process; do processes+=(-p "$process"); done <"$cgroup/cgroup.procs"
  # One call in a line, with the process and the time before it.
  strace -f -ttt -o "$lab/calls" "${processes[@]}" 2>"$lab/strace.log" &
  tracer=$!
  rest 1
  [ "$(grep -c attached "$lab/strace.log")" -ge "$((${#processes[@]} / 2))" ] || { cat "$lab/strace.log" >&2; return 1; }
  from=$EPOCHREALTIME
  rest "$idle"
  kill -TERM "$tracer"
  wait "$tracer" || :
  calls=$(awk -v from="$from" -v window="$idle" \
    '$2 >= from && $2 < from + window && $3 ~ /^[a-z0-9_]+\(/ { calls++ } END { print calls + 0 }' "$lab/calls")
}

measure_idle_all() { # all clients at once: idle clients do not disturb each other
  local client
  for client in $clients; do
    (
      trap 'status=$?; trap - EXIT; lab_down || status=1; exit "$status"' EXIT
      trap 'exit 143' TERM
      measure_idle "$client"
    ) &
    idlers+=($!)
  done
  for idler in "${idlers[@]}"; do wait "$idler" || broken=1; done
  idlers=()
}

broken=0
for file in start idle failed; do : >"$bench_work/$file.csv"; done
for run in $(seq "$runs"); do
  echo "run $run of $runs"
  for client in $clients; do
    for scenario in rapid four preference; do measure_start "$scenario" "$client"; done
  done
done
for run in $(seq "$idle_runs"); do
  echo "idle window $run of $idle_runs"
  measure_idle_all
done
tr -s ' ' '\n' <<<"$clients" >"$bench_work/clients"
"$here/report.sh" "$bench_work" "$dhc6c" "$small" "$dhc6c_static" >"$report"
cat "$report"
[ ! -s "$bench_work/failed.csv" ] || { echo 'bench: not every client got an address every time' >&2; broken=1; }
exit "$broken"
