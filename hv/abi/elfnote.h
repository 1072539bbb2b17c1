/* SPDX-License-Identifier: MIT */
/* elfnote.h - the ELF notes of a guest kernel that matter to PVH */
#ifndef HV_ABI_ELFNOTE_H
#define HV_ABI_ELFNOTE_H

#define XEN_ELFNOTE_NAME "Xen"
#define XEN_ELFNOTE_PHYS32_ENTRY 18 /* entry in flat 32-bit mode */

#endif /* HV_ABI_ELFNOTE_H */
