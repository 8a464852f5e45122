#include "farewell.h"

#include <stdlib.h>

#define FAREWELL_NS (1000 * MS_NS)

static void free_first(struct farewell **at) {
    struct farewell *done = *at;
    *at = done->next;
    websocket_free(done->ws);
    free(done);
}

void farewell(struct websocket *ws) {
    struct farewell *one = malloc(sizeof *one);
    if (one == NULL) {
        websocket_free(ws);
        return;
    }
    *one = (struct farewell){.ws = ws, .until_ns = now_ns() + FAREWELL_NS};
    unsigned count = 1;
    struct farewell **last = &library.farewells;
    for (; *last != NULL; last = &(*last)->next) {
        count++;
    }
    *last = one;
    if (count > MOST_FAREWELLS) {
        free_first(&library.farewells);
    }
    wake_net();
}

nfds_t farewells_poll(struct pollfd *into) {
    nfds_t count = 0;
    for (struct farewell *one = library.farewells; one != NULL; one = one->next) {
        into[count++] = (struct pollfd){websocket_descriptor(one->ws), websocket_interest(one->ws), 0};
    }
    return count;
}

int64_t farewells_turn(int64_t now) {
    int64_t next = INT64_MAX;
    for (struct farewell **at = &library.farewells; *at != NULL;) {
        struct farewell *one = *at;
        enum websocket_kind kind;
        const char *data;
        size_t size;
        bool heard = false;
        websocket_turn(one->ws, &heard);
        while (websocket_next(one->ws, &kind, &data, &size)) {
        }
        if (websocket_state(one->ws) != WEBSOCKET_OPEN || now >= one->until_ns) {
            free_first(at);
            continue;
        }
        next = one->until_ns < next ? one->until_ns : next;
        at = &one->next;
    }
    return next;
}

bool farewells_wait(void) {
    return library.farewells != NULL;
}

void farewells_end(void) {
    while (library.farewells != NULL) {
        free_first(&library.farewells);
    }
}
