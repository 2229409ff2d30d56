/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over the files of directories, where there is no libFuzzer to do it. */
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 32 << 20 };

static int run_directory(const char *dir, size_t *ret_n, struct ks_error *err)
{
    ks_auto(ks_arena_freep) struct ks_arena *arena = ks_arena_new();
    ks_auto(ks_closep) int root = -1;
    struct ks_strings names = {0};

    if (ks_root_open(dir, &root, err) || ks_dir_list(root, ".", arena, &names, err))
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        ks_auto(ks_arena_freep) struct ks_arena *one = ks_arena_new();
        char *text;
        size_t n;
        if (ks_file_read(root, names.v[i], INPUT_MAX, one, &text, &n, err))
            return -1;
        /* A copy of its exact size, so that a sanitizer sees a read behind it. */
        ks_auto(ks_freep) uint8_t *data = malloc(n ? n : 1);
        memcpy(data, text, n);
        (void)LLVMFuzzerTestOneInput(data, n);
        ++*ret_n;
    }
    return 0;
}

int main(int argc, char **argv)
{
    size_t n = 0;

    for (int i = 1; i < argc; i++) {
        struct ks_error err = {0};
        if (run_directory(argv[i], &n, &err)) {
            fprintf(stderr, "%s: %s\n", argv[i], err.msg[0]);
            return 1;
        }
    }
    printf("%zu inputs\n", n);
    return n == 0;
}
