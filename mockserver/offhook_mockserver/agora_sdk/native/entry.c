#include "entry.h"

#include "misuse.h"

bool enter(const char *function) {
    if (library_is_foreign()) {
        static bool said;
        if (!said) {
            said = true;
            complain("misuse: fork: %s was called in a process that was forked after the SDK was initialised",
                     function);
        }
        return false;
    }
    lock();
    if (in_callback && !calls_allowed) {
        misuse(handle_get(in_callback, HANDLE_CONNECTION), MISUSE_CALL_IN_CALLBACK,
               "%s was called inside a callback of an observer; call it from another thread", function);
    }
    return true;
}

static void *find(agora_handle handle, enum handle_kind kind, const char *function) {
    void *object = handle_get(handle, kind);
    if (object == NULL) {
        misuse(NULL, MISUSE_USE_AFTER_RELEASE, "%s was called with a %s that %s", function, handle_name(kind),
               handle == 0 ? "does not exist (any more)" : "was released");
    }
    return object;
}

struct service *service_of(agora_handle handle, const char *function) {
    return find(handle, HANDLE_SERVICE, function);
}

struct sender *sender_of(agora_handle handle, const char *function) {
    return find(handle, HANDLE_SENDER, function);
}

struct track *track_of(agora_handle handle, const char *function) {
    return find(handle, HANDLE_TRACK, function);
}

struct connection *connection_of(agora_handle handle, const char *function) {
    return find(handle, HANDLE_CONNECTION, function);
}

struct connection *user_of(agora_handle handle, const char *function) {
    return find(handle, HANDLE_USER, function);
}
