/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the library non-empty until its first file lands. */
extern const int ks_planners_placeholder;
const int ks_planners_placeholder = 0;
