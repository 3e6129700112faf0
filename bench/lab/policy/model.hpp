// SPDX-License-Identifier: Apache-2.0
#pragma once
// The queues of a simulated pool, as <ringpool/policy.h> describes them, and who is in them.
//
// Nouns. *task*: what a program submits; it may have several calls pending and is then still one
// item, as in the library. *filled*: the event at which a queue last became non-empty; a search
// that began later has had the chance to find what is in it.
#include <ringpool/policy.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

namespace rp::lab::sim {

struct task {
    uint64_t id = 0;
    int32_t priority = 1;
    int32_t cls = 0;
    uint32_t steps = 1;    // how long a call takes
    uint32_t children = 0; // submitted by the first call

    enum : uint8_t { once, feeds_inside, feeds_outside } kind = once;

    uint32_t pending = 0; // calls submitted and not begun
    uint64_t submitted = 0;
    uint64_t ran = 0;
    bool is_queued = false;
    rp_queue where = {};
    uint64_t queued_at_run = 0; // calls the pool had begun then
    uint64_t patience = 0;      // calls it may begin before this is starvation

    /// Must run however busy the pool is.
    [[nodiscard]] bool must_not_starve() const {
        return kind == once && priority != RP_PRIORITIES - 1;
    }
};

/// First in, first out unless somebody takes at the other end.
class queue {
public:
    void push(task* t, uint64_t event) {
        if (items_.empty()) {
            filled_ = event;
        }
        items_.push_back(t);
    }

    task* take_oldest() {
        task* t = items_.front();
        items_.pop_front();
        return t;
    }

    task* take_newest() {
        task* t = items_.back();
        items_.pop_back();
        return t;
    }

    [[nodiscard]] size_t size() const { return items_.size(); }

    [[nodiscard]] bool has_had(uint64_t since) const { return !items_.empty() && filled_ < since; }

    [[nodiscard]] uint64_t filled() const { return filled_; }

private:
    std::deque<task*> items_;
    uint64_t filled_ = 0;
};

class sorted_queue {
public:
    void push(task* t, int64_t key, uint64_t event) {
        if (items_.empty()) {
            filled_ = event;
        }
        items_.emplace(key, t); // equal keys stay in the order of their coming
    }

    task* take_smallest() {
        task* t = items_.begin()->second;
        items_.erase(items_.begin());
        return t;
    }

    [[nodiscard]] size_t size() const { return items_.size(); }

    [[nodiscard]] bool has_had(uint64_t since) const { return !items_.empty() && filled_ < since; }

    [[nodiscard]] uint64_t filled() const { return filled_; }

private:
    std::multimap<int64_t, task*> items_;
    uint64_t filled_ = 0;
};

/// The queues that a fruitless search has tried.
struct tried {
    uint32_t own = 0; // rp_parts
    uint32_t shared = 0;
    uint32_t classes = 0;
    bool arrivals = false;
    bool sorted = false;
    std::array<bool, 64> victims{};
};

struct core {
    queue deque; // its newest end is the back
    queue line;
    queue inbox;
    std::array<uint64_t, RP_SCRATCH_WORDS> scratch{};
    uint64_t turn = 0;

    enum : uint8_t { parked, searching, running } state = parked;

    rp_step step = {};
    uint64_t search_began = 0; // event
    bool has_maximum_changed = false;
    tried seen;

    task* current = nullptr;
    uint32_t steps_left = 0;

    [[nodiscard]] size_t length() const { return deque.size() + line.size() + inbox.size(); }

    [[nodiscard]] int filled_parts() const {
        return (deque.size() != 0 ? RP_PART_DEQUE : 0) | (line.size() != 0 ? RP_PART_LINE : 0) |
               (inbox.size() != 0 ? RP_PART_INBOX : 0);
    }
};

struct class_statistics {
    int64_t mean_ns = 0;
    uint64_t seen = 0;
    int64_t deadline_ns = 0;
};

} // namespace rp::lab::sim
