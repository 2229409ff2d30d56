/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside schema/: the tables of a guest and its parts, one file each, and the codecs that they share. What
 * libvirt's domain XML looks like: https://libvirt.org/formatdomain.html
 */
#pragma once

#include "schema/kinds.h"

/* guest_cpu.c */
extern const struct ks_enum ks_yes_no, ks_on_off;
/* guest_device.c */
extern const struct ks_kind ks_graphics_kind, ks_watchdog_kind, ks_cloud_init_kind, ks_shutdown_kind, ks_wait_kind,
    ks_direct_kernel_kind, ks_hugepage_kind, ks_auth_kind;

/* codec_memory.c: memory and vCPUs, whose two numbers depend on each other, and huge pages */
extern const struct ks_codec ks_memory_codec, ks_max_memory_codec, ks_vcpus_codec, ks_max_vcpus_codec,
    ks_min_vcpus_codec, ks_iothreads_codec, ks_hugepages_codec;
/* codec_cpu.c */
extern const struct ks_codec ks_cpu_codec, ks_cpu_mode_codec, ks_cpu_model_codec, ks_cpu_check_codec,
    ks_nodes_codec, ks_clock_codec;
/* codec_boot.c: machine, firmware, boot order, kernel */
extern const struct ks_codec ks_machine_codec, ks_firmware_codec, ks_secure_boot_codec, ks_boot_codec;
/* codec_disk.c */
extern const struct ks_codec ks_disk_source_codec, ks_disk_source_facts_codec, ks_disk_device_codec,
    ks_disk_bus_codec, ks_disk_readonly_codec;
/* codec_nic.c */
extern const struct ks_codec ks_nic_source_codec, ks_nic_source_facts_codec, ks_nic_vlan_codec;
/* codec_device.c */
extern const struct ks_codec ks_pci_codec, ks_serial_codec, ks_tpm_codec, ks_watchdog_codec, ks_video_codec,
    ks_listen_codec, ks_port_codec, ks_virtiofs_codec;
/* The first child of <devices> of this name (NULL: any), or NULL; a fragment as one more; NULL with *err. */
xmlNode *ks_device_first(const xmlNode *domain, const char *name);
xmlNode *ks_device_add(xmlNode *domain, const char *fragment, struct ks_error *err);
/* codec_ports.c */
extern const struct ks_codec ks_ports_codec, ks_free_ports_codec, ks_controller_codec;
/* codec_xml.c: fragments */
extern const struct ks_codec ks_fragments_codec;
const char *ks_check_fragments(struct ks_arena *arena, const char **text);
/* The stated fields that `guest` would not have with its fragments merged in, as changes from what it would have to
   what they say; paths, places and texts lie in the arena, have->xml is gone. guest_fragments.c */
void ks_fragments_conflicts(struct ks_arena *arena, const struct ks_guest *guest, struct ks_changes *ret);
/* Whether its fragments say again what a field states, or of which device: it could not be changed alone. */
bool ks_fragments_repeat(const struct ks_guest *guest);
/* The child of `parent` that the fragment `want` speaks of, or NULL. */
xmlNode *ks_xml_counterpart(struct ks_arena *arena, xmlNode *want, xmlNode *parent);
/* What tells elements of this name apart: up to KS_XML_IDS paths; NULL where there is one of them at most. */
enum { KS_XML_IDS = 3 };
const char *const *ks_xml_identity(const xmlNode *node, const xmlNode *parent);
bool ks_xml_is_device(const xmlNode *node); /* one that stands under <devices> */

/* A PCI address in an element with domain, bus, slot and function, as DDDD:BB:DD.F; NULL when there is none. */
const char *ks_pci_read(struct ks_arena *arena, const xmlNode *address);
bool ks_pci_part(const xmlNode *address, const char *name, unsigned long *ret); /* one attribute of it */
void ks_pci_write(xmlNode *address, const char *text);
