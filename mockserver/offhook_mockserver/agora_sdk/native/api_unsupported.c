/* What the mock does not carry: video and encoded audio. A program may create it all; it is reported once. */

#include "entry.h"
#include "misuse.h"

/* Handles of these stand for no object of their own. */
static char nothing;

static agora_handle create(enum misuse kind, const char *function, const char *what) {
    if (!enter(function)) {
        return 0;
    }
    misuse(NULL, kind, "%s: the mock carries PCM audio only; %s goes nowhere", function, what);
    agora_handle handle = handle_new(HANDLE_UNSUPPORTED, &nothing);
    unlock();
    return handle;
}

static void destroy(agora_handle handle, const char *function) {
    if (enter(function)) {
        if (handle_get(handle, HANDLE_UNSUPPORTED) != NULL) {
            handle_end(handle);
        }
        unlock();
    }
}

AGORA_API agora_handle agora_media_node_factory_create_audio_encoded_frame_sender(agora_handle factory) {
    (void)factory;
    return create(MISUSE_ENCODED_AUDIO, __func__, "encoded audio");
}

AGORA_API void agora_audio_encoded_frame_sender_destroy(agora_handle sender) {
    destroy(sender, __func__);
}

AGORA_API agora_handle agora_media_node_factory_create_video_frame_sender(agora_handle factory) {
    (void)factory;
    return create(MISUSE_VIDEO, __func__, "video");
}

AGORA_API agora_handle agora_media_node_factory_create_video_encoded_image_sender(agora_handle factory) {
    (void)factory;
    return create(MISUSE_VIDEO, __func__, "video");
}

AGORA_API agora_handle agora_service_create_custom_video_track_frame(agora_handle service, agora_handle sender) {
    (void)service;
    (void)sender;
    return create(MISUSE_VIDEO, __func__, "video");
}

AGORA_API agora_handle agora_service_create_custom_video_track_encoded(agora_handle service, agora_handle sender,
                                                                       const void *options) {
    (void)service;
    (void)sender;
    (void)options;
    return create(MISUSE_VIDEO, __func__, "video");
}

AGORA_API void agora_video_frame_sender_destroy(agora_handle sender) {
    destroy(sender, __func__);
}

AGORA_API void agora_video_encoded_image_sender_destroy(agora_handle sender) {
    destroy(sender, __func__);
}

AGORA_API void agora_local_video_track_destroy(agora_handle track) {
    destroy(track, __func__);
}
