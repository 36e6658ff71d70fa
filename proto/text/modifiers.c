/* The modifiers in front of a request: @if=7;tag=a1;deadline=50ms;class=critical;refuse=early */
#include "proto/number.h"
#include "proto/text/grammar.h"
#include "proto/text/text.h"

enum modifier {
    MOD_IF = 1,
    MOD_TAG = 2,
    MOD_DEADLINE = 4,
    MOD_CLASS = 8,
    MOD_REFUSE = 16,
};

static enum modifier find(struct slice name)
{
    if (slice_equal(name, slice_text("if"))) return MOD_IF;
    if (slice_equal(name, slice_text("tag"))) return MOD_TAG;
    if (slice_equal(name, slice_text("deadline"))) return MOD_DEADLINE;
    if (slice_equal(name, slice_text("class"))) return MOD_CLASS;
    if (slice_equal(name, slice_text("refuse"))) return MOD_REFUSE;
    return 0;
}

/* Takes everything up to the next `separator` out of `rest`; what follows it stays. False: there is none. */
static bool take_until(struct slice *rest, char separator, struct slice *out)
{
    const char *at = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
    size_t n = at ? (size_t)(at - rest->ptr) : rest->len;
    size_t drop = at ? n + 1 : n;
    *out = slice_of(rest->ptr, n);
    rest->ptr += drop;
    rest->len -= drop;
    return at;
}

/* Each returns NULL, or what is wrong. */
static const char *parse_if(struct slice value, struct request *r)
{
    if (slice_equal(value, slice_text("absent")))
        r->condition = COND_ABSENT;
    else if (slice_equal(value, slice_text("present")))
        r->condition = COND_PRESENT;
    else if (number_parse(value, UINT64_MAX, &r->if_version) && r->if_version > 0)
        r->condition = COND_VERSION;
    else
        return "if takes a version above 0, absent or present: @if=7";
    return NULL;
}

static const char *parse_one(enum modifier modifier, struct slice value, struct request *r)
{
    enum ttl_kind kind = TTL_DEFAULT;
    switch (modifier) {
    case MOD_IF: return parse_if(value, r);
    case MOD_TAG:
        if (!text_tag_valid(value)) return "tag takes 1 to 32 letters, digits, - or _: @tag=a1";
        r->tag = value;
        return NULL;
    case MOD_DEADLINE:
        if (number_parse_ttl(value, &kind, &r->deadline_ms) && kind == TTL_RELATIVE) return NULL;
        return "deadline takes a number with ms, s, m, h or d: @deadline=50ms";
    case MOD_CLASS:
        r->priority = text_class_find(value);
        return r->priority != PRIORITY_DEFAULT ? NULL : "class takes critical, normal or sheddable";
    case MOD_REFUSE:
        r->overtakes = slice_equal(value, slice_text("early"));
        return r->overtakes ? NULL : "refuse takes early: @tag=a1;refuse=early";
    }
    return "modifiers are if, tag, deadline, class and refuse";
}

void text_parse_modifiers(struct slice modifiers, struct text_line *line, struct call *call)
{
    struct slice rest = slice_of(modifiers.ptr + 1, modifiers.len - 1);
    unsigned seen = 0;
    const char *wrong = NULL;
    bool more = true;
    while (more && !wrong) {
        struct slice value;
        struct slice name;
        more = take_until(&rest, ';', &value);
        enum modifier modifier = take_until(&value, '=', &name) ? find(name) : 0;
        if (name.len == 0 && value.len == 0)
            wrong = "a modifier is missing: @name=value;name=value";
        else if (modifier != 0 && (seen & modifier) != 0)
            wrong = "a modifier stands twice";
        else
            wrong = parse_one(modifier, value, &call->request);
        seen |= modifier;
    }
    if (!wrong && call->request.overtakes && call->request.tag.len == 0)
        wrong = "refuse=early needs a tag, by which its answer is told from others: @tag=a1;refuse=early";
    if (wrong) text_refuse(line, call, ERR_BAD_REQUEST, wrong);
}
