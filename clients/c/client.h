/*
 * What the files of this library share. Names with two underscores are not for users.
 *
 *     calls.c (retry.c: again?) -> pipeline.c -> request.c (checks, encodes)      -> out -> stream.c -> socket
 *                         <-- result.c (what a reply means)     <- in  <-
 *     open.c -> address.c (where), connect.c (how)
 */
#ifndef CLIENTS_C_CLIENT_H
#define CLIENTS_C_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/c/retry.h"
#include "clients/c/sluice.h"
#include "proto/address.h"
#include "proto/buffer.h"
#include "proto/codec.h"
#include "proto/request.h"

#define SLUICE__CONNECT_TIMEOUT_MS 5000
#define SLUICE__REQUEST_TIMEOUT_MS 10000
#define SLUICE__REPLY_MAX          ((size_t)64 << 20)
#define SLUICE__LINE_MAX           65536 /* longest reply line believed */

enum sluice__link {
    LINK_DOWN, /* no connection, or one that must not be used any more: nothing goes out, nothing comes in */
    LINK_UP,
    LINK_ENDED, /* the server has closed: nothing goes out, but replies that came before may be received */
};

/* A request whose reply has not been received. */
struct sluice__pending {
    uint8_t op;
    bool early; /* its refusal may come ahead of earlier replies */
    uint8_t tag_len;
    char tag[TAG_MAX];
};

struct sluice {
    struct address address;
    int connect_timeout_ms; /* below 0: none */
    int request_timeout_ms; /* below 0: none */
    size_t reply_max;
    bool address_ok; /* false: the options named no place, see error */
    int fd;          /* -1: none */
    enum sluice__link link;
    struct buffer out;
    size_t out_sent; /* bytes at the front of `out` that the kernel has */
    struct buffer in;
    size_t in_start; /* bytes at the front of `in` that were received already */
    struct reply_decoder decoder;
    struct sluice__retry retry;
    uint64_t dice;                   /* state of the random numbers, never 0 */
    struct sluice__pending *pending; /* a ring of pending_capacity places */
    size_t pending_capacity;
    size_t pending_head;
    size_t pending_len;
    int system_error; /* behind the last CANNOT_CONNECT; 0: a host name that is not known */
    char error[512];
};

/* Sets the error text (printf style) and returns `status`. */
enum sluice_status sluice__fail(struct sluice *s, enum sluice_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The answer to whoever uses a handle without a connection. */
enum sluice_status sluice__not_connected(struct sluice *s);

/* address.c: false, with the error text set, when the options name no place. `options` may be NULL. */
bool sluice__address_set(struct sluice *s, const struct sluice_options *options);

/* connect.c: a connected non-blocking socket, or -1 with the error text set and *status saying which kind. */
int sluice__connect(struct sluice *s, enum sluice_status *status);

/* stream.c. Deadlines are monotonic milliseconds; -1: never. */
int64_t sluice__deadline(int timeout_ms);
/* Now, on the same clock. */
int64_t sluice__now_ms(void);
/* Milliseconds left for poll: -1 for never, 0 when it has passed. */
int sluice__remaining(int64_t deadline);
/* Writes what is unsent; what arrives meanwhile is read into `in`. */
enum sluice_status sluice__write_all(struct sluice *s, int64_t deadline);
/* Waits until more bytes are in `in`, writing what is unsent meanwhile. LINK_ENDED is no failure. */
enum sluice_status sluice__read_more(struct sluice *s, int64_t deadline);
/* Closes the socket and forgets all bytes and pending requests. */
void sluice__drop(struct sluice *s);

/* request.c: checks, appends to `out`, and notes it as pending. */
enum sluice_status sluice__append(struct sluice *s, struct request *request, int64_t ttl_ms,
                                  const struct sluice_request_options *options);

/* pipeline.c: sends what is unsent, then takes the next reply. */
enum sluice_status sluice__receive(struct sluice *s, int64_t deadline, struct sluice_result *result);

/* result.c: false when `reply` cannot be the answer to `op`. */
bool sluice__result_set(struct sluice_result *result, enum op op, const struct reply *reply);

static inline struct slice sluice__slice(struct sluice_bytes bytes)
{
    return slice_of(bytes.data, bytes.len);
}

#endif
