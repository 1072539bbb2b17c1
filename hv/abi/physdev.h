/* SPDX-License-Identifier: MIT */
/*
 * physdev.h - hypercall 33: physical devices
 *
 * A PVH dom0 drives its devices itself and only reports them, so the structures
 * that come with the numbers are never read.
 */
#ifndef HV_ABI_PHYSDEV_H
#define HV_ABI_PHYSDEV_H

#define PHYSDEVOP_manage_pci_add 15
#define PHYSDEVOP_manage_pci_remove 16
#define PHYSDEVOP_manage_pci_add_ext 20
#define PHYSDEVOP_pci_mmcfg_reserved 24
#define PHYSDEVOP_pci_device_add 25
#define PHYSDEVOP_pci_device_remove 26
#define PHYSDEVOP_dbgp_op 29
#define PHYSDEVOP_prepare_msix 30
#define PHYSDEVOP_release_msix 31

#endif /* HV_ABI_PHYSDEV_H */
