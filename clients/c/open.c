/* A handle from its making to its end. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "clients/c/client.h"

enum sluice_status sluice__fail(struct sluice *s, enum sluice_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(s->error, sizeof s->error, format, args);
    va_end(args);
    return status;
}

enum sluice_status sluice__not_connected(struct sluice *s)
{
    return sluice__fail(s, SLUICE_DISCONNECTED, "not connected to %s (any more)", s->address.text);
}

enum sluice_status sluice_open(const struct sluice_options *options, struct sluice **out)
{
    static const struct sluice_options defaults = {0};
    struct sluice *s = calloc(1, sizeof *s);

    assert(out);
    *out = s;
    if (!s) return SLUICE_NO_MEMORY;
    if (!options) options = &defaults;
    s->fd = -1;
    s->connect_timeout_ms =
        options->connect_timeout_ms == 0 ? SLUICE__CONNECT_TIMEOUT_MS : options->connect_timeout_ms;
    s->request_timeout_ms =
        options->request_timeout_ms == 0 ? SLUICE__REQUEST_TIMEOUT_MS : options->request_timeout_ms;
    s->reply_max = options->reply_max == 0 ? SLUICE__REPLY_MAX : options->reply_max;
    sluice__retry_init(&s->retry, &options->retry);
    if (getrandom(&s->dice, sizeof s->dice, GRND_NONBLOCK) != (ssize_t)sizeof s->dice) s->dice = 0;
    s->dice ^= (uint64_t)sluice__now_ms() ^ (uint64_t)(uintptr_t)s; /* jitter, not a secret */
    if (s->dice == 0) s->dice = 1;
    s->address_ok = sluice__address_set(s, options);
    return sluice_reconnect(s);
}

enum sluice_status sluice_reconnect(struct sluice *s)
{
    enum sluice_status status = SLUICE_OK;

    sluice__drop(s);
    if (!s->address_ok) return SLUICE_BAD_ARGUMENT; /* the error text has said why since sluice_open */
    s->fd = sluice__connect(s, &status);
    if (status == SLUICE_OK) s->link = LINK_UP;
    return status;
}

void sluice_close(struct sluice *s)
{
    if (!s) return;
    sluice__drop(s);
    free(s->pending);
    free(s);
}

const char *sluice_error_text(const struct sluice *s)
{
    return !s ? "no memory" : s->error;
}

int sluice_system_error(const struct sluice *s)
{
    return !s ? 0 : s->system_error;
}

const char *sluice_address(const struct sluice *s)
{
    return s->address.text;
}

int sluice_fd(const struct sluice *s)
{
    return s->fd;
}
