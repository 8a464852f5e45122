/* A strict JSON reader for the texts of the door: one object, bounded, all of it checked before any of it is used. */
#ifndef OFFHOOK_AGORA_JSON_H
#define OFFHOOK_AGORA_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_INTEGER, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT };

struct json {
    struct json *next;  /* in the list or object that holds it */
    struct json *items; /* of a list or object */
    char *key;          /* in an object */
    char *text;         /* of a text, with its end marked; a text with \u0000 is refused */
    int64_t integer;    /* of an integer, or 1 for true */
    enum json_type type;
};

/* Return the object that `text` holds, or NULL if it is anything else. `json_free` frees it. */
struct json *json_read(const char *text, size_t length);

void json_free(struct json *value);

/* Fields of an object; the default if the field is absent or of another type. */
const struct json *json_field(const struct json *object, const char *key, enum json_type type);
const char *json_text(const struct json *object, const char *key);
int64_t json_integer(const struct json *object, const char *key, int64_t otherwise);
bool json_true(const struct json *object, const char *key);

/* Append `text` as a JSON text to `into`, with its quotes, in ASCII. Return false if there is no space. */
bool json_quote(char *into, size_t size, const char *text);

#endif
