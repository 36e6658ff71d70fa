/* Loading configuration text in tests: what it gives, and which errors it lists. */
#ifndef TESTS_CONFIG_HELPER_H
#define TESTS_CONFIG_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

/* Fails the test unless `errors` holds exactly these texts, in this order; NULL ends them. Destroys `errors`. */
static inline void expect_errors(struct config_errors *errors, const char *const *texts)
{
    size_t count = config_errors_count(errors);
    for (size_t i = 0; i < count && texts[i]; i++)
        assert_string_equal(config_errors_at(errors, i), texts[i]);
    for (size_t i = 0; texts[i] || i < count; i++) {
        if (i >= count) fail_msg("missing error: %s", texts[i]);
        if (!texts[i]) fail_msg("unexpected error: %s", config_errors_at(errors, i));
    }
    config_errors_destroy(errors);
}

/* Loads `text` as "f.yaml" over the defaults; it must give exactly these errors. */
#define EXPECT_FILE(text_, ...)                                                                  \
    do {                                                                                         \
        const char *const texts_[] = {__VA_ARGS__, NULL};                                        \
        struct settings s_;                                                                      \
        struct config_errors *e_ = config_errors_create();                                       \
        config_defaults(&s_);                                                                    \
        assert_int_equal(config_load_text(&s_, "f.yaml", text_, strlen(text_), e_), !texts_[0]); \
        expect_errors(e_, texts_);                                                               \
    } while (0)

/* The same for one --set. */
#define EXPECT_SET(assignment_, ...)                                    \
    do {                                                                \
        const char *const texts_[] = {__VA_ARGS__, NULL};               \
        struct settings s_;                                             \
        struct config_errors *e_ = config_errors_create();              \
        config_defaults(&s_);                                           \
        assert_int_equal(config_set(&s_, assignment_, e_), !texts_[0]); \
        expect_errors(e_, texts_);                                      \
    } while (0)

#define NOTHING NULL

/* Applies an assignment that must be right. */
static inline void set_ok(struct settings *settings, const char *assignment)
{
    struct config_errors *errors = config_errors_create();
    bool ok = config_set(settings, assignment, errors);
    if (!ok) fail_msg("%s", config_errors_at(errors, 0));
    config_errors_destroy(errors);
}

/* Everything a printer writes, as a string to be freed. */
static inline char *printed_yaml(const struct settings *settings, bool with_comments)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_true(config_print_yaml(settings, out, with_comments));
    assert_int_equal(fclose(out), 0);
    return text;
}

/* The whole of a file under the repository's root, where tests run; to be freed. */
static inline char *file_text(const char *path, size_t *len)
{
    FILE *in = fopen(path, "rb");
    if (!in) fail_msg("%s cannot be opened", path);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    *len = fread(text, 1, (1 << 20) - 1, in);
    fclose(in);
    return text;
}

#endif
