#!/bin/sh
# Builds ISC DHCP with DHCPv4 over DHCPv6, which Debian's packages leave out,
# from Debian's source of it into the directory given.
#
# usage: install-isc-4o6.sh DIRECTORY
set -eu

directory=$(realpath -m "$1")
[ ! -x "$directory/sbin/dhcpd" ] || [ ! -x "$directory/sbin/dhclient" ] || exit 0

missing=
for program in gcc make curl; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
# The compiler's package only recommends the headers of the C library.
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "missing to build ISC DHCP:$missing" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086  # the list is meant to be split
    apt-get install -y -qq --no-install-recommends $missing
fi

mirror=http://deb.debian.org/debian
tarball=isc-dhcp_4.4.3-P1.orig.tar.gz
checksum=0ac416bb55997ca8632174fd10737fd61cdb8dba2752160a335775bc21dc73c7

rm -rf "$directory"
mkdir -p "$directory/build"
cd "$directory/build"
curl --silent --show-error --fail --location --output "$tarball" "$mirror/pool/main/i/isc-dhcp/$tarball"
echo "$checksum  $tarball" | sha256sum --check --quiet
tar -xzf "$tarball" --strip-components=1

# What a calling make was told is not meant for this one.
unset MAKEFLAGS MAKELEVEL
# Its C is older than the compiler's defaults.
{ CFLAGS='-O2 -fno-strict-aliasing -fcommon' ./configure --prefix="$directory" \
    --enable-dhcpv4o6 --enable-dhcpv6 && make -j2 && make install; } > ../build.log 2>&1 \
    || { tail -n 30 ../build.log >&2; exit 1; }
cd ..
rm -rf build
