/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Schemas are read by many threads at once, as an embedded libvirt does with guests that are defined together.
 * Without ks_xml_share_validation(), 8 of 400 runs failed on two cores.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libxml/relaxng.h>

#include "schema/xml.h"

static const char schema[] = "<grammar xmlns='http://relaxng.org/ns/structure/1.0' "
                             "datatypeLibrary='http://www.w3.org/2001/XMLSchema-datatypes'><start>"
                             "<element name='a'><data type='unsignedInt'/></element></start></grammar>";

static pthread_barrier_t together;

static void *read_schema(void *ret)
{
    xmlRelaxNGParserCtxt *ctxt = xmlRelaxNGNewMemParserCtxt(schema, (int)sizeof(schema) - 1);
    xmlRelaxNG *read;

    (void)pthread_barrier_wait(&together);
    read = xmlRelaxNGParse(ctxt);
    *(bool *)ret = read != NULL;
    xmlRelaxNGFree(read);
    xmlRelaxNGFreeParserCtxt(ctxt);
    return NULL;
}

static void test_many_threads_read_a_schema(void **state)
{
    enum { N = 8 };
    pthread_t threads[N];
    bool read[N] = {false};

    (void)state;
    ks_xml_share_validation();
    assert_int_equal(pthread_barrier_init(&together, NULL, N), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_schema, &read[i]), 0);
    for (int i = 0; i < N; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(read[i]);
    }
    (void)pthread_barrier_destroy(&together);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_threads_read_a_schema)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
