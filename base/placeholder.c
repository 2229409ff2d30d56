/* SPDX-License-Identifier: GPL-2.0-or-later */
extern const int ks_base_placeholder;
const int ks_base_placeholder = 0;
