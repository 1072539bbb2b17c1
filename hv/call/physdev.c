/* SPDX-License-Identifier: MIT */
/*
 * physdev.c - hypercall 33: physical devices
 *
 * dom0 owns every device and interrupt controller itself; it reports what it
 * finds and there is nothing to do with it.
 */
#include "../abi/physdev.h"
#include "hypercall.h"

long call_physdev_op(struct hypercall *hc)
{
	if (!current->domain->privileged)
		return -ENOSYS;
	switch (hc->arg[0]) {
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_manage_pci_add_ext:
	case PHYSDEVOP_pci_mmcfg_reserved:
	case PHYSDEVOP_pci_device_add:
	case PHYSDEVOP_pci_device_remove:
	case PHYSDEVOP_dbgp_op:
	case PHYSDEVOP_prepare_msix:
	case PHYSDEVOP_release_msix:
		return 0;
	}
	return -ENOSYS;
}
