/* What is printed: it reads back as it was, the files kept in the tree are current, the help names every key. */
#include "tests/unit/config_helper.h"

#include "config/schema.h"
#include "config/value.h"

#define ROUNDS 300

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void random_address(uint64_t *x, char out[128])
{
    static const char *const forms[] = {
        "host-%u.example:%u",        "[::%x]:%u",         "10.0.0.%u:%u",  "unix:/run/%u/%u",
        "unix:/a b/%u #%u?mode=0%o", "unix:/\"\\'%u: %u", "unix:/é€😀%u%u", "unix:/{%u},[%u]&*!|>%%@`",
        "[fe80::%x%%eth0]:%u"};
    const char *form = forms[next_random(x) % (sizeof forms / sizeof forms[0])];
    snprintf(out, 128, form, (unsigned)(next_random(x) % 256), (unsigned)(next_random(x) % 65536),
             (unsigned)(next_random(x) % 448 + 64));
}

/* A random value of a key, now and then its bound or its special word. */
static void randomize(struct settings *settings, const struct schema_key *key, uint64_t *x)
{
    struct config_reason why;
    char text[128];
    uint64_t n = next_random(x) % 8;
    if (key->type == SCHEMA_ADDRESSES) {
        config_value_clear_addresses(settings, key);
        for (n = next_random(x) % (SETTINGS_ADDRESSES_MAX + 1); n > 0; n--) {
            random_address(x, text);
            if (!config_value_add_address(settings, key, text, strlen(text), &why))
                fail_msg("%s: %s", text, why.text);
        }
        return;
    }
    if (key->type == SCHEMA_CPUS) {
        unsigned first = (unsigned)(next_random(x) % 200);
        snprintf(text, sizeof text, n == 0 ? "any" : n == 1 ? "%u" : "%u-%u,255", first, first + (unsigned)n);
    } else if (key->type == SCHEMA_WORD) {
        size_t words = 0;
        while (key->words[words])
            words++;
        snprintf(text, sizeof text, "%s", key->words[next_random(x) % words]);
    } else if (n == 0 && key->special[0].word) {
        snprintf(text, sizeof text, "%s", key->special[next_random(x) % 2 && key->special[1].word ? 1 : 0].word);
    } else {
        uint64_t value = n == 1 ? key->min : n == 2 ? key->max : key->min + next_random(x) % (key->max - key->min);
        snprintf(text, sizeof text, "%llu%s", (unsigned long long)value,
                 key->type == SCHEMA_DURATION ? "ms"
                 : key->type == SCHEMA_SHORT  ? "us"
                                              : "");
    }
    if (!config_value_parse(settings, key, text, strlen(text), &why))
        fail_msg("%s=%s: %s", key->name, text, why.text);
}

static void expect_reads_back(const struct settings *settings, bool with_comments)
{
    struct settings back;
    struct config_errors *errors = config_errors_create();
    char *text = printed_yaml(settings, with_comments);
    config_defaults(&back);
    if (!config_load_text(&back, "printed", text, strlen(text), errors))
        fail_msg("%s\n%s", config_errors_at(errors, 0), text);
    assert_memory_equal(&back, settings, sizeof back);
    config_errors_destroy(errors);
    free(text);
}

static void round_trip(void **state)
{
    (void)state;
    uint64_t x = 0x9e3779b97f4a7c15;
    for (int i = 0; i < ROUNDS; i++) {
        struct settings s;
        config_defaults(&s);
        for (size_t k = 0; k < schema_count; k++)
            randomize(&s, &schema_keys[k], &x);
        expect_reads_back(&s, i % 2 == 0);
    }
}

static void same_as_file(const char *path, char *text)
{
    size_t len;
    char *file = file_text(path, &len);
    if (strcmp(file, text) != 0) fail_msg("%s is not what config/tools/print writes", path);
    free(file);
    free(text);
}

static void shipped_files_are_current(void **state)
{
    (void)state;
    struct settings s;
    config_defaults(&s);
    same_as_file("config/sluice.yaml", printed_yaml(&s, true));
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_true(config_print_markdown(out));
    assert_int_equal(fclose(out), 0);
    same_as_file("docs/config.md", text);
}

static void shipped_file_is_the_defaults(void **state)
{
    (void)state;
    struct settings defaults, s;
    struct config_errors *errors = config_errors_create();
    config_defaults(&defaults);
    config_defaults(&s);
    set_ok(&s, "listen.text=off");
    set_ok(&s, "queue.bound=7");
    assert_true(config_load_file(&s, "config/sluice.yaml", errors));
    assert_true(config_validate(&s, "config/sluice.yaml", errors));
    assert_memory_equal(&s, &defaults, sizeof s);
    config_errors_destroy(errors);
}

static void examples_in_the_page_work(void **state)
{
    (void)state;
    size_t len, examples = 0;
    char *page = file_text("docs/config.md", &len);
    for (char *at = strstr(page, "```yaml\n"); at; at = strstr(at, "```yaml\n")) {
        at += 8;
        char *end = strstr(at, "```\n");
        assert_non_null(end);
        struct settings s;
        struct config_errors *errors = config_errors_create();
        config_defaults(&s);
        if (!config_load_text(&s, "docs/config.md", at, (size_t)(end - at), errors) ||
            !config_validate(&s, "docs/config.md", errors))
            fail_msg("%s", config_errors_at(errors, 0));
        config_errors_destroy(errors);
        at = end + 4;
        examples++;
    }
    assert_int_equal(examples, 2);
    free(page);
}

static void help_names_every_key(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_true(config_print_help(out));
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; i < schema_count; i++) {
        char line[128];
        snprintf(line, sizeof line, "\n  %s=%s\n", schema_keys[i].name, schema_keys[i].fallback);
        if (!strstr(text, line)) fail_msg("no line for %s", schema_keys[i].name);
    }
    for (char *at = text; *at; at += strcspn(at, "\n") + 1)
        assert_true(strcspn(at, "\n") <= 88);
    free(text);
}

/* Names are found and grouped by their order: rows of a section stand together, and fit their limits. */
static void table_is_in_order(void **state)
{
    (void)state;
    size_t row = 0, len, children = 0;
    bool section;
    const char *name;
    while ((name = schema_next_child("", 0, &row, &len, &section))) {
        children++;
        assert_true(section ? schema_find_section(name, len) != NULL : schema_find(name, len) != NULL);
        for (size_t i = row; i < schema_count; i++) { /* not seen again after another name */
            const char *other = schema_keys[i].name;
            bool again = strncmp(other, name, len) == 0 && (other[len] == '.' || other[len] == '\0');
            if (again) assert_memory_equal(schema_keys[i - 1].name, name, len);
        }
    }
    assert_int_equal(children, 14);
    for (size_t i = 0; i < schema_count; i++) {
        assert_true(strlen(schema_keys[i].name) < SCHEMA_NAME_MAX);
        assert_ptr_equal(schema_find(schema_keys[i].name, strlen(schema_keys[i].name)), &schema_keys[i]);
        assert_true(schema_keys[i].type != SCHEMA_WORD || schema_keys[i].size == sizeof(uint32_t));
    }
}

struct visit {
    struct settings settings;
    size_t literals;
    size_t count;
};

/* Visited values can be given to --set. */
static void collect(void *ctx, const char *key, const char *value, bool is_literal)
{
    struct visit *v = ctx;
    char assignment[256];
    snprintf(assignment, sizeof assignment, "%s=%s", key, value);
    set_ok(&v->settings, assignment);
    if (is_literal) {
        bool array = value[0] == '[' && value[strlen(value) - 1] == ']';
        assert_true(array || strspn(value, "0123456789") == strlen(value));
        v->literals++;
    }
    assert_string_equal(key, schema_keys[v->count++].name);
}

static void visit_every_key(void **state)
{
    (void)state;
    struct settings s;
    struct visit v = {.count = 0};
    config_defaults(&s);
    set_ok(&s, "listen.text=[::1]:7");
    set_ok(&s, "queue.bound=5");
    config_defaults(&v.settings);
    config_visit(&s, collect, &v);
    assert_int_equal(v.count, schema_count);
    assert_memory_equal(&v.settings, &s, sizeof s);
    assert_int_equal(v.literals,
                     9); /* the listeners, stripes, shards, bound, iterations, connections, parts; auto is a text */
}

static void failing_to_write_is_told(void **state)
{
    (void)state;
    struct settings s;
    config_defaults(&s);
    FILE *full = fopen("/dev/full", "w");
    if (!full) skip();
    assert_false(config_print_yaml(&s, full, true));
    assert_false(config_print_help(full));
    assert_false(config_print_markdown(full));
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(shipped_files_are_current),
        cmocka_unit_test(shipped_file_is_the_defaults),
        cmocka_unit_test(examples_in_the_page_work),
        cmocka_unit_test(help_names_every_key),
        cmocka_unit_test(table_is_in_order),
        cmocka_unit_test(visit_every_key),
        cmocka_unit_test(failing_to_write_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
