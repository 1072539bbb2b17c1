/* SPDX-License-Identifier: MIT */
/*
 * sleep.pml - nobody sleeps while there is something to do
 *
 * Spin model of publish, arm and sleep of ring.h on a machine with total store
 * order: each side's stores go through a buffer and reach memory later, in order;
 * loads do not wait for them.  Front and back end exchange N requests over a ring
 * of NR slots whose indexes wrap on the way, publish in batches of any size, and
 * sleep on events as soon as arming found nothing.  The front end arms at any
 * distance up to what is outstanding.
 *
 * A lost wake-up is an invalid end state.  Mutants, each of which must have one:
 *   -DNO_MB_PUBLISH_FRONT, _BACK    no full barrier between index and event index
 *   -DNO_MB_ARM_FRONT, _BACK        none between event index and the look
 *   -DNO_RECHECK_FRONT, _BACK       arming does not look again
 *   -DEVENT_LATE                    notify one index too late
 */
#ifndef N
#define N 4
#endif
#define NR 2
#define M 8 /* indexes count modulo this */
#define AT 6

#define REQ_PROD 0
#define REQ_EVENT 1
#define RSP_PROD 2
#define RSP_EVENT 3

#define FRONT 0
#define BACK 1

#define dist(a, b) (((a) - (b) + M) % M)

byte mem[4];
chan buffer[2] = [2] of { byte, byte };
bool event[2]; /* an event for that side is pending */

/* Stores reach memory at any time, in order. */
active proctype memory()
{
	byte at, value;

end:	do
	:: atomic { buffer[FRONT]?at,value -> mem[at] = value }
	:: atomic { buffer[BACK]?at,value -> mem[at] = value }
	od
}

#define full_barrier(side) (len(buffer[side]) == 0)

#ifdef EVENT_LATE
#define passed(now, old, ev) (dist(now, ev) + 1 < dist(now, old))
#else
#define passed(now, old, ev) (dist(now, ev) < dist(now, old))
#endif

/* ring_publish_() */
inline publish(side, prod_at, event_at, barrier)
{
	if
	:: published != prod ->
		buffer[side]!prod_at,prod;
		barrier;
		ev = mem[event_at];
		if
		:: passed(prod, published, ev) -> event[1 - side] = true
		:: else
		fi;
		published = prod
	:: else
	fi
}

/* ring_arm_(), then sleep if it found too little */
inline arm_and_sleep(side, in_at, event_at, n, barrier, recheck)
{
	buffer[side]!event_at,((cons + n) % M);
	barrier;
	in = mem[in_at];
	if
	:: recheck && dist(in, cons) >= n
	:: else -> event[side]; event[side] = false
	fi
}

#ifdef NO_MB_PUBLISH_FRONT
#define MB_PF skip
#else
#define MB_PF full_barrier(FRONT)
#endif
#ifdef NO_MB_PUBLISH_BACK
#define MB_PB skip
#else
#define MB_PB full_barrier(BACK)
#endif
#ifdef NO_MB_ARM_FRONT
#define MB_AF skip
#else
#define MB_AF full_barrier(FRONT)
#endif
#ifdef NO_MB_ARM_BACK
#define MB_AB skip
#else
#define MB_AB full_barrier(BACK)
#endif
#ifdef NO_RECHECK_FRONT
#define RECHECK_F false
#else
#define RECHECK_F true
#endif
#ifdef NO_RECHECK_BACK
#define RECHECK_B false
#else
#define RECHECK_B true
#endif

proctype front()
{
	byte prod = AT, published = AT, cons = AT, in, ev, n;
	byte sent = 0, done = 0;

	do
	:: done == N -> break
	:: else ->
		/* Stage and publish as much, and in as many steps, as it likes. */
		do
		:: sent < N && dist(prod, cons) < NR ->
			prod = (prod + 1) % M;
			sent++
		:: published != prod ->
			publish(FRONT, REQ_PROD, REQ_EVENT, MB_PF)
		:: prod != cons -> break
		od;
		publish(FRONT, REQ_PROD, REQ_EVENT, MB_PF);
		if
		:: n = 1
		:: dist(prod, cons) >= 2 -> n = 2
		fi;
		arm_and_sleep(FRONT, RSP_PROD, RSP_EVENT, n, MB_AF, RECHECK_F);
		in = mem[RSP_PROD];
		assert(dist(in, cons) <= dist(published, cons));
		done = done + dist(in, cons);
		cons = in
	od
}

proctype back()
{
	byte prod = AT, published = AT, cons = AT, in, ev;
	byte served = 0;

	do
	:: true ->
		in = mem[REQ_PROD];
		assert(dist(in, cons) <= NR);
		do
		:: cons != in ->
			cons = (cons + 1) % M;
			prod = cons;
			served++;
			if
			:: publish(BACK, RSP_PROD, RSP_EVENT, MB_PB)
			:: true
			fi
		:: else -> break
		od;
		publish(BACK, RSP_PROD, RSP_EVENT, MB_PB);
		if
		:: served == N -> break
		:: else
		fi;
		arm_and_sleep(BACK, REQ_PROD, REQ_EVENT, 1, MB_AB, RECHECK_B)
	od
}

init {
	atomic {
		mem[REQ_PROD] = AT;
		mem[RSP_PROD] = AT;
		mem[REQ_EVENT] = AT + 1;
		mem[RSP_EVENT] = AT + 1;
		run front();
		run back()
	}
}
