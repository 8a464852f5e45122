/* Answers to a WebSocket handshake that are put together at random, each in memory of its own size. */

#include "handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    static const char *const pieces[] = {"\r\n", "\n",         "\r",         ":",          " ",  ",",   "Upgrade: websocket\r\n",
                                         "Upgrade", "Connection", "websocket", "\r\n\r\n", "x: ", "\t\t", "Sec-WebSocket-Accept:"};
    struct handshake handshake;
    char request[1024], answer[512];
    handshake_request(&handshake, request, sizeof request, "127.0.0.1:1", "/");
    srand(11);
    for (int round = 0; round < 300000; round++) {
        size_t length = (size_t)snprintf(answer, sizeof answer, "HTTP/1.1 101%s", rand() % 2 ? " OK\r\n" : "\r\n");
        for (int left = rand() % 10; left > 0; left--) {
            const char *piece = pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)];
            memcpy(answer + length, piece, strlen(piece));
            length += strlen(piece);
        }
        memcpy(answer + length, "\r\n\r\n", 4);
        length += 4;
        char *copy = malloc(length);
        memcpy(copy, answer, length);
        if (handshake_answer(&handshake, copy, &length) == HANDSHAKE_DONE) {
            puts("accepted without the key");
        }
        free(copy);
    }
    puts("done");
    return 0;
}
