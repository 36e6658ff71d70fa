#include "tests/unit/fake_clock.h"

static uint64_t now_ns(void *ctx)
{
    struct fake_clock *c = ctx;
    uint64_t now = atomic_load(&c->ns);
    if (atomic_load(&c->gated)) {
        pthread_mutex_lock(&c->lock);
        if (c->allowed > 0) {
            c->allowed--;
        } else {
            c->waiting++;
            pthread_cond_broadcast(&c->changed);
            while (atomic_load(&c->gated))
                pthread_cond_wait(&c->changed, &c->lock);
            c->waiting--;
        }
        pthread_mutex_unlock(&c->lock);
    }
    return now;
}

/* The time of day goes along with the other one, unless it is set. */
static uint64_t wall_us(void *ctx)
{
    struct fake_clock *c = ctx;
    return atomic_load(&c->wall_ms) * 1000U + atomic_load(&c->ns) / 1000U;
}

void fake_clock_init(struct fake_clock *c)
{
    c->clock = (struct clock){now_ns, c, wall_us};
    atomic_init(&c->ns, FAKE_CLOCK_START_MS * 1000000U);
    atomic_init(&c->wall_ms, FAKE_CLOCK_WALL_MS);
    atomic_init(&c->gated, false);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    c->allowed = c->waiting = 0;
}

void fake_clock_destroy(struct fake_clock *c)
{
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
}

uint64_t fake_clock_ms(struct fake_clock *c)
{
    return atomic_load(&c->ns) / 1000000U;
}

void fake_clock_set_wall_ms(struct fake_clock *c, uint64_t at_zero_ms)
{
    atomic_store(&c->wall_ms, at_zero_ms);
}

void fake_clock_advance_ms(struct fake_clock *c, uint64_t ms)
{
    atomic_fetch_add(&c->ns, ms * 1000000U);
}

void fake_clock_gate(struct fake_clock *c, unsigned allowed)
{
    pthread_mutex_lock(&c->lock);
    c->allowed = allowed;
    atomic_store(&c->gated, true);
    pthread_mutex_unlock(&c->lock);
}

bool fake_clock_holds(struct fake_clock *c)
{
    pthread_mutex_lock(&c->lock);
    bool holds = c->waiting > 0;
    pthread_mutex_unlock(&c->lock);
    return holds;
}

void fake_clock_await_held(struct fake_clock *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->waiting == 0)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

void fake_clock_open(struct fake_clock *c)
{
    pthread_mutex_lock(&c->lock);
    atomic_store(&c->gated, false);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}
