/*
 * When the server is overloaded: may a call be tried again, after how long, and should it be sent at all?
 *
 *     throttle -> send -> OVERLOADED retry_ms -> budget left? attempts left? -> wait (full jitter) -> send ...
 *
 * Pure: time and randomness come from the caller. One per handle, so not thread-safe, as the handle.
 */
#ifndef CLIENTS_C_RETRY_H
#define CLIENTS_C_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/c/sluice.h"

struct sluice__retry {
    int attempts;       /* most times one call is sent; 1: never again */
    int max_wait_ms;    /* longest wait between two attempts */
    double budget_rate; /* tokens that one call earns; below 0: there is no budget */
    double throttle;    /* K of the throttle; 0: off */
    double tokens;      /* a retry costs one */
    double requests;    /* calls of late, and how many of them were taken on: halved every RETRY_HALF_LIFE_MS */
    double accepts;
    int64_t halved_ms; /* when last; 0: never */
};

/* `options` as in sluice_options.retry, zeros for the defaults. */
void sluice__retry_init(struct sluice__retry *r, const struct sluice_retry_options *options);

/*
 * Counts a call that is about to be made. False: it should not even be sent, because the server has refused most
 * calls of late: with probability (requests - K * accepts) / (requests + 1), the client-side throttling of "Site
 * Reliability Engineering" (B. Beyer and others, 2016), chapter 21. `dice` is uniform in [0, 1).
 */
bool sluice__retry_begin(struct sluice__retry *r, int64_t now_ms, double dice);

/* Counts how a call that was sent ended: was it taken on, or refused as too much? */
void sluice__retry_end(struct sluice__retry *r, bool accepted);

/*
 * After attempt number `attempt` (from 1) was answered OVERLOADED with this hint: how many ms to wait before the
 * next one, or -1 to give up. The wait is uniform in [0, hint * 2^(attempt - 1)], "full jitter", so that the
 * clients that were refused together do not come back together. Takes a token from the budget.
 */
int sluice__retry_wait(struct sluice__retry *r, int attempt, int64_t hint_ms, double dice);

#endif
