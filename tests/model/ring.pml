/*
 * The ring of daemon/queue/ring.c with its bell: PRODUCERS producers, one consumer that sleeps whenever it finds
 * nothing. Each atomic access of the C code is one step here. What weak memory may do besides is the business
 * of bell.pml and of ThreadSanitizer.
 *
 * Checked: the bound is never exceeded and "full" is never said without an instant at which the ring was full;
 * no place is written before it is free; items come out once each and in each producer's order; all of them
 * come out, so nobody sleeps or waits for ever (that would be an invalid end state).
 *
 * Mutants that must fail: NAIVE_COPY says full by the copy of head alone, NAIVE_SIGN takes a tail older than
 * head for full, NAIVE_FREE gives places back before reading them, NAIVE_SLEEP does not look again after arming.
 */
#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef EACH
#define EACH 3 /* items a producer pushes */
#endif
#ifndef BOUND
#define BOUND 2
#endif
#ifndef PLACES
#define PLACES 2 /* the power of two from BOUND */
#endif

#define TOTAL (PRODUCERS * EACH)
#define FREE  255

byte tail, seen_head, head;
byte written[PLACES];
byte item[PLACES] = FREE; /* FREE from when the place is given back until it is written */
bit armed, asleep;

inline ring_bell()
{
    d_step { was_armed = armed; armed = 0 }
    if
    :: was_armed -> asleep = 0
    :: else
    fi;
    was_armed = 0
}

#ifdef NAIVE_SIGN
#define IS_FULL(t, h) (t - h >= BOUND || t < h)
#else
#define IS_FULL(t, h) (t - h >= BOUND)
#endif

/* On return: claimed is set and t the position, or the ring was full and h is the head that was seen. */
inline claim()
{
    claimed = 0;
    t = tail;
    do
    :: h = seen_head;
       if
       :: IS_FULL(t, h) ->
          d_step {
#ifndef NAIVE_COPY
              h = head;
#endif
              depth = tail - head
          }
          if
          :: d_step { IS_FULL(t, h) -> assert(depth == BOUND); depth = 0 }; break
          :: d_step { else -> depth = 0 }; seen_head = h
          fi
       :: else
       fi;
       if
       :: d_step { tail == t -> tail = t + 1; claimed = 1; assert(tail - head <= BOUND) }; break
       :: d_step { tail != t -> t = tail; h = 0 }
       fi
    od
}

proctype producer(byte id)
{
    byte n, t, h, depth;
    bit claimed, was_armed;
    do
    :: n < EACH ->
       claim();
       if
       :: claimed ->
          d_step { assert(item[t % PLACES] == FREE); item[t % PLACES] = id * EACH + n };
          d_step { written[t % PLACES] = t + 1; n++; t = 0; h = 0 }
          if
          :: ring_bell()
          :: n < EACH /* more to come in this batch */
          fi
       :: else ->
          ring_bell();
          head != h; /* waits for room, without looking at anything else */
          d_step { t = 0; h = 0 }
       fi
    :: else -> break
    od
}

byte next[PRODUCERS]; /* the item expected from each */

/* Takes 1 to PLACES items, as many as `max` says; got is their number. */
inline pop(max)
{
    h = head;
    got = 0;
#ifdef NAIVE_FREE
    if
    :: written[h % PLACES] == h + 1 -> d_step { item[h % PLACES] = FREE; head = h + 1 }
    :: else
    fi;
#endif
    do
    :: got < max && written[h % PLACES] == h + 1 ->
       d_step {
           value = item[h % PLACES];
           assert(value != FREE);
           assert(value % EACH == next[value / EACH]);
           next[value / EACH]++;
           value = 0;
           h++;
           got++
       }
    :: else -> break
    od;
    if
    :: got > 0 ->
       d_step {
           do
           :: head < h -> item[head % PLACES] = FREE; head++
           :: else -> break
           od
       }
    :: else
    fi;
    h = 0
}

proctype consumer()
{
    byte taken, got, h, value;
    do
    :: taken < TOTAL ->
       if
       :: pop(1)
       :: pop(PLACES)
       fi;
       if
       :: got == 0 ->
          armed = 1; /* an exchange */
#ifndef NAIVE_SLEEP
          pop(PLACES);
#endif
          if
          :: got == 0 ->
             d_step { asleep = armed }; /* the kernel sleeps only while the flag is up */
             !asleep
          :: else
          fi;
          armed = 0 /* an exchange */
       :: else
       fi;
       d_step { taken = taken + got; got = 0 }
    :: else -> break
    od;
    assert(head == TOTAL && tail == TOTAL)
}

init
{
    byte i;
    atomic {
        do
        :: i < PRODUCERS -> run producer(i); i++
        :: else -> break
        od;
        run consumer()
    }
}
