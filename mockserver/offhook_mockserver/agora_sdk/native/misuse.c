#include "misuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

#define MOST_WAITING 32
/* Names of ours and of the Python layer's watch. */
#define MOST_NAMES 64
#define NAME_SIZE 101
#define DETAIL_SIZE 256

static const char *const our_names[MISUSE_KINDS] = {
    [MISUSE_CALL_IN_CALLBACK] = "sdk call in a callback",
    [MISUSE_USE_AFTER_RELEASE] = "use after release",
    [MISUSE_SECOND_OBSERVER] = "second observer",
    [MISUSE_CALLBACK_RESULT] = "callback that returns None",
    [MISUSE_CALLBACK_BLOCKS] = "callback that blocks",
    [MISUSE_SERVICE_BUSY] = "service released too early",
    [MISUSE_DATA_MESSAGE] = "data message",
    [MISUSE_VIDEO] = "video",
    [MISUSE_ENCODED_AUDIO] = "encoded audio",
    [MISUSE_TEXT_UID] = "user account",
    [MISUSE_REMOTE_STATISTICS] = "statistics of a remote track",
    [MISUSE_EVENTS_OVERFLOW] = "too many events",
    [MISUSE_AUDIENCE] = "audience that publishes",
    [MISUSE_NOT_MODELLED] = "not modelled",
};

struct report {
    agora_handle connection; /* 0: any */
    unsigned name;
    bool early; /* no connection had joined */
    char detail[DETAIL_SIZE];
};

static struct {
    char names[MOST_NAMES][NAME_SIZE];
    unsigned counts[MOST_NAMES];
    bool printed[MOST_NAMES];
    unsigned name_count;
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

static void print_once(unsigned name, const char *detail) {
    if (!reports.printed[name]) {
        reports.printed[name] = true;
        complain("misuse: %s: %s", reports.names[name], detail);
    }
}

/* The index of a name; the last one stands for all names beyond the limit. */
static unsigned index_of(const char *text) {
    for (unsigned name = 0; name < reports.name_count; name++) {
        if (strncmp(reports.names[name], text, NAME_SIZE - 1) == 0) {
            return name;
        }
    }
    if (reports.name_count == MOST_NAMES) {
        return MOST_NAMES - 1;
    }
    snprintf(reports.names[reports.name_count], NAME_SIZE, "%s", text);
    return reports.name_count++;
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

/* Whether a report of this name waits for a connection to join. */
static bool waits_for_a_join(unsigned name) {
    for (size_t i = 0; i < reports.size; i++) {
        if (reports.waiting[i].name == name && joined(reports.waiting[i].connection) == NULL) {
            return true;
        }
    }
    return false;
}

/* Observers are registered before a connection joins, so a report may have to wait until one has. Such a report is
 * printed as well: a program may end before that. */
static void report(struct connection *connection, unsigned name, const char *detail) {
    reports.counts[name]++;
    struct connection *through = joined(connection != NULL ? connection->self : 0);
    if (through == NULL || reports.size == MOST_WAITING) {
        print_once(name, detail);
    }
    if (reports.size == MOST_WAITING || (through == NULL && waits_for_a_join(name))) {
        return;
    }
    if (through != NULL) {
        if (through->misuses_sent & UINT64_C(1) << name) {
            return;
        }
        through->misuses_sent |= UINT64_C(1) << name;
    }
    struct report *waiting = &reports.waiting[reports.size++];
    *waiting = (struct report){.name = name, .early = through == NULL};
    waiting->connection = through != NULL ? through->self : connection != NULL ? connection->self : 0;
    snprintf(waiting->detail, sizeof waiting->detail, "%s", detail);
    if (through != NULL) {
        wake_net();
    }
}

void misuse(struct connection *connection, enum misuse kind, const char *format, ...) {
    char detail[DETAIL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    report(connection, index_of(our_names[kind]), detail);
}

/* Upstream's Python layer calls some of these inside callbacks by itself, so that this is not said here. */
long not_modelled(enum misuse kind, const char *function) {
    char name[NAME_SIZE], detail[DETAIL_SIZE];
    snprintf(name, sizeof name, kind == MISUSE_NOT_MODELLED ? "%s: %s" : "%s", our_names[kind], function);
    snprintf(detail, sizeof detail, "%s has no effect here, and returned 0", function);
    if (!library_is_foreign()) {
        lock();
        report(handle_get(in_callback, HANDLE_CONNECTION), index_of(name), detail);
        unlock();
    }
    return 0;
}

/* Report a misuse that the library cannot see: for a watch in the Python layer, also inside callbacks. Bytes that are
 * not printable ASCII are shown as a question mark. */
AGORA_API void offhook_agora_report(const char *name, const char *detail) {
    char clean[2][DETAIL_SIZE] = {"", ""};
    const char *texts[] = {name != NULL ? name : "", detail != NULL ? detail : ""};
    for (size_t i = 0; i < 2; i++) {
        size_t most = i == 0 ? NAME_SIZE : DETAIL_SIZE;
        for (size_t at = 0; at + 1 < most && texts[i][at]; at++) {
            clean[i][at] = texts[i][at] >= 0x20 && texts[i][at] < 0x7f ? texts[i][at] : '?';
        }
    }
    if (clean[0][0] && clean[1][0] && !library_is_foreign()) {
        lock();
        report(handle_get(in_callback, HANDLE_CONNECTION), index_of(clean[0]), clean[1]);
        unlock();
    }
}

static void send_report(struct connection *connection, const struct report *waiting) {
    if (waiting->early) {
        if (connection->misuses_sent & UINT64_C(1) << waiting->name) {
            return;
        }
        connection->misuses_sent |= UINT64_C(1) << waiting->name;
    }
    char text[2048] = "{\"type\":\"misuse\",\"name\":";
    bool fits = json_quote(text, sizeof text, reports.names[waiting->name]);
    strncat(text, ",\"detail\":", sizeof text - strlen(text) - 1);
    fits = fits && json_quote(text, sizeof text, waiting->detail);
    strncat(text, "}", sizeof text - strlen(text) - 1);
    if (!fits || !websocket_send(connection->ws, WEBSOCKET_TEXT, text, strlen(text))) {
        print_once(waiting->name, waiting->detail);
    }
}

void misuse_send(void) {
    size_t left = 0;
    for (size_t i = 0; i < reports.size; i++) {
        struct connection *connection = joined(reports.waiting[i].connection);
        if (connection != NULL) {
            send_report(connection, &reports.waiting[i]);
        } else {
            reports.waiting[left++] = reports.waiting[i];
        }
    }
    reports.size = left;
}

void misuse_stop(void) {
    for (size_t i = 0; i < reports.size; i++) {
        print_once(reports.waiting[i].name, reports.waiting[i].detail);
    }
    reports.size = 0;
}

/* How often a misuse was noticed, by its name; of any kind if `name` is NULL. For tests. */
AGORA_API unsigned offhook_agora_misuse_count(const char *name) {
    unsigned count = 0;
    lock();
    for (unsigned i = 0; i < reports.name_count; i++) {
        if (name == NULL || strcmp(name, reports.names[i]) == 0) {
            count += reports.counts[i];
        }
    }
    unlock();
    return count;
}
