/* From settings and a machine to what the daemon is to be: every case in tables. */
#include "daemon/plan.h"

#include "daemon/admit/gate.h"
#include "tests/unit/config_helper.h"

#define ASSIGNMENTS_MAX 4

static const struct machine eight = {.processors = 8, .allowed = {{0xff}}, .memory = 1000 << 20};

static struct plan plan_of(const char *const assignments[ASSIGNMENTS_MAX], const struct machine *machine)
{
    struct settings s;
    struct plan plan;
    config_defaults(&s);
    for (int i = 0; i < ASSIGNMENTS_MAX && assignments[i]; i++)
        set_ok(&s, assignments[i]);
    plan_make(&plan, &s, machine);
    return plan;
}

static void threads_and_placement(void **state)
{
    (void)state;
    static const struct {
        const char *set[ASSIGNMENTS_MAX];
        uint32_t processors;
        uint32_t threads;
        bool in_place;
        uint32_t workers;
    } cases[] = {
        /* one owner on a thread of its own, and an I/O thread for each processor that is left */
        {{"backend=backpressure"}, 8, 7, false, 0},
        {{"backend=owner"}, 8, 7, false, 0},
        {{"backend=owner"}, 2, 1, true, 0}, /* one I/O thread, one shard */
        {{"backend=owner"}, 1, 1, true, 0},
        {{"backend=owner"}, 1000, SETTINGS_THREADS_MAX - 1, false, 0},
        {{"threads=3"}, 8, 3, false, 0},
        {{"threads=1"}, 8, 1, true, 0},
        /* the I/O threads own the sessions: as many of them as shards */
        {{"shards=4"}, 8, 4, true, 0},
        {{"shards=4"}, 2, 4, true, 0},
        {{"shards=4", "threads=4"}, 8, 4, true, 0},
        {{"shards=4", "threads=3"}, 8, 3, false, 0},
        {{"owner.placement=loop"}, 8, 1, true, 0},
        {{"owner.placement=loop", "shards=2", "work.iterations=100"}, 8, 2, true, 0},
        /* never where it was asked not to, where calls are slow, or where owners have processors of their own */
        {{"owner.placement=thread", "shards=2"}, 8, 6, false, 0},
        {{"owner.placement=thread", "shards=2", "threads=2"}, 8, 2, false, 0},
        {{"owner.placement=thread", "shards=8"}, 8, 1, false, 0},
        {{"work.iterations=100"}, 2, 1, false, 0},
        {{"owner.cpus=1"}, 2, 1, false, 0},
        /* a pool shares the processors with the I/O threads */
        {{"backend=mutex"}, 8, 8, false, 8},
        {{"backend=mutex"}, 1000, SETTINGS_THREADS_MAX, false, SETTINGS_THREADS_MAX},
        {{"backend=mutex", "threads=1", "mutex.workers=0"}, 8, 1, false, 0},
        {{"backend=mutex", "threads=2", "mutex.workers=5"}, 8, 2, false, 5},
        {{"backend=owner", "mutex.workers=5"}, 8, 7, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct machine machine = {.processors = cases[i].processors};
        struct plan plan = plan_of(cases[i].set, &machine);
        if (plan.threads != cases[i].threads || plan.in_place != cases[i].in_place ||
            plan.workers != cases[i].workers)
            fail_msg("case %zu: %u threads, %s, %u workers", i, plan.threads,
                     plan.in_place ? "in place" : "on threads", plan.workers);
    }
}

static void rings_have_room_for_what_gates_let_through(void **state)
{
    (void)state;
    static const struct {
        const char *set[ASSIGNMENTS_MAX];
        uint32_t windows;
    } cases[] = {
        {{"threads=3"}, 3},
        {{"shards=2", "threads=3"}, 3}, /* of each owner */
        {{"backend=mutex", "threads=3", "mutex.workers=2"}, 6},
        {{"backend=mutex", "threads=3", "mutex.workers=0"}, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(plan_of(cases[i].set, &eight).ring_bound, cases[i].windows * GATE_WINDOW_MOST);
}

static void on_one_processor(void **state)
{
    (void)state;
    static const struct {
        const char *set[ASSIGNMENTS_MAX];
        bool shares;
    } cases[] = {
        {{"threads=1"}, false},
        {{"threads_cpus=0", "owner.cpus=0"}, true},
        {{"threads_cpus=0", "owner.cpus=1"}, false},
        {{"threads_cpus=0", "owner.cpus=0-1"}, false},
        {{"threads_cpus=0"}, false},
        {{"owner.cpus=0"}, false},
        {{"threads_cpus=0,100", "owner.cpus=0,200"}, true}, /* this process may not run on those */
        {{"threads_cpus=0-7", "owner.cpus=0"}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (plan_of(cases[i].set, &eight).shares_processor != cases[i].shares) fail_msg("case %zu", i);
    static const struct machine one = {.processors = 1, .allowed = {{1}}};
    assert_false(plan_of(cases[1].set, &one).shares_processor); /* that is no choice of the settings' */
}

static void policies_and_their_buffers(void **state)
{
    (void)state;
    static const struct {
        const char *set[ASSIGNMENTS_MAX];
        const char *backend;
        enum policy_id policy;
        bool small; /* what the kernel holds of a connection's requests */
    } cases[] = {
        {{NULL}, "backpressure", POLICY_REJECT, true},
        {{"backend=owner"}, "owner", POLICY_WAIT, false},
        {{"backend=mutex"}, "mutex", POLICY_WAIT, false},
        {{"backend=mutex", "queue.policy=adaptive"}, "mutex", POLICY_ADAPTIVE, true},
        {{"queue.policy=wait"}, "backpressure", POLICY_WAIT, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct settings s;
        struct plan plan = plan_of(cases[i].set, &eight);
        config_defaults(&s);
        for (int n = 0; n < ASSIGNMENTS_MAX && cases[i].set[n]; n++)
            set_ok(&s, cases[i].set[n]);
        assert_int_equal(plan_policy(&s), cases[i].policy);
        assert_string_equal(plan.backend, cases[i].backend);
        assert_int_equal(plan.receive_buffer > 0, cases[i].small);
    }
}

static void memory(void **state)
{
    (void)state;
    static const struct {
        const char *set[ASSIGNMENTS_MAX];
        uint64_t there, limit;
    } cases[] = {
        {{NULL}, 1000, 750},
        {{NULL}, 16ULL << 40, 12ULL << 40},
        {{NULL}, 0, 0}, /* not known */
        {{"limits.memory=auto"}, 4000, 3000},
        {{"limits.memory=off"}, 1000, 0},
        {{"limits.memory=0"}, 1000, 0},
        {{"limits.memory=1GiB"}, 1000, 1 << 30},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct machine machine = {.processors = 1, .memory = cases[i].there};
        assert_true(plan_of(cases[i].set, &machine).memory_limit == cases[i].limit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_placement),
        cmocka_unit_test(rings_have_room_for_what_gates_let_through),
        cmocka_unit_test(on_one_processor),
        cmocka_unit_test(policies_and_their_buffers),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
