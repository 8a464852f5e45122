#include "send_queue.h"

#include <stdlib.h>
#include <string.h>

#include "abi.h"

#define TICKS_PER_SECOND 96000u

struct push {
    struct push *next;
    unsigned rate_hz, channels;
    size_t samples, taken; /* per channel */
    int16_t data[];
};

bool send_queue_rate(unsigned rate_hz) {
    switch (rate_hz) {
    case 8000:
    case 12000:
    case 16000:
    case 24000:
    case 32000:
    case 48000:
        return true;
    default:
        return false;
    }
}

void send_queue_limit(struct send_queue *queue, int frames) {
    if (frames < 1 || frames > SEND_QUEUE_MOST_FRAMES) {
        frames = SEND_QUEUE_MOST_FRAMES;
    }
    queue->most = (uint64_t)frames * TICKS_PER_SECOND / 100;
}

int send_queue_push(struct send_queue *queue, const void *data, size_t samples_per_channel, unsigned channels,
                    unsigned rate_hz) {
    if (!send_queue_rate(rate_hz) || channels < 1 || channels > 2) {
        return AGORA_PCM_FORMAT;
    }
    uint64_t ticks = (uint64_t)samples_per_channel * (TICKS_PER_SECOND / rate_hz);
    if (queue->waiting + ticks > queue->most) {
        return AGORA_PCM_OVERFLOW;
    }
    size_t bytes = samples_per_channel * channels * sizeof(int16_t);
    struct push *push = malloc(sizeof *push + bytes);
    if (push == NULL) {
        return AGORA_NO_RESOURCES;
    }
    *push = (struct push){.rate_hz = rate_hz, .channels = channels, .samples = samples_per_channel};
    memcpy(push->data, data, bytes);
    if (queue->last != NULL) {
        queue->last->next = push;
    } else {
        queue->first = push;
    }
    queue->last = push;
    queue->waiting += ticks;
    return AGORA_OK;
}

static void drop_first(struct send_queue *queue) {
    struct push *push = queue->first;
    queue->first = push->next;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
    free(push);
}

/* Convert up to 10 ms of the oldest push. */
static bool convert(struct send_queue *queue, int rate_hz) {
    struct push *push = queue->first;
    struct resampler *resampler = queue->resampler;
    if (resampler == NULL || resampler_from(resampler) != (int)push->rate_hz || resampler_to(resampler) != rate_hz) {
        if (resampler != NULL) {
            resampler_flush(resampler, &queue->ready);
            resampler_free(resampler);
        }
        queue->resampler = resampler = resampler_new((int)push->rate_hz, rate_hz);
        if (resampler == NULL) {
            return false;
        }
    }
    int16_t mono[480];
    size_t size = push->rate_hz / 100;
    if (size > push->samples - push->taken) {
        size = push->samples - push->taken;
    }
    const int16_t *from = push->data + push->taken * push->channels;
    for (size_t i = 0; i < size; i++) {
        mono[i] = push->channels == 1 ? from[i] : (int16_t)((from[2 * i] + from[2 * i + 1]) / 2);
    }
    push->taken += size;
    queue->waiting -= (uint64_t)size * (TICKS_PER_SECOND / push->rate_hz);
    if (push->taken == push->samples) {
        drop_first(queue);
    }
    return resampler_push(resampler, mono, size, &queue->ready);
}

size_t send_queue_ready(struct send_queue *queue, int rate_hz, size_t size) {
    while (queue->ready.size < size && queue->first != NULL && convert(queue, rate_hz)) {
    }
    return queue->ready.size;
}

size_t send_queue_take(struct send_queue *queue, int rate_hz, int16_t *into, size_t size) {
    if (send_queue_ready(queue, rate_hz, size) < size && queue->resampler != NULL) {
        resampler_flush(queue->resampler, &queue->ready);
    }
    if (size > queue->ready.size) {
        size = queue->ready.size;
    }
    if (size > 0) {
        memcpy(into, queue->ready.data, size * sizeof *into);
        samples_drop(&queue->ready, size);
    }
    return size;
}

bool send_queue_empty(const struct send_queue *queue) {
    return queue->first == NULL && queue->ready.size == 0;
}

void send_queue_clear(struct send_queue *queue) {
    while (queue->first != NULL) {
        drop_first(queue);
    }
    queue->waiting = 0;
    queue->ready.size = 0;
    resampler_free(queue->resampler);
    queue->resampler = NULL;
}

void send_queue_free(struct send_queue *queue) {
    send_queue_clear(queue);
    samples_free(&queue->ready);
}
