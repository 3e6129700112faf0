// SPDX-License-Identifier: Apache-2.0
#pragma once
// TP_WORK: submitted any number of times; queued at most once, whatever the number (R-WORK-10).
#include "runtime/tp/callback_object.hpp"

namespace rp::tp {

class work final : public callback_object {
public:
    static work* create(PTP_WORK_CALLBACK callback, PVOID context, const environment& env) noexcept;

    static work* of(PTP_WORK handle) noexcept { return reinterpret_cast<work*>(handle); }

    [[nodiscard]] PTP_WORK handle() noexcept { return reinterpret_cast<PTP_WORK>(this); }

    void submit() noexcept {
        // mo: relaxed, a submit that races with the group's close may be either before or after it.
        if ((tally_.load(std::memory_order_relaxed) & tally::stopped) != 0) [[unlikely]] {
            return; // R-GRP-11
        }
        if (pool::is_process_exiting()) [[unlikely]] {
            return; // R-LIFE-23
        }
        const uint64_t before = add_pending();
        if (!tally::is_queued(before)) {
            engine().place(*this, sched::origin::spawn);
        } else if (tally::is_dead(before)) [[unlikely]] {
            engine().item_revived();
        } else if (tally::pending(before) >= tally::pending_max) [[unlikely]] {
            take_back_submit();
        } else if (sched::events::is_on()) [[unlikely]] {
            note_event(sched::event_kind::submitted, 0);
        }
    }

    [[nodiscard]] const void* function() const noexcept override {
        return reinterpret_cast<const void*>(callback_);
    }

private:
    work(PTP_WORK_CALLBACK callback, PVOID context, const environment& env) noexcept;
    static void run_one(sched::item& self, sched::worker& w) noexcept;
    void take_back_submit() noexcept;
    void destroy() noexcept override;

    PTP_WORK_CALLBACK callback_;
};

} // namespace rp::tp
