# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
#
# Which QEMU emulates the host. An igb with SR-IOV came with QEMU 8.0; Debian 12 installs 7.2 and has a later one in
# its backports. That one is unpacked into the cache and never touches what is installed: guests in the lab run on
# the installed one.

lab_cache() {
  echo "${KS_LAB_CACHE:-/var/cache/kvmstate-lab}"
}

qemu_has_igb() {
  # Not `-device help`: that loads every module there is, of another build too.
  # Its status is 0 even when there is none.
  [[ $("$@" -device igb,help 2>/dev/null) == *netdev* ]]
}

# Sets the array `qemu`; fails when there is none to be had.
qemu_find() {
  local root
  qemu=(qemu-system-x86_64)
  if command -v "${qemu[0]}" >/dev/null && qemu_has_igb "${qemu[@]}"; then
    return 0
  fi
  root=$(lab_cache)/qemu
  qemu_fetch "$root" >&2 || return 1
  # Its own modules only: those of the installed build do not fit it.
  export QEMU_MODULE_DIR=$root/usr/lib/x86_64-linux-gnu/qemu
  qemu=("$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
  qemu_has_igb "${qemu[@]}"
}

# Fills $1 once, whoever asks first; the others wait.
qemu_fetch() {
  local root=$1 work status=0
  [ ! -x "$root/usr/bin/qemu-system-x86_64" ] || return 0
  mkdir -p "$root"
  (
    flock 9
    [ ! -x "$root/usr/bin/qemu-system-x86_64" ] || exit 0
    echo "lab: unpacking a QEMU from the backports into $root"
    work=$(mktemp -d "$root.XXXXXX")
    qemu_download "$work" && qemu_unpack "$work" "$root" || status=1
    rm -rf "$work"
    exit $status
  ) 9>"$root.lock"
}

# Package lists and packages go to $1; apt's own lists and sources stay as they are.
qemu_download() {
  local work=$1 codename origin keyring=/usr/share/keyrings/debian-archive-keyring.gpg options=''
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016 # the words are apt's
  origin=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v codename="$codename" '$1 == codename {print $2; exit}')
  [ -n "$origin" ] || return 1
  [ ! -r "$keyring" ] || options="[signed-by=$keyring]"
  mkdir -p "$work/lists/partial"
  echo "deb $options $origin $codename-backports main" >"$work/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work" -o APT::Sandbox::User=root)
  "${apt[@]}" update &&
    (cd "$work" && "${apt[@]}" download qemu-system-x86 qemu-system-common qemu-system-data seabios)
}

# The program comes last, so that an interrupted unpacking does not pass for a whole one.
qemu_unpack() {
  local work=$1 root=$2 package tree=$1/tree program=usr/bin/qemu-system-x86_64
  for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$tree" || return 1
  done
  mv "$tree/$program" "$work/program" &&
    cp -a "$tree/." "$root/" &&
    mkdir -p "$root/usr/bin" &&
    mv "$work/program" "$root/$program"
}
