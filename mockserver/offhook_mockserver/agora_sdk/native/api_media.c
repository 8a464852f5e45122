/* agora_audio_pcm_data_sender_* and agora_local_audio_track_*. */

#include <stdlib.h>

#include "entry.h"
#include "media.h"
#include "misuse.h"
#include "speech.h"

AGORA_API agora_handle agora_media_node_factory_create_audio_pcm_data_sender(agora_handle factory) {
    if (!enter(__func__)) {
        return 0;
    }
    struct service *service = handle_get(factory, HANDLE_FACTORY);
    struct sender *sender = service != NULL ? calloc(1, sizeof *sender) : NULL;
    if (service == NULL) {
        misuse(NULL, MISUSE_USE_AFTER_RELEASE, "%s was called with a factory that was released", __func__);
    }
    if (sender != NULL) {
        sender->self = handle_new(HANDLE_SENDER, sender);
        sender->service = service;
        send_queue_limit(&sender->queue, SEND_QUEUE_MOST_FRAMES);
        sender->next = library.senders;
        library.senders = sender;
    }
    agora_handle self = sender != NULL ? sender->self : 0;
    unlock();
    return self;
}

AGORA_API int agora_audio_pcm_data_sender_send(agora_handle handle, const void *data, uint32_t timestamp, int64_t pts,
                                               uint32_t samples_per_channel, uint32_t bytes_per_sample,
                                               uint32_t channels, uint32_t rate_hz) {
    (void)timestamp;
    (void)pts;
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct sender *sender = sender_of(handle, __func__);
    int result = AGORA_BAD_ARGUMENT;
    if (sender != NULL && bytes_per_sample != sizeof(int16_t)) {
        result = AGORA_PCM_FORMAT;
    } else if (sender != NULL && samples_per_channel == 0) {
        result = AGORA_OK;
    } else if (sender != NULL && data != NULL) {
        result = send_queue_push(&sender->queue, data, samples_per_channel, channels, rate_hz);
        wake_net();
    }
    unlock();
    return result;
}

static void sender_free(struct sender *sender) {
    struct sender **at = &library.senders;
    while (*at != sender) {
        at = &(*at)->next;
    }
    *at = sender->next;
    handle_end(sender->self);
    send_queue_free(&sender->queue);
    free(sender);
}

AGORA_API void agora_audio_pcm_data_sender_destroy(agora_handle handle) {
    if (enter(__func__)) {
        struct sender *sender = sender_of(handle, __func__);
        if (sender != NULL) {
            sender_free(sender);
        }
        unlock();
    }
}

/* Under the lock. */
static agora_handle create_track(struct service *service, agora_handle sender, bool direct) {
    struct track *track = calloc(1, sizeof *track);
    if (track != NULL) {
        *track = (struct track){.next = library.tracks, .service = service, .sender = sender, .direct = direct};
        track->self = handle_new(HANDLE_TRACK, track);
        track->enabled = true;
        track->volume = 100;
        library.tracks = track;
    }
    return track != NULL ? track->self : 0;
}

static agora_handle create_pcm_track(agora_handle handle, agora_handle sender, bool direct, const char *function) {
    if (!enter(function)) {
        return 0;
    }
    struct service *service = service_of(handle, function);
    bool good = service != NULL && sender_of(sender, function) != NULL;
    agora_handle self = good ? create_track(service, sender, direct) : 0;
    unlock();
    return self;
}

AGORA_API agora_handle agora_service_create_custom_audio_track_pcm(agora_handle service, agora_handle sender) {
    return create_pcm_track(service, sender, false, __func__);
}

AGORA_API agora_handle agora_service_create_direct_custom_audio_track_pcm(agora_handle service, agora_handle sender) {
    return create_pcm_track(service, sender, true, __func__);
}

/* It can be published, and stays silent: nothing is carried of its sender, which was reported. */
AGORA_API agora_handle agora_service_create_custom_audio_track_encoded(agora_handle handle, agora_handle sender,
                                                                       int mix) {
    (void)sender;
    (void)mix;
    if (!enter(__func__)) {
        return 0;
    }
    struct service *service = service_of(handle, __func__);
    agora_handle self = service != NULL ? create_track(service, 0, false) : 0;
    unlock();
    return self;
}

static void track_free(struct track *track) {
    struct track **at = &library.tracks;
    while (*at != track) {
        at = &(*at)->next;
    }
    *at = track->next;
    handle_end(track->self);
    free(track);
}

AGORA_API void agora_local_audio_track_destroy(agora_handle handle) {
    if (enter(__func__)) {
        struct track *track = track_of(handle, __func__);
        if (track != NULL) {
            track_free(track);
        }
        unlock();
    }
}

void media_release(struct service *service) {
    for (struct track *track = library.tracks, *next; track != NULL; track = next) {
        next = track->next;
        if (track->service == service) {
            track_free(track);
        }
    }
    for (struct sender *sender = library.senders, *next; sender != NULL; sender = next) {
        next = sender->next;
        if (sender->service == service) {
            sender_free(sender);
        }
    }
}

AGORA_API int agora_local_audio_track_set_enabled(agora_handle handle, int enabled) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct track *track = track_of(handle, __func__);
    if (track != NULL && track->enabled != (enabled != 0)) {
        track->enabled = enabled != 0;
        for (struct connection *one = library.connections; one != NULL; one = one->next) {
            if (one->published == handle) {
                speech_changed(one);
            }
        }
    }
    unlock();
    return track != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_audio_track_is_enabled(agora_handle handle, int *enabled) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct track *track = track_of(handle, __func__);
    if (track != NULL && enabled != NULL) {
        *enabled = track->enabled;
    }
    unlock();
    return track != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_audio_track_adjust_publish_volume(agora_handle handle, int volume) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct track *track = track_of(handle, __func__);
    bool good = track != NULL && volume >= 0 && volume <= 400;
    if (good) {
        track->volume = volume;
    }
    unlock();
    return good ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API int agora_local_audio_track_get_publish_volume(agora_handle handle, int *volume) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct track *track = track_of(handle, __func__);
    if (track != NULL && volume != NULL) {
        *volume = track->volume;
    }
    unlock();
    return track != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}

AGORA_API void agora_local_audio_track_set_max_bufferd_frame_number(agora_handle handle, int frames) {
    if (enter(__func__)) {
        struct track *track = track_of(handle, __func__);
        struct sender *sender = track != NULL ? handle_get(track->sender, HANDLE_SENDER) : NULL;
        if (sender != NULL) {
            send_queue_limit(&sender->queue, frames);
        }
        unlock();
    }
}

AGORA_API int agora_local_audio_track_clear_sender_buffer(agora_handle handle) {
    if (!enter(__func__)) {
        return AGORA_FAILED;
    }
    struct track *track = track_of(handle, __func__);
    struct sender *sender = track != NULL ? handle_get(track->sender, HANDLE_SENDER) : NULL;
    if (sender != NULL) {
        send_queue_clear(&sender->queue);
    }
    unlock();
    return track != NULL ? AGORA_OK : AGORA_BAD_ARGUMENT;
}
