# SPDX-License-Identifier: GPL-2.0-or-later
"""Small helpers for tests against a real libvirt: see each module's first lines."""
