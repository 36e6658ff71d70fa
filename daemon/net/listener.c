#include "daemon/net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/log.h"

#define BACKLOG          1024
#define ACCEPTS_PER_TURN 64
#define RETRY_MS         100 /* pause after the system ran out of descriptors */
#define PEER_SILENT_S    300 /* after which a TCP peer counts as gone */
#define PROBES           3   /* of these, the last ones before that */
#define PROBE_EVERY_S    20

struct listener {
    uv_poll_t poll;
    uv_timer_t retry;
    int fd;
    bool paused;
    int handles; /* still to be closed before this can be freed */
    struct listener_options options;
    uint32_t turn; /* which of its loops comes next */
    struct listener *next;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* Unix: to be removed on close; else empty */
    ino_t inode;
};

/* ---- accepting ---- */

static void refuse(struct listener *l, int fd)
{
    struct call call;
    struct buffer out = {0};
    call_init(&call);
    reply_error(&call.reply, ERR_TOO_MANY_CONNECTIONS, "limits.connections is reached; try again later");
    l->options.codec->encode(&out, &call);
    if (!out.failed) (void)!send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    char unread[4096]; /* bytes left unread would reset the connection under the reply */
    (void)!recv(fd, unread, sizeof unread, MSG_DONTWAIT);
    close(fd);
    buffer_free(&out);
    counter_add(&l->options.limit->refused, 1);
}

static void start_polling(struct listener *l);

static void on_retry(uv_timer_t *timer)
{
    start_polling(timer->data);
}

/* Most likely the system is out of descriptors; what waits in the backlog can wait a little longer. */
static void pause_accepting(struct listener *l)
{
    if (!l->paused) log_warn("cannot accept connections for now", LOG_STR("error", strerror(errno)));
    l->paused = true; /* told once, until it works again */
    uv_poll_stop(&l->poll);
    uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
}

static void on_connections(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    struct listener_limit *limit = l->options.limit;
    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue; /* that one connection was gone before we took it */
            if (errno != EAGAIN) pause_accepting(l);
            return;
        }
        l->paused = false;
        if (atomic_fetch_add(&limit->open, 1) >= limit->most) {
            atomic_fetch_sub(&limit->open, 1);
            refuse(l, fd);
            continue;
        }
        struct conn_socket socket = {fd, l->options.transport, l->options.codec};
        loop_adopt(l->options.loops[l->turn], &socket);
        l->turn = (l->turn + 1) % l->options.loop_count;
    }
}

static void start_polling(struct listener *l)
{
    uv_poll_start(&l->poll, UV_READABLE, on_connections);
}

/* ---- opening ---- */

static bool fail(char *error, size_t size, const char *what, const char *where, const char *why)
{
    snprintf(error, size, "cannot %s %s: %s", what, where, why);
    return false;
}

static bool add_listener(uv_loop_t *uv, int fd, const struct listener_options *options, struct listener **list)
{
    struct listener *l = calloc(1, sizeof *l);
    if (!l || uv_poll_init_socket(uv, &l->poll, fd) != 0) {
        free(l);
        return false;
    }
    uv_timer_init(uv, &l->retry);
    l->poll.data = l->retry.data = l;
    l->handles = 2;
    l->fd = fd;
    l->options = *options;
    l->next = *list;
    *list = l;
    start_polling(l);
    return true;
}

/* Accepted sockets inherit these. A peer that is gone without a word is noticed, whether replies wait for it to
 * take them or not: after PEER_SILENT_S without any sign of it. */
static void set_tcp_options(int fd)
{
    const int on = 1, idle_s = PEER_SILENT_S - PROBES * PROBE_EVERY_S, every_s = PROBE_EVERY_S, probes = PROBES;
    const unsigned silent_ms = PEER_SILENT_S * 1000;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof silent_ms);
}

static int bind_tcp(const struct addrinfo *info, int receive_buffer)
{
    int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    set_tcp_options(fd);
    /* Before listening: accepted sockets inherit it, and the window is agreed on with the first packet. */
    if (receive_buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (info->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static const char *why_not_bound(void)
{
    if (errno == EADDRINUSE) return "the address is in use; is another sluiced running?";
    if (errno == EACCES) return "permission denied; ports below 1024 need privileges";
    if (errno == EADDRNOTAVAIL) return "this machine has no such address";
    return strerror(errno);
}

static void log_tcp(int fd, const char *name)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    char host[64] = "?", port[16] = "?", text[96];
    if (getsockname(fd, (struct sockaddr *)&bound, &len) == 0)
        getnameinfo((struct sockaddr *)&bound, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(text, sizeof text, bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    log_info("listening", LOG_STR("listener", name), LOG_STR("address", text));
}

static bool open_tcp(uv_loop_t *uv, const struct listener_options *options, struct listener **list, char *error,
                     size_t error_size)
{
    const struct address *address = options->address;
    const char *where = address->text;
    char port[8];
    snprintf(port, sizeof port, "%u", address->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *infos;
    int failed = getaddrinfo(address->host, port, &hints, &infos);
    if (failed) return fail(error, error_size, "find the address", where, gai_strerror(failed));
    bool ok = true;
    for (struct addrinfo *info = infos; info && ok; info = info->ai_next) {
        int fd = bind_tcp(info, options->receive_buffer);
        ok = fd >= 0 && add_listener(uv, fd, options, list);
        if (!ok)
            fail(error, error_size, "listen on", where, fd < 0 ? why_not_bound() : "out of memory");
        else
            log_tcp(fd, options->name);
    }
    freeaddrinfo(infos);
    return ok;
}

/* A socket file that nobody answers on is left from a daemon that is gone. */
static bool remove_stale(const struct sockaddr_un *name, char *error, size_t error_size)
{
    struct stat st;
    if (lstat(name->sun_path, &st) != 0) return true;
    if (!S_ISSOCK(st.st_mode))
        return fail(error, error_size, "listen on", name->sun_path, "a file that is no socket stands there");
    int fd =
        socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* a hung daemon's backlog may be full */
    bool alive =
        fd >= 0 && (connect(fd, (const struct sockaddr *)name, sizeof *name) == 0 || errno != ECONNREFUSED);
    if (fd >= 0) close(fd);
    if (alive)
        return fail(error, error_size, "listen on", name->sun_path,
                    "the socket is in use; is another sluiced running?");
    unlink(name->sun_path);
    return true;
}

static bool open_unix(uv_loop_t *uv, const struct listener_options *options, struct listener **list, char *error,
                      size_t error_size)
{
    const char *path = options->address->path;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof name.sun_path)
        return fail(error, error_size, "listen on", path, "the path of a Unix socket has at most 107 bytes");
    strcpy(name.sun_path, path);
    if (!remove_stale(&name, error, error_size)) return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t old = umask(0777); /* nobody gets in before the mode is set */
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0;
    umask(old);
    struct stat st;
    if (!bound || chmod(path, options->address->mode) != 0 || stat(path, &st) != 0 || listen(fd, BACKLOG) != 0) {
        fail(error, error_size, "listen on", path, strerror(errno));
        if (bound) unlink(path);
        if (fd >= 0) close(fd);
        return false;
    }
    if (!add_listener(uv, fd, options, list)) {
        unlink(path);
        close(fd);
        return fail(error, error_size, "listen on", path, "out of memory");
    }
    strcpy((*list)->path, path);
    (*list)->inode = st.st_ino;
    log_info("listening", LOG_STR("listener", options->name), LOG_STR("address", path));
    return true;
}

bool listener_open(uv_loop_t *uv, const struct listener_options *options, struct listener **list, char *error,
                   size_t error_size)
{
    return options->address->is_unix ? open_unix(uv, options, list, error, error_size)
                                     : open_tcp(uv, options, list, error, error_size);
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    if (--l->handles == 0) free(l);
}

void listener_close_all(struct listener **list)
{
    while (*list) {
        struct listener *l = *list;
        struct stat st;
        *list = l->next;
        if (l->path[0] && lstat(l->path, &st) == 0 && st.st_ino == l->inode) unlink(l->path);
        uv_poll_stop(&l->poll);
        close(l->fd);
        uv_close((uv_handle_t *)&l->poll, on_closed);
        uv_close((uv_handle_t *)&l->retry, on_closed);
    }
}
