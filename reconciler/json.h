/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json: what every report in JSON is built with. Out of memory aborts. */
#pragma once

#include <jansson.h>

#include "base/base.h"

/* Text that is not UTF-8 (a path, a name) still gives valid JSON: its other bytes become '?'. NULL: null. */
json_t *ks_json_text(const char *text);
json_t *ks_json_strings(const struct ks_strings *strings);
/* These take over `value`. */
void ks_json_set(json_t *object, const char *key, json_t *value);
void ks_json_append(json_t *array, json_t *value);
void ks_json_set_text(json_t *object, const char *key, const char *text);
/* Left out where there is nothing to say. */
void ks_json_set_text_if(json_t *object, const char *key, const char *text);
