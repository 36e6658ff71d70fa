/*
 * One read and one write per turn, no allocation per request:
 *
 *     read into `in` -> framing finds requests -> fixed replies into `out` -> uv_try_write
 *                                                     |
 *                     what the socket does not take: uv_write, and no reading until it is through
 */
#include "bench/null/peer.h"

#include <stdlib.h>
#include <string.h>

#include "bench/null/framing.h"

#define INPUT_SIZE (2 * FRAMING_LINE_MAX)

struct peer {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    struct peers *peers;
    struct peer *next, *previous;
    struct framing framing;
    bool closing;
    uv_write_t write;
    size_t in_len, out_len;
    char in[INPUT_SIZE], out[PEER_OUTPUT];
};

static void on_peer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_peer(struct peer *p)
{
    if (p->closing) return;
    p->closing = true;
    if (p->next) p->next->previous = p->previous;
    if (p->previous) {
        p->previous->next = p->next;
    } else {
        p->peers->first = p->next;
    }
    uv_close(&p->socket.handle, on_peer_closed);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct peer *p = handle->data;

    (void)suggested;
    *buf = uv_buf_init(p->in + p->in_len, (unsigned)(INPUT_SIZE - p->in_len));
}

/* Frames what is in `in` and appends the replies, as long as there is room for them. False: it is nonsense. */
static bool answer(struct peer *p)
{
    static const char stored[] = "OK 1\r\n";
    const struct peers *s = p->peers;
    size_t at = 0;
    enum framing_found found = FRAMING_EMPTY;

    while (found != FRAMING_MORE && found != FRAMING_BAD && p->out_len + s->value_reply_len <= PEER_OUTPUT) {
        size_t used = 0;
        found = framing_next(&p->framing, p->in + at, p->in_len - at, &used);
        at += used;
        if (found == FRAMING_GET) {
            memcpy(p->out + p->out_len, s->value_reply, s->value_reply_len);
            p->out_len += s->value_reply_len;
        } else if (found == FRAMING_OTHER) {
            memcpy(p->out + p->out_len, stored, sizeof(stored) - 1);
            p->out_len += sizeof(stored) - 1;
        }
    }
    memmove(p->in, p->in + at, p->in_len - at);
    p->in_len -= at;
    return found != FRAMING_BAD;
}

static void serve(struct peer *p);

static void on_written(uv_write_t *write, int status)
{
    struct peer *p = write->data;

    if (p->closing) return;
    p->out_len = 0;
    if (status < 0 || uv_read_start(&p->socket.stream, on_alloc, on_read) != 0) {
        close_peer(p);
        return;
    }
    serve(p);
}

/* Answers and writes until the input is used up or the socket takes no more. */
static void serve(struct peer *p)
{
    for (;;) {
        size_t before = p->in_len;
        if (!answer(p)) {
            close_peer(p);
            return;
        }
        if (p->out_len == 0) return;
        uv_buf_t buf = uv_buf_init(p->out, (unsigned)p->out_len);
        int n = uv_try_write(&p->socket.stream, &buf, 1);
        if (n < 0 && n != UV_EAGAIN) {
            close_peer(p);
            return;
        }
        size_t written = n > 0 ? (size_t)n : 0;
        if (written < p->out_len) {
            buf = uv_buf_init(p->out + written, (unsigned)(p->out_len - written));
            uv_read_stop(&p->socket.stream);
            p->write.data = p;
            if (uv_write(&p->write, &p->socket.stream, &buf, 1, on_written) != 0) close_peer(p);
            return;
        }
        p->out_len = 0;
        if (p->in_len == 0 || p->in_len == before) return;
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer *p = stream->data;

    (void)buf;
    if (n < 0) {
        close_peer(p);
        return;
    }
    p->in_len += (size_t)n;
    if (n > 0) serve(p);
}

void peer_accept(struct peers *peers, uv_stream_t *listener)
{
    bool is_pipe = listener->type == UV_NAMED_PIPE;
    struct peer *p = malloc(sizeof(*p));
    if (!p) return;

    p->peers = peers;
    p->framing = (struct framing){0};
    p->closing = false;
    p->in_len = p->out_len = 0;
    if (is_pipe) {
        uv_pipe_init(peers->loop, &p->socket.pipe, 0);
    } else {
        uv_tcp_init(peers->loop, &p->socket.tcp);
    }
    p->socket.handle.data = p;
    p->previous = NULL;
    p->next = peers->first;
    if (p->next) p->next->previous = p;
    peers->first = p;
    bool ok = uv_accept(listener, &p->socket.stream) == 0;
    if (ok && !is_pipe) uv_tcp_nodelay(&p->socket.tcp, 1);
    if (!ok || uv_read_start(&p->socket.stream, on_alloc, on_read) != 0) close_peer(p);
}

void peers_close(struct peers *peers)
{
    while (peers->first) {
        close_peer(peers->first);
    }
}
