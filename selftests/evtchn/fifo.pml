/* SPDX-License-Identifier: MIT */
/*
 * fifo.pml - no event is lost by FIFO, and no port is in two queues
 *
 * Spin model of evtchn_fifo.h as event_fifo.c calls it, and of a guest that takes
 * ports, masks and unmasks as Linux does.  Two ports and two queues: of two vCPUs,
 * or of one that has two priorities.  They act in
 * any order, senders and the thread a bounded number of times:
 *
 *	sender, one for each port: sends it, and links it if it has to.  Where to
 *		may be something else each time: bind_vcpu and set_priority come at
 *		any moment.
 *	thread: masks and unmasks ports at any time, linked or not, and unmasks those
 *		that their handlers left masked.  Unmasking may end in the hypercall,
 *		which links.
 *	vcpu: sleeps until its upcall flag is set, then takes ports out of its queues.
 *
 * One step here is one there: a read-modify-write with full barrier, a load, or a
 * store; memory is in order.  A compare-and-exchange is repeated until it decides
 * (evtchn_fifo_append() gives up only on a receiver who changes the word all the
 * time).  The locks of two queues come at once, for they have an order.
 *
 * Whenever nobody is about to do anything, no port may be pending and unmasked: an
 * event that was lost stays so, hence this is enough.  And a vCPU takes a port only
 * out of the queue that it was linked to, once for each time.
 *
 * The environment of the verifier says what to check: PRIORITIES=1 for the queues of
 * one vCPU; SENDS=n and MASKS=n, how often at most (no mask: nor by a handler);
 * MUTANT=n for a protocol that lacks something, each of which must lose an event:
 */
#define NOT_LINKED_DEMANDED 1 /* linked to a tail that was received */
#define LINKED_LATE 2 /* LINKED is set once the port is in its queue */
#define RAISED_EARLY 3 /* the ready bit is set before the head */
#define FLAG_EARLY 4 /* the upcall flag is set before the ready bit */
#define MASKED_SEEN_EARLY 5 /* the sender looks at MASKED, then sets PENDING */
#define LINKED_AGAIN 6 /* linked though another sender was faster */
#define OLD_TAIL_STAYS 7 /* a port stays the tail of the queue it leaves */
#define NO_OLD_LOCK 8 /* the queue that a port leaves is not locked */
#define NO_QUEUE_LOCK 9 /* no queue is locked */
#define NO_LINK_LOCK 10 /* the port is not locked */
#define VCPU_SEEN_TWICE 11 /* the vCPU told is not the one that the queue is of */
#define PENDING_SEEN_EARLY 12 /* the receiver looks at PENDING, then clears LINKED */
#define FLAG_CLEARED_LATE 13 /* the receiver takes the ready bits, then the flag */
#define NOT_SEEN_UNMASKED 14 /* unmasking does not look at PENDING */

c_decl {
	\#include <stdlib.h>

	static int option(const char *name)
	{
		return getenv(name) ? atoi(getenv(name)) : 0;
	}
}

byte mutant, sends, masks;
bool priorities;

#define NONE 2 /* no queue */
#define vcpu_of(queue) (priorities -> 0 : queue)

/* Event words; that of port 0 is nobody's. */
bool pending[3], masked[3], linked[3];
byte after[3];

/* Control blocks, by queue, and upcall flags, by vCPU. */
byte head[2];
bool ready[2], flag[2];

/* What the hypervisor knows: the queue a port was linked to the last time. */
byte last[3] = NONE, tail[2];
bool link_lock[3], queue_lock[2];

bool held[3]; /* the handler left it masked */
byte in_queue[3] = NONE; /* for assertions alone */
byte busy;

#define lost(port) (pending[port] && !masked[port])

/* evtchn_fifo_raise() */
inline raise()
{
	if
	:: mutant == FLAG_EARLY ->
		flag[told] = true;
		ready[queue] = true
	:: mutant != FLAG_EARLY && ready[queue]
	:: d_step { mutant != FLAG_EARLY && !ready[queue] -> ready[queue] = true };
		flag[told] = true
	fi
}

/* The port is in its queue as of this step. */
inline join(port)
{
	assert(mutant || in_queue[port] == NONE);
	in_queue[port] = queue
}

#define may_follow (behind && (linked[behind] || mutant == NOT_LINKED_DEMANDED))

/* evtchn_fifo_append(), or else a new head */
inline append(port)
{
	if
	:: d_step { may_follow -> after[behind] = port; join(port) }
	:: atomic { !may_follow -> first = true };
		if
		:: mutant == RAISED_EARLY -> raise(); first = false
		:: else
		fi;
		d_step { head[queue] = port; join(port) }
	fi
}

/*
 * link() of event_fifo.c, with evtchn_fifo_link().  When the vCPU is looked up does
 * not matter, for it is any.
 */
inline link(port)
{
	atomic {
		!link_lock[port] || mutant == NO_LINK_LOCK;
		link_lock[port] = true;
		old = last[port];
		if
		:: queue = 0
		:: queue = 1
		fi;
		if
		:: mutant != VCPU_SEEN_TWICE -> told = vcpu_of(queue)
		:: else -> told = 1 - queue
		fi
	}
	atomic {
		(!queue_lock[queue] &&
			(old == NONE || !queue_lock[old] || mutant == NO_OLD_LOCK)) ||
			mutant == NO_QUEUE_LOCK;
		queue_lock[queue] = true;
		if
		:: old != NONE && mutant != NO_OLD_LOCK -> queue_lock[old] = true
		:: else
		fi
	}
	if
	:: linked[port] && mutant != LINKED_AGAIN
	:: d_step { !linked[port] || mutant == LINKED_AGAIN ->
			linked[port] = mutant != LINKED_LATE };
		d_step {
			if
			:: old != NONE && tail[old] == port &&
			   mutant != OLD_TAIL_STAYS -> tail[old] = 0
			:: else
			fi;
			behind = tail[queue];
			tail[queue] = port;
			last[port] = queue
		}
		append(port);
		if
		:: mutant == LINKED_LATE -> linked[port] = true
		:: else
		fi
	fi;
	d_step {
		queue_lock[queue] = false;
		if
		:: old != NONE && mutant != NO_OLD_LOCK -> queue_lock[old] = false
		:: else
		fi;
		link_lock[port] = false;
		old = 0;
		behind = 0
	}
	if
	:: d_step { first -> first = false }; raise()
	:: d_step { else -> skip }
	fi;
}

/* Nothing is left to do. */
inline rest()
{
	d_step {
		busy--;
		queue = 0;
		told = 0;
		assert(busy || flag[0] || flag[1] || held[1] || held[2] ||
		       !(lost(1) || lost(2)))
	}
}

/* evtchn_deliver() with evtchn_fifo_pend() */
proctype sender(byte port)
{
	byte sent, told, queue, old, behind;
	bool first, see;

end:	do
	:: atomic { mutant != MASKED_SEEN_EARLY && sent < sends ->
			sent++;
			busy++;
			if
			:: pending[port] || masked[port] || linked[port] ->
				pending[port] = true;
				rest();
				goto end
			:: else -> pending[port] = true
			fi
		}
		link(port);
		rest()
	:: atomic { mutant == MASKED_SEEN_EARLY && sent < sends ->
			sent++;
			busy++;
			see = masked[port]
		}
		atomic {
			see = see || pending[port] || linked[port];
			pending[port] = true;
			if
			:: see -> see = false; rest(); goto end
			:: else
			fi
		}
		link(port);
		rest()
	od
}

#define may_mask(port) (held[port] || done < masks)

/*
 * A Linux that clears MASKED and, if it sees the port pending, asks for the rest
 * by EVTCHNOP_unmask: evtchn_unmask() with evtchn_fifo_unmask().
 */
proctype thread()
{
	byte done, told, queue, old, behind, port;
	bool first;

end:	do
	:: atomic {
			may_mask(1) || may_mask(2);
			if
			:: may_mask(1) -> port = 1
			:: may_mask(2) -> port = 2
			fi;
			if
			:: held[port] -> held[port] = false
			:: else -> done++
			fi;
			masked[port] = true;
			busy++
		}
		masked[port] = false;
		if
		:: atomic { !pending[port] || mutant == NOT_SEEN_UNMASKED ->
				port = 0; rest() }
		:: d_step { else -> skip };
			atomic {
				masked[port] = false;
				if
				:: !pending[port] || linked[port] ->
					port = 0; rest(); goto end
				:: else
				fi
			}
			link(port);
			port = 0; rest()
		fi
	od
}

/* The port's handler, which may leave the port masked to the thread. */
inline handle(port)
{
	if
	:: pending[port] = false
	:: masks > 0 -> masked[port] = true;
		d_step { pending[port] = false; held[port] = true }
	fi
}

/* evtchn_fifo_receive(), its two halves */
inline receive()
{
	d_step {
		assert(mutant || linked[port] && in_queue[port] == queue);
		next[queue] = after[port];
		todo[queue] = next[queue] != 0;
		after[port] = 0;
		linked[port] = false;
		in_queue[port] = NONE
	}
}

inline take_ready()
{
	d_step {
		port = 0;
		serve = false;
		if
		:: vcpu_of(0) == me && ready[0] -> ready[0] = false; todo[0] = true
		:: else
		fi;
		if
		:: vcpu_of(1) == me && ready[1] -> ready[1] = false; todo[1] = true
		:: else
		fi;
		queue = (todo[0] -> 0 : (todo[1] -> 1 : NONE))
	}
}

proctype vcpu(byte me)
{
	bool todo[2], serve;
	byte next[2], port, queue, told;

end:	do
	:: d_step { flag[me] -> flag[me] = mutant == FLAG_CLEARED_LATE; busy++ };
		if
		:: atomic { mutant != FLAG_CLEARED_LATE -> take_ready() }
		:: atomic { mutant == FLAG_CLEARED_LATE -> take_ready() };
			flag[me] = false
		fi;
		do
		:: atomic { queue == NONE -> rest(); goto end }
		:: d_step { queue != NONE ->
			port = (next[queue] -> next[queue] : head[queue]) };
			if
			:: atomic { mutant == PENDING_SEEN_EARLY ->
					serve = pending[port] }
				receive()
			:: atomic { mutant != PENDING_SEEN_EARLY -> receive() };
				serve = pending[port]
			fi;
			if
			:: d_step { serve && !masked[port] -> skip };
				handle(port)
			:: d_step { else -> skip }
			fi;
			take_ready()
		od
	od
}

init {
	atomic {
		c_code {
			now.mutant = option("MUTANT");
			now.priorities = option("PRIORITIES");
			now.sends = option("SENDS");
			now.masks = option("MASKS");
		}
		run sender(1);
		run sender(2);
		run thread();
		run vcpu(0);
		if
		:: priorities
		:: else -> run vcpu(1)
		fi
	}
}
