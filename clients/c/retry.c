#include "clients/c/retry.h"

#define RETRY_ATTEMPTS     3
#define RETRY_MAX_WAIT_MS  1000
#define RETRY_BUDGET       10 /* percent of the calls */
#define RETRY_TOKENS_MAX   10
#define RETRY_THROTTLE     2
#define RETRY_HALF_LIFE_MS 30000

void sluice__retry_init(struct sluice__retry *r, const struct sluice_retry_options *options)
{
    *r = (struct sluice__retry){0};
    r->attempts = options->attempts == 0 ? RETRY_ATTEMPTS : options->attempts;
    r->max_wait_ms = options->max_wait_ms == 0 ? RETRY_MAX_WAIT_MS : options->max_wait_ms;
    r->budget_rate = (options->budget_percent == 0 ? RETRY_BUDGET : options->budget_percent) / 100.0;
    r->throttle = options->throttle == 0 ? RETRY_THROTTLE : options->throttle;
    if (r->throttle < 0) r->throttle = 0;
    r->tokens = RETRY_TOKENS_MAX;
}

/* What is long ago counts for less and less. */
static void fade(struct sluice__retry *r, int64_t now_ms)
{
    if (r->halved_ms == 0) r->halved_ms = now_ms;
    for (; now_ms - r->halved_ms >= RETRY_HALF_LIFE_MS && r->requests >= 1; r->halved_ms += RETRY_HALF_LIFE_MS) {
        r->requests /= 2;
        r->accepts /= 2;
    }
    if (now_ms - r->halved_ms >= RETRY_HALF_LIFE_MS) {
        r->requests = r->accepts = 0;
        r->halved_ms = now_ms;
    }
}

bool sluice__retry_begin(struct sluice__retry *r, int64_t now_ms, double dice)
{
    fade(r, now_ms);
    double refuse = (r->requests - r->throttle * r->accepts) / (r->requests + 1);
    r->requests++;
    if (r->budget_rate > 0) {
        r->tokens += r->budget_rate;
        if (r->tokens > RETRY_TOKENS_MAX) r->tokens = RETRY_TOKENS_MAX;
    }
    return r->throttle <= 0 || dice >= refuse;
}

void sluice__retry_end(struct sluice__retry *r, bool accepted)
{
    if (accepted) r->accepts++;
}

int sluice__retry_wait(struct sluice__retry *r, int attempt, int64_t hint_ms, double dice)
{
    if (hint_ms < 0 || attempt >= r->attempts) return -1;
    if (r->budget_rate >= 0) {
        if (r->tokens < 1) return -1;
        r->tokens -= 1;
    }
    double most = hint_ms < 1 ? 1 : (double)hint_ms;
    for (int i = 1; i < attempt && most < r->max_wait_ms; i++)
        most *= 2;
    if (most > r->max_wait_ms) most = r->max_wait_ms;
    return (int)(dice * (most + 1)); /* dice < 1: at most `most` */
}
