// SPDX-License-Identifier: Apache-2.0
// TrySubmitThreadpoolCallback: a hidden object that runs once and frees itself (R-SIMPLE-2).
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/checked.hpp"
#include "runtime/tp/run_call.hpp"

#include <new>

namespace rp::tp {

namespace {

class simple final : public callback_object {
public:
    static simple*
    create(PTP_SIMPLE_CALLBACK callback, PVOID context, const environment& env) noexcept;

    void submit() noexcept { engine().place(*this, sched::origin::spawn); }

private:
    simple(PTP_SIMPLE_CALLBACK callback, PVOID pv, const environment& env) noexcept
        // Born closed and owing one call.
        : callback_object(object_magic::simple, env, tally::closed + tally::pending_one),
          callback_(callback) {
        context = pv;
        run = &run_one;
        join_group(env);
    }

    static void run_one(sched::item& self, sched::worker& w) noexcept {
        auto& object = static_cast<simple&>(self);
        const claimed how = object.claim();
        if (how != claimed::nothing) {
            run_call(w, object, how, [&object](PTP_CALLBACK_INSTANCE instance) {
                object.callback_(instance, object.context);
            });
        }
    }

    void destroy() noexcept override;

    PTP_SIMPLE_CALLBACK callback_;
};

constinit kernel::slab simple_slab{sizeof(simple), alignof(simple)};

simple*
simple::create(PTP_SIMPLE_CALLBACK callback, PVOID context, const environment& env) noexcept {
    void* memory = simple_slab.take();
    return memory != nullptr ? new (memory) simple(callback, context, env) : nullptr;
}

void simple::destroy() noexcept {
    this->~simple();
    simple_slab.give(this);
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
    tp::simple* made = tp::simple::create(pfns, pv, env);
    if (made == nullptr) {
        nt::set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
    made->submit();
    return TRUE;
}
