/* Sessions as blocks of memory: making, reading, counting references and freeing. */
#include "daemon/store/entry.h"

#include <malloc.h>
#include <stdlib.h>

#include "daemon/base/fault.h"
#include "daemon/store/entry_impl.h"

struct entry *entry_alloc(size_t key_len, size_t value_len, bool has_flags)
{
    assert(key_len <= ENTRY_KEY_MAX && value_len <= ENTRY_VALUE_MAX);
    if (fault_hit(FAULT_ENTRY_ALLOC)) return NULL;
    struct entry *e = malloc(sizeof *e + key_len + value_len + (has_flags ? sizeof(uint32_t) : 0));
    if (e == NULL) return NULL;
    assert(((uintptr_t)e & 15) == 0 && (uint64_t)(uintptr_t)e >> 48 == 0);
    e->next = e->prev = 0;
    e->version = 0;
    e->key_len = key_len & ENTRY_KEY_MAX;
    e->has_flags = has_flags;
    e->stale = e->leased = 0;
    e->value_len = (uint32_t)value_len;
    entry_set_due(e, ENTRY_NEVER);
    atomic_init(&e->refs_level, 1);
    return e;
}

static char *put_bytes(char *at, const void *bytes, size_t len)
{
    if (len > 0) memcpy(at, bytes, len);
    return at + len;
}

void entry_fill(struct entry *e, const struct table_item *item, uint64_t version)
{
    assert(version <= ENTRY_VERSION_MAX);
    e->version = version & ENTRY_VERSION_MAX;
    entry_set_due(e, entry_due_from(item->deadline_ms));
    char *at = put_bytes(e->bytes, item->key, item->key_len);
    at = put_bytes(at, item->value, item->value_len);
    at = put_bytes(at, item->more, item->more_len);
    if (e->has_flags) put_bytes(at, &item->flags, sizeof item->flags);
    e->stale = item->stale;
}

size_t entry_bytes(const struct entry *e)
{
    return malloc_usable_size((void *)(uintptr_t)e);
}

const char *entry_value(const struct entry *e)
{
    return e->bytes + e->key_len;
}

size_t entry_value_len(const struct entry *e)
{
    return e->value_len;
}

const char *entry_key(const struct entry *e)
{
    return e->bytes;
}

size_t entry_key_len(const struct entry *e)
{
    return e->key_len;
}

uint32_t entry_flags(const struct entry *e)
{
    uint32_t flags = 0;
    if (e->has_flags) memcpy(&flags, e->bytes + e->key_len + e->value_len, sizeof flags);
    return flags;
}

bool entry_stale(const struct entry *e)
{
    return e->stale;
}

bool entry_leased(const struct entry *e)
{
    return e->leased;
}

void entry_set_leased(struct entry *e)
{
    e->leased = 1;
}

uint64_t entry_version(const struct entry *e)
{
    return e->version;
}

uint64_t entry_deadline(const struct entry *e)
{
    uint64_t due = entry_due(e);
    return due == ENTRY_NEVER ? UINT64_MAX : due;
}

void entry_retain(struct entry *e)
{
    uint32_t old = atomic_fetch_add_explicit(&e->refs_level, 1, memory_order_relaxed);
    assert((old & ENTRY_REFS_MASK) != 0 && (old & ENTRY_REFS_MASK) != ENTRY_REFS_MASK);
}

void entry_release(void *entry)
{
    struct entry *e = entry;
    /* Who holds the only reference holds the entry alone: nobody is left to take another. */
    if ((atomic_load_explicit(&e->refs_level, memory_order_acquire) & ENTRY_REFS_MASK) != 1) {
        uint32_t old = atomic_fetch_sub_explicit(&e->refs_level, 1, memory_order_acq_rel);
        assert((old & ENTRY_REFS_MASK) != 0);
        if ((old & ENTRY_REFS_MASK) != 1) return;
    }
    free(e);
}
