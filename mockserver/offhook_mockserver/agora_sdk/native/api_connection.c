/* agora_rtc_conn_*. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "events.h"
#include "membership.h"
#include "misuse.h"
#include "remotes.h"
#include "rtc.h"

static struct connection *create(struct service *service, const struct agora_connection_config *config) {
    struct connection *connection =
        library.connection_count < MOST_CONNECTIONS ? calloc(1, sizeof *connection) : NULL;
    if (connection == NULL) {
        return NULL;
    }
    connection->service = service;
    connection->self = handle_new(HANDLE_CONNECTION, connection);
    connection->user = handle_new(HANDLE_USER, connection);
    connection->parameter = handle_new(HANDLE_PARAMETER, connection);
    connection->config = *config;
    connection->id = ++library.next_connection_id;
    connection->state = STATE_DISCONNECTED;
    connection->all_subscribed = config->auto_subscribe_audio != 0;
    connection->playback_rate_hz = 16000;
    connection->playback_channels = 1;
    connection->playback_volume = 100;
    struct connection **last = &library.connections;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = connection;
    library.connection_count++;
    return connection;
}

AGORA_API agora_handle agora_rtc_conn_create(agora_handle handle, const struct agora_connection_config *config) {
    if (!enter(__func__)) {
        return 0;
    }
    struct service *service = service_of(handle, __func__);
    struct connection *connection = NULL;
    if (service != NULL && service->initialized && config != NULL) {
        connection = create(service, config);
    }
    agora_handle self = connection != NULL ? connection->self : 0;
    unlock();
    return self;
}

static void destroy(struct connection *connection) {
    agora_handle self = connection->self;
    membership_leave(connection, true);
    /* From here on the handle is unknown to others; a callback in flight finds that out when it returns. */
    handle_end(self);
    handle_end(connection->user);
    handle_end(connection->parameter);
    struct connection **at = &library.connections;
    while (*at != connection) {
        at = &(*at)->next;
    }
    *at = connection->next;
    library.connection_count--;
    bool quiet = observers_wait(connection);
    membership_free(connection);
    if (quiet) {
        free(connection);
    }
}

AGORA_API void agora_rtc_conn_destroy(agora_handle handle) {
    if (enter(__func__)) {
        struct connection *connection = connection_of(handle, __func__);
        if (connection != NULL) {
            destroy(connection);
        }
        unlock();
    }
}

/* Its observers are about to be freed: a program has dropped the connection without releasing it. For the watch in the
 * Python layer, also inside callbacks; the connection stays in the channel, as it would on Agora. */
AGORA_API void offhook_agora_abandon(agora_handle handle) {
    if (library_is_foreign()) {
        return;
    }
    lock();
    struct connection *connection = handle_get(handle, HANDLE_CONNECTION);
    if (connection != NULL) {
        observers_abandon(connection);
    }
    unlock();
}

unsigned connections_release(struct service *service) {
    unsigned count = 0;
    for (struct connection *one = library.connections; one != NULL;) {
        if (one->service == service) {
            destroy(one);
            one = library.connections; /* the list may have changed while callbacks returned */
            count++;
        } else {
            one = one->next;
        }
    }
    return count;
}

static bool valid_channel(const char *channel) {
    static const char signs[] = " !#$%&()+-:;<=.>?@[]^_{}|~,";
    size_t length = strlen(channel);
    if (length == 0 || length > MOST_CHANNEL) {
        return false;
    }
    for (; *channel; channel++) {
        bool letter = (*channel >= 'a' && *channel <= 'z') || (*channel >= 'A' && *channel <= 'Z');
        if (!letter && !(*channel >= '0' && *channel <= '9') && strchr(signs, *channel) == NULL) {
            return false;
        }
    }
    return true;
}

static bool printable(const char *text) {
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return false;
        }
    }
    return true;
}

static bool read_uid(const char *text, uint32_t *uid) {
    uint64_t value = 0;
    if (strlen(text) > 10) {
        return false;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *uid = (uint32_t)value;
    return value <= UINT32_MAX;
}

/* What can be said about a join without asking the door; 0 if nothing. */
static int known_failure(const struct connection *connection) {
    if (!printable(connection->service->app_id)) {
        return REASON_APP_ID;
    }
    if (!valid_channel(connection->channel)) {
        return REASON_CHANNEL;
    }
    return connection->token[0] == '\0' || !printable(connection->token) ? REASON_TOKEN_INVALID : 0;
}

static int connect_now(struct connection *connection, const char *token, const char *channel, const char *uid) {
    uint32_t wanted;
    if (connection->state != STATE_DISCONNECTED && connection->state != STATE_FAILED) {
        return AGORA_BAD_STATE;
    }
    if (channel == NULL || uid == NULL) {
        return AGORA_BAD_ARGUMENT;
    }
    if (!read_uid(uid, &wanted)) {
        misuse(connection, MISUSE_TEXT_UID, "connect was called with a uid that is not a decimal number below 2^32; "
                                            "accounts in text are not supported");
        return AGORA_BAD_ARGUMENT;
    }
    token = token != NULL ? token : "";
    /* A text that is too long is kept as an empty one, which fails for the same reason. */
    snprintf(connection->token, sizeof connection->token, "%s", strlen(token) <= MOST_TOKEN ? token : "");
    snprintf(connection->channel, sizeof connection->channel, "%s", strlen(channel) <= MOST_CHANNEL ? channel : "");
    connection->wanted_uid = wanted;
    const char *problem = NULL;
    if (library.has_endpoint) {
        connection->endpoint = library.endpoint;
    } else {
        problem = endpoint_from_environment(&connection->endpoint);
    }
    if (problem != NULL) {
        complain("%s", problem);
    }
    int failure = known_failure(connection);
    membership_connect(connection);
    if (problem != NULL || failure != 0) {
        connection->phase = PHASE_IDLE;
        connection->state = STATE_FAILED;
        event_state(connection, ON_CONNECTION_FAILURE, problem != NULL ? REASON_REFUSED : failure);
    }
    return AGORA_OK;
}

AGORA_API int agora_rtc_conn_connect(agora_handle handle, const char *token, const char *channel, const char *uid) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = connection_of(handle, __func__);
    int result = connection != NULL ? connect_now(connection, token, channel, uid) : AGORA_BAD_ARGUMENT;
    unlock();
    return result;
}

AGORA_API int agora_rtc_conn_disconnect(agora_handle handle) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = connection_of(handle, __func__);
    if (connection != NULL) {
        membership_leave(connection, false);
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_rtc_conn_renew_token(agora_handle handle, const char *token) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = connection_of(handle, __func__);
    int result = AGORA_BAD_ARGUMENT;
    if (connection != NULL && token != NULL && printable(token)) {
        result = membership_renew(connection, token);
    }
    unlock();
    return result;
}

AGORA_API int agora_rtc_conn_register_observer(agora_handle handle, const void *observer) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = connection_of(handle, __func__);
    bool good = connection != NULL && observer != NULL;
    if (good) {
        observer_set(connection, &connection->on_connection, observer, CONNECTION_SLOTS, __func__);
    }
    unlock();
    return good ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_rtc_conn_unregister_observer(agora_handle handle) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = connection_of(handle, __func__);
    if (connection != NULL) {
        observer_clear(connection, &connection->on_connection);
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API agora_handle agora_rtc_conn_get_local_user(agora_handle handle) {
    if (!enter(__func__)) {
        return 0;
    }
    struct connection *connection = connection_of(handle, __func__);
    agora_handle user = connection != NULL ? connection->user : 0;
    unlock();
    return user;
}

AGORA_API agora_handle agora_rtc_conn_get_agora_parameter(agora_handle handle) {
    if (!enter(__func__)) {
        return 0;
    }
    struct connection *connection = connection_of(handle, __func__);
    agora_handle parameter = connection != NULL ? connection->parameter : 0;
    unlock();
    return parameter;
}

/* The caller copies the text at once: Agora's Python layer decodes it. It is the thread's own. */
AGORA_API const char *agora_rtc_conn_get_sid(agora_handle handle) {
    static _Thread_local char sid[40];
    if (!enter(__func__)) {
        return NULL;
    }
    struct connection *connection = connection_of(handle, __func__);
    bool in = connection != NULL && connection->phase == PHASE_JOINED;
    snprintf(sid, sizeof sid, "offhook-%llu", in ? (unsigned long long)connection->id : 0ull);
    unlock();
    return in ? sid : "";
}

AGORA_API int agora_rtc_conn_create_data_stream(agora_handle handle, int *stream, int reliable, int ordered) {
    (void)reliable;
    (void)ordered;
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = connection_of(handle, __func__);
    if (connection != NULL && stream != NULL) {
        *stream = 1;
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_rtc_conn_send_stream_message(agora_handle handle, int stream, const char *data, uint32_t size) {
    (void)stream;
    (void)data;
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = connection_of(handle, __func__);
    if (connection != NULL) {
        misuse(connection, MISUSE_DATA_MESSAGE, "the mock does not carry data messages; one of %u bytes was dropped",
               size);
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}
