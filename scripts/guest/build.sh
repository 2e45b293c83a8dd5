#!/bin/sh
# Makes the guest that the vm tier runs in: Debian's kernel, which has the kinds of
# link that the machine's own may lack, and an initramfs with the modules for them.
#
# usage: build.sh DIRECTORY
set -eu

here=$(cd "$(dirname "$0")" && pwd)
directory=$(realpath -m "$1")
# Built already, from what these files say now.
[ ! "$directory/initrd" -nt "$here/init" ] || [ ! "$directory/initrd" -nt "$0" ] || exit 0

# What the guest loads: its way to the machine's files, then kinds of link.
modules='virtio_pci 9pnet_virtio 9p overlay veth bridge 8021q vrf ppp_async'

PATH="$PATH:/usr/sbin:/sbin"
rm -rf "$directory"
mkdir -p "$directory/unpacked" "$directory/root/bin" "$directory/root/modules"
cd "$directory"
kernel_package() {
    apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p' | head -n 1
}
package=$(kernel_package)
if [ -z "$package" ]; then
    apt-get -qq update
    package=$(kernel_package)
fi
apt-get -qq -o APT::Sandbox::User=root download "$package"
dpkg -x "$package"_*.deb unpacked
version=$(ls unpacked/lib/modules)
depmod -b unpacked "$version"

# In the order in which they have to be loaded, each once.
for module in $modules; do
    modprobe -S "$version" -d unpacked --show-depends "$module"
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' > order
while read -r file; do
    cp "$file" root/modules/
    basename "$file" >> root/modules/order
done < order

cp "$(command -v busybox)" root/bin/busybox
install -m 755 "$here/init" root/init
mv "unpacked/boot/vmlinuz-$version" kernel
(cd root && find . | cpio --quiet -o -H newc) | gzip > initrd.new
rm -rf unpacked root order ./*.deb
mv initrd.new initrd
