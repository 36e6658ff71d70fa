/*
 * JSON by jansson. Bytes that are valid UTF-8 become a string; others become base64, marked by a second field:
 *     {"key": "alice", "value": "AP8=", "value_encoding": "base64", ...}
 */
#include "clients/cli/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/output.h"

/* RFC 4648, section 4. NULL when memory is out. */
static char *base64(struct sluice_bytes in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)in.data;
    char *out = malloc(in.len / 3 * 4 + 5);
    char *to = out;

    if (!out) return NULL;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        if (n > 1) bits |= (uint32_t)p[i + 1] << 8;
        if (n > 2) bits |= p[i + 2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = n > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = n > 2 ? digits[bits & 63] : '=';
    }
    *to = '\0';
    return out;
}

/* Sets object[name] to the bytes. False when memory is out. */
static bool set_bytes(json_t *object, const char *name, struct sluice_bytes bytes)
{
    json_t *string = json_stringn(bytes.len == 0 ? "" : bytes.data, bytes.len);
    char marker[32];
    char *text = NULL;
    bool ok = false;

    if (string) return json_object_set_new(object, name, string) == 0;
    text = base64(bytes);
    if (!text) return false;
    snprintf(marker, sizeof marker, "%s_encoding", name);
    ok = json_object_set_new(object, name, json_string(text)) == 0 &&
         json_object_set_new(object, marker, json_string("base64")) == 0;
    free(text);
    return ok;
}

/* The same of lines, which end with \n alone. */
static bool set_lines(json_t *object, const char *name, struct sluice_bytes lines)
{
    struct buffer plain = {0};
    bool ok = false;

    output_plain_lines(&plain, lines);
    ok = !plain.failed && set_bytes(object, name, sluice_bytes(plain.data, plain.len));
    buffer_free(&plain);
    return ok;
}

static bool set_number(json_t *object, const char *name, uint64_t n)
{
    return json_object_set_new(object, name, json_integer((json_int_t)n)) == 0;
}

/* What an executed request gave. */
static bool set_success(json_t *object, const struct command *command, const struct sluice_result *r)
{
    switch (command->verb) {
    case VERB_GET:
        return set_bytes(object, "value", r->body) && set_number(object, "version", r->version) &&
               json_object_set_new(object, "ttl_ms", json_integer(r->ttl_ms)) == 0;
    case VERB_PUT:
    case VERB_TOUCH: return set_number(object, "version", r->version);
    case VERB_LEN: return set_number(object, "len", r->count);
    case VERB_HELP:
    case VERB_VERSION: return set_lines(object, "text", r->body);
    default: return true;
    }
}

static bool fill(json_t *object, const struct command *command, const struct sluice_result *r, const char *text)
{
    bool ok = json_object_set_new(object, "status", json_string(sluice_status_name(r->status))) == 0;

    if (command->key.len > 0) ok = ok && set_bytes(object, "key", command->key);
    if (r->tag[0] != '\0') ok = ok && json_object_set_new(object, "tag", json_string(r->tag)) == 0;
    switch (r->status) {
    case SLUICE_OK: return ok && set_success(object, command, r);
    case SLUICE_NOT_FOUND:
    case SLUICE_LATE: return ok;
    case SLUICE_CONFLICT: return ok && set_number(object, "version", r->version);
    case SLUICE_OVERLOADED: return ok && json_object_set_new(object, "retry_ms", json_integer(r->retry_ms)) == 0;
    case SLUICE_SERVER_ERROR:
        return ok && json_object_set_new(object, "error", json_string(sluice_error_name(r->error))) == 0 &&
               set_bytes(object, "text", r->body);
    default: return ok && set_bytes(object, "text", sluice_text(text));
    }
}

bool json_print_result(FILE *out, const struct command *command, const struct sluice_result *result,
                       const char *error_text)
{
    bool document = result->status == SLUICE_OK && (command->verb == VERB_STATS || command->verb == VERB_CONFIG);
    json_t *object = NULL;
    bool ok = false;

    if (document) {
        fwrite(result->body.data, 1, result->body.len, out);
        fputc('\n', out);
        return true;
    }
    object = json_object();
    ok = object && fill(object, command, result, error_text) && json_dumpf(object, out, JSON_PRESERVE_ORDER) == 0;
    if (ok) fputc('\n', out);
    json_decref(object);
    return ok;
}

bool json_print_failure(FILE *out, enum sluice_status status, const char *text)
{
    json_t *object = json_object();
    bool ok = json_object_set_new(object, "status", json_string(sluice_status_name(status))) == 0 &&
              set_bytes(object, "text", sluice_text(text)) && json_dumpf(object, out, JSON_PRESERVE_ORDER) == 0;

    if (ok) fputc('\n', out);
    json_decref(object);
    return ok;
}

void json_print_indented(FILE *out, struct sluice_bytes document)
{
    json_t *json = json_loadb(document.data, document.len, JSON_ALLOW_NUL, NULL);

    if (!json || json_dumpf(json, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15)) != 0)
        fwrite(document.data, 1, document.len, out);
    fputc('\n', out);
    json_decref(json);
}
