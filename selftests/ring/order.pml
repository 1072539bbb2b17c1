/* SPDX-License-Identifier: MIT */
/*
 * order.pml - what is taken out of a slot is what was put in
 *
 * Spin model of the slots and producer indexes of ring.h on a machine with weak
 * order: a store reaches memory at any time, in any order with stores to other
 * places, unless it is a release; a slot may be loaded before the index that says
 * it is filled, unless that was an acquire.  A slot that is given back is written
 * again by the other side while its old contents may still be in flight.
 *
 * Mutants, each of which must violate an assertion:
 *   -DNO_RELEASE_FRONT, _BACK    the producer index is an ordinary store
 *   -DNO_ACQUIRE_FRONT, _BACK    the peer's index is an ordinary load
 */
#ifndef N
#define N 4
#endif
#define NR 2
#define M 8
#define AT 6

#define dist(a, b) (((a) - (b) + M) % M)
#define RESPONSE 16 /* to request n is n + RESPONSE */

/* Memory, and stores on their way to it: one for each place and side. */
byte slot[NR];
byte req_prod, rsp_prod;

typedef side_stores {
	bool slot_pending[NR];
	byte slot_value[NR];
	bool prod_pending;
	byte prod_value
};
side_stores st[2];

#define FRONT 0
#define BACK 1

#ifdef NO_RELEASE_FRONT
#define FRONT_MAY_DRAIN true
#else
#define FRONT_MAY_DRAIN (!st[FRONT].slot_pending[0] && !st[FRONT].slot_pending[1])
#endif
#ifdef NO_RELEASE_BACK
#define BACK_MAY_DRAIN true
#else
#define BACK_MAY_DRAIN (!st[BACK].slot_pending[0] && !st[BACK].slot_pending[1])
#endif

active proctype memory()
{
	byte s, i;

end:	do
	:: atomic { st[FRONT].prod_pending && FRONT_MAY_DRAIN ->
		req_prod = st[FRONT].prod_value; st[FRONT].prod_pending = false }
	:: atomic { st[BACK].prod_pending && BACK_MAY_DRAIN ->
		rsp_prod = st[BACK].prod_value; st[BACK].prod_pending = false }
	:: atomic { st[FRONT].slot_pending[0] ->
		slot[0] = st[FRONT].slot_value[0]; st[FRONT].slot_pending[0] = false }
	:: atomic { st[FRONT].slot_pending[1] ->
		slot[1] = st[FRONT].slot_value[1]; st[FRONT].slot_pending[1] = false }
	:: atomic { st[BACK].slot_pending[0] ->
		slot[0] = st[BACK].slot_value[0]; st[BACK].slot_pending[0] = false }
	:: atomic { st[BACK].slot_pending[1] ->
		slot[1] = st[BACK].slot_value[1]; st[BACK].slot_pending[1] = false }
	od
}

/* Stores to one place stay in order: the next waits for the one before. */
inline store_slot(side, i, value)
{
	atomic {
		!st[side].slot_pending[i];
		st[side].slot_value[i] = value;
		st[side].slot_pending[i] = true
	}
}

inline store_prod(side, value)
{
	atomic {
		!st[side].prod_pending;
		st[side].prod_value = value;
		st[side].prod_pending = true
	}
}

/* A side sees its own stores at once. */
#define load_slot(side, i) (st[side].slot_pending[i] -> st[side].slot_value[i] : slot[i])

#ifdef NO_ACQUIRE_FRONT
#define EARLY_F true
#else
#define EARLY_F false
#endif
#ifdef NO_ACQUIRE_BACK
#define EARLY_B true
#else
#define EARLY_B false
#endif

proctype front()
{
	byte prod = AT, cons = AT, in, i, value;
	byte sent = 0, done = 0;
	byte early[NR];

	do
	:: done == N -> break
	:: else ->
		do
		:: sent < N && dist(prod, cons) < NR ->
			store_slot(FRONT, prod % NR, sent + 1);
			sent++;
			prod = (prod + 1) % M;
			if
			:: store_prod(FRONT, prod)
			:: true
			fi
		:: prod != cons -> break
		od;
		store_prod(FRONT, prod);

		early[0] = load_slot(FRONT, 0);
		early[1] = load_slot(FRONT, 1);
		atomic { rsp_prod != cons -> in = rsp_prod }
		do
		:: cons != in ->
			i = cons % NR;
			if
			:: EARLY_F -> value = early[i]
			:: value = load_slot(FRONT, i)
			fi;
			done++;
			assert(value == done + RESPONSE);
			cons = (cons + 1) % M
		:: else -> break
		od
	od
}

proctype back()
{
	byte prod = AT, cons = AT, in, i, value;
	byte served = 0;
	byte early[NR];

	do
	:: served == N -> break
	:: else ->
		early[0] = load_slot(BACK, 0);
		early[1] = load_slot(BACK, 1);
		atomic { req_prod != cons -> in = req_prod }
		do
		:: cons != in ->
			i = cons % NR;
			if
			:: EARLY_B -> value = early[i]
			:: value = load_slot(BACK, i)
			fi;
			served++;
			assert(value == served);
			cons = (cons + 1) % M;
			store_slot(BACK, i, value + RESPONSE);
			prod = cons;
			if
			:: store_prod(BACK, prod)
			:: true
			fi
		:: else -> break
		od;
		store_prod(BACK, prod)
	od
}

init {
	atomic {
		req_prod = AT;
		rsp_prod = AT;
		run front();
		run back()
	}
}
