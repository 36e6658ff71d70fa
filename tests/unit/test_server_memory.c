/* The network room when memory runs out. The linker leads malloc through here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/memcached/memcached.h"
#include "tests/unit/net_client.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static _Atomic size_t failing_size; /* allocations of this size fail; 0: none does */

void *__wrap_malloc(size_t size)
{
    return size != 0 && size == atomic_load(&failing_size) ? NULL : __real_malloc(size);
}

/* A refused value passes by, and of its request what the reply needs is kept: the line, in memcached's protocol. */
static void none_for_the_line_of_a_refused_value(void **state)
{
    (void)state;
    enum { BLANKS = 20000, LINE = BLANKS + sizeof "k 10" - 1 };
    struct net *n = net_open(&(struct net_options){.codec = &codec_memcached});
    int fd = net_connect(n), other = net_connect(n);
    char *request = NULL;
    net_set_refuses(n, true);
    assert_true(asprintf(&request, "ms k 10%*s\r\nabc", BLANKS, "") > 0);
    atomic_store(&failing_size, LINE);
    net_say(fd, request);
    net_expect_end(fd);
    atomic_store(&failing_size, 0);
    net_await_metric(n, "connections.closed.error", 1);
    net_say(other, "mn\r\n"); /* it lives */
    net_expect(other, "MN\r\n");
    free(request);
    close(fd);
    close(other);
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_for_the_line_of_a_refused_value),
    };
    alarm(NET_HANG_S);
    return cmocka_run_group_tests_name("server: memory", tests, NULL, NULL);
}
