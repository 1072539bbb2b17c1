/* SPDX-License-Identifier: MIT */
/* event_channel.h - hypercall 32: event channel operations */
#ifndef HV_ABI_EVENT_CHANNEL_H
#define HV_ABI_EVENT_CHANNEL_H

#include "xen.h"

#define EVTCHNOP_bind_interdomain 0
#define EVTCHNOP_bind_virq 1
#define EVTCHNOP_bind_pirq 2
#define EVTCHNOP_close 3
#define EVTCHNOP_send 4
#define EVTCHNOP_status 5
#define EVTCHNOP_alloc_unbound 6
#define EVTCHNOP_bind_ipi 7
#define EVTCHNOP_bind_vcpu 8
#define EVTCHNOP_unmask 9
#define EVTCHNOP_reset 10
#define EVTCHNOP_init_control 11
#define EVTCHNOP_expand_array 12
#define EVTCHNOP_set_priority 13

/* Ask for a port of @dom that @remote_dom may bind to; @port is returned. */
struct evtchn_alloc_unbound {
	domid_t dom, remote_dom;
	u32 port;
};

/* Bind to an unbound port of @remote_dom; @local_port is returned. */
struct evtchn_bind_interdomain {
	domid_t remote_dom;
	u32 remote_port;
	u32 local_port;
};

struct evtchn_bind_virq {
	u32 virq;
	u32 vcpu;
	u32 port; /* out */
};

struct evtchn_bind_ipi {
	u32 vcpu;
	u32 port; /* out */
};

/* close, send and unmask */
struct evtchn_port_op {
	u32 port;
};

#define EVTCHNSTAT_closed 0
#define EVTCHNSTAT_unbound 1
#define EVTCHNSTAT_interdomain 2
#define EVTCHNSTAT_virq 4
#define EVTCHNSTAT_ipi 5

struct evtchn_status {
	domid_t dom;
	u32 port;
	u32 status; /* out, as all that follows */
	u32 vcpu;
	union {
		struct {
			domid_t dom;
		} unbound;
		struct {
			domid_t dom;
			u32 port;
		} interdomain;
		u32 virq;
	} u;
};

struct evtchn_bind_vcpu {
	u32 port;
	u32 vcpu;
};

struct evtchn_reset {
	domid_t dom;
};

/* Give a vCPU its control block, by frame and offset in it. */
struct evtchn_init_control {
	u64 control_gfn;
	u32 offset;
	u32 vcpu;
	u8 link_bits; /* out: how many of a word name the next port */
	u8 pad[7];
};

/* Words for the next ports: a frame of them. */
struct evtchn_expand_array {
	u64 array_gfn;
};

struct evtchn_set_priority {
	u32 port;
	u32 priority;
};

#endif /* HV_ABI_EVENT_CHANNEL_H */
