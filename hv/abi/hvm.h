/* SPDX-License-Identifier: MIT */
/* hvm.h - hypercall 34: parameters and event vectors of HVM/PVH guests */
#ifndef HV_ABI_HVM_H
#define HV_ABI_HVM_H

#include "xen.h"

#define HVMOP_set_param 0
#define HVMOP_get_param 1
#define HVMOP_get_time 10
#define HVMOP_get_mem_type 15
#define HVMOP_set_evtchn_upcall_vector 23
#define HVMOP_guest_request_vm_event 24
#define HVMOP_altp2m 25

struct hvm_param {
	domid_t domid;
	u16 pad;
	u32 index; /* HVM_PARAM_* */
	u64 value;
};

struct hvm_evtchn_upcall_vector {
	u32 vcpu;
	u8 vector;
};

struct hvm_get_time {
	u64 now;
};

struct hvm_get_mem_type {
	domid_t domid;
	u16 mem_type; /* out */
	u16 pad[2];
	u64 pfn;
};

#define HVMMEM_ram_rw 0
#define HVMMEM_ram_ro 1
#define HVMMEM_mmio_dm 2

#define HVM_PARAM_CALLBACK_IRQ 0
#define HVM_PARAM_STORE_PFN 1
#define HVM_PARAM_STORE_EVTCHN 2
#define HVM_PARAM_PAE_ENABLED 4
#define HVM_PARAM_VIRIDIAN 9
#define HVM_PARAM_TIMER_MODE 10
#define HVM_PARAM_IDENT_PT 12
#define HVM_PARAM_DM_DOMAIN 13
#define HVM_PARAM_ACPI_S_STATE 14
#define HVM_PARAM_VM86_TSS 15
#define HVM_PARAM_CONSOLE_PFN 17
#define HVM_PARAM_CONSOLE_EVTCHN 18
#define HVM_PARAM_ACPI_IOPORTS_LOCATION 19
#define HVM_PARAM_MEMORY_EVENT_CR0 20
#define HVM_PARAM_NESTEDHVM 24
#define HVM_PARAM_BUFIOREQ_EVTCHN 26
#define HVM_PARAM_MEMORY_EVENT_MSR 30
#define HVM_PARAM_VM_GENERATION_ID_ADDR 34
#define HVM_PARAM_ALTP2M 35
#define HVM_PARAM_X87_FIP_WIDTH 36
#define HVM_PARAM_VM86_TSS_SIZED 37
#define HVM_PARAM_MCA_CAP 38
#define HVM_PARAM_COUNT 39

/* HVM_PARAM_CALLBACK_IRQ: how an event reaches the guest, bits 63:56. */
#define HVM_CALLBACK_TYPE_SHIFT 56
#define HVM_CALLBACK_TYPE_VECTOR 2

#endif /* HV_ABI_HVM_H */
