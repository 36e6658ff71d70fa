/*
 * A call's storage: inline room for the usual request, an allocation for a larger one.
 *
 *     call_own:        data -> [tag][key][value]
 *     call_keep_body:  data -> [tag][body]        the tag stays in front, so it survives
 */
#include "proto/call.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void call_init(struct call *call)
{
    size_t size = offsetof(struct call, room); /* the room itself is written before it is read */
    /* Where compilers see the size they write `rep stos`, which takes longer to begin than memset to end. */
    __asm__("" : "+r"(size));
    memset(call, 0, size);
    call->data = call->room;
    call->capacity = call->room_size = sizeof call->room;
}

static void release_body(struct call *call)
{
    if (!call->reply.release) return;
    call->reply.release(call->reply.held);
    call->reply.release = NULL;
    call->reply.held = NULL;
}

void call_drop_part(struct call *call)
{
    struct call *part = call->parts;
    call->parts = part->part_next;
    if (!call->parts) call->last_part = NULL;
    call->part_count--;
    release_body(part);
    call_drop_parts(part);
    if (part->data != part->room) free(part->data);
    free(part);
}

void call_drop_parts(struct call *call)
{
    while (call->parts)
        call_drop_part(call);
}

void call_clear(struct call *call)
{
    release_body(call);
    if (call->parts) call_drop_parts(call);
    if (call->data != call->room) free(call->data);
    call_init(call);
}

struct call *call_add_part(struct call *call, size_t room)
{
    struct call *part = malloc(offsetof(struct call, room) + room);
    if (!part) return NULL;
    call_init(part);
    part->capacity = part->room_size = (uint32_t)room;
    if (call->last_part)
        call->last_part->part_next = part;
    else
        call->parts = part;
    call->last_part = part;
    call->part_count++;
    return part;
}

void call_take_parts(struct call *call, struct call *from)
{
    call->request.op = OP_BATCH;
    if (!from->parts) return;
    if (call->last_part)
        call->last_part->part_next = from->parts;
    else
        call->parts = from->parts;
    call->last_part = from->last_part;
    call->part_count += from->part_count;
    from->parts = from->last_part = NULL;
    from->part_count = 0;
}

size_t call_bytes_of_parts(const struct call *call)
{
    size_t bytes = 0;
    for (const struct call *part = call->parts; part; part = part->part_next)
        bytes += call_bytes(part);
    return bytes;
}

/* Makes `data` (allocated, of `size` bytes) the storage. */
static void adopt(struct call *call, char *data, size_t size)
{
    if (call->data != call->room) free(call->data);
    call->data = data;
    call->capacity = (uint32_t)size;
}

bool call_reserve(struct call *call, size_t size)
{
    if (size <= call->capacity) return true;
    char *data = size <= UINT32_MAX ? malloc(size) : NULL;
    if (!data) return false;
    adopt(call, data, size);
    return true;
}

/* True when `s` lies in the call's own storage. */
static bool is_own(const struct call *call, struct slice s)
{
    uintptr_t from = (uintptr_t)call->data;
    uintptr_t at = (uintptr_t)s.ptr;
    return s.len > 0 && at >= from && at - from < call->capacity;
}

static struct slice copy_to(char *to, struct slice s)
{
    if (s.len > 0) memcpy(to, s.ptr, s.len);
    return slice_of(to, s.len);
}

/* True when `s` has bytes, and they are not in the call's own storage. */
static bool is_foreign(const struct call *call, struct slice s)
{
    return s.len > 0 && !is_own(call, s);
}

/* Copies tag, key and value behind each other to `at`, and points the request there. */
static void own_at(struct request *r, char *at)
{
    if (r->tag.len > 0) r->tag = copy_to(at, r->tag);
    at += r->tag.len;
    if (r->key.len > 0) r->key = copy_to(at, r->key);
    at += r->key.len;
    r->value = r->value.ptr ? copy_to(at, r->value) : slice_of(at, r->value.len);
}

static bool own_one(struct call *call)
{
    struct request *r = &call->request;
    size_t size = 0;
    if (__builtin_add_overflow(r->tag.len, r->key.len, &size) || __builtin_add_overflow(size, r->value.len, &size))
        return false;
    if (!is_own(call, r->key) && !is_own(call, r->tag) && !is_own(call, r->value)) {
        if (!call_reserve(call, size)) return false;
        own_at(r, call->data);
        return true;
    }
    if (!is_foreign(call, r->key) && !is_foreign(call, r->tag) && !is_foreign(call, r->value)) return true;
    char *data = size <= UINT32_MAX ? malloc(size) : NULL; /* some of each: they meet in new storage */
    if (!data) return false;
    own_at(r, data);
    adopt(call, data, size);
    return true;
}

bool call_own(struct call *call)
{
    for (struct call *part = call->parts; part; part = part->part_next)
        if (!call_own(part)) return false;
    return own_one(call);
}

char *call_value_room(struct call *call)
{
    char *room = call->data + call->request.tag.len + call->request.key.len;
    assert(call->request.value.ptr == room); /* call_own put it there */
    return room;
}

bool call_keep_body(struct call *call)
{
    struct slice tag = call->request.tag;
    struct slice body = call->reply.body;
    size_t size = 0;
    char *data = call->data;
    bool kept = !__builtin_add_overflow(tag.len, body.len, &size);
    if (kept && size > call->capacity) {
        data = size <= UINT32_MAX ? malloc(size) : NULL;
        kept = data;
    }
    call->request.key = call->request.value = (struct slice){NULL, 0};
    if (!kept) {
        release_body(call);
        call->reply.body = slice_of(NULL, 0);
        return false;
    }
    /* Either may already lie in the storage, so they may overlap. A tag that does is in front, where it stays; a
     * body that does lies behind it. So a tag that is still to come in must wait until the body has moved. */
    if (body.len > 0) memmove(data + tag.len, body.ptr, body.len);
    if (tag.len > 0) {
        memmove(data, tag.ptr, tag.len);
        call->request.tag = slice_of(data, tag.len);
    }
    call->reply.body.ptr = data + tag.len;
    release_body(call);
    if (data != call->data) adopt(call, data, size);
    return true;
}
