/* The opening handshake of RFC 6455, section 4.1, seen from the client. */
#ifndef OFFHOOK_AGORA_HANDSHAKE_H
#define OFFHOOK_AGORA_HANDSHAKE_H

#include <stddef.h>

#define HANDSHAKE_MAX 8192

struct handshake {
    char key[25];    /* Sec-WebSocket-Key: 16 random bytes in base64 */
    char accept[29]; /* the answer that proves that the server has read it */
};

/* Write the request; return its length. */
size_t handshake_request(struct handshake *handshake, char *into, size_t size, const char *host, const char *path);

enum handshake_result { HANDSHAKE_INCOMPLETE, HANDSHAKE_DONE, HANDSHAKE_REFUSED };

/* Read the answer; on HANDSHAKE_DONE, `*length` is set to the length of its head. */
enum handshake_result handshake_answer(const struct handshake *handshake, const char *data, size_t *length);

/* Fill with random bytes. */
void random_bytes(void *into, size_t size);

#endif
