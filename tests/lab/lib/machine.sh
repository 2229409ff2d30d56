# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2054,SC2154
#
# The host as QEMU's arguments. Two NUMA nodes with two CPUs each; a PCI expander bus gives a device its node:
#
#   node 0, bus 80:  81:00.0 igb, ens1      82:00.0 e1000e, ens3, alone in its IOMMU group
#                    83:00.0 a PCIe-to-PCI bridge, 84:01.0 and 84:02.0 e1000: one IOMMU group, two endpoints
#   node 1, bus 40:  41:00.0 igb, ens2      42:00.0 NVMe, 256 MiB, serial LABNVME
#   no node, bus 0:  the spare disk /dev/vda, 1 GiB, serial LABSPARE; the wire between two hosts
#
# Both igb hang on one hub, so frames pass between them. With an expander bus in the machine QEMU wants `bus=` with
# every device.

machine_describe() {
  local host=$1
  machine=()
  machine_board "$host"
  machine_iommu
  machine_node0 "$host"
  machine_node1 "$host"
  machine_disks "$host"
  machine_shares "$host"
  machine_console "$host"
  [ "$hosts" = 1 ] || machine_wire "$host"
}

machine_board() {
  local half=$((memory / 2))
  machine+=(
    -machine q35 -accel tcg,thread=single -cpu max -smp 4,sockets=2,cores=2,threads=1 -m "$((half * 2))"
    -nodefaults -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 -display none -name "lab$1" -uuid "6b766d73-7461-4e65-8000-00000000000$1"
    -object "memory-backend-ram,id=ram0,size=${half}M" -object "memory-backend-ram,id=ram1,size=${half}M"
    -numa node,nodeid=0,memdev=ram0 -numa node,nodeid=1,memdev=ram1
    -numa cpu,node-id=0,socket-id=0 -numa cpu,node-id=1,socket-id=1
    -kernel "$kernel" -initrd "$initrd" -append "$(machine_kernel_words)"
  )
}

# The blacklisted drivers are for parts of the board that nobody uses here; emulated, each costs a second.
#
# All CPUs on one thread: now and then QEMU 10.0, emulating them at once, loses the wake-up of an idle one, which then
# sleeps on for good.
machine_kernel_words() {
  local words="console=ttyS0 quiet panic=-1 module_blacklist=ahci,i2c_i801,iTCO_wdt,lpc_ich"
  [ "$iommu" = no ] || words+=" intel_iommu=on"
  echo "$words $append"
}

# VFIO refuses a device without interrupt remapping, or wants vfio_iommu_type1.allow_unsafe_interrupts.
machine_iommu() {
  local remapping=on
  [ "$intremap" = yes ] || remapping=off
  [ "$iommu" = no ] || machine+=(-device "intel-iommu,intremap=$remapping")
}

# BUS ID SLOT ADDRESS: the slot's number is the N in ensN.
machine_root_port() {
  machine+=(-device "pcie-root-port,bus=$1,id=$2,chassis=$3,slot=$3,addr=$4")
}

# MODEL BUS MAC [PROPERTIES]
machine_nic() {
  local id="net$3"
  id=${id//:/}
  machine+=(-netdev "hubport,hubid=0,id=$id" -device "$1,bus=$2,netdev=$id,mac=$3,romfile=${4:+,$4}")
}

machine_node0() {
  local mac=52:54:00:4c:0$1
  machine+=(-device pxb-pcie,bus=pcie.0,id=pxb0,bus_nr=128,numa_node=0,addr=8)
  machine_root_port pxb0 port1 1 0
  machine_root_port pxb0 port3 3 1
  machine_root_port pxb0 port5 5 2
  machine_nic igb port1 "$mac:01"
  machine_nic e1000e port3 "$mac:03"
  machine+=(-device pcie-pci-bridge,bus=port5,id=shared)
  machine_nic e1000 shared "$mac:05" addr=1
  machine_nic e1000 shared "$mac:06" addr=2
}

machine_node1() {
  local mac=52:54:00:4c:0$1 image=$scratch/host$1/nvme.img
  truncate -s 256M "$image"
  machine+=(-device pxb-pcie,bus=pcie.0,id=pxb1,bus_nr=64,numa_node=1,addr=9)
  machine_root_port pxb1 port2 2 0
  machine_root_port pxb1 port4 4 1
  machine_nic igb port2 "$mac:02"
  machine+=(-drive "if=none,id=nvme,format=raw,file=$image" -device nvme,bus=port4,drive=nvme,serial=LABNVME)
}

machine_disks() {
  local image=$scratch/host$1/spare.img
  truncate -s 1G "$image"
  machine+=(-drive "if=none,id=spare,format=raw,file=$image,discard=unmap"
    -device virtio-blk-pci,bus=pcie.0,drive=spare,serial=LABSPARE)
}

# TAG PATH [OPTION]: `remap` keeps inode numbers apart where the path spans file systems.
machine_share() {
  machine+=(-fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap${3:+,$3}"
    -device "virtio-9p-pci,bus=pcie.0,fsdev=$1,mount_tag=$1")
}

machine_shares() {
  machine_share root / readonly=on
  machine_share control "$scratch/host$1"
  machine_share output "$output"
}

# The kernel speaks on ttyS0 to a file, the command on ttyS1 to us, so neither garbles the other.
machine_console() {
  local stdio=signal=on
  [ "$shell" = no ] || stdio=signal=off,mux=on
  machine+=(-serial "file:$scratch/host$1/console.log" -chardev "stdio,id=terminal,$stdio" -serial chardev:terminal)
}

# Two unix sockets, one each way: whichever host starts first just talks to nobody for a while.
machine_wire() {
  local here=$1 there=$((3 - $1))
  machine+=(-netdev "dgram,id=wire,local.type=unix,local.path=$scratch/wire$here,remote.type=unix,remote.path=$scratch/wire$there"
    -device "virtio-net-pci,bus=pcie.0,netdev=wire,mac=52:54:00:4c:0$here:00")
}
