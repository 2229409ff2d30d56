/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the library non-empty until its first file lands. */
extern const int ks_state_placeholder;
const int ks_state_placeholder = 0;
