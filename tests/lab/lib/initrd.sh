# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# The kernel, and an initrd with just enough in it to reach this machine's root file system. Everything else is
# loaded by udev from there, as on any host.

readonly initrd_modules=(virtio_pci 9pnet_virtio 9p overlay)

# Sets `kernel` and `release`: the newest of Debian's kernels that has its modules.
initrd_find_kernel() {
  local candidate
  while read -r candidate; do
    release=${candidate#/boot/vmlinuz-}
    if [ -r "$candidate" ] && [ -d "/lib/modules/$release" ]; then
      kernel=$candidate
      return 0
    fi
  done < <(find /boot -maxdepth 1 -name 'vmlinuz-*-amd64' | sort -rV)
  return 1
}

# Sets `initrd`. Its name is made of all that goes into it, so a changed kernel or script gets a new one.
initrd_prepare() {
  local cache key
  cache=$(lab_cache)
  mkdir -p "$cache"
  key=$(initrd_key) || return 1
  initrd=$cache/initrd-$key
  [ ! -s "$initrd" ] || return 0
  find "$cache" -maxdepth 1 -name 'initrd-*' -mtime +7 -delete
  initrd_build "$initrd"
}

initrd_key() {
  {
    echo "$release"
    stat -c '%s %Y' "$kernel" "$(type -P busybox)"
    cat "$lab_dir/initrd/init" "$lab_dir/lib/initrd.sh"
  } | sha256sum | cut -c 1-16
}

# Files of the modules and of what they need, in the order in which they load.
initrd_module_files() {
  local module
  for module in "${initrd_modules[@]}"; do
    PATH=$PATH:/sbin:/usr/sbin modprobe -S "$release" --show-depends "$module" || return 1
  done | awk '$1 == "insmod" && !seen[$2]++ {print $2}'
}

# Written beside and renamed, so that a second lab never sees half of it.
initrd_build() {
  local target=$1 tree file part status=0
  tree=$(mktemp -d)
  mkdir -p "$tree"/{bin,modules,proc,sys,dev,control,root,memory,host}
  cp "$(type -P busybox)" "$tree/bin/busybox"
  install -m 755 "$lab_dir/initrd/init" "$tree/init"
  initrd_module_files >"$tree/list" || status=1
  while read -r file; do
    cp "$file" "$tree/modules/"
    basename "$file"
  done <"$tree/list" >"$tree/modules/order"
  part=$(mktemp "$target.XXXXXX")
  (cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$part" || status=1
  if [ $status = 0 ]; then
    mv "$part" "$target"
  fi
  rm -rf "$part" "$tree"
  return $status
}
