/*
 * The mailbox of daemon/queue/mailbox.c: POSTERS posters link calls to chains and push them with a compare-and-
 * swap; the consumer takes all and turns them round. A poster has CALLS calls and uses each again once the
 * consumer has given it back, so that an address may come back while another poster still compares with it.
 *
 * Checked: every posted number comes out once, in its poster's order, and all of them come out.
 * Mutants that must fail: NAIVE does not link the chain anew when the compare-and-swap failed, NAIVE_TAKE takes
 * with a load and a store.
 */
#ifndef POSTERS
#define POSTERS 2
#endif
#ifndef CALLS
#define CALLS 2
#endif
#ifndef EACH
#define EACH 3 /* numbers a poster posts */
#endif
#define NODES (POSTERS * CALLS)
#define NONE  255

byte newest = NONE;
byte next[NODES] = NONE;
byte number[NODES];
bit in_use[NODES];

proctype poster(byte id)
{
    byte n, call, below, batch_newest, batch_oldest;
    batch_newest = NONE;
    do
    :: n < EACH ->
       call = id * CALLS + n % CALLS;
       d_step { !in_use[call] -> in_use[call] = 1; number[call] = n; n++ }
       d_step {
           next[call] = batch_newest;
           if
           :: batch_newest == NONE -> batch_oldest = call
           :: else
           fi;
           batch_newest = call;
           call = 0
       }
       if
       :: n < EACH && !in_use[id * CALLS + n % CALLS] /* more in this batch */
       :: skip ->
          below = newest;
#ifdef NAIVE
          next[batch_oldest] = below;
#endif
          do
          ::
#ifndef NAIVE
             next[batch_oldest] = below;
#endif
             if
             :: d_step { newest == below -> newest = batch_newest }; break
             :: d_step { newest != below -> below = newest }
             fi
          od;
          below = 0;
          d_step { batch_newest = NONE; batch_oldest = 0 }
       fi
    :: else -> break
    od
}

proctype consumer()
{
    byte expected[POSTERS];
    byte call, older, oldest_first, total;
    do
    :: total < POSTERS * EACH ->
       newest != NONE; /* asleep until then: bell.pml */
#ifdef NAIVE_TAKE
       call = newest;
       newest = NONE;
#else
       d_step { call = newest; newest = NONE } /* exchange */
#endif
       oldest_first = NONE;
       do
       :: call != NONE ->
          older = next[call];
          d_step { next[call] = oldest_first; oldest_first = call; call = older; older = 0 }
       :: else -> break
       od;
       do
       :: oldest_first != NONE ->
          call = oldest_first;
          oldest_first = next[call];
          d_step {
              assert(in_use[call] && number[call] == expected[call / CALLS]);
              expected[call / CALLS]++;
              total++;
              in_use[call] = 0
          }
       :: else -> break
       od;
       call = 0
    :: else -> break
    od;
    assert(newest == NONE)
}

init
{
    byte i;
    atomic {
        do
        :: i < POSTERS -> run poster(i); i++
        :: else -> break
        od;
        run consumer()
    }
}
