#include "handles.h"

#include <stdbool.h>
#include <stdlib.h>

/* index: 18 bits, kind: 6 bits, generation: 32 bits. The result is positive as a signed number, and never 0. */
#define INDEX_BITS 18
#define KIND_BITS 6
#define MOST_SLOTS (1u << INDEX_BITS)

struct slot {
    void *object; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
    uint8_t kind;
};

static struct {
    struct slot *slots;
    uint32_t count;
    uint32_t first_free; /* index + 1; 0: none */
    uint32_t live;
    uint32_t generation; /* the highest in use: a table that is freed and made again continues from here */
} table;

agora_handle handle_new(enum handle_kind kind, void *object) {
    if (table.first_free == 0) {
        uint32_t count = table.count ? table.count * 2 : 64;
        if (count > MOST_SLOTS) {
            return 0;
        }
        struct slot *grown = realloc(table.slots, count * sizeof *grown);
        if (grown == NULL) {
            return 0;
        }
        table.slots = grown;
        for (uint32_t i = count; i-- > table.count;) {
            grown[i] = (struct slot){.generation = table.generation, .next_free = table.first_free};
            table.first_free = i + 1;
        }
        table.count = count;
    }
    uint32_t index = table.first_free - 1;
    struct slot *slot = &table.slots[index];
    table.first_free = slot->next_free;
    slot->object = object;
    slot->kind = (uint8_t)kind;
    slot->generation = (slot->generation + 1) & 0x7fffffffu;
    if (slot->generation > table.generation) {
        table.generation = slot->generation;
    }
    table.live++;
    return (agora_handle)slot->generation << (INDEX_BITS + KIND_BITS) | (agora_handle)kind << INDEX_BITS | index;
}

static struct slot *find(agora_handle handle) {
    uint32_t index = (uint32_t)(handle & (MOST_SLOTS - 1));
    uint32_t kind = (uint32_t)(handle >> INDEX_BITS) & ((1u << KIND_BITS) - 1);
    uint64_t generation = handle >> (INDEX_BITS + KIND_BITS);
    if (index >= table.count) {
        return NULL;
    }
    struct slot *slot = &table.slots[index];
    bool same = slot->object != NULL && slot->kind == kind && slot->generation == generation;
    return same ? slot : NULL;
}

void *handle_get(agora_handle handle, enum handle_kind kind) {
    struct slot *slot = find(handle);
    return slot != NULL && slot->kind == (uint8_t)kind ? slot->object : NULL;
}

void handle_end(agora_handle handle) {
    struct slot *slot = find(handle);
    if (slot != NULL) {
        slot->object = NULL;
        slot->next_free = table.first_free;
        table.first_free = (uint32_t)(slot - table.slots) + 1;
        table.live--;
    }
}

const char *handle_name(enum handle_kind kind) {
    static const char *const names[] = {
        [HANDLE_SERVICE] = "service",
        [HANDLE_FACTORY] = "media node factory",
        [HANDLE_SENDER] = "audio sender",
        [HANDLE_TRACK] = "local audio track",
        [HANDLE_CONNECTION] = "connection",
        [HANDLE_USER] = "local user",
        [HANDLE_PARAMETER] = "parameter",
        [HANDLE_CAPABILITIES] = "capabilities observer",
        [HANDLE_REMOTE_TRACK] = "remote audio track",
        [HANDLE_UNSUPPORTED] = "sender or track",
    };
    return names[kind];
}

unsigned handle_count(void) {
    return table.live;
}

void handles_trim(void) {
    if (table.live == 0) {
        free(table.slots);
        table.slots = NULL;
        table.count = 0;
        table.first_free = 0;
    }
}
