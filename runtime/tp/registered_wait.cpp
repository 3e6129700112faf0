// SPDX-License-Identifier: Apache-2.0
// RegisterWaitForSingleObject and its relatives, on wait objects of the default pool.
//
// A registration that repeats sets its wait again before it calls back, so that the next signal is
// noticed while a callback runs, as the wait threads of old did; with WT_EXECUTEINWAITTHREAD it
// does so afterwards, which keeps the callbacks of one registration apart, as one wait thread did
// (R-RWAIT-6).
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/registration.hpp"
#include "runtime/tp/wait.hpp"

#include <utility>

namespace rp::tp {

namespace {

class registered_wait final : public registration {
public:
    static constexpr nt::object_kind kind_id = nt::object_kind::registered_wait;

    registered_wait(WAITORTIMERCALLBACK callback,
                    PVOID context,
                    nt::ref<nt::object> target,
                    ULONG milliseconds,
                    ULONG flags) noexcept
        : registration(kind_id, callback, context), target_(std::move(target)),
          milliseconds_(milliseconds), flags_(flags) {}

    ~registered_wait() override = default;

    DWORD start(const environment& env, HANDLE& made) noexcept {
        wait* watcher = wait::create(&on_wait, this, env);
        if (watcher == nullptr) {
            return ERROR_NOT_ENOUGH_MEMORY;
        }
        if (const DWORD error = publish(*watcher, made); error != 0) {
            (void)watcher->close();
            return error;
        }
        watcher->registered_as = this;
        arm(*watcher);
        return 0;
    }

private:
    void destroy() noexcept override { nt::destroy_object(this); }

    void arm(wait& watcher) noexcept {
        const FILETIME timeout = relative_due(milliseconds_);
        (void)watcher.set(target_, milliseconds_ == INFINITE ? nullptr : &timeout);
    }

    static VOID CALLBACK on_wait(PTP_CALLBACK_INSTANCE /*instance*/,
                                 PVOID context,
                                 PTP_WAIT handle,
                                 TP_WAIT_RESULT result) {
        auto& self = *static_cast<registered_wait*>(context);
        const bool repeats = (self.flags_ & WT_EXECUTEONLYONCE) == 0;
        const bool is_serial = (self.flags_ & WT_EXECUTEINWAITTHREAD) != 0;
        if (repeats && !is_serial) {
            self.arm(*wait::of(handle));
        }
        self.callback_(self.context_, result == WAIT_TIMEOUT ? TRUE : FALSE);
        if (repeats && is_serial) {
            self.arm(*wait::of(handle));
        }
    }

    const nt::ref<nt::object> target_;
    const ULONG milliseconds_;
    const ULONG flags_;
};

DWORD register_wait(HANDLE& made,
                    HANDLE target,
                    WAITORTIMERCALLBACK callback,
                    PVOID context,
                    ULONG milliseconds,
                    ULONG flags) noexcept {
    constexpr ULONG known = WT_EXECUTEINIOTHREAD | WT_EXECUTEINWAITTHREAD | WT_EXECUTEONLYONCE |
                            WT_EXECUTELONGFUNCTION | WT_EXECUTEINPERSISTENTTHREAD |
                            WT_EXECUTEINPERSISTENTIOTHREAD | WT_TRANSFER_IMPERSONATION;
    if (callback == nullptr) {
        return ERROR_INVALID_PARAMETER;
    }
    nt::ref<nt::object> object = nt::handles().look_up(target);
    if (!object || object->as_waitable() == nullptr) {
        return ERROR_INVALID_HANDLE;
    }
    if (object->kind() == nt::object_kind::mutex) {
        return ERROR_INVALID_PARAMETER; // R-RWAIT-7
    }
    environment env;
    if (const DWORD error = legacy_environment(flags, known, "RegisterWaitForSingleObject", env);
        error != 0) {
        return error;
    }
    const auto registered =
        nt::make_object<registered_wait>(callback, context, std::move(object), milliseconds, flags);
    return registered ? registered->start(env, made) : DWORD{ERROR_NOT_ENOUGH_MEMORY};
}

BOOL unregister_wait(HANDLE handle, HANDLE completion, const char* function) noexcept {
    const auto registered = registration::take<registered_wait>(handle);
    return registered ? registered->end(completion, function) : FALSE;
}

} // namespace

} // namespace rp::tp

using namespace rp;

RP_EXPORT BOOL WINAPI RegisterWaitForSingleObject(PHANDLE phNewWaitObject,
                                                  HANDLE hObject,
                                                  WAITORTIMERCALLBACK Callback,
                                                  PVOID Context,
                                                  ULONG dwMilliseconds,
                                                  ULONG dwFlags) {
    if (phNewWaitObject == nullptr) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    *phNewWaitObject = nullptr;
    // Written before the first callback can come.
    const DWORD error =
        tp::register_wait(*phNewWaitObject, hObject, Callback, Context, dwMilliseconds, dwFlags);
    if (error != 0) {
        nt::set_last_error(error);
        return FALSE;
    }
    return TRUE;
}

RP_EXPORT HANDLE WINAPI RegisterWaitForSingleObjectEx(HANDLE hObject,
                                                      WAITORTIMERCALLBACK Callback,
                                                      PVOID Context,
                                                      ULONG dwMilliseconds,
                                                      ULONG dwFlags) {
    HANDLE made = nullptr;
    (void)RegisterWaitForSingleObject(&made, hObject, Callback, Context, dwMilliseconds, dwFlags);
    return made;
}

RP_EXPORT BOOL WINAPI UnregisterWait(HANDLE WaitHandle) {
    return tp::unregister_wait(WaitHandle, nullptr, "UnregisterWait");
}

RP_EXPORT BOOL WINAPI UnregisterWaitEx(HANDLE WaitHandle, HANDLE CompletionEvent) {
    return tp::unregister_wait(WaitHandle, CompletionEvent, "UnregisterWaitEx");
}
