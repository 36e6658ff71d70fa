/*
 * A stored session: header, key and value in one slot of the table's slab. While somebody but the table refers to
 * it, it is immutable, except for what the table keeps for itself; so a reply may carry a counted reference instead
 * of a copy. The table holds one reference; whoever drops the last frees the memory. The reference count is atomic;
 * everything else about an entry is the table thread's.
 */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry;

/* Any thread that holds a reference; the bytes live as long as the reference. */
const char *entry_value(const struct entry *e);
size_t entry_value_len(const struct entry *e);
const char *entry_key(const struct entry *e);
size_t entry_key_len(const struct entry *e);
uint64_t entry_version(const struct entry *e);

/* The table's thread only: milliseconds, TABLE_NEVER for none. */
uint64_t entry_deadline(const struct entry *e);

/* The table's thread only. Flags: the client's own. Stale: it was marked so when it was stored. Leased: since then,
 * or with that, somebody was given the right to renew it. */
uint32_t entry_flags(const struct entry *e);
bool entry_stale(const struct entry *e);
bool entry_leased(const struct entry *e);

/* Whoever may call table_find just now. Small sessions count few references: false when there are that many
 * already, and then a copy of the value will do. */
bool entry_retain(struct entry *e);
/* The table's thread only, and until it is done with the call at hand: keeps the entry whatever the table does. */
void entry_hold(struct entry *e);
void entry_release(void *entry); /* any thread; takes a struct entry *, fits reply.release */

#endif
