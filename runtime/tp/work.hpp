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
        if (tally::pending(before) == 0 && (before & tally::tombstone) == 0) {
            engine().place(*this, sched::origin::spawn);
        } else if ((before & tally::tombstone) != 0 && tally::owed(before) == 0) [[unlikely]] {
            engine().item_revived();
        }
    }

private:
    work(PTP_WORK_CALLBACK callback, PVOID context, const environment& env) noexcept;
    static void run_one(sched::item& self, sched::worker& w) noexcept;
    void destroy() noexcept override;

    PTP_WORK_CALLBACK callback_;
};

} // namespace rp::tp
