/*
 * A call: one request and its reply, travelling together.
 *
 *     decode -> [call] -> admission -> queue -> backend -> completion -> encode -> freed where it was made
 *
 * Made and freed on the I/O thread that read it. Between a successful submit and its completion the backend
 * owns it; only the fields marked as the I/O thread's stay with that. It names its connection by id, never by
 * pointer.
 *
 * The request's slices first borrow from the input buffer. call_own() copies them into the call's own storage,
 * which a call needs before it crosses to another thread or outlives the buffer. After execution the storage is
 * free to hold a copy of the reply's body (call_keep_body).
 */
#ifndef PROTO_CALL_H
#define PROTO_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/reply.h"
#include "proto/request.h"

#define CALL_INLINE 384 /* bytes of storage inside a call; larger needs are allocated */

/* Of a call that waits to be executed: its places in the waiting line, and what is expected of it (daemon/admit).
 */
struct call_wait {
    struct call *flow_next, *flow_prev;   /* among the calls of its connection, oldest first */
    struct call *class_next, *class_prev; /* among the calls of its class, oldest first */
    uint64_t ticket;                      /* its number in order of entry */
    uint64_t cost_ns;                     /* what it will cost, as estimated on entry */
    uint64_t entered_ns;                  /* when that was */
    uint64_t estimate_ns;                 /* how long it was expected to wait from then on */
    bool yields;                          /* the calls of others that waited too went before it */
    bool overtaken;                       /* those of others that came later did, or may have */
    uint32_t station;                     /* which thread of the backend it is for */
};

struct call {
    struct request request;
    struct reply reply;
    struct call *next;      /* for whoever holds the call: free list, completion list */
    struct call *pipe_next; /* the connection's next call in request order; I/O thread only */
    struct call *pipe_prev; /* and the one before it; of the first, it means nothing */
    uint64_t conn;          /* connection id; meaningful on the I/O thread `lane` */
    uint32_t lane;          /* index of the I/O thread that made it */
    bool answered;          /* the reply is final; I/O thread only */
    bool followed;          /* bytes of its connection's next request have arrived; I/O thread only */
    size_t charge;          /* bytes booked on the connection for this call; I/O thread only */
    uint64_t arrived_ns;    /* monotonic: when its bytes arrived, as far as can be told */
    uint64_t taken_ns;      /* when its execution began; 0: it was not executed */
    uint64_t done_ns;       /* when that ended, or its batch's did */
    struct call_wait wait;  /* the I/O thread's */
    uint32_t form;          /* the codec's: how it wants to render the reply */
    uint32_t part_count;
    struct call *parts; /* of a BATCH: owned, in order, linked by part_next */
    struct call *last_part;
    struct call *part_next;
    char *data; /* the storage: `room`, or an allocation of `capacity` bytes */
    size_t capacity;
    char room[CALL_INLINE];
};

/* When the execution of a call that is executed where it was submitted begins: whoever knows better than the time
 * of its arrival says so. */
static inline uint64_t call_start_ns(const struct call *call)
{
    return call->taken_ns > call->arrived_ns ? call->taken_ns : call->arrived_ns;
}

/* Has it been refused by admission, and does its client want to know at once, out of the order of its requests? */
static inline bool call_overtakes(const struct call *call)
{
    return call->request.overtakes && (call->reply.kind == REPLY_OVERLOADED || call->reply.kind == REPLY_LATE);
}

/* Makes `call` empty, with its inline storage. Use once on raw memory. */
void call_init(struct call *call);

/* Gives back what the call holds (allocated storage, a counted body) and makes it empty again. */
void call_clear(struct call *call);

/*
 * A new part, at the end of `call`'s; NULL when memory is out. It is a call of its own with a request and a reply,
 * and goes with its owner (call_clear). A part may be a batch again.
 *
 * Who executes a BATCH executes the parts that have no reply yet, atomically: some may have been answered before.
 */
struct call *call_add_part(struct call *call);

/* Frees the parts. */
void call_drop_parts(struct call *call);

/* Gives all parts of `from` to `call`, at the end, and makes it a BATCH. */
void call_take_parts(struct call *call, struct call *from);

size_t call_bytes_of_parts(const struct call *call);

/* Bytes of memory that the call is and holds: itself, its storage, its parts; not what its replies refer to. */
static inline size_t call_bytes(const struct call *call)
{
    size_t bytes = sizeof *call;
    if (call->data != call->room) bytes += call->capacity;
    return call->parts == NULL ? bytes : bytes + call_bytes_of_parts(call);
}

/* Makes room for `size` bytes of storage; the old contents are lost. False when memory is out. */
bool call_reserve(struct call *call, size_t size);

/*
 * Of this call and its parts: copies key, tag and value into the call's own storage and points the request at the
 * copies. A value whose bytes are still to come (ptr NULL, len > 0) gets room of its length, and request.value.ptr
 * points at that room: the caller fills it (call_value_room). False when memory is out: the call is unchanged then.
 */
bool call_own(struct call *call);

/* Where the bytes of an awaited value go; valid after call_own. */
char *call_value_room(struct call *call);

/*
 * Copies the reply's body into the call's storage, so that it no longer borrows. Overwrites the request's
 * bytes, tag excepted. False when memory is out: the body is then empty.
 */
bool call_keep_body(struct call *call);

#endif
