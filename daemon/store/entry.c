/* Sessions as slots of memory: making, reading, counting references and freeing. */
#include "daemon/store/entry.h"

#include <malloc.h>
#include <stdlib.h>

#include "daemon/store/entry_tail.h"

#define SHORT_KEY_MAX UINT8_MAX

/* ---- making ---- */

static size_t short_bytes(const struct table_item *item)
{
    return sizeof(struct entry) + item->key_len + item->value_len + item->more_len + tail_bytes_of_item(item);
}

static bool is_short(const struct table_item *item)
{
    return item->key_len <= SHORT_KEY_MAX && short_bytes(item) <= SLAB_SLOT_MAX;
}

static size_t long_bytes(const struct table_item *item)
{
    return sizeof(struct entry) + sizeof(struct entry_long) + item->key_len + tail_bytes_of_item(item);
}

size_t entry_wants(const struct table_item *item, size_t *block)
{
    *block = is_short(item) ? 0 : item->value_len + item->more_len;
    return is_short(item) ? short_bytes(item) : long_bytes(item);
}

static char *put_bytes(char *at, const void *bytes, size_t len)
{
    if (len > 0) memcpy(at, bytes, len);
    return at + len;
}

static char *put_value(char *at, const struct table_item *item)
{
    return put_bytes(put_bytes(at, item->value, item->value_len), item->more, item->more_len);
}

/* What else the item says, once the entry knows its lengths. */
static void put_rest(struct entry *e, const struct table_item *item)
{
    tail_put(e, item);
    e->stale = item->stale;
    e->leased = item->leased;
}

static struct entry *clear(struct entry *e)
{
    memset(e, 0, sizeof *e);
    entry_set_due(e, ENTRY_NEVER);
    atomic_init(&e->refs, 1);
    return e;
}

/* A block for the value, charged to the budget. */
static bool make_block(struct budget *budget, size_t len, bool over_budget, char **block)
{
    *block = NULL;
    if (len == 0) return true;
    *block = malloc(len);
    if (!*block) return false;
    size_t bytes = malloc_usable_size(*block);
    if (over_budget)
        budget_force(budget, bytes);
    else if (!budget_take(budget, bytes)) {
        free(*block);
        return false;
    }
    return true;
}

/* Where the value will be: in a slot of its own, or in a block of the allocator's. */
static bool make_value(struct slab *slab, struct budget *budget, size_t len, bool over, char **value)
{
    if (!block_is_slot(len)) return make_block(budget, len, over, value);
    uint32_t handle = slab_alloc(slab, sizeof(struct block) + len, over);
    if (handle == SLAB_NONE) return false;
    struct block *block = slab_at(slab, handle);
    *block = (struct block){.owner = SLAB_NONE, .handle = handle};
    *value = block->bytes;
    return true;
}

static struct block *block_of(char *value)
{
    return (struct block *)(void *)(value - offsetof(struct block, bytes));
}

static void unmake_value(struct slab *slab, struct budget *budget, size_t len, char *value)
{
    if (block_is_slot(len)) {
        slab_free(slab, block_of(value)->handle);
        return;
    }
    if (value) budget_give(budget, malloc_usable_size(value));
    free(value);
}

static uint32_t create_long(struct slab *slab, struct budget *budget, const struct table_item *item, bool over)
{
    size_t value_len = item->value_len + item->more_len;
    char *value;
    if (!make_value(slab, budget, value_len, over, &value)) return SLAB_NONE;
    uint32_t handle = slab_alloc(slab, long_bytes(item), over);
    if (handle == SLAB_NONE) {
        unmake_value(slab, budget, value_len, value);
        return SLAB_NONE;
    }
    struct entry *e = clear(entry_at(slab, handle));
    struct entry_long *l = entry_long(e);
    e->is_long = 1;
    atomic_init(&l->refs, 1);
    l->value = value;
    l->value_len = (uint32_t)value_len;
    l->key_len = (uint32_t)item->key_len;
    if (value) put_value(value, item);
    if (entry_block(e) != NULL) entry_block(e)->owner = handle;
    put_bytes((char *)(l + 1), item->key, item->key_len);
    put_rest(e, item);
    return handle;
}

uint32_t entry_create(struct slab *slab, struct budget *budget, const struct table_item *item, bool over_budget)
{
    assert(item->key_len <= ENTRY_KEY_MAX && item->value_len + item->more_len <= ENTRY_VALUE_MAX);
    if (!is_short(item)) return create_long(slab, budget, item, over_budget);
    uint32_t handle = slab_alloc(slab, short_bytes(item), over_budget);
    if (handle == SLAB_NONE) return SLAB_NONE;
    struct entry *e = clear(entry_at(slab, handle));
    e->key_len = (uint8_t)item->key_len;
    e->value_len = (item->value_len + item->more_len) & 0x7fff;
    put_value(put_bytes(e->bytes, item->key, item->key_len), item);
    put_rest(e, item);
    return handle;
}

static bool lies_in(const void *bytes, size_t len, const struct entry *e, size_t size)
{
    return len > 0 && (uintptr_t)bytes - (uintptr_t)e < size;
}

bool entry_overwrite(struct entry *e, const struct table_item *item)
{
    if (e->is_long || !is_short(item) || !entry_is_alone(e)) return false;
    size_t size = slab_slot_size(entry_bytes(e));
    if (slab_slot_size(short_bytes(item)) != size) return false;
    if (lies_in(item->value, item->value_len, e, size) || lies_in(item->more, item->more_len, e, size))
        return false;
    e->value_len = (item->value_len + item->more_len) & 0x7fff;
    put_value(e->bytes + e->key_len, item);
    put_rest(e, item);
    return true;
}

/* ---- reading ---- */

size_t entry_slot_bytes(const struct entry *e)
{
    size_t more = e->is_long ? sizeof(struct entry_long) : e->value_len;
    return sizeof *e + more + key_len_of(e) + tail_bytes_of(e);
}

size_t entry_bytes(const struct entry *e)
{
    return entry_slot_bytes(e) + (e->is_long ? entry_long(e)->value_len : 0);
}

struct block *entry_block(const struct entry *e)
{
    return e->is_long && block_is_slot(entry_long(e)->value_len) ? block_of(entry_long(e)->value) : NULL;
}

size_t entry_block_bytes(const struct entry *e)
{
    if (!e->is_long || !entry_long(e)->value || entry_block(e)) return 0;
    return malloc_usable_size(entry_long(e)->value);
}

const char *entry_value(const struct entry *e)
{
    if (!e->is_long) return e->bytes + e->key_len;
    return entry_long(e)->value ? entry_long(e)->value : e->bytes; /* empty, but somewhere */
}

size_t entry_value_len(const struct entry *e)
{
    return e->is_long ? entry_long(e)->value_len : e->value_len;
}

const char *entry_key(const struct entry *e)
{
    return key_of(e);
}

size_t entry_key_len(const struct entry *e)
{
    return key_len_of(e);
}

uint32_t entry_flags(const struct entry *e)
{
    uint32_t flags = 0;
    if (!e->has_tail) return 0;
    const char *at = tail_find(e, TAIL_FLAGS);
    if (at) memcpy(&flags, at, sizeof flags);
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

uint64_t entry_version(const struct entry *e)
{
    return e->version;
}

uint64_t entry_deadline(const struct entry *e)
{
    uint64_t due = entry_due(e);
    return due == ENTRY_NEVER ? UINT64_MAX : due;
}

/* ---- references ---- */

bool entry_is_alone(const struct entry *e)
{
    return e->is_long ? atomic_load_explicit(&entry_long(e)->refs, memory_order_acquire) == 1
                      : atomic_load_explicit(&e->refs, memory_order_acquire) == 1;
}

static void count_up_long(struct entry *e)
{
    uint32_t old = atomic_fetch_add_explicit(&entry_long(e)->refs, 1, memory_order_relaxed);
    assert(old != 0 && old != UINT32_MAX);
}

bool entry_retain(struct entry *e)
{
    if (e->is_long) {
        count_up_long(e);
        return true;
    }
    uint8_t refs = atomic_load_explicit(&e->refs, memory_order_relaxed);
    do {
        assert(refs != 0);
        if (refs >= ENTRY_REFS_MAX) return false;
    } while (!atomic_compare_exchange_weak_explicit(&e->refs, &refs, (uint8_t)(refs + 1), memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

void entry_hold(struct entry *e)
{
    if (e->is_long) {
        count_up_long(e);
        return;
    }
    uint8_t old = atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    assert(old != 0 && old != UINT8_MAX);
}

/* True: that was the last one, and the entry is the caller's alone. */
static bool count_down(struct entry *e)
{
    /* Who holds the only reference holds the entry alone: nobody is left to take another. */
    if (entry_is_alone(e)) return true;
    return e->is_long ? atomic_fetch_sub_explicit(&entry_long(e)->refs, 1, memory_order_acq_rel) == 1
                      : atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1;
}

void entry_release(void *entry)
{
    struct entry *e = entry;
    if (!count_down(e)) return;
    if (entry_block(e) != NULL)
        slab_give(entry_block(e));
    else if (e->is_long)
        free(entry_long(e)->value);
    slab_give(e);
}

void entry_drop(struct slab *slab, uint32_t handle)
{
    struct entry *e = entry_at(slab, handle);
    struct block *block = entry_block(e);
    e->linked = 0;
    if (block) block->owner = SLAB_NONE;
    if (!count_down(e)) return;
    if (block)
        slab_free(slab, block->handle);
    else if (e->is_long)
        free(entry_long(e)->value);
    slab_free(slab, handle);
}
