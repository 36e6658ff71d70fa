/*
 * Where a server is, or is to be. The one parser of addresses. Pure: nothing is resolved.
 *
 *     unix:/run/sluice.sock?mode=0660     [::1]:7811        localhost:7811       to listen on
 *          path             mode           host port        host      port
 *     unix:/run/sluice.sock               sluice://[::1]:7811/                   to connect to
 *
 * Who parses gets NULL, or what is wrong and what was expected (static); the address is then all zero.
 */
#ifndef PROTO_ADDRESS_H
#define PROTO_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

#define ADDRESS_MODE 0660 /* of a Unix socket, unless the address says another */

struct address {
    bool is_unix;
    uint16_t port;  /* TCP; 0, to listen on: any free one */
    uint32_t mode;  /* Unix, to listen on: permission bits of the socket file */
    char host[256]; /* TCP: IPv4, IPv6 (without brackets, perhaps with a zone) or a name */
    char path[108]; /* Unix: as sun_path, NUL included */
    char text[280]; /* for people: as it was written to listen on, host:port or unix:path to connect to */
};

/* To listen on: the port must be there, the path be absolute. */
const char *address_parse(struct address *out, struct slice text);

/* To connect to: sluice:// and then host, host:port, [v6] or [v6]:port, perhaps with one slash at the end; or unix:
 * and a path. */
const char *address_parse_url(struct address *out, struct slice url, uint16_t default_port);

/* The same of parts; a host that is no name is for the resolver to refuse. */
const char *address_set_tcp(struct address *out, struct slice host, uint16_t port);
const char *address_set_unix(struct address *out, struct slice path);

/* True when a socket cannot be bound to both. Port 0 never collides. */
bool address_same(const struct address *a, const struct address *b);

#endif
