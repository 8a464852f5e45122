#include "receive_buffer.h"

#include <stdlib.h>
#include <string.h>

/* How long the rest of a frame is awaited: longer than the gaps between messages on a busy machine. */
#define INCOMPLETE_NS 100000000
/* A program that takes no frames keeps the newest second. */
#define MOST_FRAMES 100

size_t receive_buffer_frame(const struct receive_buffer *buffer) {
    return buffer->resampler != NULL ? (size_t)resampler_to(buffer->resampler) / 100 : 0;
}

void receive_buffer_end(struct receive_buffer *buffer) {
    size_t frame = receive_buffer_frame(buffer);
    if (frame == 0) {
        return;
    }
    resampler_flush(buffer->resampler, &buffer->ready);
    size_t rest = buffer->ready.size % frame;
    if (rest > 0) {
        static const int16_t silence[480];
        samples_add(&buffer->ready, silence, frame - rest);
    }
}

bool receive_buffer_add(struct receive_buffer *buffer, uint64_t position, const int16_t *data, size_t size,
                        int from_hz, int to_hz, int64_t now_ns) {
    struct resampler *resampler = buffer->resampler;
    if (resampler == NULL || resampler_from(resampler) != from_hz || resampler_to(resampler) != to_hz) {
        resampler_free(resampler);
        buffer->ready.size = 0;
        buffer->resampler = resampler_new(from_hz, to_hz);
        if (buffer->resampler == NULL) {
            return false;
        }
    } else if (position != buffer->next_position) {
        receive_buffer_end(buffer); /* a pause: its two sides do not share a frame */
    }
    buffer->next_position = position + size;
    buffer->arrived_ns = now_ns;
    bool good = resampler_push(buffer->resampler, data, size, &buffer->ready);
    size_t most = MOST_FRAMES * receive_buffer_frame(buffer);
    if (buffer->ready.size > most) {
        size_t frame = receive_buffer_frame(buffer);
        samples_drop(&buffer->ready, (buffer->ready.size - most + frame - 1) / frame * frame);
    }
    return good;
}

bool receive_buffer_has_frame(struct receive_buffer *buffer, int64_t now_ns) {
    size_t frame = receive_buffer_frame(buffer);
    if (frame == 0) {
        return false;
    }
    if (buffer->ready.size < frame && now_ns - buffer->arrived_ns > INCOMPLETE_NS) {
        receive_buffer_end(buffer);
    }
    return buffer->ready.size >= frame;
}

void receive_buffer_take(struct receive_buffer *buffer, int16_t *into) {
    size_t frame = receive_buffer_frame(buffer);
    memcpy(into, buffer->ready.data, frame * sizeof *into);
    samples_drop(&buffer->ready, frame);
}

void receive_buffer_clear(struct receive_buffer *buffer) {
    resampler_free(buffer->resampler);
    buffer->resampler = NULL;
    buffer->ready.size = 0;
}

void receive_buffer_free(struct receive_buffer *buffer) {
    receive_buffer_clear(buffer);
    samples_free(&buffer->ready);
}
