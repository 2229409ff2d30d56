/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconciler/json.h"

json_t *ks_json_text(const char *text)
{
    json_t *json;
    char *copy;

    if (!text)
        return json_null();
    json = json_string(text);
    if (json)
        return json;
    copy = strdup(text);
    if (!copy)
        abort();
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    json = json_string(copy);
    free(copy);
    return json;
}

void ks_json_set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        abort(); /* out of memory, or no value: both end a run */
}

void ks_json_set_text(json_t *object, const char *key, const char *text)
{
    ks_json_set(object, key, ks_json_text(text));
}

void ks_json_set_text_if(json_t *object, const char *key, const char *text)
{
    if (text)
        ks_json_set_text(object, key, text);
}

void ks_json_append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        abort();
}

json_t *ks_json_strings(const struct ks_strings *strings)
{
    json_t *array = json_array();

    for (size_t i = 0; i < strings->n; i++)
        ks_json_append(array, ks_json_text(strings->v[i]));
    return array;
}
