/* SPDX-License-Identifier: GPL-2.0-or-later */
extern const int ks_reconciler_placeholder;
const int ks_reconciler_placeholder = 0;
