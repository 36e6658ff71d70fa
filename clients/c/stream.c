/*
 * Bytes over a non-blocking socket. Whoever waits, be it for room to write or for a reply, always reads what
 * there is: a server that stops reading requests until its replies are read can so never block us for good.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clients/c/client.h"

#define READ_ROOM ((size_t)16 << 10) /* least room for one recv */

int64_t sluice__now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t sluice__deadline(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : sluice__now_ms() + timeout_ms;
}

int sluice__remaining(int64_t deadline)
{
    int64_t left = 0;

    if (deadline < 0) return -1;
    left = deadline - sluice__now_ms();
    if (left <= 0) return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

void sluice__drop(struct sluice *s)
{
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
    s->link = LINK_DOWN;
    buffer_free(&s->out);
    buffer_free(&s->in);
    s->out = (struct buffer){0};
    s->in = (struct buffer){0};
    s->out_sent = s->in_start = 0;
    s->decoder = (struct reply_decoder){0};
    s->pending_head = s->pending_len = 0;
}

/* The server has closed, in order (error 0) or not. What it sent before can still be received. */
static void end(struct sluice *s, int error)
{
    char text[128];

    s->link = LINK_ENDED;
    sluice__fail(s, SLUICE_DISCONNECTED, "%s closed the connection%s%s", s->address.text, error == 0 ? "" : ": ",
                 error == 0 ? "" : strerror_r(error, text, sizeof text));
}

/* Room at the end of `in`: first what was received already is dropped. */
static char *make_room(struct sluice *s)
{
    if (s->in_start == s->in.len) s->in_start = s->in.len = 0;
    if (s->in_start > 0 && s->in.capacity - s->in.len < READ_ROOM) {
        buffer_consume(&s->in, s->in_start);
        s->in_start = 0;
    }
    return buffer_reserve(&s->in, READ_ROOM);
}

/* Reads what there is, once. */
static enum sluice_status read_some(struct sluice *s)
{
    char *room = make_room(s);
    ssize_t n = 0;

    if (!room) {
        sluice__drop(s);
        return sluice__fail(s, SLUICE_NO_MEMORY, "no memory for a reply from %s", s->address.text);
    }
    do {
        n = recv(s->fd, room, s->in.capacity - s->in.len, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        s->in.len += (size_t)n;
    else if (n == 0)
        end(s, 0);
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        end(s, errno);
    return SLUICE_OK;
}

/* The server takes no more: it may have said why before it went. */
static enum sluice_status read_last_words(struct sluice *s, int error)
{
    enum sluice_status status = SLUICE_OK;
    size_t before = 0;

    do {
        before = s->in.len - s->in_start;
        status = read_some(s);
    } while (status == SLUICE_OK && s->link == LINK_UP && s->in.len - s->in_start > before);
    if (status == SLUICE_OK && s->link == LINK_UP) end(s, error);
    return status;
}

/* Writes what the kernel takes now. */
static enum sluice_status write_some(struct sluice *s)
{
    while (s->out_sent < s->out.len) {
        ssize_t n = send(s->fd, s->out.data + s->out_sent, s->out.len - s->out_sent, MSG_NOSIGNAL);
        if (n >= 0)
            s->out_sent += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return SLUICE_OK;
        else if (errno != EINTR)
            return read_last_words(s, errno);
    }
    s->out.len = s->out_sent = 0;
    return SLUICE_OK;
}

/* Waits for the socket once and does what it is ready for. */
static enum sluice_status turn(struct sluice *s, int64_t deadline)
{
    bool unsent = s->out_sent < s->out.len;
    struct pollfd p = {.fd = s->fd, .events = (short)(unsent ? POLLIN | POLLOUT : POLLIN)};
    int n = poll(&p, 1, sluice__remaining(deadline));
    enum sluice_status status = SLUICE_OK;

    if (n < 0 && errno == EINTR) return SLUICE_OK;
    if (n <= 0) {
        sluice__drop(s);
        return sluice__fail(s, SLUICE_TIMEOUT, "no answer from %s in time", s->address.text);
    }
    if ((p.revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0) status = read_some(s);
    if (status == SLUICE_OK && s->link == LINK_UP && (p.revents & POLLOUT) != 0) status = write_some(s);
    return status;
}

enum sluice_status sluice__write_all(struct sluice *s, int64_t deadline)
{
    enum sluice_status status = SLUICE_OK;

    if (s->link == LINK_UP) status = write_some(s);
    while (status == SLUICE_OK && s->link == LINK_UP && s->out_sent < s->out.len)
        status = turn(s, deadline);
    if (status == SLUICE_OK && s->out_sent < s->out.len) return SLUICE_DISCONNECTED; /* end() said why */
    return status;
}

enum sluice_status sluice__read_more(struct sluice *s, int64_t deadline)
{
    size_t before = s->in.len - s->in_start;
    enum sluice_status status = SLUICE_OK;

    while (status == SLUICE_OK && s->link == LINK_UP && s->in.len - s->in_start == before)
        status = turn(s, deadline);
    return status;
}
