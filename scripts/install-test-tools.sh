#!/bin/sh
# Installs the servers and tools that the namespace tier needs, where they are
# missing. Debian package names; nothing is started.
set -eu

missing=
for program in kea-dhcp6:kea-dhcp6-server kea-dhcp4:kea-dhcp4-server dnsmasq:dnsmasq-base dhcpd:isc-dhcp-server \
               dhcp6s:wide-dhcpv6-server dibbler-server:dibbler-server dhcpy6d:dhcpy6d \
               dhcrelay:isc-dhcp-relay radvd:radvd ping:iputils-ping mmdebstrap:mmdebstrap tcpdump:tcpdump ip:iproute2 nft:nftables \
               qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio depmod:kmod pppd:ppp \
               nsenter:util-linux setpriv:util-linux; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${program%%:*}" >/dev/null 2>&1 \
        || missing="$missing ${program##*:}"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "missing for the namespace tier:$missing" >&2
    echo "install them, or run as root on Debian: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# A server that starts by itself would take the ports; Debian asks this script.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
# shellcheck disable=SC2086  # the list is meant to be split
apt-get install -y -qq --no-install-recommends $missing
