#!/bin/sh
# The main job, shown in network namespaces of its own:
#
#   cpe                     isp                        host
#   eth0  <------------->   cpe0        net0  <---->   eth0
#   dhc6c                   lab-server                 2001:db8:ffff::1
#
# dhc6c gets an address, a delegated prefix and, over DHCPv6, an IPv4 address,
# which goes onto a device of its own; the host, which stands for the Internet,
# answers to the first two; then everything is given up again. Needs
# root and iproute2. Nothing outside of the namespaces is touched.
#
# usage: demo.sh [DHC6C [LAB-SERVER]]
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
dhc6c=${1:-$top/target/release/dhc6c}
lab_server=${2:-$top/target/release/examples/lab-server}
host_address=2001:db8:ffff::1

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
indent() { sed 's/^/   /'; }
fail() {
  printf '\ndemo: %s\n' "$*" >&2
  if [ -s "${work:-}/lab-server.log" ]; then
    echo 'what lab-server said:' >&2
    indent <"$work/lab-server.log" >&2
  fi
  exit 1
}

[ "$(id -u)" = 0 ] || fail 'run me as root: I make network namespaces'
command -v ip >/dev/null || fail 'no ip command: install iproute2'
for binary in "$dhc6c" "$lab_server"; do
  [ -x "$binary" ] || fail "no $binary: run cargo build --release --bins --examples"
done

isp=dhc6c-demo-isp-$$ cpe=dhc6c-demo-cpe-$$ host=dhc6c-demo-host-$$
work=$(mktemp -d)
client= server=

clean_up() {
  status=$?
  trap - EXIT
  for process in $client $server; do kill "$process" 2>/dev/null || :; done
  wait
  for namespace in "$isp" "$cpe" "$host"; do ip netns del "$namespace" 2>/dev/null || :; done
  rm -rf "$work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# until_true SECONDS COMMAND...: tries five times a second.
until_true() {
  tries=$(($1 * 5))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

in_cpe() { ip netns exec "$cpe" "$@"; }
no_address_is_tentative() { [ -z "$(ip -n "$1" -6 addr show tentative)" ]; }
is_ready() { in_cpe "$dhc6c" status eth0 --json --run-dir "$work/run" | grep -q '"ready": *true'; }
has_default_route() { ip -n "$cpe" -6 route show default | grep -q via; }
has_ended() { ! kill -0 "$1"; }
is_ready_or_has_ended() { is_ready || has_ended "$client"; }
addresses() { ip -n "$cpe" -6 -o addr show dev eth0 scope global; }
has_ipv4() { [ -n "$(ipv4)" ]; }
ipv4() { ip -n "$cpe" -4 -o addr show dev ipv4; }
prefixes() { ip -n "$cpe" -6 route show type unreachable; }

heading 'Three namespaces: a provider, a router behind it, a host in the Internet'
for namespace in "$isp" "$cpe" "$host"; do
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
done
ip link add eth0 netns "$cpe" type veth peer name cpe0 netns "$isp"
ip link add eth0 netns "$host" type veth peer name net0 netns "$isp"
ip netns exec "$isp" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
ip -n "$isp" addr add 2001:db8:1::1/64 dev cpe0
ip -n "$isp" addr add 2001:db8:ffff::ffff/64 dev net0
ip -n "$host" addr add "$host_address/64" dev eth0
ip -n "$isp" link set cpe0 up
ip -n "$isp" link set net0 up
ip -n "$host" link set eth0 up
ip -n "$cpe" link set eth0 up
ip -n "$cpe" link add ipv4 type veth peer name ipv4-end
ip -n "$cpe" link set ipv4-end up
ip -n "$cpe" link set ipv4 up
until_true 10 no_address_is_tentative "$isp" || fail 'the addresses of the provider stay tentative'
until_true 10 no_address_is_tentative "$host" || fail 'the address of the host stays tentative'
ip -n "$host" -6 route add default via 2001:db8:ffff::ffff
printf '%s\n' "$isp" "$cpe" "$host" | indent

heading 'The provider: a DHCPv6 server that advertises itself as a router'
ip netns exec "$isp" "$lab_server" cpe0 --ra --dhcp4o6 >"$work/lab-server.log" 2>&1 &
server=$!
until_true 10 grep -q 'ready on' "$work/lab-server.log" || fail 'lab-server does not start'
indent <"$work/lab-server.log"

heading 'The router: dhc6c --pd eth0, with a file that says where IPv4 goes'
printf '[dhcp4o6]\nenable = true\ndevice = "ipv4"\n' >"$work/dhc6c.toml"
indent <"$work/dhc6c.toml"
ip netns exec "$cpe" "$dhc6c" --pd --config "$work/dhc6c.toml" --state-dir "$work/state" --run-dir "$work/run" --no-dns eth0 &
client=$!
until_true 30 is_ready_or_has_ended || fail 'dhc6c is not ready after 30 s'
! has_ended "$client" 2>/dev/null || fail 'dhc6c ended at once'

until_true 30 has_ipv4 || fail 'there is no IPv4 address after 30 s'

heading 'What it has: dhc6c status eth0'
in_cpe "$dhc6c" status eth0 --run-dir "$work/run" | indent

heading 'What the kernel has: ip addr, ip route'
until_true 10 has_default_route || fail 'no default route from the router advertisements'
ip -n "$cpe" -6 addr show dev eth0 | indent
ip -n "$cpe" -6 route | indent
ip -n "$cpe" -4 addr show dev ipv4 | indent
ip -n "$cpe" -4 route | indent
address=$(addresses | sed -n 's|.* inet6 \([^ /]*\).*|\1|p' | head -n 1)
prefix=$(prefixes | sed -n 's|^unreachable \([^ ]*\) .*|\1|p' | head -n 1)
[ -n "$address" ] || fail 'there is no address'
[ -n "$prefix" ] || fail 'there is no route for the delegated prefix'

heading "The Internet answers to the address $address"
in_cpe "$lab_server" ping "$host_address" --from "$address" | indent >"$work/ping" || :
cat "$work/ping"
grep -q ': reply' "$work/ping" || fail 'no answer to the leased address'

heading "The Internet answers to an address of the prefix $prefix"
inside=${prefix%%/*}1
ip -n "$cpe" addr add "$inside/128" dev lo
in_cpe "$lab_server" ping "$host_address" --from "$inside" | indent >"$work/ping" || :
cat "$work/ping"
ip -n "$cpe" addr del "$inside/128" dev lo
grep -q ': reply' "$work/ping" || fail 'no answer to the delegated prefix'

heading 'Stopping dhc6c'
kill -TERM "$client"
until_true 5 has_ended "$client" || fail 'dhc6c does not end within 5 s'
wait "$client" && status=0 || status=$?
client=
[ "$status" = 0 ] || fail "dhc6c ended with $status"

heading 'Nothing is left: ip addr, ip route'
ip -n "$cpe" -6 addr show dev eth0 | indent
ip -n "$cpe" -6 route | indent
[ -z "$(addresses)" ] || fail 'an address is left'
[ -z "$(prefixes)" ] || fail 'a route is left'
[ -z "$(ipv4)" ] || fail 'an IPv4 address is left'
[ -z "$(ip -n "$cpe" -4 route)" ] || fail 'an IPv4 route is left'

printf '\ndemo: all of it worked\n'
