/* SPDX-License-Identifier: MIT */
/* contests.h - the rings that are compared: CONTESTS(name) for each (no guard) */
CONTESTS(tenon)
CONTESTS(xen)
CONTESTS(xen_per_item)
CONTESTS(xen_private)
