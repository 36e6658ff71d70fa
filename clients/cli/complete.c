/* Tab: the first word of a line is a verb; what was begun in capitals is finished in capitals. */
#include "clients/cli/complete.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "clients/cli/verbs.h"

#define NAME_MAX_LEN 32

/* What all verbs that begin with `word` have in common, in *common; returns how many these are. */
static int find_common(const char *word, size_t len, const char **common, size_t *common_len)
{
    int found = 0;

    for (int v = VERB_GET; v < VERB_COUNT; v++) {
        const char *name = verb_name((enum verb)v);
        if (strncasecmp(name, word, len) != 0) continue;
        if (found++ == 0) {
            *common = name;
            *common_len = strlen(name);
        }
        while (strncmp(*common, name, *common_len) != 0)
            (*common_len)--;
    }
    return found;
}

static void list(const char *word, size_t len)
{
    fputc('\n', stdout);
    for (int v = VERB_GET; v < VERB_COUNT; v++) {
        const char *name = verb_name((enum verb)v);
        if (strncasecmp(name, word, len) == 0) printf("%s  ", name);
    }
    fputc('\n', stdout);
    fflush(stdout);
}

unsigned char complete_verb(EditLine *el, int ch)
{
    const LineInfo *line = el_line(el);
    size_t len = (size_t)(line->cursor - line->buffer);
    bool capitals = len > 0 && isupper((unsigned char)line->buffer[0]) != 0;
    const char *common = NULL;
    size_t common_len = 0;
    char rest[NAME_MAX_LEN];
    size_t n = 0;
    int found = 0;

    (void)ch;
    found = find_common(line->buffer, len, &common, &common_len);
    if (found == 0) return CC_REFRESH_BEEP;
    for (size_t i = len; i < common_len && n < sizeof rest - 2; i++)
        rest[n++] = (char)(capitals ? toupper((unsigned char)common[i]) : common[i]);
    if (found == 1 && verb_argument_count(verb_find(slice_of(common, common_len))) > 0) rest[n++] = ' ';
    rest[n] = '\0';
    if (n > 0) return el_insertstr(el, rest) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    list(line->buffer, len);
    return CC_REDISPLAY;
}
