#include "websocket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handshake.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE is set instead */
#endif

/* A message and a frame's header, twice: what has arrived of the next one is kept behind the one that is read. */
#define IN_SIZE (2 * (WEBSOCKET_MAX_MESSAGE + 16))
#define OUT_SIZE (256 * 1024)

enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct websocket {
    int fd;
    enum websocket_state state;
    bool connected; /* TCP */
    bool closing;   /* a close frame was queued */
    struct handshake handshake;
    char *in;
    size_t in_size, in_used; /* bytes that are there, and how many of them are dealt with */
    char *message;           /* what has arrived of a fragmented message */
    size_t message_size;
    int message_opcode; /* 0: none is under way */
    char *out;
    size_t out_size, out_sent;
};

struct websocket *websocket_dial(const struct endpoint *endpoint, const char *path) {
    struct websocket *ws = calloc(1, sizeof *ws);
    if (ws == NULL) {
        return NULL;
    }
    ws->fd = -1;
    ws->in = malloc(IN_SIZE);
    ws->message = malloc(WEBSOCKET_MAX_MESSAGE);
    ws->out = malloc(OUT_SIZE);
#ifdef SOCK_CLOEXEC
    ws->fd = socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
#else
    ws->fd = socket(endpoint->address.ss_family, SOCK_STREAM, 0);
    if (ws->fd >= 0) {
        fcntl(ws->fd, F_SETFD, FD_CLOEXEC);
    }
#endif
    if (ws->in == NULL || ws->message == NULL || ws->out == NULL || ws->fd < 0 ||
        fcntl(ws->fd, F_SETFL, O_NONBLOCK) != 0) {
        websocket_free(ws);
        return NULL;
    }
    int yes = 1;
    setsockopt(ws->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
#ifdef SO_NOSIGPIPE
    setsockopt(ws->fd, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#endif
    if (connect(ws->fd, (const struct sockaddr *)&endpoint->address, endpoint->length) == 0) {
        ws->connected = true;
    } else if (errno != EINPROGRESS && errno != EINTR) {
        ws->state = WEBSOCKET_CLOSED;
    }
    ws->out_size = handshake_request(&ws->handshake, ws->out, OUT_SIZE, endpoint->host, path);
    return ws;
}

void websocket_free(struct websocket *ws) {
    if (ws != NULL) {
        if (ws->fd >= 0) {
            close(ws->fd);
        }
        if (ws->out != NULL) {
            memset(ws->out, 0, ws->out_size);
        }
        free(ws->in);
        free(ws->message);
        free(ws->out);
        free(ws);
    }
}

int websocket_descriptor(const struct websocket *ws) {
    return ws->fd;
}

enum websocket_state websocket_state(const struct websocket *ws) {
    return ws->state;
}

size_t websocket_waiting(const struct websocket *ws) {
    return ws->out_size - ws->out_sent;
}

short websocket_interest(const struct websocket *ws) {
    if (!ws->connected) {
        return POLLOUT;
    }
    return websocket_waiting(ws) > 0 ? POLLIN | POLLOUT : POLLIN;
}

static void fail(struct websocket *ws) {
    if (ws->state != WEBSOCKET_REFUSED) {
        ws->state = WEBSOCKET_CLOSED;
    }
}

static void flush(struct websocket *ws) {
    while (websocket_waiting(ws) > 0) {
        ssize_t sent = send(ws->fd, ws->out + ws->out_sent, websocket_waiting(ws), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
                fail(ws);
            }
            return;
        }
        ws->out_sent += (size_t)sent;
    }
    memset(ws->out, 0, ws->out_size); /* it may have held a token */
    ws->out_size = ws->out_sent = 0;
}

/* Queue a frame; of a client, so masked. */
static bool put_frame(struct websocket *ws, enum opcode opcode, const void *data, size_t size) {
    if (ws->out_sent > 0 && ws->out_size + size + 14 > OUT_SIZE) {
        memmove(ws->out, ws->out + ws->out_sent, websocket_waiting(ws));
        ws->out_size -= ws->out_sent;
        ws->out_sent = 0;
    }
    if (ws->out_size + size + 14 > OUT_SIZE) {
        return false;
    }
    unsigned char *at = (unsigned char *)ws->out + ws->out_size;
    *at++ = (unsigned char)(0x80 | opcode);
    if (size < 126) {
        *at++ = (unsigned char)(0x80 | size);
    } else if (size < 65536) {
        *at++ = 0x80 | 126;
        *at++ = (unsigned char)(size >> 8);
        *at++ = (unsigned char)size;
    } else {
        *at++ = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8) {
            *at++ = (unsigned char)((uint64_t)size >> shift);
        }
    }
    unsigned char *mask = at;
    random_bytes(mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) {
        at[i] = ((const unsigned char *)data)[i] ^ mask[i % 4];
    }
    ws->out_size = (size_t)(at + size - (unsigned char *)ws->out);
    flush(ws);
    return true;
}

bool websocket_send(struct websocket *ws, enum websocket_kind kind, const void *data, size_t size) {
    return ws->state == WEBSOCKET_OPEN && !ws->closing && put_frame(ws, (enum opcode)kind, data, size);
}

void websocket_close(struct websocket *ws, unsigned code) {
    if (ws->state == WEBSOCKET_OPEN && !ws->closing) {
        unsigned char body[2] = {(unsigned char)(code >> 8), (unsigned char)code};
        put_frame(ws, CLOSE, body, sizeof body);
        ws->closing = true;
    }
}

static void breach(struct websocket *ws, unsigned code) {
    websocket_close(ws, code);
    fail(ws);
}

static void receive(struct websocket *ws, bool *heard) {
    for (;;) {
        if (ws->in_used > 0) {
            memmove(ws->in, ws->in + ws->in_used, ws->in_size - ws->in_used);
            ws->in_size -= ws->in_used;
            ws->in_used = 0;
        }
        if (ws->in_size == IN_SIZE) {
            return; /* the reader takes messages first */
        }
        ssize_t got = recv(ws->fd, ws->in + ws->in_size, IN_SIZE - ws->in_size, 0);
        if (got > 0) {
            *heard = true;
            ws->in_size += (size_t)got;
            return;
        }
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            fail(ws);
            return;
        }
        if (errno != EINTR) {
            return;
        }
    }
}

void websocket_turn(struct websocket *ws, bool *heard) {
    if (ws->state == WEBSOCKET_CLOSED || ws->state == WEBSOCKET_REFUSED) {
        return;
    }
    if (!ws->connected) {
        int error = 0;
        socklen_t size = sizeof error;
        struct pollfd writable = {ws->fd, POLLOUT, 0};
        if (poll(&writable, 1, 0) <= 0) {
            return;
        }
        if (getsockopt(ws->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
            fail(ws);
            return;
        }
        ws->connected = true;
    }
    flush(ws);
    receive(ws, heard);
    if (ws->state == WEBSOCKET_CONNECTING || (ws->state == WEBSOCKET_CLOSED && ws->handshake.key[0])) {
        size_t length = ws->in_size;
        enum handshake_result result = handshake_answer(&ws->handshake, ws->in, &length);
        if (result == HANDSHAKE_DONE) {
            ws->handshake.key[0] = '\0';
            ws->in_used = length;
            if (ws->state == WEBSOCKET_CONNECTING) {
                ws->state = WEBSOCKET_OPEN;
            }
        } else if (result == HANDSHAKE_REFUSED) {
            ws->state = WEBSOCKET_REFUSED;
        }
    }
}

/* Whether a server may close with this code (section 7.4.1). */
static bool valid_code(unsigned code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static void take_close(struct websocket *ws, const unsigned char *body, size_t size) {
    unsigned code = size >= 2 ? (unsigned)body[0] << 8 | body[1] : 1000;
    websocket_close(ws, size != 1 && valid_code(code) ? code : 1002);
    fail(ws);
}

bool websocket_next(struct websocket *ws, enum websocket_kind *kind, const char **data, size_t *size) {
    if (ws->handshake.key[0] || ws->state == WEBSOCKET_REFUSED) {
        return false; /* still shaking hands */
    }
    for (;;) {
        const unsigned char *at = (const unsigned char *)ws->in + ws->in_used;
        size_t left = ws->in_size - ws->in_used;
        if (left < 2) {
            return false;
        }
        bool final = at[0] & 0x80;
        int opcode = at[0] & 0x0f;
        uint64_t length = at[1] & 0x7f;
        size_t head = length == 126 ? 4 : length == 127 ? 10 : 2;
        bool control = opcode >= CLOSE;
        bool known = opcode <= BINARY || (opcode >= CLOSE && opcode <= PONG);
        bool begins = opcode == TEXT || opcode == BINARY;
        if ((at[0] & 0x70) || (at[1] & 0x80) || !known || (control && (!final || length > 125)) ||
            (begins && ws->message_opcode) || (opcode == CONTINUATION && !ws->message_opcode)) {
            ws->in_used = ws->in_size;
            breach(ws, 1002);
            return false;
        }
        if (left < head) {
            return false;
        }
        if (head > 2) {
            length = 0;
            for (size_t i = 2; i < head; i++) {
                length = length << 8 | at[i];
            }
        }
        if (length > WEBSOCKET_MAX_MESSAGE || ws->message_size + length > WEBSOCKET_MAX_MESSAGE) {
            ws->in_used = ws->in_size;
            breach(ws, 1009);
            return false;
        }
        if (left - head < length) {
            return false;
        }
        const unsigned char *body = at + head;
        ws->in_used += head + (size_t)length;
        if (control) {
            if (opcode == CLOSE) {
                ws->in_used = ws->in_size;
                take_close(ws, body, (size_t)length);
                return false;
            }
            /* An answer that does not fit is left out: of several pings, the last one counts (section 5.5.3). */
            if (opcode == PING && ws->state == WEBSOCKET_OPEN) {
                put_frame(ws, PONG, body, (size_t)length);
            }
            continue;
        }
        if (begins && final) {
            *kind = (enum websocket_kind)opcode;
            *data = (const char *)body;
            *size = (size_t)length;
            return true;
        }
        if (begins) {
            ws->message_opcode = opcode;
        }
        memcpy(ws->message + ws->message_size, body, (size_t)length);
        ws->message_size += (size_t)length;
        if (final) {
            *kind = (enum websocket_kind)ws->message_opcode;
            *data = ws->message;
            *size = ws->message_size;
            ws->message_opcode = 0;
            ws->message_size = 0;
            return true;
        }
    }
}
