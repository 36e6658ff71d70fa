/*
 *     standard input -> counter -> out -> server
 *                                          |
 *     standard output <- in <--------------+      whole replies only, looked at on their way for the exit code
 *
 * After the end of the input our side of the connection is closed; the server answers what it got, then closes.
 */
#include "clients/cli/pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients/cli/counter.h"
#include "clients/cli/output.h"
#include "proto/text/text.h"

#define CHUNK              ((size_t)64 << 10)
#define LAST_REPLY_WAIT_MS 10000

struct flow {
    int fd;
    const char *address;
    struct counter counter;
    struct buffer out;
    size_t out_sent;
    struct buffer in;
    struct reply_decoder decoder;
    bool whole_lines; /* the input so far ends with a line end, or is empty */
    bool input_ended;
    bool shut; /* and the server knows */
    bool cut;  /* the server closed before it had all */
    bool bye;  /* the server took leave: that it closes is no surprise */
    bool done;
    uint64_t kinds[REPLY_BYE + 1]; /* how many replies of each kind */
    enum exit_code code;           /* the highest so far */
};

static void note(struct flow *f, enum exit_code code)
{
    if (code > f->code) f->code = code;
}

/* Ends the flow. */
static void fail(struct flow *f, enum exit_code code, const char *what, int error)
{
    fprintf(stderr, "sluice: %s: %s%s%s\n", f->address, what, error == 0 ? "" : ": ",
            error == 0 ? "" : strerror(error));
    note(f, code);
    f->done = true;
}

static uint64_t count_replies(const struct flow *f)
{
    uint64_t n = 0;

    for (int kind = 0; kind <= REPLY_BYE; kind++)
        n += f->kinds[kind];
    return n;
}

/* The same where replies may be missing. */
static void fail_unanswered(struct flow *f, const char *what, int error)
{
    uint64_t replies = count_replies(f);

    fail(f, EXIT_CANNOT_CONNECT, what, error);
    if (f->counter.requests <= replies) return;
    fprintf(stderr,
            "sluice: whether the last %" PRIu64 " of %" PRIu64
            " requests were executed is unknown: look with GET before sending them again\n",
            f->counter.requests - replies, f->counter.requests);
}

/* The input is no whole number of requests: the server knows that, too, and drops the last one. */
static void fail_unfinished(struct flow *f)
{
    const struct counter *c = &f->counter;

    if (c->in_value && c->value_left > 0) {
        fprintf(stderr,
                "sluice: the input ends in the middle of a request: %" PRIu64 " bytes of its value are missing",
                c->value_left);
    } else {
        fputs("sluice: the input ends in the middle of a request", stderr);
    }
    fputs("; that request was not executed\n", stderr);
    note(f, EXIT_CANNOT_CONNECT);
}

static void out_of_memory(struct flow *f)
{
    fail(f, EXIT_SERVER_ERROR, "no memory for what passes through", 0);
}

static void read_input(struct flow *f)
{
    char *room = buffer_reserve(&f->out, CHUNK);
    ssize_t n = 0;

    if (!room) {
        out_of_memory(f);
        return;
    }
    n = read(STDIN_FILENO, room, CHUNK);
    if (n > 0) {
        f->out.len += (size_t)n;
        f->whole_lines = room[n - 1] == '\n';
        if (!counter_feed(&f->counter, room, (size_t)n)) out_of_memory(f);
    } else if (n == 0) {
        /* A value whose bytes are all there lacks its line end, whatever its last byte is. */
        if (f->counter.in_value ? f->counter.value_left == 0 : !f->whole_lines) {
            buffer_append_text(&f->out, "\n");
            if (f->out.failed || !counter_feed(&f->counter, "\n", 1)) out_of_memory(f);
        }
        f->input_ended = true;
    } else if (errno != EINTR && errno != EAGAIN) {
        fail(f, EXIT_SERVER_ERROR, "cannot read standard input", errno);
    }
}

static void send_out(struct flow *f)
{
    while (f->out_sent < f->out.len) {
        ssize_t n = send(f->fd, f->out.data + f->out_sent, f->out.len - f->out_sent, MSG_NOSIGNAL);
        if (n >= 0) {
            f->out_sent += (size_t)n;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            /* Its last words may still be there: read on, send no more. */
            f->cut = f->input_ended = f->shut = true;
            break;
        }
    }
    f->out.len = f->out_sent = 0;
}

static enum exit_code code_of(const struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_NOT_FOUND: return EXIT_NOT_FOUND;
    case REPLY_CONFLICT: return EXIT_REFUSED;
    case REPLY_OVERLOADED:
    case REPLY_LATE: return EXIT_OVERLOADED;
    case REPLY_ERROR: return EXIT_SERVER_ERROR;
    default: return EXIT_OK;
    }
}

/* Writes out the whole replies in `in`. */
static void pass_replies(struct flow *f)
{
    struct codec_limits limits = {.line = CHUNK, .key = TEXT_KEY_MAX, .value = TEXT_COUNT_MAX};
    enum decode_status status = DECODE_REQUEST;
    size_t done = 0;

    while (done < f->in.len && status == DECODE_REQUEST) {
        struct reply reply = {0};
        struct slice tag = {0};
        size_t used = 0;
        status =
            codec_text.decode_reply(&f->decoder, &limits, f->in.data + done, f->in.len - done, &used, &reply, &tag);
        done += used;
        if (status != DECODE_REQUEST) break;
        f->kinds[reply.kind]++;
        note(f, code_of(&reply));
        f->bye = f->bye || reply.kind == REPLY_BYE;
    }
    if (fwrite(f->in.data, 1, done, stdout) != done || fflush(stdout) != 0)
        fail(f, EXIT_SERVER_ERROR, "cannot write the replies", errno);
    buffer_consume(&f->in, done);
    if (status == DECODE_CLOSE) fail(f, EXIT_CANNOT_CONNECT, "this is no reply of a Sluice server", 0);
}

/* The server has closed: is anything missing? */
static void end(struct flow *f, int error)
{
    f->done = true;
    if (f->bye) return;
    if (f->in.len > 0)
        fail_unanswered(f, "the server closed in the middle of a reply", error);
    else if (f->cut || !f->shut)
        fail_unanswered(f, "the server closed before all was sent", error);
    else if (count_replies(f) < f->counter.requests)
        fail_unanswered(f, "the server closed before all was answered", error);
    else if (counter_unfinished(&f->counter))
        fail_unfinished(f);
}

static void receive(struct flow *f)
{
    char *room = buffer_reserve(&f->in, CHUNK);
    ssize_t n = 0;

    if (!room) {
        out_of_memory(f);
        return;
    }
    n = recv(f->fd, room, f->in.capacity - f->in.len, 0);
    if (n > 0) {
        f->in.len += (size_t)n;
        pass_replies(f);
        return;
    }
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    end(f, n < 0 ? errno : 0);
}

/* Waits for either side once. */
static void turn(struct flow *f, int last_wait_ms)
{
    bool unsent = f->out_sent < f->out.len;
    bool want_input = !unsent && !f->input_ended;
    struct pollfd p[] = {
        {.fd = f->fd, .events = (short)(unsent ? POLLIN | POLLOUT : POLLIN)},
        {.fd = want_input ? STDIN_FILENO : -1, .events = POLLIN},
    };
    int n = poll(p, 2, f->input_ended ? last_wait_ms : -1);

    if (n < 0 && errno != EINTR) fail(f, EXIT_CANNOT_CONNECT, "cannot wait", errno);
    if (n == 0) fail_unanswered(f, "no answer in time (--timeout waits longer)", 0);
    if (n <= 0) return;
    if (p[0].revents != 0) receive(f);
    if (!f->done && p[1].revents != 0) read_input(f);
    if (!f->done) send_out(f);
    if (!f->done && f->input_ended && !f->shut && f->out.len == 0) {
        shutdown(f->fd, SHUT_WR);
        f->shut = true;
    }
}

/* One line at the end, in which what was refused does not get lost among thousands of replies. */
static void print_refusals(const struct flow *f)
{
    static const struct {
        enum reply_kind kind;
        const char *name;
    } rows[] = {{REPLY_CONFLICT, "in conflict"},
                {REPLY_OVERLOADED, "overloaded"},
                {REPLY_LATE, "late"},
                {REPLY_ERROR, "in error"}};
    uint64_t replies = count_replies(f);
    uint64_t requests = f->counter.requests > replies ? f->counter.requests : replies;
    uint64_t executed = replies;

    if (f->kinds[REPLY_OVERLOADED] + f->kinds[REPLY_LATE] + f->kinds[REPLY_ERROR] == 0) return;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        executed -= f->kinds[rows[i].kind];
    fprintf(stderr, "sluice: %" PRIu64 " requests: %" PRIu64 " executed", requests, executed);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (f->kinds[rows[i].kind] == 0) continue;
        fprintf(stderr, ", %" PRIu64 " %s", f->kinds[rows[i].kind], rows[i].name);
    }
    if (requests > replies) fprintf(stderr, ", %" PRIu64 " without an answer", requests - replies);
    fputc('\n', stderr);
}

enum exit_code pipe_run(const struct options *options, struct sluice *s)
{
    struct flow f = {.fd = sluice_fd(s), .address = sluice_address(s), .whole_lines = true};
    int wait_ms = options->timeout_ms == 0 ? LAST_REPLY_WAIT_MS : options->timeout_ms;

    while (!f.done)
        turn(&f, wait_ms);
    print_refusals(&f);
    counter_free(&f.counter);
    buffer_free(&f.out);
    buffer_free(&f.in);
    return f.code;
}
