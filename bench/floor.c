/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floor that bench/run measures against: what anyone who looks at every guest must do at least. Connects,
 * lists, reads the inactive definition of each guest on one thread, and throws it away.
 */
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many bytes of XML all guests have; -1 when one cannot be read. */
static long long read_guests(virDomainPtr *list, int n)
{
    long long bytes = 0;

    for (int i = 0; i < n; i++) {
        char *text = virDomainGetXMLDesc(list[i], VIR_DOMAIN_XML_INACTIVE);
        if (text && bytes >= 0)
            bytes += (long long)strlen(text);
        else
            bytes = -1;
        free(text);
        (void)virDomainFree(list[i]);
    }
    return bytes;
}

int main(int argc, char **argv)
{
    virConnectPtr conn = argc == 2 ? virConnectOpen(argv[1]) : NULL;
    virDomainPtr *list;
    int n;
    long long bytes;

    if (!conn) {
        fprintf(stderr, "usage: bench-floor URI\n");
        return EXIT_FAILURE;
    }
    n = virConnectListAllDomains(conn, &list, 0);
    if (n < 0)
        return EXIT_FAILURE;
    bytes = read_guests(list, n);
    free(list);
    (void)virConnectClose(conn);
    printf("%d guests, %lld bytes\n", n, bytes);
    return bytes < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
