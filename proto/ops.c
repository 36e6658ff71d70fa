#include "proto/ops.h"

#include "proto/request.h"

#define IF(condition) (1U << COND_##condition)
#define ANY_VALUE     (IF(NONE) | IF(ABSENT) | IF(PRESENT) | IF(VERSION))
#define ANY_LIFETIME  (IF(ENDLESS) | IF(MORTAL) | IF(LONGER) | IF(SHORTER) | IF(MORTAL_SHORTER))

#define READ_WRITES (EFFECT_TOUCH | EFFECT_DELETE | EFFECT_LEASE)

const struct op_row op_rows[OP_COUNT] = {
    [OP_GET] = {.name = "get",
                .op_class = OP_CLASS_GET,
                .writes_with = READ_WRITES,
                .effects = READ_WRITES | EFFECT_AGE_FIRST,
                .conditions = IF(NONE)},
    [OP_PUT] = {.name = "put",
                .op_class = OP_CLASS_PUT,
                .writes = true,
                .effects = EFFECT_RETURN_OLD | EFFECT_INVALIDATE | EFFECT_SET_VERSION,
                .conditions = ANY_VALUE},
    [OP_DELETE] = {.name = "delete",
                   .op_class = OP_CLASS_DELETE,
                   .writes = true,
                   .effects = EFFECT_INVALIDATE | EFFECT_TOUCH | EFFECT_SET_VERSION,
                   .conditions = ANY_VALUE | IF(VALUE)},
    [OP_TOUCH] = {.name = "touch",
                  .op_class = OP_CLASS_TOUCH,
                  .writes = true,
                  .conditions = ANY_VALUE | ANY_LIFETIME},
    [OP_META] = {.name = "meta",
                 .op_class = OP_CLASS_GET,
                 .writes_with = READ_WRITES,
                 .effects = READ_WRITES | EFFECT_AGE_FIRST,
                 .conditions = IF(NONE)},
    [OP_APPEND] = {.name = "append",
                   .op_class = OP_CLASS_PUT,
                   .writes = true,
                   .effects = EFFECT_SET_VERSION,
                   .conditions = ANY_VALUE},
    [OP_PREPEND] = {.name = "prepend",
                    .op_class = OP_CLASS_PUT,
                    .writes = true,
                    .effects = EFFECT_SET_VERSION,
                    .conditions = ANY_VALUE},
    [OP_ADD] = {.name = "add",
                .op_class = OP_CLASS_PUT,
                .writes = true,
                .effects = EFFECT_TOUCH | EFFECT_WRAP | EFFECT_SET_VERSION,
                .conditions = ANY_VALUE},
    [OP_RENAME] = {.name = "rename", .keys = OP_KEYS_TWO, .writes = true, .conditions = IF(NONE) | IF(ABSENT)},
    [OP_LEN] = {.name = "len", .keys = OP_KEYS_ALL, .conditions = IF(NONE)},
    [OP_SCAN] = {.name = "scan", .keys = OP_KEYS_ALL, .conditions = IF(NONE)},
    [OP_RANDOM] = {.name = "random", .keys = OP_KEYS_ALL, .conditions = IF(NONE)},
    [OP_FLUSH] = {.name = "flush",
                  .keys = OP_KEYS_ALL,
                  .writes = true,
                  .effects = EFFECT_ALL_DATABASES,
                  .conditions = IF(NONE)},
    [OP_BATCH] = {.name = "batch",
                  .keys = OP_KEYS_PARTS,
                  .effects = EFFECT_ALL | EFFECT_PIECEWISE,
                  .conditions = IF(NONE)},
    [OP_PING] = {.name = "ping", .keys = OP_KEYS_NONE, .conditions = IF(NONE)},
    [OP_STATS] = {.name = "stats", .keys = OP_KEYS_NONE, .conditions = IF(NONE)},
    [OP_CONFIG] = {.name = "config", .keys = OP_KEYS_NONE, .conditions = IF(NONE)},
    [OP_CONFIG_SET] = {.name = "config_set", .keys = OP_KEYS_NONE, .conditions = IF(NONE)},
    [OP_FACTS] = {.name = "facts", .keys = OP_KEYS_NONE, .conditions = IF(NONE)},
    [OP_TIME] = {.name = "time", .keys = OP_KEYS_NONE, .conditions = IF(NONE)},
    [OP_HELP] = {.name = "help", .keys = OP_KEYS_NONE, .conditions = IF(NONE)},
    [OP_VERSION] = {.name = "version", .keys = OP_KEYS_NONE, .conditions = IF(NONE)},
    [OP_QUIT] = {.name = "quit", .keys = OP_KEYS_NONE, .conditions = IF(NONE)},
};

bool request_is_allowed(const struct request *r)
{
    if ((unsigned)r->op >= OP_COUNT) return false;
    return !(r->effects & ~op_rows[r->op].effects) && op_allows_condition(r->op, r->condition);
}
