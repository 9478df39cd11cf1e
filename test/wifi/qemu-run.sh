#!/usr/bin/env bash
# Runs one command as root under Debian's kernel, which has simulated Wi-Fi radios and SCTP where the host's may not, in a
# machine that qemu emulates, on the host's own files: read-only, with a layer in memory above them. What the command
# says comes as it says it; the exit status is the command's. Needs no privilege and no /dev/kvm.
#   qemu-run.sh [-a ARCHIVE] SECONDS COMMAND [ARGUMENT...]
# ARCHIVE is a tar file that takes the place of the working folder's content, in memory: many small files come much
# faster that way than each from the host. The folder as it is on the host is at /run-host then.
# The kernel is the newest one that is installed with the modules it takes, or else that of linux-image-amd64, fetched by
# apt-get and unpacked under ${XDG_CACHE_HOME:-~/.cache}/qn3iwf.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
archive=
[[ $1 != -a ]] || { archive=$2; shift 2; }
seconds=$1
shift

need() { command -v "$1" >/dev/null || { echo "qemu-run: $1 is not installed (Debian package $2)" >&2; exit 2; }; }
need qemu-system-x86_64 qemu-system-x86
need busybox busybox-static
need modprobe kmod
need cpio cpio
busybox=$(command -v busybox)

# Prints "FOLDER RELEASE" of a kernel: FOLDER/boot/vmlinuz-RELEASE and FOLDER/lib/modules/RELEASE.
installed() {
  local image
  for image in $(ls -rv /boot/vmlinuz-*-amd64 2>/dev/null); do
    local release=${image#/boot/vmlinuz-}
    [[ -r $image && -e /lib/modules/$release/kernel/drivers/net/wireless/mac80211_hwsim.ko ]] || continue
    [[ -e /lib/modules/$release/modules.dep ]] && { echo "/ $release"; return; }
  done
  return 1
}
newest() { apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p'; }
fetched() {
  need apt-get apt
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/qn3iwf package release work
  package=$(newest)
  if [[ -z $package && $(id -u) -eq 0 ]]; then
    apt-get -qq update >&2 || true
    package=$(newest)
  fi
  [[ -n $package ]] || { echo "qemu-run: apt knows no linux-image-amd64 (apt-get update)" >&2; return 2; }
  release=${package#linux-image-}
  if [[ ! -e $cache/$package/lib/modules/$release/modules.dep ]]; then
    work=$(mktemp -d)
    echo "qemu-run: fetching $package" >&2
    (cd "$work" && apt-get -qq download "$package" 2>&1 | grep -v unsandboxed >&2) || true
    mkdir -p "$work/unpacked"
    # of the drivers only those of virtual devices
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work/unpacked" --wildcards --exclude='*/drivers/[!vn]*' \
      --exclude='*/drivers/net/[!dtvw]*' --exclude='*/drivers/net/wireless/[!m]*' --exclude='*/sound/*' \
      './boot/vmlinuz-*' './lib/modules/*'
    depmod -b "$work/unpacked" "$release"
    mkdir -p "$cache"
    mv -T "$work/unpacked" "$cache/$package" 2>/dev/null || true # another run was faster
    rm -rf "$work"
  fi
  echo "$cache/$package $release"
}
kernel=$(installed || fetched)
read -r base release <<<"$kernel"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/start"/{bin,modules,host,layer,root,proc,dev} "$folder/box"
cp "$busybox" "$folder/start/bin/busybox"
ln -s busybox "$folder/start/bin/sh"
for module in virtio_pci 9pnet_virtio 9p overlay; do
  modprobe -d "$base" -S "$release" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$folder/modules"
while read -r module; do
  cp "$module" "$folder/start/modules/"
  basename "$module" >>"$folder/start/modules/order"
done <"$folder/modules"

# the first thing that runs: the host's files with a layer in memory, then the second
cat >"$folder/start/init" <<'INIT'
#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done </modules/order
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288 root /host
mount -t tmpfs -o size=75% tmpfs /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /root
mkdir -p /root/run-box
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 box /root/run-box
umount /proc
mount --move /dev /root/dev
exec switch_root /root /bin/bash /run-box/init
INIT
chmod +x "$folder/start/init"
(cd "$folder/start" && find . | cpio --quiet -o -H newc) >"$folder/initrd"

printf '%q ' "$@" >"$folder/box/command"
[[ -z $archive ]] || cp --reflink=auto "$archive" "$folder/box/archive"
cat >"$folder/box/init" <<INIT
stty -F /dev/ttyS1 raw
exec >/dev/ttyS1 2>&1 </dev/null
export PATH=$(printf '%q' "$PATH") HOME=/root TERM=dumb
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/netns /run/lock /lib/modules/$release
[ $base = / ] || mount --bind $(printf '%q' "$base")/lib/modules/$release /lib/modules/$release
ip link set lo up
if [ -e /run-box/archive ]; then
  mkdir -p /run-host
  mount --bind $(printf '%q' "$PWD") /run-host
  mount -t tmpfs -o size=75% tmpfs $(printf '%q' "$PWD")
  tar -x -f /run-box/archive -C $(printf '%q' "$PWD")
fi
cd $(printf '%q' "$PWD")
bash /run-box/command
echo \$? >/run-box/status
sync
echo o >/proc/sysrq-trigger
while :; do :; done
INIT

# One processor: with more they spend their time on interrupting each other; and no protection keys, each change of which
# makes qemu forget all translated addresses. Its clock goes by the instructions that it has done, 2 ns each, while it is
# busy: an access point has a fifth of a second to answer a station, which a host with other work may take from it.
timeout "$seconds" qemu-system-x86_64 -accel tcg -cpu max,pku=off -smp 1 -icount shift=1,sleep=on -rtc clock=vm -m 3G -nodefaults -no-user-config \
  -display none -no-reboot -kernel "$base/boot/vmlinuz-$release" -initrd "$folder/initrd" \
  -append 'console=ttyS0 quiet panic=-1 loglevel=4' -serial "file:$folder/console" -serial stdio \
  -virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
  -virtfs "local,path=$folder/box,mount_tag=box,security_model=none" </dev/null || true
if [[ -s $folder/box/status ]]; then exit "$(cat "$folder/box/status")"; fi
echo "qemu-run: no exit status within $seconds s; the kernel's last words:" >&2
tail -n 20 "$folder/console" >&2
exit 124
