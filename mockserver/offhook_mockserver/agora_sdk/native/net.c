#include "net.h"

#include <poll.h>
#include <unistd.h>

#include "farewell.h"
#include "membership.h"
#include "misuse.h"
#include "speech.h"
#include "threads.h"

#define LONGEST_MS 1000

struct polling {
    struct pollfd descriptors[1 + MOST_CONNECTIONS + MOST_FAREWELLS];
    agora_handle connections[1 + MOST_CONNECTIONS];
    nfds_t connections_end, end;
};

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void gather(struct polling *polling) {
    nfds_t count = 0;
    polling->descriptors[count++] = (struct pollfd){library.wake[0], POLLIN, 0};
    for (struct connection *one = library.connections; one != NULL; one = one->next) {
        if (one->ws != NULL) {
            polling->connections[count] = one->self;
            polling->descriptors[count++] =
                (struct pollfd){websocket_descriptor(one->ws), websocket_interest(one->ws), 0};
        }
    }
    polling->connections_end = count;
    polling->end = count + farewells_poll(polling->descriptors + count);
}

/* Note which connections have something to do. What a number stood for may have changed while the lock was open: then
 * the turn of that connection finds nothing. */
static void mark_ready(const struct polling *polling) {
    for (nfds_t i = 1; i < polling->connections_end; i++) {
        struct connection *connection = handle_get(polling->connections[i], HANDLE_CONNECTION);
        if (polling->descriptors[i].revents != 0 && connection != NULL) {
            connection->ready = true;
        }
    }
}

void *net_run(void *nothing) {
    (void)nothing;
    struct polling polling;
    thread_name("agora-net");
    lock();
    while (!library.stopping || farewells_wait()) {
        int64_t now = now_ns();
        int64_t next = farewells_turn(now);
        for (struct connection *one = library.connections; one != NULL; one = one->next) {
            next = earlier(next, membership_turn(one, now));
            next = earlier(next, speech_turn(one, now));
            next = earlier(next, volumes_turn(one, now));
        }
        misuse_send();
        gather(&polling);
        int64_t wait_ms = next == INT64_MAX ? LONGEST_MS : (next - now + MS_NS - 1) / MS_NS;
        wait_ms = wait_ms < 0 ? 0 : earlier(wait_ms, LONGEST_MS);
        unlock();
        poll(polling.descriptors, polling.end, (int)wait_ms);
        lock();
        library.woken = false;
        if (polling.descriptors[0].revents != 0) {
            char bytes[64];
            while (read(library.wake[0], bytes, sizeof bytes) > 0) {
            }
        }
        mark_ready(&polling);
    }
    unlock();
    return NULL;
}
