/* Between a connection and the service: who may ask for what, and what the service cannot know of the connection.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/net/conn.h"
#include "daemon/net/loop_impl.h"

/* ---- facts ---- */

static uint16_t print_address(int fd, bool own, char *out, size_t size)
{
    struct sockaddr_storage storage;
    struct sockaddr *address = (struct sockaddr *)&storage;
    socklen_t len = sizeof storage;
    char host[INET6_ADDRSTRLEN] = "";
    int failed = own ? getsockname(fd, address, &len) : getpeername(fd, address, &len);
    if (failed) return 0;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, size, "%s:%u", host, ntohs(v4->sin_port));
        return ntohs(v4->sin_port);
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out, size, "[%s]:%u", host, ntohs(v6->sin6_port));
        return ntohs(v6->sin6_port);
    }
    snprintf(out, size, "unix:%.50s", own ? ((const struct sockaddr_un *)address)->sun_path : "");
    return 0;
}

/* Fills in what facts, of the call or its parts, say of the connection that asks. */
static void describe(struct conn *c, struct call *call)
{
    for (struct call *part = call->parts; part; part = part->part_next)
        describe(c, part);
    if (call->reply.kind != REPLY_FACTS) return;
    struct facts *f = call->reply.held;
    f->port = print_address(c->fd, true, f->local, sizeof f->local);
    print_address(c->fd, false, f->peer, sizeof f->peer);
    f->connected_s = (loop_now_ms(c->loop) - c->opened_ms) / 1000;
    f->fd = (uint64_t)c->fd;
}

/* ---- trust ---- */

/* Does it, or part of it, change the daemon's settings? */
static bool needs_trust(const struct call *call)
{
    for (const struct call *part = call->parts; part; part = part->part_next)
        if (needs_trust(part)) return true;
    return call->request.op == OP_CONFIG_SET;
}

/* Is the peer on this machine? */
static bool peer_is_trusted(const struct conn *c)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof storage;
    if (getpeername(c->fd, (struct sockaddr *)&storage, &len) != 0) return false;
    if (storage.ss_family == AF_UNIX) return true;
    if (storage.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&storage)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return storage.ss_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&storage)->sin6_addr);
}

/* ---- submitting ---- */

enum service_verdict conn_submit(struct conn *c, struct task *task)
{
    const struct service *service = &c->loop->options.service;
    if (op_is_single(task->call.request.op)) return service->submit(service->ctx, task, loop_now_ns(c->loop));
    if (needs_trust(&task->call) && !peer_is_trusted(c)) {
        reply_error(&task->call.reply, ERR_UNAUTHORIZED,
                    "settings are changed from this machine only: over the loopback address or a Unix socket");
        return SERVICE_ANSWERED;
    }
    bool has_facts = task->call.request.op == OP_FACTS || task->call.request.op == OP_BATCH;
    enum service_verdict verdict = service->submit(service->ctx, task, loop_now_ns(c->loop));
    /* What needs no table is answered by now, in a batch too; of a queued one the parts are the backend's already.
     */
    if (has_facts && verdict != SERVICE_QUEUED && verdict != SERVICE_HOLD) describe(c, &task->call);
    return verdict;
}
