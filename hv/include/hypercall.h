/* SPDX-License-Identifier: MIT */
/*
 * hypercall.h - what call/ offers to the rest, and how a call is served
 *
 * A handler reads its arguments from @arg, checks everything before it changes
 * anything, and returns what the guest finds in rax.  A long call that should
 * give way (hypercall_preempt()) stores its progress in @arg (or in the guest's
 * argument structure) and returns -ERESTART: the dispatcher writes @arg back to
 * the registers (or the multicall entry) and the guest issues the call again.
 */
#ifndef HV_HYPERCALL_H
#define HV_HYPERCALL_H

#include "domain.h"
#include "vmm.h"

struct hypercall {
	u64 nr;
	u64 arg[6];
};

/*
 * call/hypercall.c: decode the registers of @v, the current vCPU, and serve.
 * RIP stands at the VMMCALL instruction.
 *
 * Return: true when the call is done: rax is set, the exit handler advances RIP
 * past the instruction.  False when the guest shall issue it again: the
 * argument registers hold the progress, RIP stays.
 */
bool hypercall_dispatch(struct vcpu *v);
const char *hypercall_name(unsigned int nr);

long call_memory_op(struct hypercall *hc);
long call_multicall(struct hypercall *hc);
long call_xen_version(struct hypercall *hc);
long call_console_io(struct hypercall *hc);
long call_grant_table_op(struct hypercall *hc);
long call_vm_assist(struct hypercall *hc);
long call_vcpu_op(struct hypercall *hc);
long call_sched_op(struct hypercall *hc);
long call_event_channel_op(struct hypercall *hc);
long call_physdev_op(struct hypercall *hc);
long call_hvm_op(struct hypercall *hc);
long call_sysctl(struct hypercall *hc);
long call_domctl(struct hypercall *hc);
long call_platform_op(struct hypercall *hc);
long call_set_timer_op(struct hypercall *hc);

/*
 * Resolve a domid argument for an operation by the current domain.  DOMID_SELF
 * and the own id give the caller.  Others need a privileged caller.
 * Return: a referenced domain, or NULL with *err -EPERM or -ESRCH.
 */
struct domain *domain_for_call(domid_t id, long *err);

/* event.c: event channels, for the rest of the hypervisor */
int evtchn_init(struct domain *d, u32 max_port);
/* Close all ports; -ERESTART if it wants to be called again. */
int evtchn_reset(struct domain *d);
void evtchn_free(struct domain *d);
/* A virtual interrupt: per vCPU (TIMER, DEBUG), or global (sent to dom0). */
void evtchn_send_virq(struct vcpu *v, u32 virq);
void evtchn_send_global_virq(u32 virq);
/* Move the pending state over when vcpu_info moves; called by vcpu_op. */
void evtchn_vcpu_info_moved(struct vcpu *v);
/* What of domain_set_layout() concerns event channels. */
long evtchn_set_layout(struct domain *d, bool shared32);
/* dump for the console key */
void evtchn_dump(struct domain *d);

/* grant.c */
int grant_init(struct domain *d);
/* Release what @d has mapped of others; -ERESTART to be called again. */
int grant_release_maps(struct domain *d);
/* Dying: drop our references on its table frames; the bookkeeping stays until
 * grant_free(), for others may still have its pages mapped.
 */
void grant_release_frames(struct domain *d);
void grant_free(struct domain *d);
/* add_to_physmap(grant_table, idx): the frame, grown if needed, or NULL. */
struct page *grant_frame(struct domain *d, u32 idx);
/* Toolstack: seed reserved entry @ref (console 0, xenstore 1) for dom0. */
void grant_dump(struct domain *d);

/* memory.c: release all RAM of a dying domain; -ERESTART to be called again. */
int memory_release(struct domain *d);

/* stats.c: the console keys and the report at power-off */
void stats_dump_all(void);
void stats_dump_cpus(void);
void keyhandler(char key);

#endif /* HV_HYPERCALL_H */
