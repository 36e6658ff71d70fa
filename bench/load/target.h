/* Where the server is: resolved once, connected to many times. Immutable after parsing, thread-safe. */
#ifndef BENCH_LOAD_TARGET_H
#define BENCH_LOAD_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define TARGET_TEXT 300

struct target {
    struct sockaddr_storage address;
    socklen_t address_len;
    char text[TARGET_TEXT]; /* for people */
};

/* False after a complaint. */
bool target_tcp(struct target *t, const char *host, unsigned port);
bool target_unix(struct target *t, const char *path);
/* sluice://host[:port], host:port, or unix:/path. */
bool target_url(struct target *t, const char *url, unsigned default_port);

/* A connected blocking socket, after `timeout_ms` at most; -1 and errno. */
int target_connect(const struct target *t, unsigned timeout_ms);

#endif
