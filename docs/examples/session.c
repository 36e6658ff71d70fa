/*
 * A web session with libsluice: log in, change the session without losing another one's change, log out.
 *
 *     cc session.c $(pkg-config --cflags --libs sluice) -o session
 *     ./session [URL]        sluice://127.0.0.1:7811 unless told otherwise
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sluice.h>

#define HALF_AN_HOUR (30 * 60 * 1000)

static void fail(struct sluice *s, const char *what)
{
    fprintf(stderr, "%s: %s\n", what, sluice_error_text(s));
    sluice_close(s);
    exit(EXIT_FAILURE);
}

/* Stores a session under a key that must be new. */
static void log_in(struct sluice *s, struct sluice_bytes key)
{
    struct sluice_request_options only_if_new = {.condition = SLUICE_IF_ABSENT};
    struct sluice_result r;

    sluice_put(s, key, sluice_text("{\"user\":\"alice\",\"cart\":[]}"), HALF_AN_HOUR, &only_if_new, &r);
    if (r.status == SLUICE_CONFLICT)
        printf("there is such a session already\n");
    else if (r.status != SLUICE_OK)
        fail(s, "put");
}

/*
 * Reads, changes and writes back, and begins again if somebody else wrote in between. A busy server may say
 * OVERLOADED: nothing was done then, and r.retry_ms tells when it is worth another try.
 */
static void fill_cart(struct sluice *s, struct sluice_bytes key)
{
    struct sluice_result r;

    do {
        if (sluice_get(s, key, NULL, &r) != SLUICE_OK) fail(s, "get");
        printf("session: %.*s\n", (int)r.body.len, r.body.data);
        struct sluice_request_options only_if_unchanged = {.condition = SLUICE_IF_VERSION, .version = r.version};
        sluice_put(s, key, sluice_text("{\"user\":\"alice\",\"cart\":[7,9]}"), HALF_AN_HOUR, &only_if_unchanged,
                   &r);
    } while (r.status == SLUICE_CONFLICT);
    if (r.status != SLUICE_OK) fail(s, "put");
}

/* Three requests on their way at once; their replies come in the same order. */
static void look_twice_and_log_out(struct sluice *s, struct sluice_bytes key)
{
    struct sluice_result r;

    sluice_send_touch(s, key, HALF_AN_HOUR, NULL);
    sluice_send_get(s, key, NULL);
    sluice_send_delete(s, key, NULL);
    if (sluice_flush(s) != SLUICE_OK) fail(s, "flush");

    if (sluice_receive(s, &r) != SLUICE_OK) fail(s, "touch");
    if (sluice_receive(s, &r) != SLUICE_OK) fail(s, "get");
    printf("session: %.*s\n", (int)r.body.len, r.body.data);
    if (sluice_receive(s, &r) != SLUICE_OK) fail(s, "delete");
}

int main(int argc, char **argv)
{
    struct sluice_options options = {.url = argc > 1 ? argv[1] : NULL, .request_timeout_ms = 5000};
    struct sluice_bytes key = sluice_text("session-4711");
    struct sluice_result r;
    struct sluice *s;

    if (sluice_open(&options, &s) != SLUICE_OK) fail(s, "open");
    log_in(s, key);
    fill_cart(s, key);
    look_twice_and_log_out(s, key);
    if (sluice_get(s, key, NULL, &r) == SLUICE_NOT_FOUND) printf("logged out\n");
    sluice_close(s);
    return EXIT_SUCCESS;
}
