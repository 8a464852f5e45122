#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DEPTH 8
#define MOST_VALUES 8192

struct reader {
    const unsigned char *at;
    const unsigned char *end;
    unsigned values;
};

static void skip_space(struct reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) {
        r->at++;
    }
}

static bool take(struct reader *r, char wanted) {
    if (r->at < r->end && *r->at == (unsigned char)wanted) {
        r->at++;
        return true;
    }
    return false;
}

static bool take_word(struct reader *r, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) {
        return false;
    }
    r->at += length;
    return true;
}

/* The length of the UTF-8 sequence at `at`, or 0 if it is not valid (RFC 3629: no surrogates, nothing overlong). */
static size_t utf8_length(const unsigned char *at, const unsigned char *end) {
    unsigned lowest = 0x80, highest = 0xbf;
    size_t length;
    if (at[0] < 0x80) {
        return 1;
    } else if (at[0] >= 0xc2 && at[0] <= 0xdf) {
        length = 2;
    } else if (at[0] >= 0xe0 && at[0] <= 0xef) {
        length = 3;
        lowest = at[0] == 0xe0 ? 0xa0 : 0x80;
        highest = at[0] == 0xed ? 0x9f : 0xbf;
    } else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
        length = 4;
        lowest = at[0] == 0xf0 ? 0x90 : 0x80;
        highest = at[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if ((size_t)(end - at) < length || at[1] < lowest || at[1] > highest) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (at[i] < 0x80 || at[i] > 0xbf) {
            return 0;
        }
    }
    return length;
}

static bool read_hex(struct reader *r, unsigned *value) {
    *value = 0;
    for (int i = 0; i < 4; i++) {
        if (r->at >= r->end) {
            return false;
        }
        unsigned char c = *r->at++;
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = c - '0';
        } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
            digit = (c | 32) - 'a' + 10u;
        } else {
            return false;
        }
        *value = *value * 16 + digit;
    }
    return true;
}

/* Decode what follows `\u`, including the second half of a pair. */
static bool read_escaped_point(struct reader *r, char **to) {
    unsigned point, low;
    if (!read_hex(r, &point) || point == 0 || (point >= 0xdc00 && point <= 0xdfff)) {
        return false;
    }
    if (point >= 0xd800 && point <= 0xdbff) {
        if (!take_word(r, "\\u") || !read_hex(r, &low) || low < 0xdc00 || low > 0xdfff) {
            return false;
        }
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    char *out = *to;
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3f));
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    }
    *to = out;
    return true;
}

/* Read a text. Decoding never makes it longer, so that the rest of the message is space enough. */
static char *read_text(struct reader *r) {
    if (!take(r, '"')) {
        return NULL;
    }
    const unsigned char *closing = r->at;
    while (closing < r->end && *closing != '"') {
        closing += *closing == '\\' ? 2 : 1;
    }
    if (closing >= r->end) {
        return NULL;
    }
    char *text = malloc((size_t)(closing - r->at) + 1);
    char *to = text;
    while (text != NULL && r->at < r->end) {
        unsigned char c = *r->at;
        if (c == '"') {
            r->at++;
            *to = '\0';
            return text;
        }
        if (c == '\\') {
            static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
            r->at++;
            unsigned char escape = *r->at++;
            const char *known = escape ? strchr(from, escape) : NULL;
            if (known != NULL) {
                *to++ = into[known - from];
            } else if (escape != 'u' || !read_escaped_point(r, &to)) {
                break;
            }
            continue;
        }
        size_t length = c < 0x20 ? 0 : utf8_length(r->at, r->end);
        if (length == 0) {
            break;
        }
        memcpy(to, r->at, length);
        to += length;
        r->at += length;
    }
    free(text);
    return NULL;
}

static bool take_digits(struct reader *r) {
    const unsigned char *first = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        r->at++;
    }
    return r->at > first;
}

static bool read_number(struct reader *r, struct json *value) {
    const unsigned char *first = r->at;
    take(r, '-');
    const unsigned char *digits = r->at;
    if (!take_digits(r) || (*digits == '0' && r->at - digits > 1)) {
        return false;
    }
    bool whole = r->at - first <= 18;
    value->type = whole ? JSON_INTEGER : JSON_NUMBER;
    for (const unsigned char *d = digits; whole && d < r->at; d++) {
        value->integer = value->integer * 10 + (*d - '0');
    }
    if (*first == '-') {
        value->integer = -value->integer;
    }
    if (take(r, '.')) {
        value->type = JSON_NUMBER;
        if (!take_digits(r)) {
            return false;
        }
    }
    if (take(r, 'e') || take(r, 'E')) {
        value->type = JSON_NUMBER;
        if (!take(r, '+')) {
            take(r, '-');
        }
        return take_digits(r);
    }
    return true;
}

static struct json *read_value(struct reader *r, unsigned depth);

/* Read the items of a list, or the fields of an object; duplicate fields are refused. */
static bool read_items(struct reader *r, struct json *into, char closing, unsigned depth) {
    struct json **last = &into->items;
    skip_space(r);
    if (take(r, closing)) {
        return true;
    }
    do {
        char *key = NULL;
        skip_space(r);
        if (into->type == JSON_OBJECT) {
            key = read_text(r);
            skip_space(r);
            bool twice = key == NULL;
            for (struct json *other = into->items; other != NULL && !twice; other = other->next) {
                twice = strcmp(other->key, key) == 0;
            }
            if (twice || !take(r, ':')) {
                free(key);
                return false;
            }
        }
        struct json *item = read_value(r, depth);
        if (item == NULL) {
            free(key);
            return false;
        }
        item->key = key;
        *last = item;
        last = &item->next;
        skip_space(r);
    } while (take(r, ','));
    return take(r, closing);
}

static struct json *read_value(struct reader *r, unsigned depth) {
    skip_space(r);
    if (depth >= MOST_DEPTH || r->at >= r->end || ++r->values > MOST_VALUES) {
        return NULL;
    }
    struct json *value = calloc(1, sizeof *value);
    bool good = value != NULL;
    if (!good) {
        return NULL;
    }
    switch (*r->at) {
    case '{':
        r->at++;
        value->type = JSON_OBJECT;
        good = read_items(r, value, '}', depth + 1);
        break;
    case '[':
        r->at++;
        value->type = JSON_LIST;
        good = read_items(r, value, ']', depth + 1);
        break;
    case '"':
        value->type = JSON_TEXT;
        value->text = read_text(r);
        good = value->text != NULL;
        break;
    case 't':
        value->type = JSON_BOOL;
        value->integer = 1;
        good = take_word(r, "true");
        break;
    case 'f':
        value->type = JSON_BOOL;
        good = take_word(r, "false");
        break;
    case 'n':
        good = take_word(r, "null");
        break;
    default:
        good = read_number(r, value);
    }
    if (!good) {
        json_free(value);
        return NULL;
    }
    return value;
}

struct json *json_read(const char *text, size_t length) {
    struct reader r = {(const unsigned char *)text, (const unsigned char *)text + length, 0};
    struct json *value = read_value(&r, 0);
    skip_space(&r);
    if (value != NULL && (value->type != JSON_OBJECT || r.at != r.end)) {
        json_free(value);
        return NULL;
    }
    return value;
}

void json_free(struct json *value) {
    while (value != NULL) {
        struct json *next = value->next;
        json_free(value->items);
        free(value->key);
        free(value->text);
        free(value);
        value = next;
    }
}

const struct json *json_field(const struct json *object, const char *key, enum json_type type) {
    for (const struct json *item = object->items; item != NULL; item = item->next) {
        if (strcmp(item->key, key) == 0) {
            return item->type == type ? item : NULL;
        }
    }
    return NULL;
}

const char *json_text(const struct json *object, const char *key) {
    const struct json *field = json_field(object, key, JSON_TEXT);
    return field != NULL ? field->text : "";
}

int64_t json_integer(const struct json *object, const char *key, int64_t otherwise) {
    const struct json *field = json_field(object, key, JSON_INTEGER);
    return field != NULL ? field->integer : otherwise;
}

bool json_true(const struct json *object, const char *key) {
    const struct json *field = json_field(object, key, JSON_BOOL);
    return field != NULL && field->integer != 0;
}

bool json_quote(char *into, size_t size, const char *text) {
    size_t at = strlen(into);
    if (at + 2 >= size) {
        return false;
    }
    into[at++] = '"';
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (at + 8 >= size) {
            into[at] = '\0';
            return false;
        }
        if (c == '"' || c == '\\') {
            into[at++] = '\\';
            into[at++] = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            at += (size_t)snprintf(into + at, size - at, "\\u%04x", c);
        } else {
            into[at++] = (char)c;
        }
    }
    into[at++] = '"';
    into[at] = '\0';
    return true;
}
