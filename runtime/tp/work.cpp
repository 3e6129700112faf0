// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/work.hpp"

#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/checked.hpp"
#include "runtime/tp/run_call.hpp"

#include <new>

namespace rp::tp {

namespace {

static_assert(sizeof(work) <= 192, "three cache lines");

constinit kernel::slab work_slab{sizeof(work), alignof(work)};

} // namespace

work::work(PTP_WORK_CALLBACK callback, PVOID pv, const environment& env) noexcept
    : callback_object(object_magic::work, reinterpret_cast<const void*>(callback), env, 0),
      callback_(callback) {
    context = pv;
    run = &run_one;
    join_group(env);
}

work* work::create(PTP_WORK_CALLBACK callback, PVOID context, const environment& env) noexcept {
    void* memory = work_slab.take();
    return memory != nullptr ? new (memory) work(callback, context, env) : nullptr;
}

void work::run_one(sched::item& self, sched::worker& w) noexcept {
    auto& object = static_cast<work&>(self);
    const claimed how = object.claim();
    if (how == claimed::nothing) {
        return;
    }
    run_call(w, object, how, [&object](PTP_CALLBACK_INSTANCE instance) {
        object.callback_(instance, object.context, object.handle());
    });
}

/// The counter is about to overflow.
void work::take_back_submit() noexcept {
    // mo: relaxed, as if it had not been made.
    tally_.fetch_sub(tally::pending_one, std::memory_order_relaxed);
    nt::fatal_misuse(nt::status::no_memory,
                     "SubmitThreadpoolWork",
                     this,
                     tally::pending_max,
                     "more than two thousand million calls of one object are pending (R-WORK-3)");
}

void work::destroy() noexcept {
    this->~work();
    work_slab.give(this);
}

} // namespace rp::tp

using namespace rp;

RP_EXPORT PTP_WORK WINAPI CreateThreadpoolWork(PTP_WORK_CALLBACK pfnwk,
                                               PVOID pv,
                                               PTP_CALLBACK_ENVIRON pcbe) {
    tp::environment env;
    if (!tp::prepare(pfnwk != nullptr, pcbe, "CreateThreadpoolWork", env)) {
        return nullptr;
    }
    tp::work* made = tp::work::create(pfnwk, pv, env);
    if (made == nullptr) {
        nt::set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return nullptr;
    }
    return made->handle();
}

RP_EXPORT VOID WINAPI SubmitThreadpoolWork(PTP_WORK pwk) {
    tp::work* w = tp::work::of(pwk);
    if (tp::is_usable(w, tp::object_magic::work, "SubmitThreadpoolWork")) [[likely]] {
        w->submit();
    }
}

RP_EXPORT VOID WINAPI WaitForThreadpoolWorkCallbacks(PTP_WORK pwk, BOOL fCancelPendingCallbacks) {
    tp::work* w = tp::work::of(pwk);
    if (tp::is_usable(w, tp::object_magic::work, "WaitForThreadpoolWorkCallbacks")) {
        tp::wait_for_callbacks(*w, fCancelPendingCallbacks, "WaitForThreadpoolWorkCallbacks");
    }
}

RP_EXPORT VOID WINAPI CloseThreadpoolWork(PTP_WORK pwk) {
    tp::work* w = tp::work::of(pwk);
    if (tp::is_usable(w, tp::object_magic::work, "CloseThreadpoolWork")) {
        tp::close_object(*w, "CloseThreadpoolWork");
    }
}
