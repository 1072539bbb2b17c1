/* SPDX-License-Identifier: MIT */
/* contests.h - the rings that are compared: CONTEST(name, slot) for each */
#define CONTESTS(name) CONTEST(name, 16) CONTEST(name, 64) CONTEST(name, 112)
CONTESTS(tenon)
CONTESTS(xen)
CONTESTS(xen_private)
CONTESTS(xen_paced)
CONTESTS(xen_per_item)
CONTESTS(vsplit)
CONTESTS(vpacked)
#ifdef HAVE_CK
CONTESTS(ck)
#endif
#ifdef HAVE_RTE
CONTESTS(rte)
#endif
#ifdef HAVE_URING
CONTEST(uring, 64)
#endif
#undef CONTESTS
#undef CONTEST
