/* agora_local_user_*, as far as it is about audio, and the tracks of others. */

#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "events.h"
#include "misuse.h"
#include "remotes.h"
#include "speech.h"

AGORA_API int agora_local_user_register_observer(agora_handle handle, const void *observer) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    bool good = connection != NULL && observer != NULL;
    if (good) {
        observer_set(connection, &connection->on_user, observer, USER_SLOTS, __func__);
    }
    unlock();
    return good ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_unregister_observer(agora_handle handle) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    if (connection != NULL) {
        observer_clear(connection, &connection->on_user);
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_register_audio_frame_observer(agora_handle handle, const void *observer) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    bool good = connection != NULL && observer != NULL;
    if (good) {
        observer_set(connection, &connection->on_audio, observer, AUDIO_SLOTS, __func__);
        pthread_cond_signal(&library.audio_wanted);
    }
    unlock();
    return good ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_unregister_audio_frame_observer(agora_handle handle) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    if (connection != NULL) {
        observer_clear(connection, &connection->on_audio);
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

/* The observer of capabilities is created apart from being registered. */
struct capabilities {
    agora_handle self;
    agora_callback call[CAPABILITIES_SLOTS];
};

AGORA_API agora_handle agora_local_user_capabilities_observer_create(const void *observer) {
    if (observer == NULL || !enter(__func__)) {
        return 0;
    }
    struct capabilities *capabilities = calloc(1, sizeof *capabilities);
    if (capabilities != NULL) {
        memcpy(capabilities->call, observer, sizeof capabilities->call);
        capabilities->self = handle_new(HANDLE_CAPABILITIES, capabilities);
    }
    agora_handle self = capabilities != NULL ? capabilities->self : 0;
    unlock();
    return self;
}

AGORA_API void agora_local_user_capabilities_observer_destory(agora_handle handle) {
    if (enter(__func__)) {
        struct capabilities *capabilities = handle_get(handle, HANDLE_CAPABILITIES);
        if (capabilities != NULL) {
            handle_end(handle);
            free(capabilities);
        }
        unlock();
    }
}

AGORA_API int agora_local_user_register_capabilities_observer(agora_handle handle, agora_handle observer) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    struct capabilities *capabilities = handle_get(observer, HANDLE_CAPABILITIES);
    bool good = connection != NULL && capabilities != NULL;
    if (good) {
        observer_set(connection, &connection->on_capabilities, capabilities->call, CAPABILITIES_SLOTS, __func__);
    }
    unlock();
    return good ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_unregister_capabilities_observer(agora_handle handle, agora_handle observer) {
    (void)observer;
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    if (connection != NULL) {
        observer_clear(connection, &connection->on_capabilities);
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_set_playback_audio_frame_before_mixing_parameters(agora_handle handle, int channels,
                                                                                 int rate_hz) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    bool known_rate = rate_hz > 0 && (send_queue_rate((unsigned)rate_hz) || rate_hz == 44100);
    bool good = connection != NULL && known_rate && (channels == 1 || channels == 2);
    if (good) {
        connection->playback_rate_hz = rate_hz;
        connection->playback_channels = channels;
    }
    unlock();
    return good ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_set_audio_volume_indication_parameters(agora_handle handle, int interval_ms, int smooth,
                                                                      bool report_vad) {
    (void)smooth;
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    if (connection != NULL) {
        connection->volume_interval_ms = interval_ms > 0 && interval_ms < FRAME_MS ? FRAME_MS : interval_ms;
        connection->volume_vad = report_vad;
        connection->volumes_ns = now_ns() + connection->volume_interval_ms * MS_NS;
        wake_net();
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_set_audio_scenario(agora_handle handle, int scenario) {
    (void)scenario; /* what differs between scenarios, differs between their tracks */
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_set_user_role(agora_handle handle, int role) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    bool good = connection != NULL && (role == ROLE_BROADCASTER || role == ROLE_AUDIENCE);
    if (good) {
        connection->config.client_role = role;
    }
    unlock();
    return good ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_get_user_role(agora_handle handle) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    int role = connection != NULL ? connection->config.client_role : AGORA_BAD_ARGUMENT;
    unlock();
    return role;
}

AGORA_API int agora_local_user_adjust_playback_signal_volume(agora_handle handle, int volume) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    bool good = connection != NULL && volume >= 0 && volume <= 400;
    if (good) {
        connection->playback_volume = volume;
    }
    unlock();
    return good ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_get_playback_signal_volume(agora_handle handle, int *volume) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    if (connection != NULL && volume != NULL) {
        *volume = connection->playback_volume;
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

static int choose(agora_handle handle, const char *uid, bool hear, const char *function) {
    if (!enter(function)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, function);
    if (connection != NULL && uid != NULL) {
        remotes_choose(connection, (uint32_t)strtoul(uid, NULL, 10), hear);
    } else if (connection != NULL) {
        remotes_choose_all(connection, hear);
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_subscribe_audio(agora_handle handle, const char *uid) {
    return uid != NULL ? choose(handle, uid, true, __func__) : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_unsubscribe_audio(agora_handle handle, const char *uid) {
    return uid != NULL ? choose(handle, uid, false, __func__) : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_subscribe_all_audio(agora_handle handle) {
    return choose(handle, NULL, true, __func__);
}

AGORA_API int agora_local_user_unsubscribe_all_audio(agora_handle handle) {
    return choose(handle, NULL, false, __func__);
}

AGORA_API int agora_local_user_publish_audio(agora_handle handle, agora_handle track) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    bool good = connection != NULL && track_of(track, __func__) != NULL;
    if (good) {
        if (connection->config.client_role == ROLE_AUDIENCE) {
            misuse(connection, MISUSE_AUDIENCE, "%s was called in the role of the audience, which is not heard on Agora",
                   __func__);
        }
        speech_publish(connection, track);
    }
    unlock();
    return good ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_user_unpublish_audio(agora_handle handle, agora_handle track) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct connection *connection = user_of(handle, __func__);
    if (connection != NULL && connection->published == track) {
        speech_publish(connection, 0);
    }
    unlock();
    return connection != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

/* Statistics are all zero; the size is that of the largest of their structs, and more. */
static void *statistics_new(void) {
    return calloc(1, 1024);
}

AGORA_API void *agora_local_user_get_local_audio_statistics(agora_handle handle) {
    if (!enter(__func__)) {
        return NULL;
    }
    struct connection *connection = user_of(handle, __func__);
    unlock();
    return connection != NULL ? statistics_new() : NULL;
}

AGORA_API void agora_local_user_destroy_local_audio_statistics(agora_handle handle, void *statistics) {
    (void)handle;
    free(statistics);
}

/* Agora's Python layer reads these after it has had them freed. Here they are of the process, so that it reads zeros
 * and not what lies in freed memory; but the program is warned. */
AGORA_API void *agora_remote_audio_track_get_statistics(agora_handle handle) {
    static unsigned char zeros[1024];
    if (!enter(__func__)) {
        return NULL;
    }
    struct connection *connection = handle_get(handle, HANDLE_REMOTE_TRACK);
    misuse(connection, MISUSE_REMOTE_STATISTICS,
           "RemoteAudioTrack.get_statistics returns a view of memory that it has freed: do not call it");
    unlock();
    return zeros;
}

AGORA_API void agora_remote_audio_track_destroy_statistics(agora_handle handle, void *statistics) {
    (void)handle;
    (void)statistics;
}
