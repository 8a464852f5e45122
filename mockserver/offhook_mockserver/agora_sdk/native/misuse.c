#include "misuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

#define MOST_WAITING 32
#define DETAIL_SIZE 256

static const char *const names[MISUSE_KINDS] = {
    [MISUSE_CALL_IN_CALLBACK] = "sdk call in a callback",
    [MISUSE_USE_AFTER_RELEASE] = "use after release",
    [MISUSE_SECOND_OBSERVER] = "second observer",
    [MISUSE_CALLBACK_RESULT] = "result of a callback",
    [MISUSE_CALLBACK_BLOCKS] = "callback that blocks",
    [MISUSE_SERVICE_BUSY] = "service released too early",
    [MISUSE_DATA_MESSAGE] = "data message",
    [MISUSE_VIDEO] = "video",
    [MISUSE_ENCODED_AUDIO] = "encoded audio",
    [MISUSE_TEXT_UID] = "user account",
    [MISUSE_REMOTE_STATISTICS] = "statistics of a remote track",
    [MISUSE_EVENTS_OVERFLOW] = "too many events",
    [MISUSE_FORK] = "fork",
};

struct report {
    agora_handle connection; /* 0: any */
    enum misuse kind;
    char detail[DETAIL_SIZE];
};

static struct {
    unsigned counts[MISUSE_KINDS];
    bool printed[MISUSE_KINDS];
    struct report waiting[MOST_WAITING];
    size_t size;
} reports;

void complain(const char *format, ...) {
    char text[DETAIL_SIZE + 128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "offhook's agora library: %s\n", text);
}

static void print_once(enum misuse kind, const char *detail) {
    if (!reports.printed[kind]) {
        reports.printed[kind] = true;
        complain("misuse: %s: %s", names[kind], detail);
    }
}

static struct connection *joined(agora_handle preferred) {
    struct connection *connection = handle_get(preferred, HANDLE_CONNECTION);
    if (connection == NULL || connection->phase != PHASE_JOINED) {
        connection = library.connections;
        while (connection != NULL && connection->phase != PHASE_JOINED) {
            connection = connection->next;
        }
    }
    return connection;
}

void misuse(struct connection *connection, enum misuse kind, const char *format, ...) {
    char detail[DETAIL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    reports.counts[kind]++;
    struct connection *through = joined(connection != NULL ? connection->self : 0);
    if (through == NULL || reports.size == MOST_WAITING) {
        print_once(kind, detail);
        return;
    }
    if (through->misuses_sent & 1u << kind) {
        return;
    }
    through->misuses_sent |= 1u << kind;
    struct report *report = &reports.waiting[reports.size++];
    report->connection = through->self;
    report->kind = kind;
    memcpy(report->detail, detail, sizeof detail);
    wake_net();
}

void misuse_send(void) {
    for (size_t i = 0; i < reports.size; i++) {
        struct report *report = &reports.waiting[i];
        struct connection *connection = joined(report->connection);
        char text[2048] = "{\"type\":\"misuse\",\"name\":";
        bool fits = json_quote(text, sizeof text, names[report->kind]);
        strncat(text, ",\"detail\":", sizeof text - strlen(text) - 1);
        fits = fits && json_quote(text, sizeof text, report->detail);
        strncat(text, "}", sizeof text - strlen(text) - 1);
        if (connection == NULL || !fits || !websocket_send(connection->ws, WEBSOCKET_TEXT, text, strlen(text))) {
            print_once(report->kind, report->detail);
        }
    }
    reports.size = 0;
}

void misuse_stop(void) {
    for (size_t i = 0; i < reports.size; i++) {
        print_once(reports.waiting[i].kind, reports.waiting[i].detail);
    }
    reports.size = 0;
}

/* How often a misuse was noticed, by its name; of any kind if `name` is NULL. For tests. */
AGORA_API unsigned offhook_agora_misuse_count(const char *name) {
    unsigned count = 0;
    lock();
    for (int kind = 0; kind < MISUSE_KINDS; kind++) {
        if (name == NULL || strcmp(name, names[kind]) == 0) {
            count += reports.counts[kind];
        }
    }
    unlock();
    return count;
}
