/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands, in the order of their bits in cli.h. */
#include "reconciler/cli.h"

const struct ks_command ks_commands[] = {
    {.name = "validate",
     .run = ks_command_validate,
     .summary = "Check the manifest, or all hosts of a repository, without any host.",
     .text = "Types, units, ranges, unknown keys, references, and things given twice. Everything that is wrong is "
             "reported in one run, each with its file, line and column. With --all also what two hosts cannot both "
             "have: a MAC address, an address on the wire, a UUID, an image on shared storage."},
    {.name = "plan",
     .run = ks_command_plan,
     .summary = "Show what would change, and why. Changes nothing.",
     .text = "Reads the host, compares, checks what the host can satisfy, and prints the steps in the order of "
             "their execution. The impact of a step is safe, live, network, restart, delete or data-loss; what "
             "is neither safe nor live is held until it is allowed.\n\n"
             "A saved plan (--out) holds the manifest that it was made from. `kvmstate apply FILE` observes "
             "again, and refuses to write anything when a thing that the plan touches is not as it was."},
    {.name = "apply",
     .args = "[PLAN]",
     .max_args = 1,
     .run = ks_command_apply,
     .summary = "Make the host what the manifest says, read it back, and plan again.",
     .text =
         "Carries out the steps that `kvmstate plan` shows, independent ones at the same time. When one "
         "fails, what needs it is skipped and the rest goes on. At the end the host is observed and planned "
         "again: nothing is left to do, or the run says what did not hold.\n\n"
         "Steps of the impact network are made under a checkpoint: links, addresses and routes are recorded "
         "first, and put back when a step fails, when what answered before (default gateways, "
         "defaults.checkpoint.targets, the repository's host) does not answer again in time, or when the run is "
         "killed. `kvmstate checkpoint revert` does so at boot after a power cut.\n\n"
         "SIGINT and SIGTERM: running steps are finished, no new ones are started."},
    {.name = "schema",
     .run = ks_command_schema,
     .summary = "Print the JSON Schema of the manifest, for editors.",
     .text = "With --markdown: the reference page of all fields."},
    {.name = "import",
     .run = ks_command_import,
     .summary = "Print the host, or one guest of it, as a manifest. Changes nothing.",
     .text = "What is printed is valid, says nothing that is a default, and its own plan is empty but for the "
             "adoption. What no field says stands under xml, as fragments of libvirt's own; what cannot be said "
             "there either is named in a comment, and stays as it is.\n\n"
             "Passwords and the values of secrets are never printed."},
    {.name = "doctor",
     .run = ks_command_doctor,
     .summary = "Check whether this host is fit: for guests in general, or for its manifest.",
     .text =
         "Looks at KVM, nesting, libvirt, QEMU, firmware, the IOMMU and interrupt remapping, SR-IOV, huge pages, "
         "control groups, helper programs, files and permissions. Each check says what is there, what in the "
         "manifest needs it, and in one line how to mend it. Without a manifest it reports on the host in "
         "general; without libvirt on all else. Changes nothing.\n\n"
         "The exit status is 1 when something is missing that the manifest needs."},
    {.name = "topology",
     .run = ks_command_topology,
     .summary = "Draw the host: nodes, CPUs and pins, pages, VFs and devices, bridges and guests.",
     .text = "NUMA nodes with their CPUs and memory; which guest's vCPUs are pinned where; huge pages of each node "
             "and size, used and free; PFs, their VFs and who holds each; PCI devices that guests have; bridges, "
             "their ports, networks and guests. Needs no manifest, and changes nothing. Where libvirt is out of "
             "reach, the hardware is drawn alone."},
    {.name = "generate",
     .args = "man|bash",
     .min_args = 1,
     .max_args = 1,
     .hidden = true,
     .run = ks_command_generate,
     .summary = "Print the man page or the completion for bash."},
    {.name = "checkpoint",
     .args = "revert",
     .min_args = 1,
     .max_args = 1,
     .hidden = true,
     .run = ks_command_checkpoint,
     .summary = "Undo a change of the network that a run was cut off in: at boot."},
};
const size_t ks_n_commands = KS_COUNT(ks_commands);
_Static_assert(KS_COUNT(ks_commands) == 9, "cli.h has a bit for each");
