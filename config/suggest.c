/* "Did you mean": the known name with the smallest edit distance (V. Levenshtein, 1966) to what was written. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "config/schema.h"

/* Distance of two names, upper and lower case taken as equal. Lengths at most SCHEMA_NAME_MAX - 1. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[SCHEMA_NAME_MAX];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            size_t best = diagonal + (same ? 0 : 1);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_len];
}

struct search {
    const char *text;
    size_t len;
    const char *best;
    size_t best_len;
    size_t best_distance;
};

static void consider(struct search *s, const char *name, size_t len)
{
    if (s->len >= SCHEMA_NAME_MAX || len >= SCHEMA_NAME_MAX) return;
    size_t d = distance(s->text, s->len, name, len);
    if (d < s->best_distance) {
        s->best = name;
        s->best_len = len;
        s->best_distance = d;
    }
}

/* Two slips, or one in a short name: more would guess wildly. */
static struct search start(const char *text, size_t len)
{
    struct search s = {text, len, NULL, 0, len <= 4 ? 2 : 3};
    return s;
}

static const char *last_part(const char *name, size_t len, size_t *part_len)
{
    const char *dot = memrchr(name, '.', len);
    const char *part = dot ? dot + 1 : name;
    *part_len = (size_t)(name + len - part);
    return part;
}

bool schema_suggest(const char *name, size_t len, char out[SCHEMA_NAME_MAX])
{
    struct search s = start(name, len);
    for (size_t i = 0; i < schema_count; i++) {
        const char *row = schema_keys[i].name;
        for (const char *dot = strchr(row, '.'); dot; dot = strchr(dot + 1, '.'))
            consider(&s, row, (size_t)(dot - row));
        consider(&s, row, strlen(row));
    }
    /* A key known elsewhere: it was probably written in the wrong section. */
    size_t part_len;
    const char *part = last_part(name, len, &part_len);
    for (size_t i = 0; i < schema_count && !s.best; i++) {
        size_t row_part_len;
        const char *row_part = last_part(schema_keys[i].name, strlen(schema_keys[i].name), &row_part_len);
        if (row_part_len == part_len && memcmp(row_part, part, part_len) == 0) {
            s.best = schema_keys[i].name;
            s.best_len = strlen(s.best);
        }
    }
    if (!s.best) return false;
    memcpy(out, s.best, s.best_len);
    out[s.best_len] = '\0';
    return true;
}

/* What YAML and other programs have for `off`. */
static bool means_off(const char *text, size_t len)
{
    static const char *const words[] = {"no", "none", "false", "null", "disabled", "disable", "n", "~"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == len && strncasecmp(words[i], text, len) == 0) return true;
    return false;
}

const char *schema_suggest_word(const struct schema_key *key, const char *text, size_t len)
{
    struct search s = start(text, len);
    for (size_t i = 0; i < SCHEMA_SPECIALS_MAX && key->special[i].word; i++)
        consider(&s, key->special[i].word, strlen(key->special[i].word));
    bool has_off = key->type == SCHEMA_ADDRESSES;
    for (size_t i = 0; i < SCHEMA_SPECIALS_MAX && key->special[i].word; i++)
        has_off |= strcmp(key->special[i].word, "off") == 0;
    if (has_off && means_off(text, len)) return "off";
    for (const char *const *word = key->words; word && *word; word++)
        consider(&s, *word, strlen(*word));
    return s.best;
}
