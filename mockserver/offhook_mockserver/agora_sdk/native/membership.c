#include "membership.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "farewell.h"
#include "json.h"
#include "misuse.h"
#include "remotes.h"
#include "speech.h"

/* An attempt to connect and join is given up after this time; the door answers within 10 s. */
#define ATTEMPT_NS (11000 * MS_NS)
#define FIRST_RETRY_MS 100
#define LAST_RETRY_MS 2000
/* A connection that is lost sooner than this after its attempt began counts as one more failed attempt. */
#define SHORT_NS (2000 * MS_NS)
/* Agora's codes of errors for a refused renewal. */
enum { ERROR_TOKEN_EXPIRED = 109, ERROR_TOKEN_INVALID = 110 };

static void drop_renewals(struct connection *connection) {
    while (connection->renewals != NULL) {
        struct renewal *next = connection->renewals->next;
        memset(connection->renewals->token, 0, strlen(connection->renewals->token));
        free(connection->renewals);
        connection->renewals = next;
    }
}

/* The membership is over. The token stays: a program may connect again, and events may still name it. */
static void end(struct connection *connection, int state) {
    websocket_free(connection->ws);
    connection->ws = NULL;
    connection->phase = PHASE_IDLE;
    connection->state = state;
    connection->lost_ns = 0;
    connection->joined_before = connection->speaking = connection->voiced = connection->announced = false;
    memset(connection->place, 0, sizeof connection->place);
    remotes_clear(connection);
    drop_renewals(connection);
}

static void fail(struct connection *connection, int reason) {
    end(connection, STATE_FAILED);
    event_state(connection, ON_CONNECTION_FAILURE, reason);
}

static void put_out(struct connection *connection, int reason) {
    end(connection, STATE_DISCONNECTED);
    event_state(connection, ON_DISCONNECTED, reason);
}

static void retry(struct connection *connection, int64_t now) {
    if (!connection->joined_before && !connection->unreachable) {
        connection->unreachable = true;
        complain("no mock answers at http://%s: is `offhook mock` running? It is tried again for %lld s",
                 connection->endpoint.host, (long long)(library.timing.give_up_ns / 1000 / MS_NS));
    }
    /* The first attempt after a loss is made at once. */
    unsigned doublings = connection->attempts < 6 ? connection->attempts : 6;
    int64_t pause_ms = doublings > 0 ? (int64_t)FIRST_RETRY_MS << (doublings - 1) : 0;
    websocket_free(connection->ws);
    connection->ws = NULL;
    connection->phase = PHASE_WAITING;
    connection->attempts++;
    connection->retry_ns = now + (pause_ms < LAST_RETRY_MS ? pause_ms : LAST_RETRY_MS) * MS_NS;
}

/* The network is gone, or seems to be. */
static void interrupted(struct connection *connection, int64_t now) {
    if (now - connection->attempt_ns > SHORT_NS) {
        connection->attempts = 0;
    }
    retry(connection, now);
    connection->lost_ns = now;
    connection->lost_reported = false;
    connection->state = STATE_RECONNECTING;
    drop_renewals(connection); /* the last token of the program is used to come back */
    event_state(connection, ON_RECONNECTING, REASON_INTERRUPTED);
}

void membership_connect(struct connection *connection) {
    int64_t now = now_ns();
    connection->state = STATE_CONNECTING;
    connection->phase = PHASE_WAITING;
    connection->retry_ns = connection->started_ns = now;
    connection->attempts = 1; /* so that the next one is not made at once */
    connection->lost_ns = 0;
    connection->speech_ns = 0;
    connection->position = 0;
    connection->misuses_sent = 0;
    connection->unreachable = false;
    connection->uid = connection->wanted_uid;
    snprintf(connection->uid_text, sizeof connection->uid_text, "%u", connection->wanted_uid);
    event_state(connection, ON_CONNECTING, REASON_CONNECTING);
    wake_net();
}

void membership_leave(struct connection *connection, bool silent) {
    /* After a join whose answer has not arrived, the room may have us: it gets the farewell after the join. */
    bool there = connection->phase == PHASE_JOINED || (connection->phase == PHASE_DIALLING && connection->join_sent);
    if (there && connection->ws != NULL) {
        static const char text[] = "{\"type\":\"leave\"}";
        struct websocket *ws = connection->ws;
        connection->ws = NULL;
        websocket_send(ws, WEBSOCKET_TEXT, text, sizeof text - 1);
        farewell(ws);
    }
    if (connection->phase != PHASE_IDLE || connection->state == STATE_FAILED) {
        end(connection, STATE_DISCONNECTED);
        if (!silent) {
            event_state(connection, ON_DISCONNECTED, REASON_LEFT);
        }
    }
}

void membership_free(struct connection *connection) {
    end(connection, STATE_DISCONNECTED);
    memset(connection->token, 0, sizeof connection->token);
    while (connection->choices != NULL) {
        struct choice *next = connection->choices->next;
        free(connection->choices);
        connection->choices = next;
    }
}

static bool send_with_token(struct websocket *ws, char *text, size_t size, const char *token) {
    strncat(text, ",\"token\":", size - strlen(text) - 1);
    bool sent = json_quote(text, size, token);
    strncat(text, "}", size - strlen(text) - 1);
    sent = sent && websocket_send(ws, WEBSOCKET_TEXT, text, strlen(text));
    memset(text, 0, size);
    return sent;
}

int membership_renew(struct connection *connection, const char *token) {
    char text[MOST_TOKEN * 2 + 64] = "{\"type\":\"renew\"";
    size_t length = strlen(token);
    struct renewal *renewal;
    if (length == 0 || length > MOST_TOKEN) {
        return AGORA_BAD_ARGUMENT;
    }
    if (connection->phase != PHASE_JOINED) {
        memcpy(connection->token, token, length + 1);
        return AGORA_OK;
    }
    renewal = malloc(sizeof *renewal + length + 1);
    if (renewal == NULL || !send_with_token(connection->ws, text, sizeof text, token)) {
        free(renewal);
        return AGORA_FAILED;
    }
    renewal->next = NULL;
    memcpy(renewal->token, token, length + 1);
    struct renewal **last = &connection->renewals;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = renewal;
    wake_net();
    return AGORA_OK;
}

static void send_join(struct connection *connection) {
    char text[MOST_TOKEN * 2 + 1536] = "{\"type\":\"join\",\"app_id\":";
    char number[64];
    json_quote(text, sizeof text, connection->service->app_id);
    strncat(text, ",\"channel\":", sizeof text - strlen(text) - 1);
    json_quote(text, sizeof text, connection->channel);
    snprintf(number, sizeof number, ",\"uid\":%u", connection->uid);
    strncat(text, number, sizeof text - strlen(text) - 1);
    if (connection->place[0]) {
        strncat(text, ",\"rejoin\":", sizeof text - strlen(text) - 1);
        json_quote(text, sizeof text, connection->place);
    }
    connection->join_sent = send_with_token(connection->ws, text, sizeof text, connection->token);
}

static void welcomed(struct connection *connection, const struct json *text, int64_t now) {
    int64_t uid = json_integer(text, "uid", 0);
    int64_t rate_hz = json_integer(text, "rate_hz", 0);
    const char *place = json_text(text, "place");
    const struct json *members = json_field(text, "members", JSON_LIST);
    if (uid < 1 || uid > UINT32_MAX || rate_hz < 0 || !send_queue_rate((unsigned)rate_hz) || members == NULL ||
        strlen(place) >= sizeof connection->place) {
        complain("the mock sent a welcome that this library does not understand");
        fail(connection, REASON_REFUSED);
        return;
    }
    connection->uid = (uint32_t)uid;
    snprintf(connection->uid_text, sizeof connection->uid_text, "%u", connection->uid);
    snprintf(connection->place, sizeof connection->place, "%s", place);
    connection->room_rate_hz = (int)rate_hz;
    connection->phase = PHASE_JOINED;
    connection->state = STATE_CONNECTED;
    connection->heard_ns = now;
    connection->lost_ns = 0;
    bool again = connection->joined_before;
    connection->joined_before = true;
    event_state(connection, again ? ON_RECONNECTED : ON_CONNECTED, again ? REASON_REJOINED : REASON_JOINED);
    remotes_welcome(connection, members);
    speech_joined(connection);
    pthread_cond_signal(&library.audio_wanted);
}

static void refused(struct connection *connection, const struct json *text, int64_t now) {
    const char *code = json_text(text, "code");
    int64_t reason = json_integer(text, "reason", REASON_TOKEN_INVALID);
    bool again = connection->joined_before;
    if (strcmp(code, "token_rejected") == 0) {
        if (again && reason == REASON_TOKEN_EXPIRED) {
            event_state(connection, ON_TOKEN_DID_EXPIRE, 0);
        }
        fail(connection, reason == REASON_TOKEN_EXPIRED ? REASON_TOKEN_EXPIRED : REASON_TOKEN_INVALID);
    } else if (strcmp(code, "app_id") == 0) {
        fail(connection, REASON_APP_ID);
    } else if (strcmp(code, "replaced") == 0) {
        put_out(connection, REASON_SAME_UID);
    } else if (again && strcmp(code, "no_such_channel") == 0) {
        put_out(connection, REASON_BANNED); /* the call ended while we were away */
    } else if (again && (strcmp(code, "busy") == 0 || strcmp(code, "timeout") == 0)) {
        retry(connection, now);
    } else {
        fail(connection, REASON_REFUSED);
    }
}

static void kicked(struct connection *connection, const char *reason) {
    if (strcmp(reason, "token expired") == 0) {
        event_state(connection, ON_TOKEN_DID_EXPIRE, 0);
        put_out(connection, REASON_TOKEN_EXPIRED);
        return;
    }
    if (strncmp(reason, "malformed", 9) == 0) {
        complain("the mock did not understand this library; the two are of different versions");
    }
    put_out(connection, strcmp(reason, "replaced") == 0 ? REASON_SAME_UID : REASON_BANNED);
}

/* The oldest unanswered renewal is answered. */
static void renewal_answered(struct connection *connection, bool accepted, int64_t reason) {
    struct renewal *renewal = connection->renewals;
    if (renewal == NULL) {
        return;
    }
    connection->renewals = renewal->next;
    int error = reason == REASON_TOKEN_EXPIRED ? ERROR_TOKEN_EXPIRED : ERROR_TOKEN_INVALID;
    if (accepted) {
        snprintf(connection->token, sizeof connection->token, "%s", renewal->token);
    } else {
        event_text(connection, ON_ERROR, error, "the token of renew_token was refused");
    }
    event_text(connection, ON_API_CALL_EXECUTED, accepted ? 0 : error, "rtc.renew_token");
    memset(renewal->token, 0, strlen(renewal->token));
    free(renewal);
}

static void take_text(struct connection *connection, const struct json *text, int64_t now) {
    const char *type = json_text(text, "type");
    int64_t number = json_integer(text, "uid", 0);
    uint32_t uid = number > 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
    if (strcmp(type, "welcome") == 0 && connection->phase == PHASE_DIALLING) {
        welcomed(connection, text, now);
    } else if (strcmp(type, "refused") == 0) {
        refused(connection, text, now);
    } else if (strcmp(type, "kicked") == 0) {
        kicked(connection, json_text(text, "reason"));
    } else if (connection->phase != PHASE_JOINED) {
        return;
    } else if (strcmp(type, "joined") == 0 && uid != 0) {
        remote_joined(connection, uid);
    } else if (strcmp(type, "published") == 0) {
        remote_published(connection, uid, true);
    } else if (strcmp(type, "unpublished") == 0) {
        remote_published(connection, uid, false);
    } else if (strcmp(type, "left") == 0) {
        remote_left(connection, uid, strcmp(json_text(text, "reason"), "quit") == 0 ? 0 : 1);
    } else if (strcmp(type, "token_expiring") == 0) {
        event_text(connection, ON_TOKEN_WILL_EXPIRE, 0, connection->token);
    } else if (strcmp(type, "renewed") == 0) {
        renewal_answered(connection, true, 0);
    } else if (strcmp(type, "renewal_refused") == 0) {
        renewal_answered(connection, false, json_integer(text, "reason", REASON_TOKEN_INVALID));
    }
}

static void take_messages(struct connection *connection, int64_t now) {
    enum websocket_kind kind;
    const char *data;
    size_t size;
    while (connection->ws != NULL && websocket_next(connection->ws, &kind, &data, &size)) {
        if (kind == WEBSOCKET_BINARY) {
            if (connection->phase == PHASE_JOINED) {
                remote_audio(connection, (const unsigned char *)data, size, now);
                pthread_cond_signal(&library.audio_wanted);
            }
            continue;
        }
        struct json *text = json_read(data, size);
        if (text == NULL) {
            websocket_close(connection->ws, 1007);
            complain("the mock sent a text that is not a JSON object");
            fail(connection, REASON_REFUSED);
            return;
        }
        take_text(connection, text, now);
        json_free(text);
    }
}

/* What has to be done because nothing arrived; returns when to look again. */
static int64_t look_at_timers(struct connection *connection, int64_t now) {
    const struct timing *timing = &library.timing;
    int64_t next = INT64_MAX;
    if (connection->phase == PHASE_JOINED) {
        if (now - connection->heard_ns >= timing->interrupted_ns) {
            interrupted(connection, now);
        } else {
            return connection->heard_ns + timing->interrupted_ns;
        }
    }
    if (connection->lost_ns != 0 && !connection->lost_reported) {
        next = connection->lost_ns + timing->lost_ns;
        if (now >= next) {
            connection->lost_reported = true;
            event_state(connection, ON_CONNECTION_LOST, 0);
        }
    }
    int64_t give_up = (connection->lost_ns ? connection->lost_ns : connection->started_ns) + timing->give_up_ns;
    if (now >= give_up) {
        fail(connection, REASON_GAVE_UP);
        return INT64_MAX;
    }
    if (connection->phase == PHASE_DIALLING && now - connection->attempt_ns >= ATTEMPT_NS) {
        retry(connection, now);
    }
    if (connection->phase == PHASE_WAITING && now >= connection->retry_ns) {
        connection->attempt_ns = now;
        connection->join_sent = false;
        connection->phase = PHASE_DIALLING;
        connection->ws = websocket_dial(&connection->endpoint, "/relay/pcm");
        if (connection->ws == NULL) {
            retry(connection, now); /* no descriptor is free */
        }
    }
    int64_t own = connection->phase == PHASE_WAITING ? connection->retry_ns : connection->attempt_ns + ATTEMPT_NS;
    next = own < next ? own : next;
    return give_up < next ? give_up : next;
}

int64_t membership_turn(struct connection *connection, int64_t now) {
    if (connection->ws != NULL && connection->ready) {
        bool heard = false;
        connection->ready = false;
        websocket_turn(connection->ws, &heard);
        if (heard) {
            connection->heard_ns = now;
        }
        if (websocket_state(connection->ws) == WEBSOCKET_OPEN && !connection->join_sent) {
            send_join(connection);
        }
        take_messages(connection, now);
    }
    enum websocket_state state = connection->ws != NULL ? websocket_state(connection->ws) : WEBSOCKET_OPEN;
    if (state == WEBSOCKET_REFUSED && !connection->joined_before) {
        complain("the mock has no PCM door at /relay/pcm, or refused to open it: is it the address of `offhook mock`?");
        fail(connection, REASON_REFUSED);
    } else if ((state == WEBSOCKET_CLOSED || state == WEBSOCKET_REFUSED) && connection->phase == PHASE_JOINED) {
        interrupted(connection, now);
    } else if (state == WEBSOCKET_CLOSED || state == WEBSOCKET_REFUSED) {
        retry(connection, now);
    }
    return connection->phase == PHASE_IDLE ? INT64_MAX : look_at_timers(connection, now);
}
