# shellcheck shell=bash disable=SC2154
# The lab of one measurement, to be sourced: a provider and a client in
# namespaces of their own, and every client that can be started there.
#
#   isp                       cpe
#   isp0  <--------------->   wan0
#   Kea                       the client under test
#
# Each side is a sleeping process with its own network, mounts and process
# ids: /etc, /var/lib and /var/log are overlays and /run is empty, so that no
# client sees or changes what belongs to the host, and whatever was started
# there ends with that process.
#
# Wants: bench_conf (directory of the templates), bench_work (scratch
# directory), bench_cgroup (mounted hierarchy), dhc6c and dhc6c_static (paths),
# and for each measurement rapid (true, false) and preference (0 to 255).

client_mac=02:00:00:00:c0:01
client_duid=00030001${client_mac//:/}
lab='' cgroup='' isp='' cpe='' keepers=()

# fill TEMPLATE FILE [LINE]: puts the values of the scenario into a template;
# LINE is what asks for two messages.
fill() {
  local line='' yes=no
  [ "$rapid" = false ] || line=${3:-} yes=yes
  sed -e "s|@PREFERENCE@|$preference|" -e "s|@RAPID_BOOL@|$rapid|" \
      -e "s|@RAPID_YES@|$yes|" -e "s|@RAPID_LINE@|$line|" "$bench_conf/$1" >"$2"
}

# until_true SECONDS COMMAND...: tries ten times a second. More often would
# take CPU time away from what is measured.
until_true() {
  local tries=$(($1 * 10))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}

# make_namespace NAME: the id of its first process is left in $made.
make_namespace() {
  local root=$lab/$1
  mkdir -p "$root"
  # shellcheck disable=SC2016  # expanded by the inner shell
  unshare --mount --net --pid --fork --kill-child --propagation private sh -euc '
    # This is still the /proc of the host, which knows us by the id there.
    read -r id rest </proc/self/stat
    mount -t proc proc /proc
    mount -t tmpfs none "$1"
    for path in etc var/lib var/log; do
      mkdir -p "$1/$path/upper" "$1/$path/work"
      mount -t overlay overlay -o "lowerdir=/$path,upperdir=$1/$path/upper,workdir=$1/$path/work" "/$path"
    done
    mount -t tmpfs none /run
    mkdir -p /run/kea /run/lock /run/dhcpcd /run/systemd/netif /run/systemd/network
    mkdir -p /var/lib/kea /var/lib/dhcp /var/lib/dhcpcd /var/lib/dhcpv6 /var/lib/dibbler
    mkdir -p /var/lib/dhc6c /var/log/dibbler
    # networkd does not wait for udev when it finds /sys read-only.
    mount -t sysfs -o ro sysfs /sys
    rm -f /etc/resolv.conf
    echo "nameserver 127.0.0.1" >/etc/resolv.conf
    rm -rf /var/lib/dhcp/* /var/lib/dhcpcd/* /var/lib/dhcpv6/* /var/lib/dibbler/*
    ip link set lo up
    echo "$id" >"$1.id"
    exec sleep infinity' namespace "$root" >"$root.log" 2>&1 &
  keepers+=($!)
  disown
  until_true 5 test -s "$root.id" || { cat "$root.log" >&2; return 1; }
  made=$(cat "$root.id")
}

in_isp() { nsenter -t "$isp" -m -n -p -- "$@"; }
in_cpe() { nsenter -t "$cpe" -m -n -p -- "$@"; }

lab_up() {
  lab=$(mktemp -d "$bench_work/lab.XXXXXX")
  cgroup=$bench_cgroup/dhc6c-bench-${lab##*.}
  mkdir "$cgroup"
  make_namespace isp
  isp=$made
  make_namespace cpe
  cpe=$made
  ip link add isp0 netns "$isp" type veth peer name wan0 netns "$cpe"
  in_isp sh -euc 'sysctl -qw net.ipv6.conf.isp0.accept_dad=0 net.ipv6.conf.isp0.addr_gen_mode=1
    ip link set isp0 up
    ip -6 addr add 2001:db8:0:1::1/64 dev isp0 nodad
    ip -6 addr add fe80::1/64 dev isp0 nodad'
  # The link-local address is ready before the client starts; duplicate
  # address detection works as usual from then on.
  in_cpe sh -euc "ip link set wan0 address $client_mac
    sysctl -qw net.ipv6.conf.wan0.accept_ra=0 net.ipv6.conf.wan0.dad_transmits=0
    ip link set wan0 up"
  until_true 5 link_local_is_ready
  in_cpe sysctl -qw net.ipv6.conf.wan0.accept_dad=1 net.ipv6.conf.wan0.dad_transmits=1
  start_kea
}
link_local_is_ready() { in_cpe ip -6 -o addr show dev wan0 scope link -tentative | grep -q fe80; }

start_kea() {
  fill kea6.json "$lab/kea6.json"
  in_isp env KEA_PIDFILE_DIR="$lab" KEA_LOCKFILE_DIR="$lab" kea-dhcp6 -c "$lab/kea6.json" >"$lab/kea.log" 2>&1 &
  disown
  until_true 10 kea_listens || { cat "$lab/kea.log" >&2; return 1; }
}
kea_listens() { in_isp ss -Huan 'sport = :547' | grep -q .; }

# Ends everything that lives in the lab, and the lab. Fails when something of
# it stays.
lab_down() {
  [ -n "$lab" ] || return 0
  local first keeper failed=0
  # The kernel ends all processes of a side with its first one. A side that
  # was not complete yet has a keeper only, and ends with that.
  for first in $isp $cpe; do kill -KILL "$first" 2>/dev/null || :; done
  for keeper in "${keepers[@]}"; do
    until_true 2 has_ended "$keeper" || kill -KILL "$keeper" 2>/dev/null || :
  done
  for first in $isp $cpe "${keepers[@]}"; do
    until_true 5 has_ended "$first" || { echo "bench: process $first of the lab does not end" >&2; failed=1; }
  done
  until_true 5 rmdir "$cgroup" || { echo "bench: the cgroup $cgroup cannot be removed" >&2; failed=1; }
  rm -rf "$lab"
  lab='' cgroup='' isp='' cpe='' keepers=()
  return "$failed"
}
has_ended() { [ ! -e "/proc/$1" ]; }

# launch COMMAND...: on the client's side and in the cgroup, which has counted
# nothing before. The file `start` gets the time just before exec.
launch() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  in_cpe bash -c 'lab=$1 cgroup=$2; shift 2
    echo 0 >"$cgroup/cgroup.procs"
    echo "$EPOCHREALTIME" >"$lab/start"
    exec "$@"' launch "$lab" "$cgroup" "$@" >"$lab/client.log" 2>&1 </dev/null &
  disown
  # Nothing of ours runs while the quick clients do their work.
  sleep 0.3
  until_true 5 test -s "$lab/start"
}

# start_client NAME: all ask for the same. What they do with name servers is
# kept alike too: nobody starts a program for them or hands them to another.
start_client() {
  local rapid_option=() binary
  [ "$rapid" = false ] || rapid_option=(--rapid-commit)
  case $1 in
  dhc6c | dhc6c-static)
    in_cpe sh -c "echo $client_duid >/var/lib/dhc6c/duid"
    binary=$dhc6c
    [ "$1" = dhc6c ] || binary=$dhc6c_static
    launch "$binary" --no-dns --initial-delay never "${rapid_option[@]}" wan0 ;;
  dibbler)
    fill dibbler-client.conf "$lab/client.conf" 'rapid-commit yes'
    in_cpe sh -c "mkdir -p /etc/dibbler && cp $lab/client.conf /etc/dibbler/client.conf"
    launch /usr/sbin/dibbler-client run ;;
  dhclient)
    fill dhclient.conf "$lab/dhclient.conf" 'send dhcp6.rapid-commit;'
    : >"$lab/dhclient.leases"
    # The way that its script has for this.
    in_cpe sh -c 'mkdir -p /etc/dhcp/dhclient-enter-hooks.d
      echo "make_resolv_conf() { :; }" >/etc/dhcp/dhclient-enter-hooks.d/no-resolver'
    launch /sbin/dhclient -6 -d -N -D LL -cf "$lab/dhclient.conf" -lf "$lab/dhclient.leases" -pf "$lab/dhclient.pid" wan0 ;;
  dhcpcd)
    fill dhcpcd.conf "$lab/dhcpcd.conf" 'option rapid_commit'
    launch /usr/sbin/dhcpcd -B -f "$lab/dhcpcd.conf" wan0 ;;
  wide)
    fill dhcp6c.conf "$lab/dhcp6c.conf" 'send rapid-commit;'
    # The length of the DUID in the host's byte order, then the DUID.
    in_cpe sh -c "printf '\\012\\000\\000\\003\\000\\001\\002\\000\\000\\000\\300\\001' >/var/lib/dhcpv6/dhcp6c_duid"
    launch /usr/sbin/dhcp6c -f -c "$lab/dhcp6c.conf" -p "$lab/dhcp6c.pid" wan0 ;;
  networkd)
    fill networkd.network "$lab/wan.network"
    in_cpe sh -c "cp $lab/wan.network /run/systemd/network/10-wan.network; chown -R systemd-network: /run/systemd/netif"
    launch env SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-networkd ;;
  *) echo "bench: unknown client $1" >&2; return 1 ;;
  esac
}
