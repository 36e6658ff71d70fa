/* Life of the null server: options, the address to listen on, the loop, the end. */
#include "bench/commands.h"

#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "bench/common/options.h"
#include "bench/null/peer.h"

#define VALUE_MAX    (PEER_OUTPUT - 64)
#define PORT_DEFAULT 7811

struct server {
    uv_loop_t loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } listener;
    bool is_unix;
    uv_signal_t terminated, interrupted;
    struct peers peers;
    char *value_reply; /* owned */
};

static void on_connection(uv_stream_t *listener, int status)
{
    struct server *s = listener->data;

    if (status == 0) peer_accept(&s->peers, listener);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct server *s = signal->data;

    (void)number;
    peers_close(&s->peers);
    uv_close(&s->listener.handle, NULL); /* removes a Unix socket's file */
    uv_close((uv_handle_t *)&s->terminated, NULL);
    uv_close((uv_handle_t *)&s->interrupted, NULL);
}

static bool complain(const char *address, int error)
{
    fprintf(stderr, "sluice-bench null-server: %s: %s\n", address, uv_strerror(error));
    return false;
}

static int bind_tcp(struct server *s, const char *address)
{
    struct sockaddr_storage storage;
    char host[128];
    const char *colon = strrchr(address, ':');
    bool bracket = address[0] == '[';
    uint64_t port = PORT_DEFAULT;

    if (bracket && colon && colon[-1] != ']') colon = NULL;
    size_t len = colon ? (size_t)(colon - address) : strlen(address);
    if (colon && (!options_count(colon + 1, &port) || port > 65535)) return UV_EINVAL;
    if (bracket && (len < 2 || address[len - 1] != ']')) return UV_EINVAL;
    address += bracket;
    len -= bracket ? 2 : 0;
    if (len == 0 || len >= sizeof(host)) return UV_EINVAL;
    memcpy(host, address, len);
    host[len] = '\0';
    int error = uv_ip4_addr(host, (int)port, (struct sockaddr_in *)&storage);
    if (error) error = uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)&storage);
    if (error) return error;
    uv_tcp_init(&s->loop, &s->listener.tcp);
    return uv_tcp_bind(&s->listener.tcp, (const struct sockaddr *)&storage, 0);
}

/* Prints where it listens, which with port 0 only the system knows. */
static void print_address(const struct server *s, const char *address)
{
    struct sockaddr_storage name;
    char host[64] = "";
    int size = sizeof(name);

    if (s->is_unix) {
        printf("%s\n", address);
    } else if (uv_tcp_getsockname(&s->listener.tcp, (struct sockaddr *)&name, &size) == 0) {
        bool v6 = name.ss_family == AF_INET6;
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&name;
        uv_ip_name((const struct sockaddr *)&name, host, sizeof(host));
        printf(v6 ? "[%s]:%u\n" : "%s:%u\n", host,
               (unsigned)ntohs(v4->sin_port)); /* the port stands alike in both */
    }
    fflush(stdout);
}

static bool listen_on(struct server *s, const char *address)
{
    int error = 0;

    s->is_unix = strncmp(address, "unix:", 5) == 0;
    if (s->is_unix) {
        uv_pipe_init(&s->loop, &s->listener.pipe, 0);
        error = uv_pipe_bind(&s->listener.pipe, address + 5);
    } else {
        error = bind_tcp(s, address);
    }
    s->listener.handle.data = s;
    if (!error) error = uv_listen(&s->listener.stream, 1024, on_connection);
    return !error || complain(address, error);
}

static bool make_reply(struct server *s, uint64_t value)
{
    s->value_reply = malloc(value + 64);
    if (!s->value_reply) return false;
    size_t len = (size_t)sprintf(s->value_reply, "VALUE -1 1 $%llu\r\n", (unsigned long long)value);
    memset(s->value_reply + len, 'x', value);
    memcpy(s->value_reply + len + value, "\r\n", 2);
    s->peers.value_reply = s->value_reply;
    s->peers.value_reply_len = len + value + 2;
    s->peers.loop = &s->loop;
    return true;
}

static bool serve_until_signal(struct server *s, const char *address)
{
    signal(SIGPIPE, SIG_IGN);
    if (!listen_on(s, address)) return false;
    uv_signal_init(&s->loop, &s->terminated);
    uv_signal_init(&s->loop, &s->interrupted);
    s->terminated.data = s->interrupted.data = s;
    uv_signal_start(&s->terminated, on_signal, SIGTERM);
    uv_signal_start(&s->interrupted, on_signal, SIGINT);
    print_address(s, address);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&s->loop) == 0;
}

struct null_options {
    const char *listen, *protocol;
    uint64_t value;
};

#define AT(field) .offset = offsetof(struct null_options, field)

static const struct option_spec specs[] = {
    {"listen", "ADDRESS", "127.0.0.1:7811", "IP, IP:port (0: any free one) or unix:/path", OPTION_TEXT, AT(listen)},
    {"protocol", "NAME", "text", "there is only text", OPTION_TEXT, AT(protocol)},
    {"value", "BYTES", "256", "size of the value that answers every GET", OPTION_COUNT, AT(value),
     .max = VALUE_MAX},
};

static const struct option_table table = {
    "Answers every request without reading more of it than where it ends: the floor of all servers. Prints its\n"
    "address when it is ready, and serves until SIGTERM.",
    specs, sizeof specs / sizeof specs[0]};

int null_main(int argc, char **argv)
{
    struct null_options options = {0};
    json_t *told = options_parse(&table, argc, argv, &options);
    json_decref(told);
    if (!told) return 2;
    if (strcmp(options.protocol, "text") != 0) {
        options_complain(argv[0], "--protocol: there is only text");
        return 2;
    }
    struct server *s = calloc(1, sizeof(*s));
    bool ok =
        s && make_reply(s, options.value) && uv_loop_init(&s->loop) == 0 && serve_until_signal(s, options.listen);
    if (s) free(s->value_reply);
    free(s);
    return ok ? 0 : 1;
}
