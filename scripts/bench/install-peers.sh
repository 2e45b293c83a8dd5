#!/bin/sh
# Installs what `make bench` compares dhc6c with, and what it measures with,
# where it is missing. Debian package names; nothing is started.
set -eu

missing=
for program in kea-dhcp6:kea-dhcp6-server dibbler-client:dibbler-client dhclient:isc-dhcp-client \
               dhcpcd:dhcpcd-base dhcp6c:wide-dhcpv6-client tcpdump:tcpdump strace:strace \
               ip:iproute2 ss:iproute2 nsenter:util-linux; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${program%%:*}" >/dev/null 2>&1 \
        || missing="$missing ${program##*:}"
done
[ -x /lib/systemd/systemd-networkd ] || missing="$missing systemd"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "missing for the comparison:$missing" >&2
    echo "install them, or run as root on Debian: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# A client that starts by itself would configure this machine; Debian asks this script.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
# shellcheck disable=SC2086  # the list is meant to be split
apt-get install -y -qq --no-install-recommends $missing
