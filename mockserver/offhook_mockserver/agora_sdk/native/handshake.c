#include "handshake.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

void random_bytes(void *into, size_t size) {
    /* Masks and keys guard against confused proxies, not against an enemy: an all-zero mask would still be valid. */
    if (getentropy(into, size) != 0) {
        memset(into, 0x5a, size);
    }
}

static uint32_t rotate(uint32_t value, int by) {
    return value << by | value >> (32 - by);
}

static void sha1_block(uint32_t state[5], const uint8_t block[64]) {
    uint32_t w[80];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    }
    for (int i = 16; i < 80; i++) {
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20) {
            f = (b & c) | (~b & d), k = 0x5a827999;
        } else if (i < 40) {
            f = b ^ c ^ d, k = 0x6ed9eba1;
        } else if (i < 60) {
            f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
        } else {
            f = b ^ c ^ d, k = 0xca62c1d6;
        }
        uint32_t next = rotate(a, 5) + f + e + k + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* SHA-1 of up to 119 bytes, which is all that the handshake needs. */
static void sha1(const char *text, size_t length, uint8_t digest[20]) {
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t blocks[128] = {0};
    size_t total = length < 56 ? 64 : 128;
    memcpy(blocks, text, length);
    blocks[length] = 0x80;
    uint64_t bits = (uint64_t)length * 8;
    for (size_t i = 0; i < 8; i++) {
        blocks[total - 1 - i] = (uint8_t)(bits >> 8 * i);
    }
    for (size_t at = 0; at < total; at += 64) {
        sha1_block(state, blocks + at);
    }
    for (int i = 0; i < 20; i++) {
        digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

static void base64(const uint8_t *data, size_t size, char *into) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t three = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)data[i + 2] : 0);
        *into++ = digits[three >> 18];
        *into++ = digits[three >> 12 & 63];
        *into++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *into++ = left > 2 ? digits[three & 63] : '=';
    }
    *into = '\0';
}

size_t handshake_request(struct handshake *handshake, char *into, size_t size, const char *host, const char *path) {
    uint8_t random[16], digest[20];
    char joined[80];
    random_bytes(random, sizeof random);
    base64(random, sizeof random, handshake->key);
    int length = snprintf(joined, sizeof joined, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", handshake->key);
    sha1(joined, (size_t)length, digest);
    base64(digest, sizeof digest, handshake->accept);
    return (size_t)snprintf(into, size,
                            "GET %s HTTP/1.1\r\n"
                            "Host: %s\r\n"
                            "Upgrade: websocket\r\n"
                            "Connection: Upgrade\r\n"
                            "Sec-WebSocket-Key: %s\r\n"
                            "Sec-WebSocket-Version: 13\r\n"
                            "\r\n",
                            path, host, handshake->key);
}

/* Whether the comma-separated `list` has `word`, in any case. */
static bool has_word(const char *list, size_t length, const char *word) {
    size_t wanted = strlen(word);
    while (length > 0) {
        size_t item = 0;
        while (item < length && list[item] != ',') {
            item++;
        }
        const char *first = list;
        size_t left = item;
        while (left > 0 && (*first == ' ' || *first == '\t')) {
            first++, left--;
        }
        while (left > 0 && (first[left - 1] == ' ' || first[left - 1] == '\t')) {
            left--;
        }
        if (left == wanted && strncasecmp(first, word, wanted) == 0) {
            return true;
        }
        size_t used = item < length ? item + 1 : item;
        list += used, length -= used;
    }
    return false;
}

enum handshake_result handshake_answer(const struct handshake *handshake, const char *data, size_t *length) {
    static const char begin[] = "HTTP/1.1 ";
    size_t head = 0;
    size_t compared = *length < sizeof begin - 1 ? *length : sizeof begin - 1;
    if (compared > 0 && memcmp(data, begin, compared) != 0) {
        return HANDSHAKE_REFUSED;
    }
    for (size_t i = 3; i < *length; i++) {
        if (memcmp(data + i - 3, "\r\n\r\n", 4) == 0) {
            head = i + 1;
            break;
        }
    }
    if (head == 0) {
        return *length < HANDSHAKE_MAX ? HANDSHAKE_INCOMPLETE : HANDSHAKE_REFUSED;
    }
    if (head < 16 || memcmp(data, "HTTP/1.1 101", 12) != 0 || (data[12] != ' ' && data[12] != '\r')) {
        return HANDSHAKE_REFUSED;
    }
    bool upgrade = false, connection = false, accept = false;
    const char *end = data + head - 2;
    const char *line = memchr(data, '\n', head);
    while (line != NULL && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        const char *stop = next != NULL ? next - 1 : end;
        /* Lines end with CR LF: an empty one, as between two bare LFs, is not a header. */
        const char *colon = stop > line ? memchr(line, ':', (size_t)(stop - line)) : NULL;
        if (colon == NULL) {
            return HANDSHAKE_REFUSED;
        }
        size_t name = (size_t)(colon - line);
        const char *value = colon + 1;
        while (value < stop && (*value == ' ' || *value == '\t')) {
            value++;
        }
        size_t size = (size_t)(stop - value);
        if (name == 7 && strncasecmp(line, "Upgrade", name) == 0) {
            upgrade = has_word(value, size, "websocket");
        } else if (name == 10 && strncasecmp(line, "Connection", name) == 0) {
            connection = has_word(value, size, "Upgrade");
        } else if (name == 20 && strncasecmp(line, "Sec-WebSocket-Accept", name) == 0) {
            accept = size == 28 && memcmp(value, handshake->accept, 28) == 0;
        } else if ((name == 24 && strncasecmp(line, "Sec-WebSocket-Extensions", name) == 0) ||
                   (name == 22 && strncasecmp(line, "Sec-WebSocket-Protocol", name) == 0)) {
            return HANDSHAKE_REFUSED; /* none was offered */
        }
        line = next;
    }
    *length = head;
    return upgrade && connection && accept ? HANDSHAKE_DONE : HANDSHAKE_REFUSED;
}
