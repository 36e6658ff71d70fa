/* Damaged files: never a crash or a leak (run under SAN=address), and refused if and only if an error is listed. */
#include "tests/unit/config_helper.h"

#include <ctype.h>

/* Everything that a wrong reading could leave behind is looked at. */
static bool load(const char *text, size_t len)
{
    struct settings s;
    struct config_errors *errors = config_errors_create();
    char *copy = malloc(len ? len : 1); /* exactly as long, so that a sanitizer sees a byte too many */
    assert_non_null(errors);
    assert_non_null(copy);
    memcpy(copy, text, len);
    config_defaults(&s);
    bool ok = config_load_text(&s, "f", copy, len, errors);
    free(copy);
    ok &= config_validate(&s, "f", errors);
    assert_int_equal(ok, config_errors_count(errors) == 0);
    for (size_t i = 0; i < config_errors_count(errors); i++) {
        const char *error = config_errors_at(errors, i);
        assert_true(error[0] == 'f' || error[0] == 'm');
        for (const char *c = error; *c; c++)
            assert_false(iscntrl((unsigned char)*c));
    }
    free(printed_yaml(&s, false)); /* whatever was taken over can be printed */
    config_errors_destroy(errors);
    return ok;
}

static void every_prefix(void **state)
{
    (void)state;
    size_t len;
    char *text = file_text("config/sluice.yaml", &len);
    for (size_t n = 0; n < len; n++)
        load(text, n);
    assert_true(load(text, len));
    free(text);
}

static const char dense[] =
    "listen: {text: [\"[::1]:7811\", 'unix:/tmp/x?mode=0600', h:1]}\nqueue:\n  bound: 64 # few\n  policy: wait\n"
    "ttl: {default: 30m}\nlimits:\n  value: 64KiB\n  memory: off\nbackend: owner\n";

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Each byte replaced, removed and doubled, with the bytes that mean most to YAML and some that mean nothing. */
static void mutations(void **state)
{
    (void)state;
    static const char bytes[] = "\n\t :-[]{},&*!|>'\"%@`#?.0a\\\x01\x7f\x80\xc3\xe2\xff";
    char text[sizeof dense + 8];
    size_t len = sizeof dense - 1;
    assert_true(load(dense, len));
    for (size_t i = 0; i < len; i++) {
        for (size_t b = 0; b < sizeof bytes; b++) { /* the NUL at the end included */
            memcpy(text, dense, len);
            text[i] = bytes[b];
            load(text, len);
        }
        memcpy(text, dense, i);
        memcpy(text + i, dense + i + 1, len - i - 1);
        load(text, len - 1);
        memcpy(text, dense, i + 1);
        memcpy(text + i + 1, dense + i, len - i);
        load(text, len + 1);
    }
}

static void several_at_once(void **state)
{
    (void)state;
    uint64_t x = 0x2545f4914f6cdd1d;
    char text[sizeof dense];
    for (int round = 0; round < 3000; round++) {
        memcpy(text, dense, sizeof dense);
        for (uint64_t n = 1 + next_random(&x) % 6; n > 0; n--)
            text[next_random(&x) % (sizeof dense - 1)] = (char)next_random(&x);
        load(text, sizeof dense - 1);
    }
}

static void assignments(void **state)
{
    (void)state;
    static const char text[] = "listen.text=[\"[::1]:7811\", 'unix:/tmp/x?mode=0600', h:1]";
    uint64_t x = 0x853c49e6748fea9b;
    for (int round = 0; round < 3000; round++) {
        char copy[sizeof text];
        struct settings s;
        struct config_errors *errors = config_errors_create();
        memcpy(copy, text, sizeof text);
        config_defaults(&s);
        copy[next_random(&x) % (sizeof text - 1)] = (char)next_random(&x);
        copy[12 + next_random(&x) % (sizeof text - 13)] = "[]{}\"',: #\n"[next_random(&x) % 11];
        bool ok = config_set(&s, copy, errors);
        assert_int_equal(ok, config_errors_count(errors) == 0);
        free(printed_yaml(&s, false));
        config_errors_destroy(errors);
    }
}

/* Shapes that make a careless reader slow or deep. */
static void hostile_shapes(void **state)
{
    (void)state;
    static const char *const units[] = {"[",   "{", "- ",   "? ", "a: ", "\"", "a:\n",
                                        "&a ", "!", "[a, ", "#",  "'",   "\n "};
    size_t size = 200000;
    char *text = malloc(size + 8);
    assert_non_null(text);
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        size_t len = 0, n = strlen(units[u]);
        for (; len < size; len += n)
            memcpy(text + len, units[u], n);
        load(text, len);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix), cmocka_unit_test(mutations),      cmocka_unit_test(several_at_once),
        cmocka_unit_test(assignments),  cmocka_unit_test(hostile_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
