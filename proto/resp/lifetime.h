/* Inside the RESP codec: lifetimes as Redis's commands take them. */
#ifndef PROTO_RESP_LIFETIME_H
#define PROTO_RESP_LIFETIME_H

#include "proto/resp/command.h"

enum resp_unit {
    RESP_EX,   /* seconds from now */
    RESP_PX,   /* milliseconds from now */
    RESP_EXAT, /* the time of day, in seconds */
    RESP_PXAT, /* the time of day, in milliseconds */
    RESP_UNITS
};

/* EX, PX, EXAT, PXAT; RESP_UNITS: none of them. */
enum resp_unit resp_unit_of(struct slice word);

/*
 * Makes the number the request's lifetime, which must be positive. False, answered: it is none, or out of range for
 * the command `name`.
 *
 * Redis adds times from now to the time of day, and refuses what overflows 64 bits then. Here the clock is out of
 * sight, so what is within 2^42 ms (139 years) of the overflow is refused too.
 */
bool resp_take_lifetime(struct slice text, enum resp_unit unit, const char *name, struct call *call);

/* The same for a number that may be zero or negative: then what it is set on has expired. */
bool resp_take_any_lifetime(struct slice text, enum resp_unit unit, const char *name, struct call *call);

#endif
