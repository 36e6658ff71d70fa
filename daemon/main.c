#include "daemon/daemon.h"

/*
 * Read by jemalloc before main: a thread of its own gives freed memory back to the system, some seconds after a
 * mass expiry and without stopping the threads that serve requests.
 */
extern const char *const malloc_conf;
const char *const malloc_conf = "background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:0";

int main(int argc, char **argv)
{
    return daemon_main(argc, argv, &clock_system);
}
