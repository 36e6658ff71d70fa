/*
 * Owners of several shards in place, as in daemon/backend/owner.c: LOOPS loops, each with a ring of BOUND places, each the
 * owner of one shard. Every loop makes EACH calls: for one shard or for all of them, for any station. Its own it
 * executes, others it puts into their rings; a call that finds no room stays with it, and it goes on serving its ring.
 * Whoever executes takes the locks of all shards that the call touches, in order of number, holding none before.
 *
 * Checked: no deadlock; every call is executed once; calls for all shards are atomic: each finds that all shards have
 * seen the same number of such calls.
 * Mutants that must fail: NAIVE_WAIT waits for room in a full ring, NAIVE_ORDER takes the loop's own lock first,
 * NAIVE_PARTS executes a call for all shards in parts, with one lock at a time.
 */
#ifndef LOOPS
#define LOOPS 2
#endif
#ifndef EACH
#define EACH 2
#endif
#ifndef BOUND
#define BOUND 1
#endif
#define TOTAL (LOOPS * EACH)
#define ALL   LOOPS /* in the place of a shard's number */
#define NONE  255

chan ring[LOOPS] = [BOUND] of { byte };
bit locked[LOOPS];
byte wide[LOOPS]; /* calls for all shards that this one has seen */
byte executed;

inline lock(n)
{
    atomic { !locked[n] -> locked[n] = 1 }
}

inline unlock(n)
{
    locked[n] = 0
}

inline lock_all()
{
    i = 0;
#ifdef NAIVE_ORDER
    lock(id);
#endif
    do
    :: i < LOOPS ->
#ifdef NAIVE_ORDER
       if
       :: i != id -> lock(i)
       :: else
       fi;
#else
       lock(i);
#endif
       i++
    :: else -> break
    od
}

/* One step a shard, so that others may come in between if they can. */
inline execute(what)
{
    if
    :: what == ALL ->
#ifndef NAIVE_PARTS
       lock_all();
#endif
       i = 0;
       do
       :: i < LOOPS ->
#ifdef NAIVE_PARTS
          lock(i);
#endif
          assert(i == 0 || wide[i] + 1 == wide[0]);
          wide[i]++;
#ifdef NAIVE_PARTS
          unlock(i);
#endif
          i++
       :: else -> break
       od;
#ifndef NAIVE_PARTS
       do
       :: i > 0 -> i--; unlock(i)
       :: else -> break
       od;
#endif
       i = 0
    :: else ->
       lock(what);
       unlock(what)
    fi;
    executed++
}

proctype loop(byte id)
{
    byte i, made, call, guest, to;
    to = NONE;
    do
    :: made < EACH && to == NONE ->
       made++;
       if
       :: call = ALL
       :: call = id
       :: call = (id + 1) % LOOPS
       fi;
       if
       :: execute(call) /* for order's sake a call may go to any station, this one too */
       :: to = (id + 1) % LOOPS
       :: LOOPS > 2 -> to = (id + 2) % LOOPS
       fi;
#ifdef NAIVE_WAIT
       if
       :: to != NONE -> ring[to] ! call; to = NONE
       :: else
       fi
#endif
#ifndef NAIVE_WAIT
    :: atomic { to != NONE && nfull(ring[to]) -> ring[to] ! call; to = NONE }
#endif
    :: nempty(ring[id]) -> ring[id] ? guest; execute(guest)
    :: executed == TOTAL -> break
    od;
    assert(to == NONE && empty(ring[id]))
}

init
{
    byte n;
    atomic {
        do
        :: n < LOOPS -> run loop(n); n++
        :: else -> break
        od
    }
}
