/*
 * A tiny server on its own thread for tests of clients: it accepts connections, checks what they send, and answers
 * from a script, cut into pieces of any size.
 *
 *     static void serve(struct scripted *s, int fd) { scripted_expect(s, fd, "PING\r\n"); scripted_say(...); }
 *     scripted_start(&s, serve);  ... client connects to s.port or s.path ...  scripted_finish(&s);
 */
#ifndef TESTS_SCRIPTED_SERVER_H
#define TESTS_SCRIPTED_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scripted {
    void (*serve)(struct scripted *s, int fd); /* on the thread, once per connection; fd is closed after it */
    int connections;                           /* to accept; 0 counts as 1 */
    size_t piece;                              /* scripted_say sends so many bytes at a time; 0: all at once */
    const void *script;                        /* for `serve` */
    bool on_unix;                              /* listen on `path`, not on 127.0.0.1 */
    int served;                                /* connections so far, the present one included */
    uint16_t port;
    char path[64];
    int listener;
    pthread_t thread;
    char complaint[256]; /* what the client did wrong; "" if nothing */
};

/* Starts to listen, and the thread. The fields above `served` are set by the test. */
void scripted_start(struct scripted *s, void (*serve)(struct scripted *s, int fd));

/* Waits for the end of the thread; fails the test if there is a complaint. */
void scripted_finish(struct scripted *s);

/* On the thread: reads exactly these bytes; complains about others. */
void scripted_expect_bytes(struct scripted *s, int fd, const void *bytes, size_t len);
void scripted_expect(struct scripted *s, int fd, const char *text);

/* On the thread: reads until the client has closed; complains about any byte. */
void scripted_expect_end(struct scripted *s, int fd);

/* On the thread: sends. */
void scripted_say_bytes(struct scripted *s, int fd, const void *bytes, size_t len);
void scripted_say(struct scripted *s, int fd, const char *text);

#endif
