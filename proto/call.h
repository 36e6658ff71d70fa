/*
 * A call: one request and its reply, together. What a daemon keeps beside it on its way is not in here.
 *
 * The request's slices first borrow from the input buffer. call_own() copies them into the call's own storage,
 * which a call needs before it crosses to another thread or outlives the buffer. After execution the storage is
 * free to hold a copy of the reply's body (call_keep_body).
 */
#ifndef PROTO_CALL_H
#define PROTO_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/reply.h"
#include "proto/request.h"

#define CALL_INLINE 384 /* bytes of storage inside a call (of parts: call_add_part); larger needs are allocated */

struct call {
    struct request request;
    struct reply reply;
    uint32_t form; /* the codec's: how it wants to render the reply */
    uint32_t part_count;
    struct call *parts; /* of a BATCH: owned, in order, linked by part_next */
    struct call *last_part;
    struct call *part_next;
    char *data; /* the storage: `room`, or an allocation of `capacity` bytes */
    uint32_t capacity;
    uint32_t room_size;
    char room[CALL_INLINE];
};

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
 * A new part, at the end of `call`'s, with `room` bytes of inline storage, CALL_INLINE at most; NULL when memory is
 * out. It is a call of its own with a request and a reply, and goes with its owner (call_clear; not for itself). A
 * part may be a batch again.
 *
 * Who executes a BATCH executes the parts that have no reply yet, atomically: some may have been answered before.
 */
struct call *call_add_part(struct call *call, size_t room);

/* Frees the parts; the first one, of which there is one. Not inlined, so that the usual call needs fewer registers.
 */
__attribute__((noinline)) void call_drop_parts(struct call *call);
void call_drop_part(struct call *call);

/* Gives all parts of `from` to `call`, at the end, and makes it a BATCH. */
void call_take_parts(struct call *call, struct call *from);

size_t call_bytes_of_parts(const struct call *call);

/* Bytes of memory that the call is and holds: itself, its storage, its parts; not what its replies refer to. */
static inline size_t call_bytes(const struct call *call)
{
    size_t bytes = offsetof(struct call, room) + call->room_size;
    if (call->data != call->room) bytes += call->capacity;
    return !call->parts ? bytes : bytes + call_bytes_of_parts(call);
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
