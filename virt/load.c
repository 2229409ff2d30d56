/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads the libvirt module, which takes longer than most of what is done without libvirt. */
#include <dlfcn.h>
#include <pthread.h>

#include "virt/virt.h"

/* There, and no module needed, in programs that are linked to it: the tests, and with a sanitizer. */
extern const struct ks_virt_table ks_virt_module __attribute__((weak));
const struct ks_virt_table *ks_virt = &ks_virt_module;

static int load(const struct ks_virt_table **ret, struct ks_error *err)
{
    const struct ks_virt_table *table;
    void *module = ks_module_open(KS_VIRT_MODULE_FILE, NULL, KS_E_VIRT, err);

    if (!module)
        return ks_wrap(err, "without it there is no libvirt");
    table = dlsym(module, KS_VIRT_MODULE_SYMBOL);
    if (!table || !ks_streq(table->build, KS_BUILD_ID) || !ks_streq(table->functions, KS_VIRT_NAMES))
        return ks_fail(err, KS_E_VIRT, KS_NOWHERE, "%s does not belong to this kvmstate (%s)", KS_VIRT_MODULE_FILE,
                       KS_BUILD_ID);
    *ret = table;
    return 0;
}

int ks_virt_load(struct ks_error *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int ret = 0;

    (void)pthread_mutex_lock(&lock);
    if (!ks_virt)
        ret = load(&ks_virt, err);
    (void)pthread_mutex_unlock(&lock);
    return ret;
}
