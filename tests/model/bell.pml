/*
 * The bell of daemon/queue/bell.c on a machine with store buffers (x86; ARM's are no worse for exchanges): a
 * plain store waits in its thread's buffer for any length of time while the thread's loads go ahead of it; an
 * exchange first empties the buffer. A buffer of one store is enough to show what can go wrong.
 *
 * PRODUCERS producers publish EACH times and ring; the consumer arms, looks, and sleeps if it saw nothing new.
 * Checked: the consumer comes to see everything, that is, nobody sleeps for ever (an invalid end state).
 * FD: an eventfd, drained after the sleep, in place of the futex.
 *
 * Mutants that must fail: NAIVE looks at the flag with a plain load before the exchange (which is what
 * uv_async_send of libuv 1.44 does), NAIVE_ARM arms with a plain store, NAIVE_LOOK does not look after arming.
 */
#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef EACH
#define EACH 3
#endif
#define TOTAL (PRODUCERS * EACH)

byte work[PRODUCERS];   /* how much each has published, in memory */
byte buffer[PRODUCERS]; /* the same on its way: 0 is an empty buffer */
bit armed;
bit arm_buffer; /* NAIVE_ARM: the consumer's store of 1 on its way */
bit asleep;
bit fd;

inline wake()
{
#ifdef FD
    fd = 1
#else
    asleep = 0
#endif
}

proctype producer(byte id)
{
    byte n;
    bit was_armed;
    do
    :: n < EACH ->
       atomic { buffer[id] == 0 -> n++; buffer[id] = n }; /* publish */
       if
       :: n < EACH /* more to come before it rings */
       :: skip ->
#ifdef NAIVE
          if
          :: !armed -> goto rung
          :: armed
          fi;
#endif
          d_step { buffer[id] == 0 -> was_armed = armed; armed = 0 } /* exchange */
          if
          :: was_armed -> wake()
          :: else
          fi;
          was_armed = 0;
rung:     skip
       fi
    :: else -> break
    od
}

/* Stores reach memory whenever it pleases them. */
proctype memory()
{
end:
    do
    :: d_step { buffer[0] -> work[0] = buffer[0]; buffer[0] = 0 }
#if PRODUCERS > 1
    :: d_step { buffer[1] -> work[1] = buffer[1]; buffer[1] = 0 }
#endif
#if PRODUCERS > 2
    :: d_step { buffer[2] -> work[2] = buffer[2]; buffer[2] = 0 }
#endif
#ifdef NAIVE_ARM
    :: d_step { arm_buffer -> armed = 1; arm_buffer = 0 }
#endif
    od
}

inline look()
{
    i = 0;
    fresh = 0;
    do
    :: i < PRODUCERS ->
       d_step { fresh = fresh + work[i] - seen[i]; seen[i] = work[i]; i++ }
    :: else -> break
    od;
    i = 0
}

proctype consumer()
{
    byte seen[PRODUCERS];
    byte i, fresh, total;
    do
    :: total < TOTAL ->
#ifdef NAIVE_LOOK
       look();
       total = total + fresh;
#endif
#ifdef NAIVE_ARM
       arm_buffer = 1;
#else
       armed = 1; /* exchange */
#endif
#ifndef NAIVE_LOOK
       look();
       total = total + fresh;
#endif
       if
       :: fresh == 0 && total < TOTAL -> /* the second half only spares the last sleep */
#ifdef FD
          fd; /* poll */
          fd = 0
#else
          d_step { arm_buffer == 0 -> asleep = armed }; /* a system call empties the buffer as well */
          !asleep
#endif
       :: else
       fi;
       d_step { arm_buffer == 0 -> armed = 0 } /* disarm: exchange */
    :: else -> break
    od
}

init
{
    byte i;
    atomic {
        do
        :: i < PRODUCERS -> run producer(i); i++
        :: else -> break
        od;
        run memory();
        run consumer()
    }
}
