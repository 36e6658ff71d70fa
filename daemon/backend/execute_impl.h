/* What the execute_*.c files share. */
#ifndef BACKEND_EXECUTE_IMPL_H
#define BACKEND_EXECUTE_IMPL_H

#include "daemon/backend/execute.h"

/* One operation on one session, under way. */
struct step {
    struct execute_rules *rules;
    struct databases *databases;
    struct table *table; /* NULL: nothing was ever stored there */
    uint64_t hash;
    struct call *call;
    uint64_t now_ms;
};

/* The session that the step is about, or NULL. */
struct entry *step_find(const struct step *s);

/* True when the operation may go on; otherwise the reply says CONFLICT. */
bool step_condition_holds(const struct step *s, const struct entry *e);

/* How many ms from now a lifetime of TTL_RELATIVE or TTL_ABSOLUTE ends, for all practical purposes. */
uint64_t execute_ms_left(struct execute_rules *rules, struct lifetime lifetime, uint64_t now_ms);

/* When a session expires that gets this lifetime now; `old` is the one it replaces, if any. */
uint64_t step_deadline(const struct step *s, struct lifetime lifetime, const struct entry *old);

/* The lifetime of the request itself. */
static inline struct lifetime request_lifetime(const struct request *r)
{
    return (struct lifetime){r->ttl_kind, r->ttl_ms};
}

/* Stores the item under the request's key, and answers STORED; a lifetime that is over already only removes what is
 * there. False: no memory, and the reply says so. */
bool step_store(struct step *s, struct table_item *item, struct entry **stored);

/* Does the condition hold for the session `e`, NULL: none? Changes nothing. */
bool condition_of(const struct step *s, const struct entry *e);

/* execute_modify.c */
void step_append(struct step *s); /* and PREPEND */
void step_add(struct step *s);
void step_invalidate(struct step *s, struct entry *e);
/* Hands out leases; may create the session. The session, or NULL where there is none. */
struct entry *step_lease(struct step *s, struct entry *e);

#endif
