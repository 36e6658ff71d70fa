/* The memory limit of all sessions together: one atomic number that never passes the limit by budget_take. */
#include "daemon/store/budget.h"

#include <assert.h>

void budget_init(struct budget *b, size_t limit)
{
    b->limit = limit;
    atomic_init(&b->used, 0);
}

bool budget_take(struct budget *b, size_t bytes)
{
    if (b->limit == 0) {
        budget_force(b, bytes);
        return true;
    }
    /* Compare-and-swap rather than add-and-undo: a refusal must not make another thread's take fail. */
    size_t used = atomic_load_explicit(&b->used, memory_order_relaxed);
    do {
        if (used > b->limit || bytes > b->limit - used) return false;
    } while (!atomic_compare_exchange_weak_explicit(&b->used, &used, used + bytes, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

void budget_force(struct budget *b, size_t bytes)
{
    atomic_fetch_add_explicit(&b->used, bytes, memory_order_relaxed);
}

void budget_give(struct budget *b, size_t bytes)
{
    size_t old = atomic_fetch_sub_explicit(&b->used, bytes, memory_order_relaxed);
    assert(old >= bytes);
}

size_t budget_used(const struct budget *b)
{
    return atomic_load_explicit(&b->used, memory_order_relaxed);
}
