// SPDX-License-Identifier: Apache-2.0
#pragma once
// The cores of an engine: more may be added while others read, none is ever removed. So a reader
// needs no lock: what it has seen stays, and what it has not seen it does not need (a core that is
// new has nothing in its queues).
#include "scheduler/core.hpp"

#include <atomic>
#include <cstddef>
#include <memory>

namespace rp::sched {

class core_table {
public:
    explicit core_table(size_t capacity)
        : capacity_(capacity), slots_(std::make_unique<std::unique_ptr<core>[]>(capacity)) {}

    /// One thread at a time; below the capacity only.
    void add(std::unique_ptr<core> c) noexcept {
        // mo: relaxed, only the adder writes it.
        const size_t count = count_.load(std::memory_order_relaxed);
        slots_[count] = std::move(c);
        // mo: release, pairs core_table.count (size): the slot and the core in it.
        count_.store(count + 1, std::memory_order_release);
    }

    [[nodiscard]] size_t size() const noexcept {
        // mo: acquire, pairs core_table.count (add).
        return count_.load(std::memory_order_acquire);
    }

    [[nodiscard]] size_t capacity() const noexcept { return capacity_; }

    [[nodiscard]] const std::unique_ptr<core>& operator[](size_t index) const noexcept {
        return slots_[index];
    }

    [[nodiscard]] const std::unique_ptr<core>* begin() const noexcept { return slots_.get(); }

    [[nodiscard]] const std::unique_ptr<core>* end() const noexcept { return begin() + size(); }

private:
    const size_t capacity_;
    const std::unique_ptr<std::unique_ptr<core>[]> slots_;
    std::atomic<size_t> count_{0};
};

} // namespace rp::sched
