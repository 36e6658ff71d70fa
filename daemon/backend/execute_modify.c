/* Sessions made of the ones before: longer values, numbers, stale copies, leases. */
#include <string.h>

#include "daemon/backend/execute_impl.h"
#include "proto/number.h"

#define PADDED_MAX 64 /* bytes of a number that keeps its length; a longer text of one becomes shorter */

/* What a session keeps that is stored anew with another value. */
static struct table_item like(const struct step *s, const struct entry *old)
{
    const struct request *r = &s->call->request;
    struct lifetime lifetime = {TTL_KEEP, 0};
    if (!old) lifetime = r->create;
    if (old && (r->effects & EFFECT_TOUCH)) lifetime = request_lifetime(r);
    return (struct table_item){.flags = old ? entry_flags(old) : r->flags,
                               .deadline_ms = step_deadline(s, lifetime, old)};
}

void step_append(struct step *s)
{
    const struct request *r = &s->call->request;
    struct entry *old = step_find(s), *stored;
    if (!step_condition_holds(s, old)) return;
    struct table_item item = like(s, old);
    struct slice before = old ? slice_of(entry_value(old), entry_value_len(old)) : slice_of(NULL, 0);
    size_t size = before.len + r->value.len;
    if (s->rules->value_max > 0 && size > s->rules->value_max) {
        reply_error(&s->call->reply, ERR_TOO_LARGE, "the value would be longer than limits.value; not changed");
        return;
    }
    struct slice front = r->op == OP_APPEND ? before : r->value, back = r->op == OP_APPEND ? r->value : before;
    item.value = front.ptr;
    item.value_len = front.len;
    item.more = back.ptr;
    item.more_len = back.len;
    if (step_store(s, &item, &stored)) s->call->reply.size = size;
}

/* ---- numbers ---- */

/* The one way to write a signed number of 64 bits: no blanks, no plus, no zeros in front, no -0. */
static bool parse_signed(struct slice text, int64_t *n)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    struct slice digits = slice_of(text.ptr + negative, text.len - negative);
    uint64_t magnitude = 0;
    if (digits.len == 0 || (digits.ptr[0] == '0' && text.len > 1)) return false;
    if (!number_parse(digits, negative ? UINT64_C(1) << 63 : INT64_MAX, &magnitude)) return false;
    *n = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Digits, perhaps with blanks and a plus in front; a blank ends them, whatever follows it. */
static bool parse_unsigned(struct slice text, uint64_t *n)
{
    size_t at = 0, end;
    while (at < text.len && is_blank(text.ptr[at]))
        at++;
    if (at < text.len && text.ptr[at] == '+') at++;
    for (end = at; end < text.len && !is_blank(text.ptr[end]);)
        end++;
    return number_parse(slice_of(text.ptr + at, end - at), UINT64_MAX, n);
}

/* The sum for the request, or an error. */
static bool add(const struct step *s, struct slice text, int64_t *sum)
{
    const struct request *r = &s->call->request;
    uint64_t n = 0, delta = (uint64_t)r->number;
    bool wraps = r->effects & EFFECT_WRAP;
    if (wraps ? !parse_unsigned(text, &n) : !parse_signed(text, sum)) {
        reply_error(&s->call->reply, ERR_NOT_A_NUMBER, "the value is not a number; not changed");
        return false;
    }
    if (wraps) {
        if (r->subtract)
            n = n > delta ? n - delta : 0;
        else
            n += delta;
        *sum = (int64_t)n;
        return true;
    }
    if (!__builtin_add_overflow(*sum, r->number, sum)) return true;
    reply_error(&s->call->reply, ERR_OVERFLOW, "the number would leave the range of 64 bits; not changed");
    return false;
}

void step_add(struct step *s)
{
    struct call *call = s->call;
    const struct request *r = &call->request;
    struct entry *old = step_find(s), *stored;
    if (!step_condition_holds(s, old)) return;
    struct slice text = slice_text("0");
    if (old) text = slice_of(entry_value(old), entry_value_len(old));
    char digits[PADDED_MAX];
    int64_t sum = 0;
    bool is_initial = !old && r->value.len > 0;
    if (is_initial) {
        uint64_t n = 0;
        (void)parse_unsigned(r->value, &n);
        sum = (int64_t)n;
    } else if (!add(s, text, &sum)) {
        return;
    }
    bool wraps = r->effects & EFFECT_WRAP;
    size_t len = wraps ? number_format(digits, (uint64_t)sum) : number_format_i64(digits, sum);
    struct table_item item = like(s, old);
    if (wraps && old && len < text.len && text.len <= sizeof digits) { /* the text keeps its length */
        memset(digits + len, ' ', text.len - len);
        len = text.len;
    }
    item.value = digits;
    item.value_len = len;
    /* Changed in place, as it were: neither stored anew nor renewed. */
    bool in_place = wraps && old && len == text.len;
    item.stale = in_place && entry_stale(old);
    item.leased = in_place && entry_leased(old);
    if (!step_store(s, &item, &stored)) return;
    call->reply.kind = REPLY_NUMBER;
    call->reply.number = sum;
    call->reply.flags = item.flags;
    call->reply.left_ms = item.deadline_ms == TABLE_NEVER ? -1 : (int64_t)(item.deadline_ms - s->now_ms);
}

/* ---- staleness and leases ---- */

void step_invalidate(struct step *s, struct entry *e)
{
    struct entry *stored;
    struct table_item item = like(s, e);
    item.value = entry_value(e);
    item.value_len = entry_value_len(e);
    item.stale = true;
    if (step_store(s, &item, &stored)) s->call->reply.kind = REPLY_OK;
}

/* An empty session, whose first reader is to fill it. */
static struct entry *vivify(struct step *s)
{
    const struct request *r = &s->call->request;
    struct entry *stored;
    struct table_item item = {.flags = r->flags, .deadline_ms = step_deadline(s, r->create, NULL), .leased = true};
    if (!step_store(s, &item, &stored)) return NULL;
    s->call->reply = (struct reply){.marks = stored ? MARK_WON : 0};
    return stored;
}

struct entry *step_lease(struct step *s, struct entry *e)
{
    const struct request *r = &s->call->request;
    struct reply *reply = &s->call->reply;
    if (!e) return r->create.kind == TTL_DEFAULT ? NULL : vivify(s);
    uint64_t deadline = entry_deadline(e);
    bool touched_first = (r->effects & EFFECT_TOUCH) && !(r->effects & EFFECT_AGE_FIRST);
    if (touched_first) deadline = step_deadline(s, request_lifetime(r), e);
    bool is_old = r->recache_ms > 0 && deadline != TABLE_NEVER && deadline < s->now_ms + r->recache_ms;
    if (entry_leased(e)) {
        reply->marks |= MARK_LEASED;
    } else if (entry_stale(e) || is_old) {
        reply->marks |= MARK_WON;
        table_set_leased(s->table, e);
    }
    return e;
}
