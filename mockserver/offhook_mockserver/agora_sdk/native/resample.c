#include "resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool samples_add(struct samples *samples, const int16_t *data, size_t size) {
    if (samples->size + size > samples->capacity) {
        size_t capacity = 2 * (samples->size + size) + 512;
        int16_t *grown = realloc(samples->data, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        samples->data = grown;
        samples->capacity = capacity;
    }
    if (size > 0) {
        memcpy(samples->data + samples->size, data, size * sizeof *data);
    }
    samples->size += size;
    return true;
}

void samples_drop(struct samples *samples, size_t size) {
    if (size >= samples->size) {
        samples->size = 0;
        return;
    }
    samples->size -= size;
    memmove(samples->data, samples->data + size, samples->size * sizeof *samples->data);
}

void samples_free(struct samples *samples) {
    free(samples->data);
    *samples = (struct samples){0};
}

/* Output n lies at input time n * down / up. `phase` is the fraction of the next output's time, in 1/up. */
struct resampler {
    int from_hz, to_hz;
    int up, down;
    size_t half;    /* taps on each side of an output */
    float *taps;    /* `up` phases of 2 * half taps */
    int16_t *input; /* begins half - 1 samples before the sample at, or before, the next output */
    size_t size, capacity;
    int phase;
};

static int divisor(int a, int b) {
    return b ? divisor(b, a % b) : a;
}

/* The modified Bessel function of order 0, of which the Kaiser window is made. */
static double bessel(double x) {
    double sum = 1, term = 1;
    for (int k = 1; term > 1e-12 * sum; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

static void make_taps(struct resampler *r) {
    static const double pi = 3.14159265358979323846, beta = 9.0;
    /* The cutoff lies below the lower Nyquist frequency by half of the window's transition (about 90 dB). */
    double ratio = r->up < r->down ? (double)r->up / r->down : 1.0;
    double cutoff = ratio * (1.0 - 1.8 / RESAMPLE_ZEROS);
    for (int phase = 0; phase < r->up; phase++) {
        float *taps = r->taps + (size_t)phase * 2 * r->half;
        double sum = 0;
        for (size_t i = 0; i < 2 * r->half; i++) {
            double t = (double)i - (double)(r->half - 1) - (double)phase / r->up;
            double edge = t / (double)r->half;
            double window = edge * edge < 1 ? bessel(beta * sqrt(1 - edge * edge)) / bessel(beta) : 0;
            double sinc = fabs(t) < 1e-9 ? 1 : sin(pi * cutoff * t) / (pi * cutoff * t);
            taps[i] = (float)(window * sinc);
            sum += window * sinc;
        }
        for (size_t i = 0; i < 2 * r->half; i++) {
            taps[i] = (float)(taps[i] / sum); /* a constant stays the same in each phase */
        }
    }
}

static void begin(struct resampler *r) {
    r->phase = 0;
    r->size = r->half - 1;
    memset(r->input, 0, r->size * sizeof *r->input);
}

struct resampler *resampler_new(int from_hz, int to_hz) {
    struct resampler *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    int common = divisor(from_hz, to_hz);
    r->from_hz = from_hz;
    r->to_hz = to_hz;
    r->up = to_hz / common;
    r->down = from_hz / common;
    if (from_hz == to_hz) {
        return r;
    }
    r->half = RESAMPLE_ZEROS;
    if (r->down > r->up) {
        r->half = (size_t)(RESAMPLE_ZEROS * r->down + r->up - 1) / (size_t)r->up;
    }
    r->capacity = 4 * r->half;
    r->taps = malloc((size_t)r->up * 2 * r->half * sizeof *r->taps);
    r->input = malloc(r->capacity * sizeof *r->input);
    if (r->taps == NULL || r->input == NULL) {
        resampler_free(r);
        return NULL;
    }
    make_taps(r);
    begin(r);
    return r;
}

void resampler_free(struct resampler *r) {
    if (r != NULL) {
        free(r->taps);
        free(r->input);
        free(r);
    }
}

int resampler_from(const struct resampler *r) {
    return r->from_hz;
}

int resampler_to(const struct resampler *r) {
    return r->to_hz;
}

static int16_t one_output(const struct resampler *r, const int16_t *input) {
    const float *taps = r->taps + (size_t)r->phase * 2 * r->half;
    float sum = 0;
    for (size_t i = 0; i < 2 * r->half; i++) {
        sum += taps[i] * (float)input[i];
    }
    long value = lrintf(sum);
    return (int16_t)(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

bool resampler_push(struct resampler *r, const int16_t *data, size_t size, struct samples *into) {
    if (r->from_hz == r->to_hz) {
        return samples_add(into, data, size);
    }
    if (r->size + size > r->capacity) {
        size_t capacity = 2 * (r->size + size);
        int16_t *grown = realloc(r->input, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        r->input = grown;
        r->capacity = capacity;
    }
    memcpy(r->input + r->size, data, size * sizeof *data);
    r->size += size;
    size_t at = 0;
    bool good = true;
    while (good && at + 2 * r->half <= r->size) {
        int16_t output = one_output(r, r->input + at);
        good = samples_add(into, &output, 1);
        r->phase += r->down;
        at += (size_t)(r->phase / r->up);
        r->phase %= r->up;
    }
    if (at > r->size) {
        at = r->size; /* cannot happen while half >= down / up, which is so by its definition */
    }
    r->size -= at;
    memmove(r->input, r->input + at, r->size * sizeof *r->input);
    return good;
}

bool resampler_flush(struct resampler *r, struct samples *into) {
    if (r->from_hz == r->to_hz) {
        return true;
    }
    /* Outputs go on while their time lies in the input; the `half` zeros behind it are for the last of them. */
    bool good = true;
    if (r->size > r->half - 1) {
        int16_t *zeros = calloc(r->half, sizeof *zeros);
        good = zeros != NULL && resampler_push(r, zeros, r->half, into);
        free(zeros);
    }
    begin(r);
    return good;
}
