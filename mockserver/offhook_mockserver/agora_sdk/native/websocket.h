/* A WebSocket client (RFC 6455) that never blocks: bounded buffers, masked frames, pings answered, fragments joined. */
#ifndef OFFHOOK_AGORA_WEBSOCKET_H
#define OFFHOOK_AGORA_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "endpoint.h"

/* The largest message that is accepted, in bytes. */
#define WEBSOCKET_MAX_MESSAGE 65536

enum websocket_state {
    WEBSOCKET_CONNECTING, /* TCP or the handshake is under way */
    WEBSOCKET_OPEN,
    WEBSOCKET_CLOSED,  /* in whichever way; no message comes any more */
    WEBSOCKET_REFUSED, /* the server answered the handshake with something else */
};

enum websocket_kind { WEBSOCKET_TEXT = 1, WEBSOCKET_BINARY = 2 };

struct websocket;

/* Begin to connect. Return NULL if descriptors or memory are used up. */
struct websocket *websocket_dial(const struct endpoint *endpoint, const char *path);

/* Close at once, and free. NULL is ignored. */
void websocket_free(struct websocket *ws);

int websocket_descriptor(const struct websocket *ws);

/* The events to poll for. */
short websocket_interest(const struct websocket *ws);

enum websocket_state websocket_state(const struct websocket *ws);

/* Read and write what is possible now. `*heard` is set if anything arrived. */
void websocket_turn(struct websocket *ws, bool *heard);

/* Take the next message; its data is valid until the next call for this WebSocket. Return false if there is none. */
bool websocket_next(struct websocket *ws, enum websocket_kind *kind, const char **data, size_t *size);

/* Queue a message. Return false if it does not fit, or if the WebSocket is not open. */
bool websocket_send(struct websocket *ws, enum websocket_kind kind, const void *data, size_t size);

/* Bytes that wait to be sent. */
size_t websocket_waiting(const struct websocket *ws);

/* Queue a close frame; nothing can be sent afterwards. */
void websocket_close(struct websocket *ws, unsigned code);

#endif
