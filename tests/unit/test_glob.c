/* Glob patterns, and what they cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/glob.h"

struct sample {
    const char *pattern, *text;
    bool matches;
};

static bool matches(struct slice pattern, struct slice text)
{
    struct glob glob;
    glob_compile(&glob, pattern);
    return glob_match(&glob, text);
}

static void patterns_match(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"a", "a", true},         {"a", "b", false},          {"a", "ab", false},
        {"", "", true},           {"", "a", false},           {"*", "", true},
        {"*", "abc", true},       {"**", "", false},          {"?", "a", true},
        {"?", "", false},         {"?", "ab", false},         {"a*c", "abbc", true},
        {"a*c", "abbcd", false},  {"*b*", "abc", true},       {"a*b*c", "a1b2b3c", true},
        {"*aab", "aaaab", true},  {"[abc]", "b", true},       {"[abc]", "d", false},
        {"[^abc]", "d", true},    {"[^abc]", "a", false},     {"[a-c]x", "bx", true},
        {"[c-a]", "b", true},     {"[a-c", "b", true},        {"[", "[", false},
        {"[]", "]", false},       {"[\\]]", "]", true},       {"[a\\-c]", "-", true},
        {"[a\\-c]", "b", false},  {"\\*", "*", true},         {"\\*", "a", false},
        {"a\\", "a\\", true},     {"sess:*", "sess:1", true}, {"sess:*", "sess", false},
        {"*[0-9]", "key7", true}, {"*[0-9]", "key", false},   {"*?", "", false},
        {"*?", "a", true},        {"*a*a*a", "aa", false},    {"\xff?", "\xff\x80", true},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *s = &samples[i];
        if (matches(slice_text(s->pattern), slice_text(s->text)) != s->matches)
            fail_msg("'%s' on '%s' should say %d", s->pattern, s->text, s->matches);
    }
}

/* With a cost that grows with every star this would not end. */
static void many_stars_are_cheap(void **state)
{
    (void)state;
    enum { STARS = 200, TEXT = 20000 };
    char pattern[2 * STARS + 1], *text = malloc(TEXT);
    for (int i = 0; i < STARS; i++)
        memcpy(pattern + 2 * i, "a*", 2);
    pattern[2 * STARS] = 'b';
    memset(text, 'a', TEXT);
    assert_false(matches(slice_of(pattern, sizeof pattern), slice_of(text, TEXT)));
    text[TEXT - 1] = 'b';
    assert_true(matches(slice_of(pattern, sizeof pattern), slice_of(text, TEXT)));
    free(text);
}

/* Elements on both sides of where one word of states ends and the next begins. */
static void long_patterns_match(void **state)
{
    (void)state;
    char pattern[GLOB_MAX], text[GLOB_MAX];
    memset(text, 'a', sizeof text);
    for (size_t len = 1; len <= GLOB_MAX; len++) {
        memset(pattern, 'a', len);
        assert_true(matches(slice_of(pattern, len), slice_of(text, len)));
        assert_false(matches(slice_of(pattern, len), slice_of(text, len - 1)));
        pattern[len - 1] = 'b';
        assert_false(matches(slice_of(pattern, len), slice_of(text, len)));
        pattern[len - 1] = '*';
        assert_true(len == 1 || matches(slice_of(pattern, len), slice_of(text, len - 1)));
        assert_true(matches(slice_of(pattern, len), slice_of(text, sizeof text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match),
        cmocka_unit_test(many_stars_are_cheap),
        cmocka_unit_test(long_patterns_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
