/* Clients of a net_fixture: blocking sockets, and what is expected on them. A hang ends with the test's alarm. */
#ifndef TESTS_NET_CLIENT_H
#define TESTS_NET_CLIENT_H

#include <stddef.h>

#include "tests/unit/net_fixture.h"

int net_connect(struct net *n);
void net_say(int fd, const char *text);
void net_say_bytes(int fd, const char *bytes, size_t len);
/* Reads exactly this text. */
void net_expect(int fd, const char *text);
/* Reads a VALUE of `size` bytes. */
void net_expect_value(int fd, size_t size);
/* Reads to the end of the connection (orderly, or reset), where nothing more may come. */
void net_expect_end(int fd);
/* A round trip on this connection: whatever its loop had to do before is done. */
void net_ping(int fd);

#endif
