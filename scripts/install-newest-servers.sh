#!/bin/sh
# Unpacks Kea and dnsmasq of Debian's newest suite beside the system's own, and
# writes a starter for each into the directory given. Nothing is installed.
#
# usage: install-newest-servers.sh DIRECTORY
set -eu

directory=$(realpath -m "$1")
[ ! -x "$directory/kea-dhcp6" ] || [ ! -x "$directory/dnsmasq" ] || exit 0

mirror=http://deb.debian.org/debian
root=$directory/root
rm -rf "$directory"
mkdir -p "$directory"
# A mirror that is kept at one day has a list that counts as too old; its
# signature is checked all the same.
mmdebstrap --quiet --variant=extract --include=kea-dhcp6-server,dnsmasq-base \
    --aptopt='Acquire::Check-Valid-Until "false"' sid "$root" "$mirror"

# Each runs with the libraries it came with, whatever the system has.
loader=$(find "$root/usr/lib" "$root/usr/lib64" -name 'ld-linux*.so.*' | head -n 1)
libraries=$(dirname "$(find "$root/usr/lib" -name libc.so.6)")
for program in kea-dhcp6 dnsmasq; do
    printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' \
        "$loader" "$libraries" "$root/usr/sbin/$program" > "$directory/$program"
    chmod +x "$directory/$program"
done
