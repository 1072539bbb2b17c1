/* SPDX-License-Identifier: MIT */
/* vcpu.h - hypercall 24: operations on one's own virtual CPUs */
#ifndef HV_ABI_VCPU_H
#define HV_ABI_VCPU_H

#include "xen.h"

#define VCPUOP_up 1
#define VCPUOP_down 2
#define VCPUOP_is_up 3
#define VCPUOP_get_runstate_info 4
#define VCPUOP_register_runstate_memory_area 5
#define VCPUOP_stop_periodic_timer 7
#define VCPUOP_set_singleshot_timer 8
#define VCPUOP_stop_singleshot_timer 9
#define VCPUOP_register_vcpu_info 10
#define VCPUOP_register_vcpu_time_memory_area 13

/* register_runstate_memory_area and register_vcpu_time_memory_area */
struct vcpu_register_area {
	u64 gva;
};

#define VCPU_SSHOTTMR_future (1U << 0) /* -ETIME if it has passed already */

struct vcpu_set_singleshot_timer {
	u64 timeout_abs_ns;
	u32 flags;
};

#define MEMBERS_vcpu_set_singleshot_timer "qw"

struct vcpu_register_vcpu_info {
	u64 gfn;
	u32 offset;
	u32 rsvd;
};

/* domctl {get,set}vcpucontext; what has no name here is for PV guests only. */
struct vcpu_guest_context {
	u8 fpu_ctxt[512];
	u64 flags; /* VGCF_* */
	struct cpu_user_regs {
		u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
		u64 rax, rcx, rdx, rsi, rdi;
		u32 error_code, entry_vector;
		u64 rip, cs, rflags, rsp, ss, es, ds, fs, gs;
	} user_regs;
	u8 trap_ctxt[4096];
	u64 ldt_base, ldt_ents, gdt_frames[16], gdt_ents, kernel_ss, kernel_sp;
	u64 ctrlreg[8], debugreg[8];
	u64 callback_eip[3], vm_assist;
	u64 fs_base, gs_base_kernel, gs_base_user;
};

#define VGCF_in_kernel (1U << 2)
#define VGCF_online (1U << 5)

#endif /* HV_ABI_VCPU_H */
