#!/usr/bin/env bash
# Runs one command under a User-Mode Linux kernel, which has SCTP where the host's kernel may not, on the host's own
# files. The exit status is the command's. Needs Debian's user-mode-linux, kmod and iproute2.
#   uml-run.sh SECONDS COMMAND [ARGUMENT...]
set -euo pipefail
seconds=$1
shift
command -v linux.uml >/dev/null || { echo "uml-run: linux.uml is not installed (Debian package user-mode-linux)" >&2; exit 2; }
release=$(basename "$(echo /usr/lib/uml/modules/*)")
[[ -e /lib/modules/$release ]] || { mkdir -p /lib/modules; ln -s "/usr/lib/uml/modules/$release" "/lib/modules/$release"; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '%q ' "$@" >"$folder/command"
cat >"$folder/init" <<INIT
#!/bin/bash
export PATH=$PATH HOME=/root TERM=dumb
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/netns
for module in sctp veth ipv6 esp4 esp6 xfrm_user dummy tun; do modprobe -q \$module; done
ip link set lo up
cd $(printf '%q' "$PWD")
bash $folder/command >$folder/output 2>&1
echo \$? >$folder/status
sync
echo o >/proc/sysrq-trigger
sleep 5
INIT
chmod +x "$folder/init"
timeout "$seconds" linux.uml mem=2G rootfstype=hostfs rootflags=/ rw "init=$folder/init" \
  con=null con0=null,fd:2 quiet </dev/null >"$folder/console" 2>&1 || true
cat "$folder/output" 2>/dev/null || true
if [[ -s $folder/status ]]; then exit "$(cat "$folder/status")"; fi
echo "uml-run: no exit status within $seconds s" >&2
tail -n 20 "$folder/console" >&2
exit 124
