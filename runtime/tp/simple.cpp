// SPDX-License-Identifier: Apache-2.0
// TrySubmitThreadpoolCallback: a hidden object that runs once and frees itself (R-SIMPLE-2).
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/checked.hpp"
#include "runtime/tp/registration.hpp"
#include "runtime/tp/run_call.hpp"

#include <new>

namespace rp::tp {

namespace {

/// What is called: one of the two.
struct simple_function {
    PTP_SIMPLE_CALLBACK callback = nullptr;
    LPTHREAD_START_ROUTINE routine = nullptr; // its result is ignored (R-QUWI-1)
};

class simple final : public callback_object {
public:
    static simple* create(simple_function function, PVOID context, const environment& env) noexcept;

    [[nodiscard]] const void* function() const noexcept override {
        return function_.callback != nullptr ? reinterpret_cast<const void*>(function_.callback)
                                             : reinterpret_cast<const void*>(function_.routine);
    }

    void submit() noexcept { engine().place(*this, sched::origin::spawn); }

private:
    simple(simple_function function, PVOID pv, const environment& env) noexcept
        // Born closed and owing one call.
        : callback_object(object_magic::simple,
                          function.callback != nullptr
                              ? reinterpret_cast<const void*>(function.callback)
                              : reinterpret_cast<const void*>(function.routine),
                          env,
                          tally::closed + tally::pending_one),
          function_(function) {
        context = pv;
        run = &run_one;
        join_group(env);
    }

    static void run_one(sched::item& self, sched::worker& w) noexcept {
        auto& object = static_cast<simple&>(self);
        const claimed how = object.claim();
        if (how != claimed::nothing) {
            run_call(w, object, how, [&object](PTP_CALLBACK_INSTANCE instance) {
                if (object.function_.callback != nullptr) {
                    object.function_.callback(instance, object.context);
                } else {
                    (void)object.function_.routine(object.context);
                }
            });
        }
    }

    void destroy() noexcept override;

    simple_function function_;
};

constinit kernel::slab simple_slab{sizeof(simple), alignof(simple)};

simple* simple::create(simple_function function, PVOID context, const environment& env) noexcept {
    void* memory = simple_slab.take();
    return memory != nullptr ? new (memory) simple(function, context, env) : nullptr;
}

void simple::destroy() noexcept {
    this->~simple();
    simple_slab.give(this);
}

BOOL submit_simple(simple_function function, PVOID context, const environment& env) noexcept {
    simple* made = simple::create(function, context, env);
    if (made == nullptr) {
        nt::set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
    made->submit();
    return TRUE;
}

} // namespace

} // namespace rp::tp

using namespace rp;

RP_EXPORT BOOL WINAPI TrySubmitThreadpoolCallback(PTP_SIMPLE_CALLBACK pfns,
                                                  PVOID pv,
                                                  PTP_CALLBACK_ENVIRON pcbe) {
    tp::environment env;
    if (!tp::prepare(pfns != nullptr, pcbe, "TrySubmitThreadpoolCallback", env)) {
        return FALSE;
    }
    return tp::submit_simple({pfns, nullptr}, pv, env);
}

RP_EXPORT BOOL WINAPI QueueUserWorkItem(LPTHREAD_START_ROUTINE Function,
                                        PVOID Context,
                                        ULONG Flags) {
    constexpr ULONG known = WT_EXECUTEINIOTHREAD | WT_EXECUTEINPERSISTENTTHREAD |
                            WT_EXECUTEINPERSISTENTIOTHREAD | WT_EXECUTELONGFUNCTION |
                            WT_TRANSFER_IMPERSONATION;
    constexpr unsigned limit_shift = 16; // WT_SET_MAX_THREADPOOL_THREADS
    tp::environment env;
    DWORD error = ERROR_INVALID_PARAMETER;
    if (Function != nullptr) {
        error = tp::legacy_environment(Flags & 0xFFFFU, known, "QueueUserWorkItem", env);
    }
    if (error != 0) {
        nt::set_last_error(error);
        return FALSE;
    }
    if (const ULONG limit = Flags >> limit_shift; limit != 0) {
        env.pool->engine().raise_maximum(limit); // R-QUWI-4
    }
    return tp::submit_simple({nullptr, Function}, Context, env);
}
