#include "daemon/net/deadlines.h"

#include <stdbool.h>
#include <stddef.h>

void deadlines_init(struct deadlines *d, uint64_t tick_ms, uint64_t now_ms)
{
    d->tick_ms = tick_ms ? tick_ms : 1;
    d->tick = now_ms / d->tick_ms;
    d->count = 0;
    for (size_t i = 0; i < DEADLINES_BUCKETS; i++)
        d->buckets[i].prev = d->buckets[i].next = &d->buckets[i];
}

static void unlink_node(struct deadline *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

void deadline_clear(struct deadlines *d, struct deadline *node)
{
    if (!node->next) return;
    unlink_node(node);
    d->count--;
}

void deadline_set(struct deadlines *d, struct deadline *node, uint64_t at_ms)
{
    uint64_t tick = at_ms / d->tick_ms + 1; /* the first turn at or after at_ms */
    if (tick <= d->tick) tick = d->tick + 1;
    if (tick >= d->tick + DEADLINES_BUCKETS) tick = d->tick + DEADLINES_BUCKETS - 1; /* looked at early */
    if (node->next) {
        if (node->tick <= tick) return;
        deadline_clear(d, node);
    }
    struct deadline *head = &d->buckets[tick % DEADLINES_BUCKETS];
    node->tick = tick;
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
    d->count++;
}

void deadlines_turn(struct deadlines *d, uint64_t now_ms, uint64_t budget,
                    uint64_t (*look)(void *ctx, struct deadline *node), void *ctx)
{
    uint64_t now_tick = now_ms / d->tick_ms;
    if (now_tick > d->tick + DEADLINES_BUCKETS) d->tick = now_tick - DEADLINES_BUCKETS; /* one round sees all */
    while (d->tick < now_tick) {
        d->tick++;
        struct deadline *head = &d->buckets[d->tick % DEADLINES_BUCKETS];
        struct deadline *end = head->prev; /* what is set again during the turn is not looked at twice */
        for (struct deadline *node = head->next; node != head;) {
            if (budget-- == 0) {
                d->tick--; /* this turn again */
                return;
            }
            struct deadline *next = node->next;
            bool is_end = node == end;
            deadline_clear(d, node);
            uint64_t at_ms = look(ctx, node);
            if (at_ms != 0) deadline_set(d, node, at_ms);
            if (is_end) break;
            node = next;
        }
    }
}

uint64_t deadlines_wait(const struct deadlines *d, uint64_t now_ms)
{
    if (d->count == 0) return UINT64_MAX;
    for (uint64_t tick = d->tick + 1; tick <= d->tick + DEADLINES_BUCKETS; tick++) {
        const struct deadline *head = &d->buckets[tick % DEADLINES_BUCKETS];
        if (head->next == head) continue;
        uint64_t at_ms = tick * d->tick_ms;
        return at_ms > now_ms ? at_ms - now_ms : 0;
    }
    return UINT64_MAX;
}
