// SPDX-License-Identifier: Apache-2.0
#include "scheduler/sight/anatomy.hpp"

#include "scheduler/item.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

namespace rp::sched::sight {

namespace {

/// A submission that is noted later than this after the call it may belong to is another one.
constexpr int64_t late_note_ns = 200'000;

struct object_state {
    std::deque<size_t> submissions; // not yet begun
    size_t placed = no_event;       // in a queue since
    uint64_t early_begin = 0;       // tick of a call that began before its submission was noted
};

struct thread_state {
    size_t open_call = no_event; // index of the call
    size_t taken_placed = no_event;
    uint64_t taken_object = 0;
    uint64_t wake_sent = 0; // tick; 0: none
    uint64_t wake_up = 0;
    bool was_woken = false;
    uint64_t blocking_since = 0;
};

class call_builder {
public:
    explicit call_builder(const std::vector<event>& list) : list_(list) {
        kernel::tick_clock::prepare();
        late_note_ = kernel::tick_clock::duration_ticks(late_note_ns);
    }

    std::vector<call> build() {
        for (size_t i = 0; i < list_.size(); ++i) {
            look_at(i);
        }
        return std::move(calls_);
    }

private:
    void look_at(size_t i) {
        const event& e = list_[i];
        thread_state& t = threads_[e.thread];
        switch (e.kind) {
        case event_kind::submitted:
            submitted(i);
            break;
        case event_kind::placed:
            placed(i);
            break;
        case event_kind::taken: {
            object_state& o = objects_[e.object];
            t.taken_object = e.object;
            t.taken_placed = o.placed;
            o.placed = no_event;
            break;
        }
        case event_kind::callback_begins:
            begins(i, t);
            break;
        case event_kind::callback_ends:
            ends(i, t);
            break;
        case event_kind::switched_off:
            if (t.open_call != no_event) {
                calls_[t.open_call].preempted_ns += e.object;
                calls_[t.open_call].slept_ns += e.detail;
            }
            break;
        case event_kind::cancelled: {
            std::deque<size_t>& waiting = objects_[e.object].submissions;
            for (uint64_t n = e.detail; n != 0 && !waiting.empty(); --n) {
                waiting.pop_back();
            }
            break;
        }
        case event_kind::wakes:
            threads_[static_cast<uint32_t>(e.object)].wake_sent = e.ticks;
            break;
        case event_kind::unparks:
            t.was_woken = t.wake_sent != 0;
            t.wake_up = t.was_woken ? e.ticks - t.wake_sent : 0;
            t.wake_sent = 0;
            break;
        case event_kind::parks:
            t.was_woken = false;
            break;
        case event_kind::blocking_begins:
            t.blocking_since = e.ticks;
            break;
        case event_kind::blocking_ends:
            if (t.open_call != no_event && t.blocking_since != 0) {
                calls_[t.open_call].blocked += e.ticks - t.blocking_since;
            }
            t.blocking_since = 0;
            break;
        default:
            break;
        }
    }

    void submitted(size_t i) {
        object_state& o = objects_[list_[i].object];
        const bool has_begun = o.early_begin != 0 && list_[i].ticks - o.early_begin < late_note_;
        o.early_begin = 0;
        if (!has_begun) {
            o.submissions.push_back(i);
        }
    }

    void placed(size_t i) {
        const event& e = list_[i];
        object_state& o = objects_[e.object];
        o.placed = i;
        const auto from = static_cast<origin>(e.detail & 0xFFU);
        if (from != origin::requeue && from != origin::io) {
            o.submissions.push_back(i);
        }
    }

    void begins(size_t i, thread_state& t) {
        const event& e = list_[i];
        object_state& o = objects_[e.object];
        call c;
        c.begins = i;
        if (!o.submissions.empty()) {
            c.submitted = o.submissions.front();
            o.submissions.pop_front();
        } else if (t.taken_object != 0 && t.taken_object != e.object) {
            c.submitted = t.taken_placed; // a completion, which waits under a name of its own
        } else {
            o.early_begin = e.ticks;
        }
        t.taken_object = 0;
        t.taken_placed = no_event;
        if (c.submitted != no_event) {
            c.wait = e.ticks - list_[c.submitted].ticks;
            c.was_woken_for = t.was_woken;
            c.wake_up = std::min(t.wake_up, c.wait);
        }
        t.was_woken = false;
        t.wake_up = 0;
        t.blocking_since = 0;
        t.open_call = calls_.size();
        calls_.push_back(c);
    }

    void ends(size_t i, thread_state& t) {
        if (t.open_call == no_event) {
            return;
        }
        call& c = calls_[t.open_call];
        if (list_[c.begins].object == list_[i].object) {
            c.ends = i;
            c.run = list_[i].ticks - list_[c.begins].ticks;
            c.switches = static_cast<kernel::switch_records::extent>(list_[i].detail);
        }
        t.open_call = no_event;
    }

    const std::vector<event>& list_;
    uint64_t late_note_ = 0;
    std::vector<call> calls_;
    std::unordered_map<uint64_t, object_state> objects_;
    std::unordered_map<uint32_t, thread_state> threads_;
};

// --- cores ---------------------------------------------------------------------------------------

struct core_state {
    uint64_t first_seen = 0;
    bool is_idle = false;
    uint64_t idle_since = 0;
    uint64_t waiting_then = 0; // the pool's waiting time when it became idle
    core_idleness sum;
};

struct pool_state {
    uint64_t now = 0;
    uint64_t waiting_time = 0; // ticks during which an item waited
    uint64_t items_waiting = 0;
    uint64_t maximum = UINT64_MAX;
    std::map<int32_t, core_state> cores;

    void advance(uint64_t ticks) {
        if (items_waiting != 0) {
            waiting_time += ticks - now;
        }
        now = ticks;
    }

    void close(core_state& c) const {
        if (c.is_idle) {
            c.sum.idle += now - c.idle_since;
            c.sum.wasteful += waiting_time - c.waiting_then;
        }
        c.is_idle = false;
    }

    void set(uint16_t pool, int32_t id, bool is_idle) {
        const auto [at, is_new] = cores.try_emplace(id);
        core_state& c = at->second;
        if (is_new) {
            c.first_seen = now;
            c.sum.pool = pool;
            c.sum.core = id;
        }
        close(c);
        c.is_idle = is_idle && static_cast<uint64_t>(id) < maximum;
        c.idle_since = now;
        c.waiting_then = waiting_time;
    }

    void limit(uint64_t threads) {
        maximum = threads;
        for (auto& [id, c] : cores) {
            if (static_cast<uint64_t>(id) >= maximum) {
                close(c);
            }
        }
    }
};

void feed(pool_state& p, const event& e) {
    switch (e.kind) {
    case event_kind::placed:
        ++p.items_waiting;
        break;
    case event_kind::taken: // it may have been placed before recording began
        p.items_waiting -= p.items_waiting != 0 ? 1 : 0;
        break;
    case event_kind::core_taken:
    case event_kind::core_held:
        p.set(e.pool, e.core, false);
        break;
    case event_kind::core_given_up:
    case event_kind::core_revoked:
    case event_kind::core_idle:
        p.set(e.pool, e.core, true);
        break;
    case event_kind::minimum_set:
    case event_kind::maximum_set:
    case event_kind::limits_are:
        p.limit(e.detail);
        break;
    default:
        break;
    }
}

} // namespace

std::vector<call> calls_of(const std::vector<event>& events) {
    return call_builder(events).build();
}

std::vector<core_idleness> idleness_of(const std::vector<event>& events) {
    std::map<uint16_t, pool_state> pools;
    for (const event& e : events) {
        if (e.pool == 0) {
            continue;
        }
        pool_state& p = pools[e.pool];
        if (p.now == 0) {
            p.now = e.ticks;
        }
        p.advance(e.ticks);
        feed(p, e);
    }
    std::vector<core_idleness> all;
    for (auto& [number, p] : pools) {
        p.advance(events.back().ticks);
        for (auto& [id, c] : p.cores) {
            p.close(c);
            c.sum.seen = p.now - c.first_seen;
            all.push_back(c.sum);
        }
    }
    return all;
}

distribution distribution_of(std::vector<int64_t> values) {
    distribution d;
    if (values.empty()) {
        return d;
    }
    std::sort(values.begin(), values.end());
    const auto rank = [&values](uint64_t percent) {
        const size_t at = (values.size() * percent + 99) / 100;
        return values[at != 0 ? at - 1 : 0];
    };
    d.count = values.size();
    d.p50_ns = rank(50);
    d.p90_ns = rank(90);
    d.p99_ns = rank(99);
    d.max_ns = values.back();
    return d;
}

} // namespace rp::sched::sight
